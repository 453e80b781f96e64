#!/usr/bin/env bash
# Start, stop or look at the warm Spark server that the jobs use when it is up: bash spark_connect.sh start|stop|status.
# Lives in the home folder of the Spark master; spark_jobs/install.sh puts it there (docs/guides/spark-master.md).
server="$HOME/.cassandra-views/current/spark_jobs/scripts/warm_server.sh"
if [ ! -f "$server" ]; then
  echo "spark_connect.sh: the jobs are not installed on $(hostname): $server is missing. Nothing was done." \
    "Run spark_jobs/install.sh $(id -un)@$(hostname) from a checkout, then try again." >&2
  exit 1
fi
exec bash "$server" "$@"
