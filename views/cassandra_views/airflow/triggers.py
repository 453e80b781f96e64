"""Waiting in Airflow's triggerer, where it holds no worker slot: for a build, and for a time to begin.

Both only read, so that a triggerer may be killed and started again at any time.
"""

from __future__ import annotations

import asyncio
import time
from abc import abstractmethod
from collections.abc import AsyncIterator, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from cassandra_client.database import Database
from cassandra_client.errors import ClusterError, ViewsError
from cassandra_views.airflow.hook import Access, ViewsHook, access_of, shared
from cassandra_views.airflow.task_log import REPORT_SECONDS, progress_text
from cassandra_views.apply.build_wait import STALL_SECONDS, BuildWatch, find_waits
from cassandra_views.apply.builds import read_build
from cassandra_views.apply.reports import Notice
from cassandra_views.model.names import ViewName

if TYPE_CHECKING:
    from datetime import datetime

    from cassandra.cluster import Session

    from cassandra_views.manager import ViewManager
    from cassandra_views.model.steps import AwaitBuild

POLL_SECONDS = 2.0


class _ClusterTrigger(BaseTrigger):
    """Looks at a cluster again and again; the driver's calls block, so each look is made in a thread."""

    def __init__(self, *, conn_id: str, keyspace: str, view: str) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.conn_id = conn_id
        self.keyspace = keyspace
        self.view = view

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return what another triggerer needs to go on."""
        kind = type(self)
        return f"{kind.__module__}.{kind.__qualname__}", self._arguments()

    def _arguments(self) -> dict[str, Any]:
        return {"conn_id": self.conn_id, "keyspace": self.keyspace, "view": self.view}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Look until there is something to say; the event's ``error`` is the text of what ended the wait."""
        stack = ExitStack()
        try:
            access = access_of(await ViewsHook.aget_connection(self.conn_id))
            session = await self._opened(stack, access)
            payload = await self._wait(Database(session))
        except ViewsError as error:
            payload = {"error": str(error)}
        finally:
            await asyncio.to_thread(stack.close)
        yield TriggerEvent(payload)  # type: ignore[no-untyped-call]

    async def _opened(self, stack: ExitStack, access: Access) -> Session:
        """Open the session, also where the cluster is away for as long as a build may stand still."""
        begun = time.monotonic()
        while True:
            try:
                return await asyncio.to_thread(stack.enter_context, shared(access))
            except ClusterError as error:
                if time.monotonic() - begun > STALL_SECONDS:
                    raise
                self.log.warning("%s.%s: %s; trying again", self.keyspace, self.view, error.what)
                await asyncio.sleep(POLL_SECONDS)

    @abstractmethod
    async def _wait(self, database: Database) -> dict[str, Any]: ...


class BuildTrigger(_ClusterTrigger):
    """Fires when a generation is built, or when its build stands still.

    Args:
        number: the generation's.
        physical: the name of its physical view, where that is not the one of view and number.
    """

    def __init__(self, *, conn_id: str, keyspace: str, view: str, number: int, physical: str = "") -> None:
        super().__init__(conn_id=conn_id, keyspace=keyspace, view=view)
        self.number = number
        self.physical = physical

    def _arguments(self) -> dict[str, Any]:
        return {**super()._arguments(), "number": self.number, "physical": self.physical}

    async def _wait(self, database: Database) -> dict[str, Any]:
        name = ViewName(keyspace=self.keyspace, view=self.view)
        physical = self.physical or name.physical(self.number)
        watch = BuildWatch(name, self.number, time.monotonic())
        cutoff: datetime | None = None
        reported_at, reported = 0.0, ""
        while True:
            now = time.monotonic()
            try:
                found = await asyncio.to_thread(read_build, database, name.keyspace, physical, cutoff=cutoff)
            except ClusterError as error:
                if watch.is_stalled(now):
                    raise
                if error.what != reported:
                    reported = error.what
                    self.log.warning("%s generation %s: %s; looking again", name, self.number, error.what)
                await asyncio.sleep(POLL_SECONDS)
                continue
            cutoff = found.cutoff
            if found.is_built:
                self.log.info("%s generation %s is built", name, self.number)
                return {"built": self.number}
            for report in watch.observe(found, now):
                if isinstance(report, Notice):
                    self.log.warning(report.text)
                elif now - reported_at >= REPORT_SECONDS:
                    reported_at = now
                    self.log.info("%s generation %s: %s", name, self.number, progress_text(report))
            await asyncio.sleep(POLL_SECONDS)


class ReadyTrigger(_ClusterTrigger):
    """Fires when every node is up and in its place and nothing else is built in the keyspace.

    Args:
        own: physical views whose builds do not count.
    """

    def __init__(self, *, conn_id: str, keyspace: str, view: str, own: list[str]) -> None:
        super().__init__(conn_id=conn_id, keyspace=keyspace, view=view)
        self.own = own

    def _arguments(self) -> dict[str, Any]:
        return {**super()._arguments(), "own": self.own}

    async def _wait(self, database: Database) -> dict[str, Any]:
        before: tuple[str, ...] = ()
        while True:
            try:
                waits = await asyncio.to_thread(find_waits, database, self.keyspace, own=self.own)
            except ClusterError as error:
                waits = (error.what,)
            if not waits:
                return {"ready": True}
            if waits != before:
                before = waits
                self.log.info("%s.%s waits: %s", self.keyspace, self.view, "; ".join(waits))
            await asyncio.sleep(POLL_SECONDS)


def build_trigger(conn_id: str, step: AwaitBuild) -> BuildTrigger:
    """Return what fires when the build that a step awaits has ended."""
    return BuildTrigger(
        conn_id=conn_id,
        keyspace=step.view.keyspace,
        view=step.view.view,
        number=step.number,
        physical=step.physical,
    )


def find_ready_trigger(manager: ViewManager, conn_id: str, views: Sequence[ViewName], log: Any) -> ReadyTrigger | None:
    """Return what fires when DDL for these views may begin; None where it may begin now.

    Args:
        views: of one keyspace, at least one; their own builds do not count.
        log: is told what has to be waited for.
    """
    first = views[0]
    own = [each.physical for view in views for each in manager.record(str(view)).generations]
    waits = manager.find_waits(first, own=own)
    if not waits:
        return None
    log.info("%s waits: %s", ", ".join(map(str, views)), "; ".join(waits))
    return ReadyTrigger(conn_id=conn_id, keyspace=first.keyspace, view=first.view, own=own)
