#!/usr/bin/env bash
# Compare a view that serves with its base table: bash spark_audit.sh KEYSPACE.VIEW [options].
# Lives in the home folder of the Spark master; spark_jobs/install.sh puts it there (docs/guides/spark-master.md).
job="$HOME/.cassandra-views/current/spark_jobs/scripts/run_job.sh"
if [ ! -f "$job" ]; then
  echo "spark_audit.sh: the jobs are not installed on $(hostname): $job is missing. Nothing was run." \
    "Run spark_jobs/install.sh $(id -un)@$(hostname) from a checkout, then try again." >&2
  exit 1
fi
exec bash "$job" audit "$@"
