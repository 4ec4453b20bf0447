#!/usr/bin/env bash
# Tests the core where this machine is something else: on processors without AVX2 and SSE4.1, on
# 64-bit ARM, with the portable twin of every call that only Linux has, and compiled for what it
# cannot run on.
#
# Usage: scripts/platforms-test.sh
set -euo pipefail
cd "$(dirname "$0")/.."

fail() {
  echo "platforms-test: $1" >&2
  exit 1
}

tests() {
  make --no-print-directory -s -j"$(nproc)" --output-sync=target -f scripts/cpp-tests.mk "$@"
}

# What asks the system, the processor, or memory for something.
programs=(run-hash_test run-named_file_test run-chunk_index_test run-thread_pool_test run-c_contract_test
  run-writer_test)

echo "==> -DARRAYRECORD_PORTABLE"
tests OUT=build/portable CPPFLAGS=-DARRAYRECORD_PORTABLE "${programs[@]}" run-reader_test

echo "==> x86-64 processors"
if [[ $(uname -m) == x86_64 ]]; then
  tests build/cpp-tests/hash_test build/cpp-tests/c_contract_test
  while read -r model implementations; do
    run=(qemu-x86_64-static -cpu "$model")
    # A test of each implementation that the processor has, and of no other.
    got=$("${run[@]}" build/cpp-tests/hash_test --gtest_list_tests 2>/dev/null |
      sed -n 's|^ *IsRight/\([a-z0-9]*\).*|\1|p' | tr '\n' ' ')
    [[ $got == "$implementations " ]] || fail "$model has $got, expected $implementations"
    echo "$model: $implementations"
    "${run[@]}" build/cpp-tests/hash_test --gtest_brief=1 2>/dev/null
    "${run[@]}" build/cpp-tests/c_contract_test --gtest_brief=1 2>/dev/null
  done <<'END'
kvm64 portable
Nehalem sse41 portable
Haswell avx2 sse41 portable
END
fi

echo "==> arm64"
arm64=(CC=aarch64-linux-gnu-gcc CXX=aarch64-linux-gnu-g++)
tests OUT=build/arm64 "${arm64[@]}" RUNNER=qemu-aarch64-static "${programs[@]}"
qemu-aarch64-static build/arm64/hash_test --gtest_list_tests | grep -q IsRight/neon || fail "NEON was not tested"
env "${arm64[@]}" CGO_ENABLED=1 GOARCH=arm64 PKG_CONFIG_LIBDIR=/usr/lib/aarch64-linux-gnu/pkgconfig \
  go test -exec qemu-aarch64-static -run 'RoundTrip|Golden|Alignment|Publishes|CopyChunks|Contradictions' ./arrayrecord
env "${arm64[@]}" CGO_ENABLED=1 GOARCH=arm64 PKG_CONFIG_LIBDIR=/usr/lib/aarch64-linux-gnu/pkgconfig \
  go build -o build/arm64/arrayrecord ./cmd/arrayrecord
count=$(qemu-aarch64-static build/arm64/arrayrecord cat testdata/digits-default.arrayrecord | sha256sum)
here=$(go run ./cmd/arrayrecord cat testdata/digits-default.arrayrecord | sha256sum)
[[ $count == "$here" ]] || fail "arrayrecord cat gives other bytes on arm64"

echo "==> what is not supported says so"
says() {
  local want=$1 out
  shift
  if out=$("$@" 2>&1); then fail "$* succeeded"; fi
  grep -q "$want" <<<"$out" || fail "$* says: $out"
  echo "$want"
}
header=("${CXX:-c++}" -std=c++17 -fsyntax-only -x c++)
says 'arrayrecord needs a 64-bit processor' "${header[@]}" -m32 cpp/supported.h
says 'arrayrecord needs a little-endian processor' \
  "${header[@]}" -U__BYTE_ORDER__ -D__BYTE_ORDER__=__ORDER_BIG_ENDIAN__ cpp/supported.h
says 'arrayrecord needs C++17' "${header[@]}" -std=c++14 cpp/supported.h
says 'zstd is missing: apt install libzstd-dev' "${header[@]}" -nostdinc -Icpp cpp/supported.h
says 'arrayrecord_needs_cgo__set_CGO_ENABLED_1' env CGO_ENABLED=0 go build ./arrayrecord
says 'cgo is off' env CGO_ENABLED=0 scripts/check-tools.sh go
says 'pkg-config is missing: apt install pkg-config' env PKG_CONFIG=no-such-pkg-config scripts/check-tools.sh library
says 'zstd is missing: apt install libzstd-dev' env PKG_CONFIG_LIBDIR=/nowhere scripts/check-tools.sh library
says 'no-such-compiler' env CXX=no-such-compiler scripts/check-tools.sh library
echo "platforms-test: passed"
