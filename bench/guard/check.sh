#!/usr/bin/env bash
# Compares the speed of the working tree with that of a commit, by the benchmarks of this package.
# Fails where something takes more than 5 % longer, or 5 % more memory, and chance is unlikely to
# be the reason (p < 0.01).
#
# Usage: bench/guard/check.sh
#   BASE    the commit to compare with; origin/main, or HEAD~1 where that is what is checked out
#   ROUNDS  how often each side runs every benchmark (10); the sides take turns
#   TIME    how long a benchmark runs at least (100ms)
#   BENCH   which benchmarks, a regular expression (all)
#   OUT     where to put the results (build/bench-check)
set -euo pipefail
cd "$(dirname "$0")/../.."

base=${BASE:-}
if [[ -z $base ]]; then
  base=HEAD~1
  head=$(git rev-parse HEAD)
  upstream=$(git rev-parse --verify --quiet origin/main || true)
  if [[ -n $upstream && $upstream != "$head" ]]; then base=origin/main; fi
fi
out=${OUT:-build/bench-check}
mkdir -p "$out"
out=$(cd "$out" && pwd)

git worktree prune
git worktree remove --force "$out/base" 2>/dev/null || true
git worktree add --quiet --detach "$out/base" "$base"
trap 'git worktree remove --force "$out/base"' EXIT
echo "the working tree against $(git log -1 --format='%h %s' "$base")"

# The same benchmarks on both sides.
rm -rf "$out/base/bench/guard"
mkdir -p "$out/base/bench/guard"
cp bench/guard/*.go "$out/base/bench/guard/"
if ! (cd "$out/base" && go test -c -o "$out/base.test" ./bench/guard); then
  echo "the other commit does not know all that the benchmarks use: it runs its own"
  git -C "$out/base" checkout --quiet -- bench/guard
  (cd "$out/base" && go test -c -o "$out/base.test" ./bench/guard)
fi
go test -c -o "$out/new.test" ./bench/guard

rm -f "$out/base.txt" "$out/new.txt"
for ((i = 0; i < ${ROUNDS:-10}; i++)); do
  sides=(base new)
  if ((i % 2)); then sides=(new base); fi
  for side in "${sides[@]}"; do
    "$out/$side.test" -test.run='^$' -test.bench="${BENCH:-.}" -test.benchtime="${TIME:-100ms}" >>"$out/$side.txt"
  done
done

compare() { go tool benchstat -alpha 0.01 "$@" "base=$out/base.txt" "new=$out/new.txt"; }
compare
# A row is: name, base, its confidence, new, its confidence, change or "~", p.
worse=$(compare -format csv 2>/dev/null | awk -F, '
  $2 ~ /^(sec|B|allocs)\/op$/ { unit = $2; next }
  $1 != "" && $1 != "geomean" && $6 ~ /^\+/ && $6 + 0 > 5 { print "  " $1 ": " $6 " " unit }')
if [[ -n $worse ]]; then
  printf 'worse by more than 5 %%:\n%s\n' "$worse"
  exit 1
fi
echo "nothing is worse by more than 5 %"
