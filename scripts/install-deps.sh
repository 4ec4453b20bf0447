#!/bin/bash
# Installs the Debian packages that building and testing this repository needs, unless they are
# there already.
#
# Usage: scripts/install-deps.sh SET...
set -euo pipefail

usage() {
  cat >&2 <<'END'
Usage: scripts/install-deps.sh SET...

Sets of packages:
  core      the libraries that the C++ core links, and pkg-config
  cpp-test  GoogleTest, and the library that a test compares the hash with
  bazel     Bazel, what it needs to work offline, and the two sets above
  lint      clang-format
  install   CMake, and what makes Debian packages
  fuzz      clang with libFuzzer and its symbolizer
  platforms  qemu for user programs; a compiler and the libraries for arm64
  interop   Python with venv
  java      Java 17 and Maven
  browser   Chromium
  certificates  the certificates that container images get
END
  exit 2
}

core=(libzstd-dev libbrotli-dev libsnappy-dev pkg-config)
cpp_test=(libgtest-dev libgmock-dev libhighwayhash-dev)
bazel=(bazel-bootstrap bazel-platforms bazel-rules-java bazel-rules-proto)
platforms=(qemu-user-static g++-aarch64-linux-gnu libstdc++6:arm64)
for package in libzstd-dev libbrotli-dev libsnappy-dev libgtest-dev libgmock-dev; do
  platforms+=("$package:arm64")
done

[[ $# -gt 0 ]] || usage
wanted=()
for set in "$@"; do
  case $set in
    core) wanted+=("${core[@]}") ;;
    cpp-test) wanted+=("${cpp_test[@]}") ;;
    bazel) wanted+=("${core[@]}" "${cpp_test[@]}" "${bazel[@]}") ;;
    platforms) wanted+=("${platforms[@]}") ;;
    install) wanted+=(cmake dpkg-dev debhelper fakeroot) ;;
    lint) wanted+=(clang-format-14) ;;
    fuzz) wanted+=(clang-14 libclang-rt-14-dev llvm-14) ;;
    interop) wanted+=(python3 python3-venv) ;;
    certificates) wanted+=(ca-certificates) ;;
    browser) wanted+=(chromium) ;;
    java) wanted+=(openjdk-17-jre-headless maven) ;;
    *)
      echo "install-deps: unknown set: $set" >&2
      usage
      ;;
  esac
done

if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
  echo "install-deps: this system has no apt-get; make sure that it has what Debian 12 calls:" >&2
  printf '  %s\n' "${wanted[@]}" >&2
  exit 0
fi

native=$(dpkg --print-architecture)

# A package may be there for several architectures: what counts is that of its name, or this one.
installed() {
  local architecture=$native
  [[ $1 != *:* ]] || architecture=${1#*:}
  dpkg-query --show --showformat='${db:Status-Status} ${Architecture}\n' "${1%:*}" 2>/dev/null |
    grep -qxE "installed ($architecture|all)"
}

missing=()
foreign=()
for package in "${wanted[@]}"; do
  if ! installed "$package" && [[ " ${missing[*]-} " != *" $package "* ]]; then
    missing+=("$package")
    if [[ $package == *:* && " ${foreign[*]-} " != *" ${package#*:} "* ]]; then
      foreign+=("${package#*:}")
    fi
  fi
done
[[ ${#missing[@]} -gt 0 ]] || exit 0

by_hand() {
  echo "install-deps: $1. As root, run:" >&2
  echo "  apt-get update && apt-get install ${missing[*]}" >&2
  exit 1
}

if [[ $(id -u) -eq 0 ]]; then
  as_root=()
elif command -v sudo >/dev/null; then
  as_root=(sudo)
else
  by_hand "installing needs root or sudo, and neither is at hand"
fi

echo "==> Installing Debian packages: ${missing[*]}"
apt=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300)
for architecture in ${foreign[@]+"${foreign[@]}"}; do
  "${as_root[@]}" dpkg --add-architecture "$architecture"
done
"${apt[@]}" update || by_hand "apt-get update failed"
# dpkg writes a line or two for each package and each it depends on; they matter when it fails.
log=$(mktemp)
trap 'rm -f "$log"' EXIT
if ! "${apt[@]}" install --yes --no-install-recommends "${missing[@]}" >"$log" 2>&1; then
  cat "$log" >&2
  by_hand "apt-get install failed"
fi
