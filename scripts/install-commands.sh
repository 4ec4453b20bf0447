#!/bin/bash
# Installs bin/arrayrecord and bin/arrayrecord-beam, which `make build` builds, with the manual pages
# and shell completions of the former.
#
# Usage: scripts/install-commands.sh DIRECTORY
set -euo pipefail
cd "$(dirname "$0")/.."
[[ $# -eq 1 ]] || { echo "Usage: scripts/install-commands.sh DIRECTORY" >&2; exit 2; }
[[ -x bin/arrayrecord && -x bin/arrayrecord-beam ]] || { echo "install-commands: run 'make build' first" >&2; exit 1; }

install -d "$1/bin" "$1/share/man/man1" "$1/share/bash-completion/completions" "$1/share/zsh/site-functions" \
  "$1/share/fish/vendor_completions.d"
install -m 755 bin/arrayrecord bin/arrayrecord-beam "$1/bin"
bin/arrayrecord man "$1/share/man/man1"
bin/arrayrecord completion bash >"$1/share/bash-completion/completions/arrayrecord"
bin/arrayrecord completion zsh >"$1/share/zsh/site-functions/_arrayrecord"
bin/arrayrecord completion fish >"$1/share/fish/vendor_completions.d/arrayrecord.fish"
