"""Airflow DAG: at midnight, the day before."""

# Named here, the DAG processor imports it once; named in rollup_dags alone, anew at each scan.
import airflow.providers.ssh.operators.ssh_remote_job  # noqa: F401
from rollup_dags.rollups import AGGREGATIONS, HOUR_TO_DAY, LIVE_TO_MINUTE, MINUTE_TO_HOUR, scheduled_dag

dag = scheduled_dag(
    "spark_hour_to_day",
    jobs=[LIVE_TO_MINUTE, MINUTE_TO_HOUR, HOUR_TO_DAY, AGGREGATIONS],
    cron="0 0 * * *",
    at_once=1,
    about="""
Means of the hours of the last day, written to `unified_day`, and its sums by game, genre, console and language.

Runs `spark_live_to_minute.sh` for 23:59, `spark_minute_to_hour.sh` for 23:00, `spark_hour_to_day.sh` and
`spark_aggregations.sh` for the day: one run a day, at 00:00 UTC. The hour and the day fill what is missing below them,
so they run even when a task before them failed; the aggregations need the day. Nothing fills a day that failed: clear
the run's failed tasks, or make a backfill for that day.
""",
)
