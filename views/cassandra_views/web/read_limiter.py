"""The limit of reads under way: what a cluster in trouble cannot answer is refused at once, not collected."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from cassandra import OperationTimedOut
from cassandra.cluster import NoHostAvailable

from cassandra_client.errors import ClusterError, ViewsError
from cassandra_views.model.errors import ReadError, UnreadableData

RETRY_SECONDS = 1
"""How long a client that was refused had better wait."""

_FAILURES = 5
_REST_SECONDS = 1.0


class Refused(ReadError):
    """The read was not begun: too many are under way, or the cluster does not answer."""


class TooMany(Refused):
    """One client has too many reads under way."""


class Unanswered(Refused):
    """The cluster does not answer; it is probed from time to time."""


class ReadLimiter:
    """Limits how many reads are under way; safe to use from many threads.

    After five reads in a row that the cluster did not answer, one read at a time is let in as a probe, a second after
    the last one ended, and all others are refused, until one is answered.

    Args:
        most: how many reads at once.
        most_per_client: how many of them for one client.
    """

    def __init__(self, *, most: int, most_per_client: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._most = most
        self._most_per_client = most_per_client
        self._clock = clock
        self._lock = threading.Lock()
        self._inside: Counter[str] = Counter()
        self._count = 0
        self._failures = 0
        self._probe_at = 0.0
        self._is_probed = False

    @property
    def under_way(self) -> int:
        """Return how many reads are under way."""
        return self._count

    @contextmanager
    def reading(self, client: str, *, on: str) -> Iterator[None]:
        """Hold a place for the length of a read.

        Raises:
            TooMany: the client holds all of its places.
            Unanswered: the cluster does not answer.
            Refused: all places are held.
        """
        self._enter(client, on)
        failed = False
        try:
            yield
        except ViewsError as error:
            failed = is_silence(error)
            raise
        finally:
            self._leave(client, failed=failed)

    def _enter(self, client: str, on: str) -> None:
        with self._lock:
            if self._failures >= _FAILURES and (self._is_probed or self._clock() < self._probe_at):
                raise Unanswered("the cluster does not answer", on=on, next=f"Try again in {RETRY_SECONDS} s")
            if self._count >= self._most:
                raise Refused(
                    f"{self._count} reads are under way here, and no more are taken",
                    on=on,
                    next=f"Read again in {RETRY_SECONDS} s",
                )
            if self._inside[client] >= self._most_per_client:
                raise TooMany(
                    f"{self._inside[client]} of your reads are under way here, and no more are taken of one client",
                    on=on,
                    next="Wait for an answer before you ask for more",
                )
            self._is_probed = self._failures >= _FAILURES
            self._count += 1
            self._inside[client] += 1

    def _leave(self, client: str, *, failed: bool) -> None:
        with self._lock:
            self._count -= 1
            self._inside[client] -= 1
            if not self._inside[client]:
                del self._inside[client]
            self._failures = self._failures + 1 if failed else 0
            # A read that began before the others failed is as good a probe.
            self._is_probed = False
            self._probe_at = self._clock() + _REST_SECONDS


def is_silence(error: ViewsError) -> bool:
    """Tell whether the cluster did not answer; an answer that says no is none of these."""
    if isinstance(error, UnreadableData):
        return False
    return isinstance(error, ClusterError) or isinstance(error.__cause__, OperationTimedOut | NoHostAvailable)
