"""The DAGs made of jobs: a scheduled chain, and the form for aggregations."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.sdk import DAG, CronTriggerTimetable, Param, chain

from cassandra_views.airflow.failures import NOT_AGAIN
from rollup_dags.job import Job, RollupTask

OWNER = "rollups"
# A fixed day in the past, so that backfills may begin anywhere; with catchup off no run comes from it.
START = datetime(2019, 1, 1, tzinfo=UTC)
RETRIES = 5
RETRY_DELAY = timedelta(minutes=5)


def scheduled_dag(dag_id: str, *, jobs: Sequence[Job], cron: str, at_once: int, about: str) -> DAG:
    """Make a DAG that runs ``jobs`` one after another.

    Its runs cover the last job's unit: with a data interval of that length, ending at the time of the schedule, UTC.
    Each job gets the last of its own units in it. ``at_once`` runs may be under way: later ones are not made until one
    of them has ended, and then only the newest, since catchup is off; the level above fills what was left out.
    """
    unit = jobs[-1].unit
    with _dag(
        dag_id,
        about,
        schedule=CronTriggerTimetable(cron, timezone="UTC", interval=unit),
        max_active_runs=at_once,
        tags=["rollups", "spark", *(job.name for job in jobs)],
    ) as dag:
        chain(*[RollupTask(job=job, run_unit=unit) for job in jobs])
    return dag


def form_dag(dag_id: str, *, job: Job, about: str) -> DAG:
    """Make a DAG without a schedule, whose form asks for a day or a range of days."""
    day: dict[str, Any] = {"type": ["null", "string"], "format": "date"}
    with _dag(
        dag_id,
        about,
        schedule=None,
        max_active_runs=1,
        tags=["rollups", "spark", "form", job.name],
        params={
            "first_day": Param(None, title="First day", description="UTC. Empty: the last day that has ended.", **day),
            "last_day": Param(None, title="Last day", description="UTC, included. Empty: the first day alone.", **day),
        },
    ) as dag:
        RollupTask(job=job, run_unit=None)
    return dag


def _dag(dag_id: str, about: str, **arguments: Any) -> DAG:
    return DAG(
        dag_id,
        description=about.strip().partition("\n")[0],
        doc_md=about,
        start_date=START,
        catchup=False,
        default_args={"owner": OWNER, "retries": RETRIES, "retry_delay": RETRY_DELAY, "retry_policy": NOT_AGAIN},
        **arguments,
    )
