#!/usr/bin/env bash
# Uses this repository from a Bazel workspace of somebody else, offline, as docs/bazel.md has it.
#
# Usage: scripts/bazel-dependency-test.sh
set -euo pipefail
cd "$(dirname "$0")/.."
repository=$PWD
bazel=${BAZEL:-bazel}

scratch=$(mktemp -d)
finish() {
  # Bazel writes its files without permission to write.
  (cd "$scratch/user" && "$bazel" --output_user_root="$scratch/bazel" shutdown >/dev/null 2>&1) || true
  chmod -R u+w "$scratch"
  rm -rf "$scratch"
}
trap finish EXIT

# block FILE gives the block of docs/bazel.md that begins with a comment of its name.
block() {
  awk -v name="# $1" '$0 == name { inside = 1; next } /^```/ { inside = 0 } inside' docs/bazel.md
}

mkdir "$scratch/user"
cp examples/cpp/fruits.cc "$scratch/user"
block WORKSPACE | sed "s|/path/to/arrayrecord-go|$repository|" >"$scratch/user/WORKSPACE"
block BUILD.bazel >"$scratch/user/BUILD.bazel"
cd "$scratch/user"
# A compiler with remarks that this repository does not answer for.
"$bazel" --output_user_root="$scratch/bazel" build --copt=-Wpedantic --cxxopt=-Wsign-conversion //:fruits 2>"$scratch/log" || {
  cat "$scratch/log" >&2
  exit 1
}
out=$(bazel-bin/fruits "$scratch/fruits.arrayrecord")
[[ $out == *"2: cherry"* ]] || {
  echo "bazel-dependency-test: fruits says: $out" >&2
  exit 1
}
echo "bazel-dependency-test: passed"
