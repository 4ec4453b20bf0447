#!/usr/bin/env bash
# Checks this module against upstream's Python package: each reads what the
# other wrote, both write the same bytes where the format determines them, take
# the same option strings, and visit records in the same order. The data source
# of examples/python gives Grain the same elements as upstream's.
#
# Usage: interop/run.sh
#   INTEROP_DIR   where to work (build/interop); its data/ is removed first
#   INTEROP_VENV  the Python environment, made if it is not there
#                 (build/interop-venv)
#   INTEROP_TAGS  more Go build tags, separated by commas
set -euo pipefail
cd "$(dirname "$0")/.."

dir=${INTEROP_DIR:-build/interop}
venv=${INTEROP_VENV:-build/interop-venv}
requirements=interop/requirements-upstream.txt
export PYTHONDONTWRITEBYTECODE=1

# The environment is made anew when the requirements have changed.
if ! cmp -s "$requirements" "$venv/installed.txt"; then
  echo "making $venv (array_record, Grain, TensorFlow Datasets and what they need, from the Python package index)"
  rm -rf "$venv"
  mkdir -p "$(dirname "$venv")"
  python3 -m venv "$venv" || {
    echo "interop/run.sh: python3 -m venv failed; on Debian install python3-venv" >&2
    exit 1
  }
  "$venv/bin/pip" install --quiet --disable-pip-version-check --no-deps -r "$requirements"
  cp "$requirements" "$venv/installed.txt"
fi

rm -rf "$dir/data"
mkdir -p "$dir/data"
data=$(cd "$dir/data" && pwd)
check=("$venv/bin/python" interop/check_upstream.py)

"${check[@]}" write "$data/upstream"
"$venv/bin/python" interop/check_options.py "$data/options"
"$venv/bin/python" interop/check_grain.py checkpoints "$data/grain"
ARRAYRECORD_INTEROP_UPSTREAM=$data/upstream ARRAYRECORD_INTEROP_OURS=$data/ours \
  ARRAYRECORD_INTEROP_GRAIN=$data/grain ARRAYRECORD_INTEROP_OPTIONS=$data/options \
  go test -count=1 -tags "interop${INTEROP_TAGS:+,$INTEROP_TAGS}" ./interop

beam() { go run ./cmd/arrayrecord-beam "$@" --progress=none >/dev/null; }
beam convert --input 'testdata/digits-*.tfrecord' --output "$data/tfds" --tfds digits --num_shards 3 --shuffle
beam convert --input 'testdata/digits-*.tfrecord' --output "$data/tfds" --tfds digits --tfds_split test --num_shards 2

failed=0
"${check[@]}" read "$data/ours/parallel" || failed=1
"${check[@]}" read "$data/ours/serial" || failed=1
"${check[@]}" compare "$data/ours/serial" "$data/upstream" || failed=1
"${check[@]}" movies "$data/ours/movies.jsonl" || failed=1
"$venv/bin/python" interop/check_tfds.py "$data/tfds" testdata/digits-*.tfrecord || failed=1
"$venv/bin/python" interop/check_grain.py compare "$data/grain" || failed=1

# The data source for Python, on files of both sides.
make --no-print-directory -s -f scripts/library.mk all
export ARRAYRECORD_LIBRARY=$PWD/build/library/libarrayrecord.so.0
mkdir -p "$data/source/files"
cp testdata/*.arrayrecord "$data/source/files"
cp -r "$data/ours" "$data/upstream" "$data/source/files"
"$venv/bin/python" interop/check_data_source.py check "$data/source" || failed=1
"$venv/bin/python" interop/check_data_source.py speed "$data/source" || failed=1
if [ "$failed" = 0 ]; then echo "interop: passed"; else echo "interop: FAILED"; fi
exit "$failed"
