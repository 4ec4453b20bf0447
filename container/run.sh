#!/bin/bash
# Makes the contents of the container images as the Dockerfile does, and tests them.
set -euo pipefail
cd "$(dirname "$0")/.."
container/install.sh
container/build.sh build/container
ARRAYRECORD_CONTAINER="$PWD/build/container" go test -count=1 -tags container -timeout 5m -v ./container
