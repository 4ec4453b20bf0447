#!/bin/bash
# Installs what container/build.sh needs besides Go, gcc and git, which Go's own image has.
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/install-deps.sh bazel certificates
