"""Waiting for builds, and for a time to begin one: progress, an estimate, the node that stalls, what to do about it."""

from __future__ import annotations

import time
from collections.abc import Collection
from datetime import datetime

from cassandra_client.database import Database
from cassandra_client.errors import ClusterError
from cassandra_views.apply.builds import BuildProgress, read_build, running_builds
from cassandra_views.apply.reports import Listener, Notice, Progress
from cassandra_views.model.errors import BuildStalled
from cassandra_views.model.names import ViewName
from cassandra_views.plan.node_facts import major_versions, schema_groups
from cassandra_views.plan.node_reader import read_facts

STALL_SECONDS = 330.0
"""A failed build sleeps five minutes before it tries again (ViewBuilder); longer silence is a stall."""

NOTICE_SECONDS = 60.0


class BuildWatch:
    """What one wait for a build has seen so far: its progress, and for how long there was none.

    Args:
        begun: when the wait began, by a clock that only goes forward, in seconds; so are the times of its methods.
        timeout_seconds: wall-clock limit; None waits as long as the build makes progress.
        stall_seconds: how long a build may stand still before the wait is given up.
        notice_seconds: how long it may before that is reported.
    """

    def __init__(
        self,
        name: ViewName,
        number: int,
        begun: float,
        *,
        timeout_seconds: float | None = None,
        stall_seconds: float = STALL_SECONDS,
        notice_seconds: float = NOTICE_SECONDS,
    ) -> None:
        self._name = name
        self._number = number
        self._begun = self._moved = begun
        self._timeout = timeout_seconds
        self._stall = stall_seconds
        self._notice = notice_seconds
        self._mark: object = None
        self._first_share: float | None = None
        self._is_noticed = False

    def is_stalled(self, now: float) -> bool:
        """Tell whether nothing was seen to move for the length of a stall."""
        return now - self._moved > self._stall

    def observe(self, found: BuildProgress, now: float) -> list[Progress | Notice]:
        """Take one reading of a build that has not ended, and return the reports of it.

        Raises:
            BuildStalled: names the nodes and what they wait for; the generation stays ``building``.
        """
        if found.mark() != self._mark:
            self._mark, self._moved, self._is_noticed = found.mark(), now, False
        first = self._first_share = found.share if self._first_share is None else self._first_share
        waits = ", ".join(found.waits_for)
        reports: list[Progress | Notice] = [
            Progress(
                view=self._name,
                number=self._number,
                text=f"building, waiting for {waits}",
                share=found.share,
                left_seconds=_left(found.share, first, now - self._begun),
            )
        ]
        on = f"{self._name} generation {self._number}"
        if now - self._moved > self._notice and not self._is_noticed:
            self._is_noticed = True
            reports.append(Notice(text=f"{on}: no progress for {self._notice:.0f} s; it waits for {waits}"))
        if self.is_stalled(now) or (self._timeout is not None and now - self._begun > self._timeout):
            why = f"it makes no progress ({self._stall:.0f} s)" if self.is_stalled(now) else "it did not finish in time"
            raise BuildStalled(
                f"{why}; it waits for {waits}",
                on=on,
                remains="It stays 'building' and continues by itself where it can; readers are where they were",
                next="Look at the named nodes (log: ViewBuilder), then run apply again, or give the generation "
                f"up with 'views abort {self._name.view}'",
            )
        return reports


class BuildWait:
    """Waits until one generation is built.

    Args:
        timeout_seconds, stall_seconds, notice_seconds: see ``BuildWatch``.
        without: addresses of members that are not waited for where they cannot be reached.
    """

    def __init__(
        self,
        database: Database,
        listener: Listener,
        *,
        timeout_seconds: float | None = None,
        stall_seconds: float = STALL_SECONDS,
        notice_seconds: float = NOTICE_SECONDS,
        without: Collection[str] = (),
    ) -> None:
        self._database = database
        self._listener = listener
        self._timeout = timeout_seconds
        self._stall = stall_seconds
        self._notice = notice_seconds
        self._without = without

    def wait(self, name: ViewName, number: int, physical: str) -> BuildProgress:
        """Wait until every token-owning member has built the generation and its batches are drained.

        Reads only; issues no DDL and changes no registry row.

        Args:
            physical: the name of the generation's physical view.

        Raises:
            BuildStalled: names the nodes and what they wait for; the generation stays ``building``.
            ClusterError: no member answered for the length of a stall.
        """
        begun = time.monotonic()
        watch = BuildWatch(
            name,
            number,
            begun,
            timeout_seconds=self._timeout,
            stall_seconds=self._stall,
            notice_seconds=self._notice,
        )
        cutoff: datetime | None = None
        while True:
            try:
                found = read_build(self._database, name.keyspace, physical, cutoff=cutoff, without=self._without)
                cutoff = found.cutoff
            except ClusterError as error:
                if watch.is_stalled(time.monotonic()):
                    raise
                text = f"building; the cluster does not answer: {error.what}"
                self._listener(Progress(view=name, number=number, text=text))
                time.sleep(1.0)
                continue
            if found.is_built:
                return found
            for report in watch.observe(found, time.monotonic()):
                self._listener(report)
            # Quick at first, so that small builds are seen at once; each look costs two reads a node.
            time.sleep(0.15 if time.monotonic() - begun < 5 else min(0.5, 0.05 * max(4, len(found.nodes))))


def _left(share: float, first: float, seconds: float) -> float | None:
    rate = (share - first) / seconds if seconds > 1 else 0
    return (1 - share) / rate if rate > 0 else None


def find_waits(database: Database, keyspace: str, *, own: Collection[str] = ()) -> tuple[str, ...]:
    """Return what a CREATE or DROP in the keyspace had better wait for, in words; nothing where it may begin.

    A view that is created while a node is down is built only when it is back, and costs each write until then; one
    that is created while another is built in its keyspace restarts that build (4.1, 5.0).

    Args:
        own: physical views whose builds do not count.

    Raises:
        ClusterError: no node answers.
    """
    found = []
    known = read_facts(database)
    for node in known.nodes:
        if node.is_moving:
            found.append(f"node {node.address} joins, leaves or moves ({node.state})")
        elif node.error:
            found.append(f"node {node.address} is down")
    if len(schema_groups(known.nodes)) > 1:
        found.append("the nodes disagree on the schema")
    if len(major_versions(known.nodes)) > 1:
        found.append("the nodes run different versions of Cassandra")
    running = [each for each in running_builds(database, keyspace, hosts=known.reached) if each not in own]
    if running:
        found.append(f"keyspace {keyspace}: {', '.join(running)} is being built")
    return tuple(found)
