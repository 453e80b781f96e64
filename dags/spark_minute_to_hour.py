"""Airflow DAG: each hour except midnight, the hour before."""

# Named here, the DAG processor imports it once; named in rollup_dags alone, anew at each scan.
import airflow.providers.ssh.operators.ssh_remote_job  # noqa: F401
from rollup_dags.rollups import LIVE_TO_MINUTE, MINUTE_TO_HOUR, scheduled_dag

dag = scheduled_dag(
    "spark_minute_to_hour",
    jobs=[LIVE_TO_MINUTE, MINUTE_TO_HOUR],
    # Midnight belongs to spark_hour_to_day, which begins with 23:59 and hour 23.
    cron="0 1-23 * * *",
    at_once=2,
    about="""
Means of the minutes of the last hour, written to `unified_hour`.

Runs `spark_live_to_minute.sh` for minute 59, then `spark_minute_to_hour.sh` for the hour: 23 runs a day. The second
fills minutes that are missing or late, also minute 59, so it runs even when the first task failed. An hour that fails
is filled by `spark_hour_to_day`.
""",
)
