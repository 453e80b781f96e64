#!/usr/bin/env bash
# Run one job for one interval: run_job.sh TASK START END [options], or run_job.sh audit KEYSPACE.VIEW [options]. The scripts in the home folder call it.
# The job takes this process over (exec): its exit code is ours, and a signal to us is a signal to it.
# Own exit codes: 1 not installed, 2 bad usage or settings, 75 the interval still runs elsewhere.
set -euo pipefail
task=$1
shift
script="spark_$task.sh"
# shellcheck source=spark_jobs/scripts/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
# shellcheck source=spark_jobs/scripts/lock.sh
. "$(dirname "${BASH_SOURCE[0]}")/lock.sh"

# Print a time in seconds since 1970. `date` takes more spellings than the job, some of them for other times: of those that
# mean the same to both only. A lock of another interval than the job's would be none.
seconds() {
  [[ $1 =~ ^[0-9]{4}-[0-9]{2}-[0-9]{2}([T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.0+)?)?(Z|[+-][0-9]{2}:[0-9]{2})?)?$ ]] &&
    date -ud "$1" +%s 2>/dev/null
}

read_settings
hold_release
mkdir -p "$state/run"
cd "$state/run" # Spark may leave files where it runs
# An audit has no interval, writes no rows, and may run beside another.
if [ "$task" != audit ] && [ "${1-}" != --help ] && [ "${1-}" != -h ]; then
  if [ $# -lt 2 ]; then
    say "$script: START and END are missing. Nothing was run." \
      "Usage: bash $script 2026-03-01T10:15:00Z 2026-03-01T10:16:00Z [options]"
    exit 2
  fi
  if ! start=$(seconds "$1") || ! end=$(seconds "$2"); then
    say "$script: '$1' and '$2' are not two times in UTC. Nothing was run." \
      "Write START and END like 2026-03-01T10:15:00Z, before all options."
    exit 2
  fi
  hold_interval "$task" "$start" "$end"
fi
exec "$python" -P -m spark_jobs "$task" "$@"
