#!/bin/bash
# Runs every fuzzer of the repository for a short time: Go's, then those of cpp/fuzz. An input that
# breaks something is left in build/fuzz (C++) or under testdata/fuzz of its package (Go).
#
# Usage: [FUZZ_SECONDS=10] scripts/fuzz-smoke.sh
set -euo pipefail
cd "$(dirname "$0")/.."

seconds=${FUZZ_SECONDS:-10}
count=0
log=$(mktemp)
trap 'rm -f "$log"' EXIT

# Go before 1.27 sometimes reports that -fuzztime is over as a failure of the fuzzer (golang/go#75804).
# That says "context deadline exceeded", and nothing else; who finds something writes the input down.
go_fuzz() {
  if go test "$1" -run '^$' -fuzz "^$2\$" -fuzztime "${seconds}s" 2>&1 | tee "$log"; then return; fi
  if grep -q 'Failing input written' "$log" ||
    [[ $(grep -A1 -e '^--- FAIL: ' "$log" | tail -n +2) != '    context deadline exceeded' ]]; then
    return 1
  fi
  echo "That was the end of -fuzztime, not a finding."
}

while IFS=: read -r file name; do
  package=./$(dirname "$file")
  echo "==> $name in $package, $seconds s"
  go_fuzz "$package" "$name"
  count=$((count + 1))
done < <(git ls-files --cached --others --exclude-standard '*_test.go' |
  xargs sed -nsE '/^func Fuzz[A-Za-z0-9_]*\(f \*testing\.F\)/{s/^func (Fuzz[A-Za-z0-9_]*).*/\1/;F;p}' |
  paste -d : - -)

bazel build --config=fuzz //cpp/fuzz:fuzzers
binaries=$(bazel info --config=fuzz bazel-bin 2>/dev/null)/cpp/fuzz
mkdir -p build/fuzz
for source in cpp/fuzz/*_fuzzer.cc; do
  name=$(basename "$source" .cc)
  echo "==> $name, $seconds s"
  # libFuzzer adds what it finds to the first folder and only reads the others.
  folders=("build/fuzz/$name" testdata)
  [[ ! -d cpp/fuzz/corpus ]] || folders+=(cpp/fuzz/corpus)
  mkdir -p "${folders[0]}"
  "$binaries/$name" -max_total_time="$seconds" -timeout=20 -verbosity=0 -print_final_stats=1 \
    -artifact_prefix="build/fuzz/$name-" "${folders[@]}"
  count=$((count + 1))
done
echo "$count fuzzers found nothing"
