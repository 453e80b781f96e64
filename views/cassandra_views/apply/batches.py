"""Carrying out what does not fit into the budget of a base table at once: batch after batch, as room comes."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator
from datetime import datetime, timedelta

from cassandra_views.apply.reports import Listener, Notice
from cassandra_views.model.names import ViewName
from cassandra_views.model.steps import Plan
from cassandra_views.model.times import instant_text

_POLL_SECONDS = 1.0


def next_batches(
    plan: Plan,
    make: Callable[[tuple[ViewName, ...]], Plan],
    failed: Collection[ViewName],
    *,
    clock: Callable[[], datetime],
    listener: Listener,
    pause: Callable[[float], None] = time.sleep,
) -> Iterator[Plan]:
    """Yield a plan for each batch that follows one that was carried out, when there is room for it.

    Waits until the grace of what was replaced has ended. Views that failed are left out, so that it ends.

    Args:
        plan: the one that was carried out.
        make: makes the plan of some views anew; each one that is yielded is carried out before the next.
        failed: the views that failed so far; the caller adds to it.
    """
    views = {*plan.views, *(each.view for each in plan.deferred)}
    is_waiting = bool(plan.deferred)
    while is_waiting:
        views -= set(failed)
        found = make(tuple(sorted(views)))
        if found.has_changes:
            yield found
        elif found.deferred:
            until = min((each.until for each in found.deferred if each.until), default=None)
            if until is None:
                return  # nobody knows when there is room: the plan's note says what it waits for
            names = ", ".join(each.view.view for each in found.deferred)
            listener(Notice(text=f"waiting until {instant_text(until)} for room on {found.deferred[0].table}: {names}"))
            while clock() < until:
                pause(min(_POLL_SECONDS, max((until - clock()) / timedelta(seconds=1), 0.01)))
        is_waiting = bool(found.deferred)
