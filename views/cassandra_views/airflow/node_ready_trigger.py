"""Waiting in Airflow's triggerer until a node is up and in the ring."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from cassandra_client.errors import ViewsError
from cassandra_healing.probes.readiness import find_unready_reason
from cassandra_views.airflow.deployment import Deployment
from cassandra_views.airflow.hook import ViewsHook, access_of
from cassandra_views.project.session import connect_of

POLL_SECONDS = 2.0


class NodeReadyTrigger(BaseTrigger):
    """Fires when a node is up and in the ring, or after a time; only reads.

    Args:
        address: the node's; the others as ``Deployment``.
    """

    def __init__(self, *, address: str, timeout_seconds: float, **deployment: Any) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.deployment = Deployment(**deployment)
        self.address = address
        self.timeout_seconds = timeout_seconds

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return what another triggerer needs to go on."""
        kind = type(self)
        more = {"address": self.address, "timeout_seconds": self.timeout_seconds}
        return f"{kind.__module__}.{kind.__qualname__}", {**self.deployment.to_dict(), **more}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Look until it is; the event's ``trouble`` is what it lacked at the end of the time."""
        begun = time.monotonic()
        reported = ""
        try:
            access = access_of(await ViewsHook.aget_connection(self.deployment.conn_id))
            connect = connect_of(await asyncio.to_thread(self.deployment.reached, access))
            while reason := await asyncio.to_thread(find_unready_reason, self.address, connect):
                if reason != reported:
                    reported = reason
                    self.log.info("%s: %s", self.address, reason)
                if time.monotonic() - begun >= self.timeout_seconds:
                    break
                await asyncio.sleep(POLL_SECONDS)
        except ViewsError as error:
            reason = str(error)
        yield TriggerEvent({"trouble": reason})  # type: ignore[no-untyped-call]
