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
