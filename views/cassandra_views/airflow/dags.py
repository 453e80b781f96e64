"""``view_dags``: all DAGs of a folder of view files, for a DAG file of three lines.

A view's DAG has its steps as tasks, its slides as schedule and its generations as an asset.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.sdk import (
    DAG,
    Asset,
    AssetOrTimeSchedule,
    BaseOperator,
    Param,
    TriggerRule,
    chain,
    get_parsing_context,
)
from airflow.sdk.definitions.callback import AsyncCallback
from airflow.sdk.definitions.deadline import DeadlineAlert, DeadlineReference

from cassandra_views.airflow.approval import ApproveTask
from cassandra_views.airflow.deployment import Deployment, make_dag
from cassandra_views.airflow.failures import RETRIES, refused
from cassandra_views.airflow.hook import Access, ViewsHook, access_of
from cassandra_views.airflow.maintenance_dags import audit_dag, reconcile_dag
from cassandra_views.airflow.manual_actions import manual_actions_dag
from cassandra_views.airflow.run_request import ACTION_TEXTS, Action
from cassandra_views.airflow.tasks import (
    APPROVE,
    AwaitBuildTask,
    ClearTask,
    PlanTask,
    ServeTask,
    SettleTask,
    ViewTask,
)
from cassandra_views.airflow.timetable import SlideTimetable
from cassandra_views.model.definition import BrokenView, Project, ViewDefinition
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
    GiveUpName,
    ReleaseGeneration,
    RenameView,
    RetireView,
    ServeGeneration,
    SweepOrphan,
)
from cassandra_views.project.cache import FOLDER as CACHE_FOLDER
from cassandra_views.project.cache import FileCache
from cassandra_views.project.loader import ProjectLoader

if TYPE_CHECKING:
    from airflow.sdk import Context

_CLEAR = (
    CreateRegistry,
    CreateKeyspace,
    CreateTable,
    RenameView,
    GiveUpName,
    FailGeneration,
    DropGeneration,
    ReleaseGeneration,
    RetireView,
    SweepOrphan,
)


def view_dags(
    templates: str | Path,
    namespace: dict[str, Any],
    *,
    conn_id: str = "cassandra_default",
    env: str | None = None,
    dag_id_prefix: str = "",
    reconcile_every: timedelta = timedelta(minutes=1),
    audit_cron: str = "0 3 * * *",
    spark_conn_id: str | None = None,
) -> tuple[str, ...]:
    """Make a DAG for each view file, and those that are for all views. Contacts no cluster.

    Args:
        templates: the folder of view and table files, from the folder of the DAG file.
        namespace: the DAG file's ``globals()``, into which the DAGs are put.
        conn_id: an Airflow connection of the type ``cassandra``.
        env: which environment of views.toml; None for its default.
        dag_id_prefix: before the ids of DAGs and the names of assets, where one Airflow keeps several clusters.
        reconcile_every: how often is looked whether something is to be done.
        audit_cron: when the views that serve are audited again, in UTC.
        spark_conn_id: the SSH connection of a Spark master, which then audits views of more than ``audit.spark_rows``
            rows.

    Returns:
        The ids of the DAGs.

    Raises:
        ConfigurationError: views.toml is wrong.
        ProjectError: the folder or a table file is wrong; a view file that is wrong has a DAG that says so.
    """
    folder = (Path(namespace["__file__"]).absolute().parent / templates).resolve()
    deployment = Deployment(templates=str(folder), conn_id=conn_id, environment=env, dag_id_prefix=dag_id_prefix)
    settings = deployment.settings()
    cache = FileCache(settings.folder / CACHE_FOLDER if settings.folder is not None else None)
    project = ProjectLoader.of(settings, cache).load(skip_broken=True)
    cache.save()
    # A task's process reads the file again for its own DAG alone: the others of a large project cost seconds.
    only = get_parsing_context().dag_id
    made: list[str] = []
    for dag_id, make in _makers(project, deployment, reconcile_every, audit_cron, spark_conn_id):
        made.append(dag_id)
        if only is None or only == dag_id:
            namespace[f"dag_{dag_id}"] = make()
    return tuple(made)


def _makers(
    project: Project,
    deployment: Deployment,
    reconcile_every: timedelta,
    audit_cron: str,
    spark_conn_id: str | None,
) -> Iterator[tuple[str, Callable[[], DAG]]]:
    for view in project.views:
        yield deployment.dag_id(view.name.view), lambda view=view: view_dag(view, deployment)  # type: ignore[misc]
    for broken in project.broken:
        yield deployment.dag_id(broken.view), lambda broken=broken: broken_dag(broken, deployment)  # type: ignore[misc]
    yield deployment.service_id("reconcile"), lambda: reconcile_dag(deployment, reconcile_every)
    yield deployment.service_id("audit"), lambda: audit_dag(deployment, audit_cron, spark_conn_id)
    yield deployment.service_id("rest"), lambda: rest_dag(deployment)
    yield deployment.service_id("by_hand"), lambda: manual_actions_dag(deployment, project)


def view_dag(definition: ViewDefinition, deployment: Deployment) -> DAG:
    """Return the DAG of a view file. A run brings that one view to what its file says, or does what is asked for."""
    name = definition.name
    with make_dag(
        deployment.dag_id(name.view),
        description=definition.description or f"The view {name}",
        doc_md=_about(definition),
        schedule=_schedule(definition, deployment),
        tags=["views", name.keyspace, *definition.tags],
        owner=definition.owner or "views",
        retries=RETRIES,
        deadline=deadline_of(definition, deployment),
    ) as dag:
        # Who waits for the asset of a former name is told as long as that is served.
        names = (name.view, *definition.renamed_from)
        add_tasks(deployment, name.view, [deployment.asset(name.keyspace, each) for each in names])
    # After the tasks: Airflow copies a DAG's parameters into each task that is made in it, which was half the time of
    # parsing many views. A run's context takes them from the DAG in any case.
    dag.params.update(action_params())
    return dag


def rest_dag(deployment: Deployment) -> DAG:
    """Return the DAG for what has no file: views whose file is gone, and base tables without a view."""
    with make_dag(
        deployment.service_id("rest"),
        description="Views whose files are gone, and base tables that no view needs",
        doc_md=(
            "Retires a view whose file is gone, and drops it once its grace is over and a person has allowed that. "
            "Without a view it creates managed base tables that no view needs. Of a view that has a file it asks "
            "whether the hand-made view that was replaced may be dropped, and does nothing else. `views_reconcile` "
            "triggers it."
        ),
        schedule=None,
        max_active_runs=16,
        retries=RETRIES,
        params={
            "view": Param(
                None, type=["null", "string"], title="View", description="Optional. Empty: base tables alone."
            ),
            **action_params(),
        },
    ) as dag:
        add_tasks(deployment, None, [])
    return dag


def add_tasks(deployment: Deployment, view: str | None, assets: list[Asset]) -> None:
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
        ServeTask(task_id="serve", kinds=(ServeGeneration,), outlets=assets, **after),
    ]
    chain(*tasks)
    tasks >> SettleTask(task_id="settle", trigger_rule=TriggerRule.ONE_FAILED, **common)


def action_params() -> dict[str, Param]:
    """Return the form of a view's run; what people choose by is ``views_by_hand``."""
    actions = "; ".join(f"{action.value}: {about}" for action, about in ACTION_TEXTS.items())
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


