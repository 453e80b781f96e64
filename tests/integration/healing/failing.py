"""A driver's session on a real Cassandra that ends its caller, or fails, at one of its writes."""

from __future__ import annotations

import threading
from enum import StrEnum
from typing import Any

from cassandra import ConsistencyLevel, OperationTimedOut, Unavailable
from cassandra.cluster import Session


class Killed(BaseException):
    """What ends a command here; nothing catches it."""


class Failure(StrEnum):
    KILLED_BEFORE = "killed before"
    KILLED_AFTER = "killed after"
    REFUSED = "refused"
    """Too few replicas: nothing was written."""
    REFUSED_FOR_GOOD = "refused for good"
    """As refused, and so is each write after it."""
    LOST = "lost"
    """Written, and the answer did not come."""
    LOST_THEN_REFUSED = "lost, then refused"


class FailingSession:
    """Everything goes to the session; writes of the thread that made this are counted, and one of them fails.

    Other threads renew a lease, at times of their own: to count those would end another write in each run.

    Args:
        at: which write, from 1.
    """

    def __init__(self, session: Session, failure: Failure, at: int) -> None:
        self._session = session
        self._failure = failure
        self._at = at
        self._caller = threading.current_thread()
        self.writes = 0

    @property
    def is_over(self) -> bool:
        """Tell whether there was such a write."""
        return self.writes >= self._at

    def __getattr__(self, name: str) -> Any:
        return getattr(self._session, name)

    def execute_async(self, statement: Any, *args: Any, **names: Any) -> Any:
        is_ours = threading.current_thread() is self._caller
        if not is_ours or getattr(statement, "query_string", "").startswith("SELECT"):
            return self._session.execute_async(statement, *args, **names)
        self.writes += 1
        number = self.writes - self._at
        match self._failure:
            case Failure.KILLED_BEFORE if number == 0:
                raise Killed
            case Failure.KILLED_AFTER if number == 0:
                self._session.execute_async(statement, *args, **names).result()
                raise Killed
            case Failure.REFUSED if number == 0:
                return _Failed(_unavailable())
            case Failure.REFUSED_FOR_GOOD if number >= 0:
                return _Failed(_unavailable())
            case Failure.LOST | Failure.LOST_THEN_REFUSED if number == 0:
                self._session.execute_async(statement, *args, **names).result()
                return _Failed(OperationTimedOut("no answer"))
            case Failure.LOST_THEN_REFUSED if number > 0:
                return _Failed(_unavailable())
        return self._session.execute_async(statement, *args, **names)


class _Failed:
    """The future of a statement that failed."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def result(self) -> Any:
        raise self._error


def _unavailable() -> Unavailable:
    return Unavailable(
        "Cannot achieve consistency level QUORUM",
        consistency=ConsistencyLevel.QUORUM,
        required_replicas=2,
        alive_replicas=1,
    )
