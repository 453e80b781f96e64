#!/bin/sh
# Print the path of a usable uv, installing one inside the checkout if there is none.
# Needs: Python 3.11 or newer with pip or venv (installed from Debian packages when we are root).
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
local_uv="$root/.tools/bin/uv"
say() { printf '%s\n' "$*" >&2; }

if command -v uv >/dev/null 2>&1; then command -v uv; exit 0; fi
if [ -x "$local_uv" ]; then printf '%s\n' "$local_uv"; exit 0; fi

python=""
for candidate in python3 python3.13 python3.12 python3.11; do
  if command -v "$candidate" >/dev/null 2>&1 &&
     "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then
    python=$candidate; break
  fi
done
if [ -z "$python" ]; then
  say "make: no Python 3.11 or newer was found. Nothing was installed. Install python3 (3.11+), then run make again."
  exit 1
fi

say "Installing uv into .tools (once) ..."
make_venv() { "$python" -m venv "$root/.tools" >/dev/null 2>&1; }
if ! make_venv; then
  rm -rf "$root/.tools"
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    say "python3-venv is missing; installing the Debian package ..."
    { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq python3-venv; } >&2
    make_venv || { say "make: python3-venv was installed but 'python3 -m venv' still fails."; exit 1; }
  elif "$python" -m pip --version >/dev/null 2>&1; then
    "$python" -m pip install --quiet --no-cache-dir --target "$root/.tools/lib" uv >&2
    mkdir -p "$root/.tools/bin" && ln -sf "$root/.tools/lib/bin/uv" "$local_uv"
    printf '%s\n' "$local_uv"; exit 0
  else
    say "make: neither 'python3 -m venv' nor pip works here. Nothing was installed."
    say "Install the package python3-venv (Debian: apt-get install python3-venv), then run make again."
    exit 1
  fi
fi
"$root/.tools/bin/python" -m pip install --quiet --no-cache-dir uv >&2 || {
  rm -rf "$root/.tools"
  say "make: uv could not be downloaded (is there a network?). Nothing was installed. Run make again once PyPI is reachable."
  exit 1
}
printf '%s\n' "$local_uv"
