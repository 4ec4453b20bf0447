#!/bin/sh
# Starts one worker of a job; the runner gives the arguments. Beam's boot program keeps what it is sent in
# a directory and the job's options in the current one; each worker on a host needs its own.
set -eu
dir=$(mktemp -d -p "${ARRAYRECORD_RUNNERS_TEMP:?}")
cd "$dir"
exec "${ARRAYRECORD_RUNNERS_DIR:?}/boot" --semi_persist_dir="$dir" "$@"
