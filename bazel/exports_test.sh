#!/bin/bash
# Checks that a library defines, for others to link with, exactly the functions that the header
# declares: no C++ symbol can clash with another library's, and no function was forgotten.
#
# Usage: exports_test.sh HEADER LIBRARY
set -euo pipefail

header=$1
library=$2

case $library in
  # Thread-local variables may be listed there, too, with local binding: nobody can link with those.
  *.so | *.so.*) nm_flags=(--dynamic --extern-only) ;;
  *) nm_flags=(--extern-only) ;;
esac

declared=$(sed -nE 's/^AR_API .*[ *](ar_[a-z0-9_]+)\(.*/\1/p' "$header" | sort)
defined=$(nm "${nm_flags[@]}" --defined-only "$library" | awk 'NF == 3 { print $3 }' | sort)

if [[ -z $declared ]]; then
  echo "no declaration found in $header" >&2
  exit 1
fi
if ! diff <(echo "$declared") <(echo "$defined"); then
  echo "functions declared in $header (<) differ from symbols defined in $library (>)" >&2
  exit 1
fi
echo "$library defines the $(wc -l <<<"$declared") functions of $header and no other symbol"
