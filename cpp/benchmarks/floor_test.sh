#!/bin/bash
# The floor reads and writes all there is: floor_test.sh FLOOR FILE_OF_TESTDATA...
set -euo pipefail
floor=$1
shift
failed=0

# expect RECORDS BYTES OPTION...
expect() {
  local want="\"records\": $1, \"bytes\": $2}" answer
  shift 2
  answer=$("$floor" "$@") && [[ $answer == *"$want" ]] && return
  echo "floor $*: $answer, want $want" >&2
  failed=1
}

for file in "$@"; do
  name=${file%.arrayrecord}
  case $file in
    *transpose* | *no-records*) ;;
    *.arrayrecord)
      opened=$file
      n=$(sed -n 's/^num_records: //p' "$name.options")
      bytes=$(($(stat -Lc %s "$name.records") - 4 * n))
      for io in pread mmap; do
        for threads in 1 2; do
          options=(--file="$file" --io=$io --threads=$threads)
          expect "$n" "$bytes" --op=sequential "${options[@]}"
          expect "$n" "$bytes" --op=get --count="$n" "${options[@]}"
          expect $((2 * n)) $((2 * bytes)) --op=random --count=2 --batch="$n" "${options[@]}"
        done
      done
      ;;
    *-00000-of-00003.tfrecord)
      for codec in zstd:3 brotli:3 snappy uncompressed; do
        for group_size in 1 256; do
          expect 599 $(($(stat -Lc %s "$file") - 599 * 16)) --op=write --source="$file" \
            --codec=$codec --group_size=$group_size --threads=2
        done
      done
      ;;
  esac
done

# A request a line, and an answer for each, also where one fails.
answers=$(printf '%s\n' '{"op": "open", "file": "'"$opened"'", "count": 2}' '--op=get --file=/dev/null' |
  "$floor" --serve)
[[ $answers == '{"op": "open"'*'"records": 2,'*$'\n''{"error": '* ]] || {
  echo "floor --serve: $answers" >&2
  failed=1
}
exit $failed