def broken_dag(broken: BrokenView, deployment: Deployment) -> DAG:
    """Return the DAG of a broken file, found by the tag ``broken``."""
    with make_dag(
        deployment.dag_id(broken.view),
        description=f"BROKEN: {broken.error.what}",
        doc_md=f"The file of this view is wrong, so the view is left as it is.\n\n```\n{broken.error}\n```\n",
        schedule=None,
        tags=["views", "broken"],
    ) as dag:
        BrokenTask(task_id="plan", text=str(broken.error))
    return dag


class BrokenTask(BaseOperator):
    """Fails with what is wrong."""

    def __init__(self, *, text: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.text = text

    def execute(self, context: Context) -> None:
        """Raise what is wrong with the file.

        Raises:
            TaskRefused: always.
        """
        raise refused(self.text)


def deadline_of(definition: ViewDefinition, deployment: Deployment) -> DeadlineAlert | None:
    """Return the alert of a view's DAG; None where its file promises nothing."""
    if definition.max_lag is None:
        return None
    return DeadlineAlert(
        reference=DeadlineReference.DAGRUN_QUEUED_AT,
        interval=definition.max_lag,
        callback=AsyncCallback(
            note_broken_promise, kwargs={"deployment": deployment.to_dict(), "view": definition.name.view}
        ),
        name=f"max_lag of {definition.name}",
    )


async def note_broken_promise(*, deployment: dict[str, Any], view: str, **context: Any) -> None:
    """Write into the view's history that its promise is broken; runs in the triggerer."""
    chosen = Deployment(**deployment)
    # Airflow's connections are read before the thread: its sync reads are for the processes of tasks.
    access = access_of(await ViewsHook.aget_connection(chosen.conn_id))
    await asyncio.to_thread(_note_broken_promise, chosen, access, view)


def _note_broken_promise(deployment: Deployment, access: Access, view: str) -> None:
    with access.opened() as session:
        manager = deployment.manager(session, access)
        record = manager.record(view)
        manager.note(view, "promise broken", f"its slide is later than max_lag; {record.last_error or 'no error yet'}")
