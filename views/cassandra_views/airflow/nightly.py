"""``views_audit``: compares what serves with its base again, a task a view."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk import DAG, BaseOperator, CronTriggerTimetable

from cassandra_views.airflow.deployment import Deployment
from cassandra_views.airflow.failures import RETRIES, told
from cassandra_views.airflow.links import ViewLink
from cassandra_views.airflow.log import LogListener
from cassandra_views.airflow.view_dag import START, TAG
from cassandra_views.model.generation import State

if TYPE_CHECKING:
    from airflow.sdk import Context

AT_ONCE = 2
"""Audits that read the cluster at the same time."""


def audit_dag(deployment: Deployment, cron: str) -> DAG:
    """Return the DAG that audits each view that serves."""
    with DAG(
        deployment.service_id("audit"),
        description="Compares the views that serve with their base tables",
        doc_md=(
            "One task a view. A generation that differs stays where it is until `views_reconcile` has had the next "
            "one built: readers are better off with it than with none."
        ),
        schedule=CronTriggerTimetable(cron, timezone="UTC"),
        start_date=START,
        catchup=False,
        max_active_runs=1,
        tags=[TAG],
        default_args={"owner": "views", **RETRIES},
    ) as dag:
        serving = ServingTask(task_id="serving", deployment=deployment)
        AuditTask.partial(
            task_id="audit",
            deployment=deployment,
            max_active_tis_per_dagrun=AT_ONCE,
            map_index_template="{{ task.view }}",
            execution_timeout=timedelta(hours=6),
        ).expand(view=serving.output)
    return dag


class ServingTask(BaseOperator):
    """Returns the views that serve."""

    def __init__(self, *, deployment: Deployment, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.deployment = deployment

    def execute(self, context: Context) -> list[str]:
        """Read the registry."""
        with told(context["ti"]), self.deployment.managed() as manager:
            return [
                str(each.name)
                for each in manager.status()
                if any(generation.state is State.SERVING for generation in each.generations)
            ]


class AuditTask(BaseOperator):
    """Audits the generation of one view that serves."""

    operator_extra_links = (ViewLink(),)
    template_fields = ("view",)

    def __init__(self, *, deployment: Deployment, view: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.deployment = deployment
        self.view = view

    def execute(self, context: Context) -> dict[str, Any]:
        """Compare; a difference fails this task and is written into the registry.

        Raises:
            Refused: the generation differs from its base.
        """
        with (
            told(context["ti"]),
            self.deployment.managed(author="airflow", listener=LogListener(self.log)) as manager,
        ):
            outcome = manager.audit(self.view)
            for error in outcome.errors:
                raise error
        return {"seconds": round(outcome.seconds, 3)}
