#!/bin/sh
# The cluster of this folder: cluster.sh up|status|settings|replace|down --run DIR; `cluster.sh --help` says more.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
for python in "${PYTHON:-}" "$root/.venv/bin/python"; do
  if [ -n "$python" ] && command -v "$python" >/dev/null 2>&1; then
    PYTHONPATH="$root:$root/views${PYTHONPATH:+:$PYTHONPATH}" exec "$python" -m local_cluster.cluster --folder "$(dirname "$0")" "$@"
  fi
done
printf '%s\n' "No Python was found to start a cluster with. Nothing was done. Run make install first." >&2
exit 1
