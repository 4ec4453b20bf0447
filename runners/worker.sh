#!/bin/sh
# Starts one worker of a job; the runner gives the arguments. Beam's boot program keeps what it is sent in
# a directory and the job's options in the current one; each worker on a host needs its own.
#
#   BOOT   the boot program
set -eu
dir=$(mktemp -d)
cd "$dir"
exec "${BOOT:?}" --semi_persist_dir="$dir" "$@"
