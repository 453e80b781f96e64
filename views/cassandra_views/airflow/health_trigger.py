"""Watching a cluster in Airflow's triggerer, without a task and without a run.

An event is fired where something is to be done, and where a node that is waited for is ready. Checks and decisions are
recorded in the cluster, so a triggerer may be killed and started again at any time.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from airflow.triggers.base import BaseEventTrigger, BaseTrigger, TriggerEvent

from cassandra_client.errors import ViewsError
from cassandra_healing.alerts import Alert, AlertSchedule
from cassandra_healing.monitor import ClusterMonitor
from cassandra_healing.policy import Policy
from cassandra_healing.probes.readiness import find_unready_reason
from cassandra_healing.session import ClusterSession
from cassandra_views.airflow.deployment import Deployment
from cassandra_views.airflow.hook import ViewsHook, access_of, shared
from cassandra_views.project.session import connect_of

if TYPE_CHECKING:
    from cassandra_views.airflow.hook import Access

AUTHOR = "airflow"


def event_of(alerts: Sequence[Alert]) -> dict[str, Any]:
    """Return the event that begins a run: ``found`` is all in words, ``pages`` what a person must look at."""
    return {"found": list(map(str, alerts)), "pages": [each.text for each in alerts if each.is_page]}


class HealthTrigger(BaseEventTrigger):
    """Checks nodes and services each ``check_seconds``, and fires where more than waiting is decided.

    Args: as ``Deployment``.
    """

    def __init__(self, **deployment: Any) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.deployment = Deployment(**deployment)

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return what another triggerer needs to continue."""
        kind = type(self)
        return f"{kind.__module__}.{kind.__qualname__}", self.deployment.to_dict()

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Check without end; a cluster that cannot be reached is tried again, and reported after ``page_minutes``."""
        away_since: float | None = None
        is_reported = False
        schedule = AlertSchedule()
        while True:
            policy = Policy()
            stack = ExitStack()
            try:
                access = access_of(await ViewsHook.aget_connection(self.deployment.conn_id))
                settings = await asyncio.to_thread(self.deployment.reached, access)
                policy = settings.env.healing
                monitor = await asyncio.to_thread(self._opened, stack, access, policy)
                self.log.info("Watching the cluster of the connection %s", self.deployment.conn_id)
                away_since, is_reported = None, False
                async for found in self._watch(monitor, policy, access, schedule):
                    yield TriggerEvent(found)  # type: ignore[no-untyped-call]
            except ViewsError as error:
                self.log.warning("%s Trying again.", error)
                away_since = time.monotonic() if away_since is None else away_since
                if not is_reported and time.monotonic() - away_since > policy.page_minutes * 60:
                    is_reported = True
                    yield TriggerEvent(event_of([Alert(text=str(error), is_page=True)]))  # type: ignore[no-untyped-call]
                await asyncio.sleep(policy.check_seconds)
            finally:
                await asyncio.to_thread(stack.close)

    def _opened(self, stack: ExitStack, access: Access, policy: Policy) -> ClusterMonitor:
        session = stack.enter_context(shared(access))
        asked = ClusterSession(session, timeout_seconds=policy.timeout_seconds)
        monitor = ClusterMonitor(asked, policy, author=AUTHOR, is_recording=True)
        stack.callback(monitor.close)
        return monitor

    async def _watch(
        self, monitor: ClusterMonitor, policy: Policy, access: Access, schedule: AlertSchedule
    ) -> AsyncIterator[dict[str, Any]]:
        """Check until views.toml says something else; it is read at each check."""
        reported: tuple[str, ...] = ()
        while (await asyncio.to_thread(self.deployment.reached, access)).env.healing == policy:
            begun = time.monotonic()
            report = await asyncio.to_thread(monitor.check)
            if report.notes != reported:
                reported = report.notes
                for note in reported:
                    self.log.warning("%s", note)
            if found := schedule.due(report, time.monotonic()):
                self.log.info("%s", "; ".join(map(str, found)))
                yield event_of(found)
            await asyncio.sleep(max(0.0, policy.check_seconds - (time.monotonic() - begun)))


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
        """Return what another triggerer needs to continue."""
        kind = type(self)
        more = {"address": self.address, "timeout_seconds": self.timeout_seconds}
        return f"{kind.__module__}.{kind.__qualname__}", {**self.deployment.to_dict(), **more}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Check until it is; the event's ``trouble`` is what it lacked at the end of the time."""
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
