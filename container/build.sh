#!/bin/bash
# Makes the contents of the container images, as folders in OUT:
#
#   worker    Beam's boot program, which fetches and runs the worker that a job brings along
#   commands  arrayrecord and arrayrecord-beam
#
# All programs are static; there is nothing else but certificates, the user root, localhost and /tmp.
#
# Usage: container/build.sh OUT
set -euo pipefail
out=$(realpath -m "${1:?usage: container/build.sh OUT}")
cd "$(dirname "$0")/.."

bazel build //cpp:arrayrecord
# The linker takes what brotli needs of libm from the -lm that comes last.
build() {
  CGO_ENABLED=1 go build -trimpath -tags arrayrecord_bazel,netgo,osusergo \
    -ldflags '-s -w -linkmode external -extldflags "-static -lm"' -o "$out/commands/usr/bin/$1" "./cmd/$1"
}
rm -rf "$out/worker" "$out/commands"
build arrayrecord
build arrayrecord-beam
CGO_ENABLED=0 go build -trimpath -ldflags '-s -w' -o "$out/worker/opt/apache/beam/boot" \
  github.com/apache/beam/sdks/v2/go/container

for tree in "$out/worker" "$out/commands"; do
  install -D -m 644 /etc/ssl/certs/ca-certificates.crt "$tree/etc/ssl/certs/ca-certificates.crt"
  # Beam asks who it is when it starts.
  echo 'root:x:0:0:root:/tmp:/sbin/nologin' >"$tree/etc/passwd"
  echo '127.0.0.1 localhost' >"$tree/etc/hosts" # container engines put theirs in its place
  install -d -m 1777 "$tree/tmp"
  install -d "$tree/proc" # for the container engine
done
du -sh "$out/worker" "$out/commands"
