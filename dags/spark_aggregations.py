"""Airflow DAG: the aggregations of a day or of a range of days, when asked for by its form."""

# Named here, the DAG processor imports it once; named in rollup_dags alone, anew at each scan.
import airflow.providers.ssh.operators.ssh_remote_job  # noqa: F401
from rollup_dags.rollups import AGGREGATIONS, form_dag

dag = form_dag(
    "spark_aggregations",
    job=AGGREGATIONS,
    about="""
Sums of days by game, genre, console and language, computed anew; the daily means stay as they are.

Has no schedule: `spark_hour_to_day` aggregates each day. Trigger it when accounts or games were corrected, or to fill
in days. The form asks for a first and a last day, both included, in UTC; left empty it is the last day that has ended.
Runs `spark_aggregations.sh` once for the whole range.
""",
)
