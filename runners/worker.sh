#!/bin/sh
# Starts one worker of a job; the runner gives the arguments. Beam's boot program keeps what it is sent in
# a directory, and each worker on a host needs its own.
exec "${ARRAYRECORD_RUNNERS_DIR:?}/boot" \
  --semi_persist_dir="$(mktemp -d -p "${ARRAYRECORD_RUNNERS_TEMP:?}")" "$@"
