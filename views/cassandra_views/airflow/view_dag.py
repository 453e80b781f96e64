"""The DAG of one view: its steps as tasks, its slides as schedule, its generations as an asset."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from airflow.sdk import DAG, Asset, AssetOrTimeSchedule, Param, TriggerRule, chain

from cassandra_views.airflow.approval import ApproveTask
from cassandra_views.airflow.asked import ABOUT, Action
from cassandra_views.airflow.building import AwaitBuildTask
from cassandra_views.airflow.deadline import deadline_of
from cassandra_views.airflow.deployment import Deployment
from cassandra_views.airflow.failures import RETRIES
from cassandra_views.airflow.serving import ServeTask
from cassandra_views.airflow.tasks import APPROVE, ClearTask, PlanTask, SettleTask, ViewTask
from cassandra_views.airflow.timetable import SlideTimetable
from cassandra_views.model.definition import ViewDefinition
from cassandra_views.model.steps import (
    AdoptGeneration,
    AuditGeneration,
    AwaitBuild,
    CreateGeneration,
    CreateKeyspace,
    CreateRegistry,
    CreateTable,
    DropGeneration,
    FailGeneration,
    RetireView,
    ServeGeneration,
    SweepOrphan,
)

START = datetime(2019, 1, 1, tzinfo=UTC)
"""A fixed day in the past; with catch-up off no run comes from it."""

TAG = "views"
_CLEAR = (
    CreateRegistry,
    CreateKeyspace,
    CreateTable,
    FailGeneration,
    DropGeneration,
    RetireView,
    SweepOrphan,
)


def view_dag(definition: ViewDefinition, deployment: Deployment) -> DAG:
    """Return the DAG of a view file. A run brings that one view to what its file says, or does what is asked for."""
    name = definition.name
    with DAG(
        deployment.dag_id(name.view),
        description=definition.description or f"The view {name}",
        doc_md=_about(definition),
        schedule=_schedule(definition, deployment),
        start_date=START,
        catchup=False,
        max_active_runs=1,
        tags=[TAG, name.keyspace, *definition.tags],
        default_args={"owner": definition.owner or "views", **RETRIES},
        deadline=deadline_of(definition, deployment),
    ) as dag:
        add_tasks(deployment, name.view, deployment.asset(name.keyspace, name.view))
    # After the tasks: Airflow copies a DAG's parameters into each task that is made in it, which was half the time of
    # parsing many views. A run's context takes them from the DAG in any case.
    dag.params.update(action_params())
    return dag


def rest_dag(deployment: Deployment) -> DAG:
    """Return the DAG for what has no file: views whose file is gone, and base tables without a view."""
    with DAG(
        deployment.service_id("rest"),
        description="Views whose files are gone, and base tables that no view needs",
        doc_md=(
            "Retires a view whose file is gone, and drops it once its grace is over and a person has allowed that. "
            "Without a view it creates managed base tables that no view needs. `views_reconcile` triggers it."
        ),
        schedule=None,
        start_date=START,
        catchup=False,
        max_active_runs=16,
        tags=[TAG],
        default_args={"owner": "views", **RETRIES},
        params={
            "view": Param(
                None, type=["null", "string"], title="View", description="Optional. Empty: base tables alone."
            ),
            **action_params(),
        },
    ) as dag:
        add_tasks(deployment, None, None)
    return dag


def add_tasks(deployment: Deployment, view: str | None, asset: Asset | None) -> None:
    """Add the tasks of one view's run to the DAG that is being made."""
    common: dict[str, Any] = {"deployment": deployment, "view": view}
    after: dict[str, Any] = {**common, "trigger_rule": TriggerRule.NONE_FAILED}
    tasks = [
        PlanTask(task_id="plan", **common),
        ApproveTask(task_id=APPROVE, **common),
        ClearTask(task_id="clear", kinds=_CLEAR, is_ddl=True, **after),
        ViewTask(task_id="create", kinds=(CreateGeneration, AdoptGeneration), is_ddl=True, **after),
        AwaitBuildTask(task_id="await_build", kinds=(AwaitBuild,), **after),
        ViewTask(task_id="audit", kinds=(AuditGeneration,), **after),
        ServeTask(task_id="serve", kinds=(ServeGeneration,), outlets=[asset] if asset else [], **after),
    ]
    chain(*tasks)
    tasks >> SettleTask(task_id="settle", trigger_rule=TriggerRule.ONE_FAILED, **common)


def action_params() -> dict[str, Param]:
    """Return the form of a view's run; what people choose by is ``views_by_hand``."""
    actions = "; ".join(f"{action.value}: {about}" for action, about in ABOUT.items())
    return {
        "action": Param(
            Action.CONVERGE.value, enum=[each.value for each in Action], title="Action", description=actions
        ),
        "reason": Param(None, type=["null", "string"], title="Reason", description="Optional. Kept in the history."),
        "to": Param(
            None,
            type=["null", "integer"],
            title="To",
            description="Optional. Of a rollback: where this generation serves already, nothing is done.",
        ),
    }


def _schedule(definition: ViewDefinition, deployment: Deployment) -> Any:
    if definition.window is None:
        return None
    timetable: Any = SlideTimetable(definition.window)
    if definition.window.slides_on_base:
        base = deployment.asset(definition.name.keyspace, definition.base)
        return AssetOrTimeSchedule(timetable=timetable, assets=[base])
    return timetable


def _about(definition: ViewDefinition) -> str:
    window = f"Window: {definition.window}. " if definition.window else "No window: it covers its whole base. "
    return (
        f"{definition.description}\n\n{window}Grace: {definition.grace}. File: `{definition.place.file}`.\n\n"
        f"A run does what `views plan {definition.name.view}` shows, step by step; `views_reconcile` triggers it when "
        f"there is something to do.\n\n```sql\n{definition.text.strip()}\n```\n"
    )
