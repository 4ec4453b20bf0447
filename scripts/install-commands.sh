#!/bin/bash
# Installs bin/arrayrecord and bin/arrayrecord-beam, which `make build` builds, with the manual pages
# and shell completions of the former; or removes all that again.
#
# Usage: scripts/install-commands.sh [--if-built] install|uninstall DIRECTORY
set -euo pipefail
cd "$(dirname "$0")/.."
usage() { echo "Usage: scripts/install-commands.sh [--if-built] install|uninstall DIRECTORY" >&2; exit 2; }

if_built=
if [[ ${1:-} == --if-built ]]; then if_built=1; shift; fi
[[ $# -eq 2 ]] || usage
dir=$2
completions=(bash-completion/completions/arrayrecord zsh/site-functions/_arrayrecord fish/vendor_completions.d/arrayrecord.fish)

case $1 in
  install)
    if [[ ! -x bin/arrayrecord || ! -x bin/arrayrecord-beam ]]; then
      echo "install-commands: 'make build' builds the commands arrayrecord and arrayrecord-beam" >&2
      [[ -n $if_built ]] || exit 1
      exit 0
    fi
    install -d "$dir/bin" "$dir/share/man/man1"
    install -m 755 bin/arrayrecord bin/arrayrecord-beam "$dir/bin"
    bin/arrayrecord man "$dir/share/man/man1"
    for file in "${completions[@]}"; do
      install -d "$dir/share/${file%/*}"
      bin/arrayrecord completion "$(sed 's/[-/].*//' <<<"$file")" >"$dir/share/$file"
    done
    ;;
  uninstall)
    rm -f "$dir/bin/arrayrecord" "$dir/bin/arrayrecord-beam" "$dir"/share/man/man1/arrayrecord{,-*}.1
    for file in "${completions[@]}"; do rm -f "$dir/share/$file"; done
    ;;
  *) usage ;;
esac
