#!/usr/bin/env bash
# Installs the library as a user would, and builds the examples against what was installed, with
# pkg-config and with CMake; then the Debian packages.
#
# Usage: scripts/install-test.sh
set -euo pipefail
cd "$(dirname "$0")/.."

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
make="make --no-print-directory -s -j$(nproc)"

fail() {
  echo "install-test: $1" >&2
  exit 1
}

says_fruits() {
  local out
  out=$("$@" "$scratch/fruits.arrayrecord")
  [[ $out == "3 records"* && $out == *"2: cherry"* ]] || fail "$1 says: $out"
  echo "ran $*"
}

# With DESTDIR, as packages are made: paths inside are those without it.
$make -f scripts/library.mk install DESTDIR="$scratch/stage" PREFIX=/opt/arrayrecord LIBDIR=/opt/arrayrecord/lib/some-arch
grep -q '^prefix=/opt/arrayrecord$' "$scratch/stage/opt/arrayrecord/lib/some-arch/pkgconfig/arrayrecord.pc" ||
  fail "the pkg-config file has another prefix"
if grep -rlq -e "$scratch" -e "$PWD" "$scratch/stage" --include=*.pc --include=*.cmake; then
  fail "the path of the build is in what was installed"
fi

# What was put below another folder can still be found by CMake.
cmake -S examples/cpp -B "$scratch/moved" -DCMAKE_PREFIX_PATH="$scratch/stage/opt/arrayrecord" \
  -Darrayrecord_DIR="$scratch/stage/opt/arrayrecord/lib/some-arch/cmake/arrayrecord" >/dev/null
cmake --build "$scratch/moved" >/dev/null
says_fruits "$scratch/moved/fruits"

# To a place for use.
prefix=$scratch/usr
$make -f scripts/library.mk install PREFIX="$prefix"
library=$prefix/lib/libarrayrecord.so
[[ -L $library && -L $library.0 && $(readlink -f "$library") == "$(readlink -f "$library.0")" ]] ||
  fail "no versioned shared library"
soname=$(objdump -p "$library" | awk '$1 == "SONAME" { print $2 }')
[[ $soname == libarrayrecord.so.0 ]] || fail "the soname is $soname"
bazel/exports_test.sh "$prefix/include/arrayrecord.h" "$(readlink -f "$library")"
bazel/exports_test.sh "$prefix/include/arrayrecord.h" "$prefix/lib/libarrayrecord.a"

export PKG_CONFIG_PATH=$prefix/lib/pkgconfig
cp -r examples "$scratch/examples"
make -s -C "$scratch/examples/c" CFLAGS='-Wall -Wextra -Werror'
says_fruits env LD_LIBRARY_PATH="$prefix/lib" "$scratch/examples/c/fruits"
rm "$scratch/examples/c/fruits"
make -s -C "$scratch/examples/c" STATIC=1
if objdump -p "$scratch/examples/c/fruits" | grep -q arrayrecord; then
  fail "the static example needs the shared library"
fi
says_fruits "$scratch/examples/c/fruits"
# shellcheck disable=SC2046 # two words and more
${CXX:-c++} -std=c++17 -Wall -Wextra -Werror -o "$scratch/fruits" "$scratch/examples/cpp/fruits.cc" \
  $(pkg-config --cflags --libs arrayrecord)
says_fruits env LD_LIBRARY_PATH="$prefix/lib" "$scratch/fruits"

cmake -S "$scratch/examples/cpp" -B "$scratch/cmake" -DCMAKE_PREFIX_PATH="$prefix" >/dev/null
cmake --build "$scratch/cmake" >/dev/null
says_fruits "$scratch/cmake/fruits"
says_fruits "$scratch/cmake/fruits_c"
# A version that is not there.
sed 's/arrayrecord 0.1/arrayrecord 0.2/' "$scratch/examples/cpp/CMakeLists.txt" >"$scratch/CMakeLists.txt"
if cmake -S "$scratch" -B "$scratch/newer" -DCMAKE_PREFIX_PATH="$prefix" >/dev/null 2>&1; then
  fail "CMake found version 0.2"
fi

# Everything goes that came, and nothing else.
touch "$prefix/lib/other" "$prefix/include/other.h"
$make -f scripts/library.mk uninstall PREFIX="$prefix"
left=$(cd "$prefix" && find . ! -type d | sort | tr '\n' ' ')
[[ $left == "./include/other.h ./lib/other " ]] || fail "uninstall leaves $left"
echo "install-test: the library installs"

if ! command -v dpkg-buildpackage >/dev/null; then
  echo "install-test: no dpkg-buildpackage here, so no Debian packages"
  exit 0
fi
mkdir "$scratch/debian"
git archive --prefix=arrayrecord/ HEAD | tar -x -C "$scratch/debian"
(cd "$scratch/debian/arrayrecord" && dpkg-buildpackage --build=binary --no-sign -rfakeroot >"$scratch/debian.log" 2>&1) || {
  cat "$scratch/debian.log" >&2
  fail "dpkg-buildpackage failed"
}
mkdir "$scratch/root"
for package in "$scratch"/debian/*.deb; do
  case $package in *-dbgsym_*) continue ;; esac
  echo "made $(basename "$package")"
  dpkg-deb -x "$package" "$scratch/root"
done
[[ -f $scratch/root/usr/include/arrayrecord.hpp ]] || fail "the packages have no header"
# The pkg-config file of the packages, for a root that is not /.
lib=$(dirname "$(find "$scratch/root/usr/lib" -name libarrayrecord.so)")
PKG_CONFIG_SYSROOT_DIR=$scratch/root PKG_CONFIG_PATH=$lib/pkgconfig \
  PKG_CONFIG_ALLOW_SYSTEM_LIBS=1 PKG_CONFIG_ALLOW_SYSTEM_CFLAGS=1 make -s -B -C "$scratch/examples/c"
says_fruits env LD_LIBRARY_PATH="$lib" "$scratch/examples/c/fruits"
echo "install-test: passed"
