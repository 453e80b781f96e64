#!/bin/sh
# Print the path of an OpenTofu or Terraform: an installed one, else an OpenTofu that is built once with Go.
# Arguments: --opentofu (no Terraform), --no-build (only look).
# Exit code: 0 printed, 1 there is none (it says what is missing).
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
for python in "${PYTHON:-}" "$root/.venv/bin/python" python3; do
  if [ -n "$python" ] && command -v "$python" >/dev/null 2>&1 &&
     "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then
    PYTHONPATH="$root:$root/views${PYTHONPATH:+:$PYTHONPATH}" exec "$python" -m local_cluster.tofu "$@"
  fi
done
printf '%s\n' "No Python 3.11 or newer was found to look for OpenTofu with. Nothing was built. Run make install first." >&2
exit 1
