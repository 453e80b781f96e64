"""The alert of a view whose slide is later than its file allows (``max_lag``)."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from airflow.sdk.definitions.callback import AsyncCallback
from airflow.sdk.definitions.deadline import DeadlineAlert, DeadlineReference

from cassandra_views.airflow.deployment import Deployment
from cassandra_views.airflow.hook import Access, ViewsHook, access_of

if TYPE_CHECKING:
    from cassandra_views.model.definition import ViewDefinition


def deadline_of(definition: ViewDefinition, deployment: Deployment) -> DeadlineAlert | None:
    """Return the alert of a view's DAG; None where its file promises nothing."""
    if definition.max_lag is None:
        return None
    return DeadlineAlert(
        reference=DeadlineReference.DAGRUN_QUEUED_AT,
        interval=definition.max_lag,
        callback=AsyncCallback(tell_late, kwargs={"deployment": deployment.to_dict(), "view": definition.name.view}),
        name=f"max_lag of {definition.name}",
    )


async def tell_late(*, deployment: dict[str, Any], view: str, **context: Any) -> None:
    """Write into the view's history that its promise is broken; runs in the triggerer."""
    chosen = Deployment(**deployment)
    # Airflow's connections are read before the thread: its sync reads are for the processes of tasks.
    access = access_of(await ViewsHook.aget_connection(chosen.conn_id))
    await asyncio.to_thread(_tell, chosen, access, view)


def _tell(deployment: Deployment, access: Access, view: str) -> None:
    with access.opened() as session:
        manager = deployment.manager(session, access)
        record = manager.record(view)
        manager.note(view, "promise broken", f"its slide is later than max_lag; {record.last_error or 'no error yet'}")
