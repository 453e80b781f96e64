"""What a run of ``cluster_health`` makes of the event that began it; called in Airflow's process."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from cassandra_healing.alerts import Alert


def text_of_failure(alerts: Sequence[Alert], *, is_away: bool) -> tuple[str, str]:
    """Return the error of a task whose run an event of these alerts began, and its class.

    Args:
        is_away: the cluster cannot be reached by the task.
    """
    from airflow.sdk.api.datamodels._generated import (
        AssetEventDagRunReference,
        AssetReferenceAssetEventDagRun,
    )
    from airflow.sdk.exceptions import AirflowException
    from airflow.sdk.execution_time.comms import AssetEventDagRunReferenceResult
    from airflow.sdk.execution_time.context import TriggeringAssetEventsAccessor

    from cassandra_views.airflow.failures import TaskRefused
    from cassandra_views.airflow.health_tasks import pages_of, paging_on_failure
    from cassandra_views.airflow.health_trigger import event_of

    reference = AssetEventDagRunReference(
        asset=AssetReferenceAssetEventDagRun(name="cluster_health", uri="x-cluster-health://x/", extra={}),
        extra={"from_trigger": True, "payload": event_of(alerts)},
        source_task_id=None,
        source_dag_id=None,
        source_run_id=None,
        source_map_index=None,
        source_aliases=[],
        timestamp=datetime.now(UTC),
    )
    events = TriggeringAssetEventsAccessor.build(
        [AssetEventDagRunReferenceResult.from_asset_event_dag_run_reference(reference)]
    )
    context: Any = {"triggering_asset_events": events}
    try:
        with paging_on_failure(context):
            if is_away:
                raise AirflowException("no node answered.")
            return " ".join(pages_of(context)), ""
    except (AirflowException, TaskRefused) as error:
        return str(error), type(error).__name__


def apply_with_waits(folder: str) -> dict[str, Any]:
    """Return what a task that applies two views waits for, and how it ends.

    One build ends, that of the other view stands still.
    """
    from types import SimpleNamespace

    from airflow.sdk import DAG
    from airflow.sdk.exceptions import TaskDeferred

    from cassandra_views.airflow import ApplyViewsOperator
    from cassandra_views.airflow.failures import TaskFailed
    from cassandra_views.airflow.operators import ApplyProgress
    from cassandra_views.apply.executor import PlanOutcome
    from cassandra_views.model.definition import Project
    from cassandra_views.model.steps import Plan
    from tests.unit.plan.world import World, definition, short, table_file

    now, world, done, built = datetime(2026, 11, 23, 12, tzinfo=UTC), World(), [], set()
    project = Project(name="shop", views=(definition("by_day"), definition("other")), tables=(table_file(),))

    def carry_out(part: Plan) -> PlanOutcome:
        world.apply(part, now)
        done.append([short(step) for step in part.steps])
        return PlanOutcome(done=len(part.steps), steps=len(part.steps))

    def plan(only: Any = None, **_: Any) -> Plan:
        found = world.plan(project, now)
        return found if only is None else found.part(step for step in found.steps if getattr(step, "view", "") in only)

    manager: Any = SimpleNamespace(
        plan=plan,
        carry_out=carry_out,
        read_build=lambda view, _number: SimpleNamespace(is_built=view.view in built),
        find_waits=lambda _view, own: (),
        record=lambda name: next((each for each in world.records.values() if str(each.name) == name), Empty),
    )

    class Empty:
        generations = ()

    context: Any = {}
    with DAG("own", schedule=None):
        task = ApplyViewsOperator(task_id="apply", templates=folder, deferrable=True)
    progress, waits = ApplyProgress(), []
    for _ in range(2):
        try:
            task.advance(manager, context, plan(progress.views and [each.name for each in project.views]), progress)
        except TaskDeferred as wait:
            waits.append((type(wait.trigger).__name__, wait.trigger.serialize()[1], wait.kwargs["progress"]["awaited"]))
        built.add("by_day")
    progress.fail("shop.other", "its build stands still", is_refused=False)
    try:
        task.advance(manager, context, plan([]), progress)
    except TaskFailed as error:
        return {
            "done": done,
            "waits": waits,
            "served": progress.served,
            "error": str(error),
            "class": type(error).__name__,
            "fields": list(task.template_fields),
            "retries": bool(task.retry_policy),
        }
    raise AssertionError
