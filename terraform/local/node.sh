#!/bin/sh
# One node of this machine: node.sh start|restart|stop|status|fence|terminate; `node.sh --help` says more.
# Called by terraform/modules/node, which gives the node as JSON in NODE; by hand, name it: node.sh status n3 --run DIR
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
for python in "${PYTHON:-}" "$root/.venv/bin/python"; do
  if [ -n "$python" ] && command -v "$python" >/dev/null 2>&1; then
    PYTHONPATH="$root:$root/views${PYTHONPATH:+:$PYTHONPATH}" exec "$python" -m local_cluster "$@"
  fi
done
printf '%s\n' "No Python was found to start a node with. Nothing was done. Run make install first." >&2
exit 1
