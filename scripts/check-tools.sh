#!/usr/bin/env bash
# Says what is missing to build this repository, one line each with what to install, before a
# compiler says it at length.
#
# Usage: scripts/check-tools.sh library|go
set -euo pipefail

what=${1:-}
[[ $what == library || $what == go ]] || {
  echo "Usage: scripts/check-tools.sh library|go" >&2
  exit 2
}

failed=0
missing() {
  echo "arrayrecord: $1" >&2
  failed=1
}

# needs NAME APT APK DNF BREW
needs() {
  missing "$1 is missing: apt install $2 | apk add $3 | dnf install $4 | brew install $5"
}

cxx=${CXX:-c++}
pkg_config=${PKG_CONFIG:-pkg-config}

if ! command -v "${cxx%% *}" >/dev/null; then
  needs "a C++ compiler ($cxx)" g++ g++ gcc-c++ gcc
elif ! echo 'static_assert(sizeof(void*) == 8, "");' | $cxx ${CXXFLAGS:-} -fsyntax-only -x c++ - 2>/dev/null; then
  missing "$cxx compiles for 32-bit processors (or does not run at all): only 64-bit ones are supported; choose another with CXX"
fi

if ! command -v "${pkg_config%% *}" >/dev/null; then
  needs pkg-config pkg-config pkgconf pkgconf-pkg-config pkgconf
else
  $pkg_config --exists libzstd || needs zstd libzstd-dev zstd-dev libzstd-devel zstd
  $pkg_config --exists libbrotlienc libbrotlidec libbrotlicommon ||
    needs brotli libbrotli-dev brotli-dev brotli-devel brotli
  $pkg_config --exists snappy || needs snappy libsnappy-dev snappy-dev snappy-devel snappy
fi

if [[ $what == go ]]; then
  wanted=$(sed -n 's/^go //p' "$(dirname "$0")/../go.mod")
  if ! command -v go >/dev/null; then
    missing "Go is missing: install $wanted or newer from https://go.dev/dl"
  else
    # Go older than 1.21 does not know how to get another version of itself.
    have=$(go env GOVERSION)
    have=${have#go}
    oldest=$(printf '%s\n' "$wanted" "${have%% *}" | sort -V | head -n 1)
    if [[ $oldest != "$wanted" ]]; then
      missing "Go $have is too old: $wanted or newer is needed, from https://go.dev/dl"
    elif [[ $(go env CGO_ENABLED) != 1 ]]; then
      missing "cgo is off: set CGO_ENABLED=1 (and CC, CXX when compiling for another processor)"
    fi
  fi
fi

exit "$failed"
