"""Sessions that the triggers of one process share: many waits, one session a cluster."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cassandra_views.airflow.hook import describe

if TYPE_CHECKING:
    from cassandra.cluster import Session

    from cassandra_views.airflow.hook import Access


@dataclass(slots=True)
class _Shared:
    session: Session
    stack: ExitStack
    users: int = 0


_lock = threading.Lock()
_open: dict[str, _Shared] = {}


@contextmanager
def shared(access: Access) -> Iterator[Session]:
    """Use the process's session of this access; the last user closes it. Blocks while it is opened or closed.

    Raises:
        ClusterError: the cluster cannot be reached.
    """
    key = describe(access)
    with _lock:
        if key not in _open:
            with ExitStack() as stack:
                session = stack.enter_context(access.opened())
                _open[key] = _Shared(session=session, stack=stack.pop_all())
        found = _open[key]
        found.users += 1
    try:
        yield found.session
    finally:
        with _lock:
            found.users -= 1
            if found.users == 0:
                del _open[key]
                found.stack.close()
