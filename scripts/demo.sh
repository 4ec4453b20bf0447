#!/bin/bash
# The main job on real input, with the programs that `make build` has left in bin/: TFRecord files
# become ArrayRecord shards on Beam's Prism runner, and some records are read back by number.
#
# Usage: scripts/demo.sh
set -euo pipefail
cd "$(dirname "$0")/.."

output=build/demo
input='testdata/digits-*-of-00003.tfrecord'
shards=2

step() { printf '\n==> %s\n' "$*"; }
# Shows a command as one would type it, then runs it.
run() {
  local word
  printf '$'
  for word in "$@"; do
    if [[ $word == *[!A-Za-z0-9_./=-]* ]]; then word="'$word'"; fi
    printf ' %s' "$word"
  done
  printf '\n'
  "$@"
}

rm -rf "$output"
mkdir -p "$output"

step "1/3 Converting the TFRecord files of testdata into $shards ArrayRecord shards on Prism"
run bin/arrayrecord-beam --input "$input" --output "$output/digits" --num_shards "$shards" \
  --runner prism

step "2/3 What the shards are"
files=("$output"/digits-*-of-*.arrayrecord)
if [[ ${#files[@]} -ne $shards ]]; then
  echo "demo: expected $shards files, found: ${files[*]}" >&2
  exit 1
fi
run bin/arrayrecord info "${files[@]}"

step "3/3 Records 0, 7 and the last of the first shard, read by number"
run bin/arrayrecord get --format example "${files[0]}" 0 7 -1
