"""Airflow DAG: each minute except HH:00, the minute before."""

# Named here, the DAG processor imports it once; named in rollup_dags alone, anew at each scan.
import airflow.providers.ssh.operators.ssh_remote_job  # noqa: F401
from rollup_dags.rollups import LIVE_TO_MINUTE, scheduled_dag

dag = scheduled_dag(
    "spark_live_to_minute",
    jobs=[LIVE_TO_MINUTE],
    # HH:00 belongs to spark_minute_to_hour, which begins with minute 59.
    cron="1-59 * * * *",
    # One minute that is tried again does not hold up the next ones, and a host that is away gathers no more than these.
    at_once=5,
    about="""
Means of the readings of the last minute, for each streamer and platform, written to `unified_minute`.

Runs `spark_live_to_minute.sh` on the Spark master: 1,416 runs a day, each minute except HH:00, for the minute before.
A minute that is left out, fails or comes late is filled by `spark_minute_to_hour`: leave a failed run as it is.
""",
)
