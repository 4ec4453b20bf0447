#!/usr/bin/env bash
# Makes the Python environment of the peers, or brings it up to date.
#
# Usage: bench/peers/venv.sh DIRECTORY REQUIREMENTS...
set -euo pipefail

venv=$1
shift

# Packages are only ever added: an environment in which one has changed is made anew.
for requirements in "$@"; do
  installed=$venv/$(basename "$requirements")
  if [[ -e $installed ]] && ! cmp -s "$requirements" "$installed"; then rm -rf "$venv"; fi
done

if [[ ! -x $venv/bin/pip ]]; then
  mkdir -p "$(dirname "$venv")"
  python3 -m venv "$venv" || {
    echo "bench/peers/venv.sh: python3 -m venv failed; on Debian install python3-venv" >&2
    exit 1
  }
fi

for requirements in "$@"; do
  installed=$venv/$(basename "$requirements")
  [[ ! -e $installed ]] || continue
  echo "==> Installing Python packages into $venv: $(basename "$requirements")" >&2
  "$venv/bin/pip" install --quiet --disable-pip-version-check --no-deps -r "$requirements" >&2
  cp "$requirements" "$installed"
done
