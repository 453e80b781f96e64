"""Waiting for builds: progress, an estimate, the node that stalls, and what to do about it."""

from __future__ import annotations

import time
from datetime import datetime

from cassandra_views.cluster.builds import BuildLook, look
from cassandra_views.cluster.database import Database
from cassandra_views.lifecycle.reports import Listener, Notice, Progress
from cassandra_views.model.errors import BuildStalled, ClusterError
from cassandra_views.model.names import ViewName

STALL_SECONDS = 330.0
"""A failed build sleeps five minutes before it tries again (ViewBuilder); longer silence is a stall."""

NOTICE_SECONDS = 60.0


class BuildWait:
    """Waits until one generation is built.

    Args:
        timeout_seconds: wall-clock limit; None waits as long as the build makes progress.
        stall_seconds: how long a build may stand still before the wait is given up.
        notice_seconds: how long it may before that is told.
    """

    def __init__(
        self,
        database: Database,
        listener: Listener,
        *,
        timeout_seconds: float | None = None,
        stall_seconds: float = STALL_SECONDS,
        notice_seconds: float = NOTICE_SECONDS,
    ) -> None:
        self._database = database
        self._listener = listener
        self._timeout = timeout_seconds
        self._stall = stall_seconds
        self._notice = notice_seconds

    def wait(self, name: ViewName, number: int) -> BuildLook:
        """Wait until every token-owning member has built the generation and its batches are drained.

        Reads only; issues no DDL and changes no registry row.

        Raises:
            BuildStalled: names the nodes and what they wait for; the generation stays ``building``.
            ClusterError: no member answered for the length of a stall.
        """
        begun = moved = time.monotonic()
        mark: object = None
        first_share, is_told = None, False
        cutoff: datetime | None = None
        on = f"{name} generation {number}"
        while True:
            try:
                found = look(self._database, name.keyspace, name.physical(number), cutoff=cutoff)
                cutoff = found.cutoff
            except ClusterError:
                if time.monotonic() - moved > self._stall:
                    raise
                time.sleep(1.0)
                continue
            if found.is_built:
                return found
            now = time.monotonic()
            if found.mark() != mark:
                mark, moved, is_told = found.mark(), now, False
            first_share = found.share if first_share is None else first_share
            text = f"building, waiting for {', '.join(found.waits_for)}"
            self._listener(
                Progress(
                    view=name,
                    number=number,
                    text=text,
                    share=found.share,
                    left_seconds=_left(found.share, first_share, now - begun),
                )
            )
            if now - moved > self._notice and not is_told:
                is_told = True
                waits = ", ".join(found.waits_for)
                self._listener(Notice(text=f"{on}: no progress for {self._notice:.0f} s; it waits for {waits}"))
            if now - moved > self._stall or (self._timeout is not None and now - begun > self._timeout):
                why = f"it makes no progress ({self._stall:.0f} s)" if now - moved > self._stall else "its time is over"
                raise BuildStalled(
                    f"{why}; it waits for {', '.join(found.waits_for)}",
                    on=on,
                    remains="It stays 'building' and goes on by itself where it can; readers are where they were",
                    next="Look at the named nodes (log: ViewBuilder), then run apply again, or give the generation "
                    f"up with 'views abort {name.view}'",
                )
            # Quick at first, so that small builds are seen at once; each look costs two reads a node.
            time.sleep(0.15 if now - begun < 5 else min(0.5, 0.05 * max(4, len(found.nodes))))


def _left(share: float, first: float, seconds: float) -> float | None:
    rate = (share - first) / seconds if seconds > 1 else 0
    return (1 - share) / rate if rate > 0 else None
