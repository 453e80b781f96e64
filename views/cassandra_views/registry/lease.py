"""The lease: one DDL statement or one switch at a time in the whole cluster, never a build.

Schema agreement is the cluster's property, so there is one lease for the cluster. Its owner cell
has a TTL, the number does not: a TTL on the whole row would delete the number with it.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace

from cassandra import ConsistencyLevel

from cassandra_client.database import Database
from cassandra_client.driver_errors import DRIVER_ERRORS
from cassandra_client.errors import ClusterError
from cassandra_client.names import quoted
from cassandra_views.model.errors import LeaseHeld

RESOURCE = "cluster"


@dataclass(slots=True)
class HeldLease:
    """A lease in hand."""

    owner: str
    number: int
    expires: float
    """On this machine's monotonic clock; counted from before the request, so never too late."""
    is_in_doubt: bool = False
    """A statement was sent under it and its outcome is not known yet."""

    def outlives(self, seconds: float) -> bool:
        """Tell whether the lease stands for that long from now."""
        return time.monotonic() + seconds < self.expires


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseTimes:
    """How long a lease lasts, and what is waited for after one that was not given back.

    Args:
        margin_seconds: how much longer than one DDL the lease lasts; at least 2 where there are rivals.
        cooldown_seconds: how long a holder that follows an expired lease waits; None is as long as a DDL may take.
    """

    margin_seconds: float = 5.0
    cooldown_seconds: float | None = None


DEFAULT_TIMES = LeaseTimes()


def refuse_held(database: Database, keyspace: str) -> None:
    """Refuse to begin while somebody holds the lease; nothing is waited for.

    Raises:
        LeaseHeld: names who, and in how many seconds it ends by itself.
        ClusterError: it cannot be read.
    """
    rows = database.rows(
        f"SELECT owner, TTL(owner) AS seconds FROM {quoted(keyspace)}.lease WHERE resource = ?",
        (RESOURCE,),
        consistency=ConsistencyLevel.SERIAL,
    )
    if rows and rows[0]["owner"]:
        raise LeaseHeld(
            f"the lease is held by {rows[0]['owner']}: another run is under way",
            on=f"{keyspace}.lease",
            remains="Nothing was changed",
            next=f"Wait for that run to end; a dead one's lease ends by itself in {rows[0]['seconds'] or 0} s",
        )


class Lease:
    """Takes and gives back the cluster's lease.

    Args:
        ddl_timeout_seconds: what one DDL may take. The lease lasts that and a margin; a holder that
            follows an expired one (whose last statement may still be under way) waits as long.
        times: the margin, and how long to wait after a holder that died, where not for as long as a DDL may take.
        on_wait: is told for whom it waits.
        on_pause: called again and again while it waits; what it raises ends the wait.
    """

    def __init__(
        self,
        database: Database,
        keyspace: str,
        *,
        owner: str,
        ddl_timeout_seconds: float,
        times: LeaseTimes = DEFAULT_TIMES,
        on_wait: Callable[[str], None] = lambda text: None,
        on_pause: Callable[[], None] = lambda: None,
    ) -> None:
        self._database = database
        self._table = f"{quoted(keyspace)}.lease"
        self._owner = f"{owner} {uuid.uuid4().hex[:8]}"
        self._cooldown = ddl_timeout_seconds if times.cooldown_seconds is None else times.cooldown_seconds
        self._on_wait = on_wait
        self._on_pause = on_pause
        self._given_back: int | None = None
        self._lock = threading.Lock()
        self.ttl_seconds = int(ddl_timeout_seconds + times.margin_seconds)
        self.wait_seconds = 3.0 * self.ttl_seconds + 60.0

    @contextmanager
    def held(self) -> Iterator[HeldLease]:
        """Hold the lease for the length of a block.

        Raises:
            LeaseHeld: others kept it for longer than three of its lifetimes and a minute.
        """
        with self._lock:  # threads of one run come one after another, and wait here rather than for the cluster
            self._on_pause()
            lease = self._take()
            try:
                yield lease
            finally:
                self._give_back(lease)

    def _read(self) -> tuple[str | None, int, int]:
        rows = self._database.rows(
            f"SELECT owner, number, released FROM {self._table} WHERE resource = ?",
            (RESOURCE,),
            consistency=ConsistencyLevel.SERIAL,
        )
        if not rows:
            return None, 0, 0
        return rows[0]["owner"], rows[0]["number"] or 0, rows[0]["released"] or 0

    def _take(self) -> HeldLease:
        deadline = time.monotonic() + self.wait_seconds
        pause, told = 0.05, ""
        unsure: tuple[HeldLease, bool] | None = None
        if self._given_back is not None:
            # Mostly nobody has taken it since: one conditional write then, and no read.
            number, self._given_back = self._given_back, None
            unsure = (HeldLease(owner=self._owner, number=number + 1, expires=self._expiry()), False)
            with suppress(*DRIVER_ERRORS):
                if self._try(number, None):
                    return self._begun(*unsure)
                unsure = None
        while True:
            with suppress(*DRIVER_ERRORS, ClusterError):  # unknown: the next round reads what stands
                owner, number, released = self._read()
                if unsure and (owner, number) == (self._owner, unsure[0].number):
                    return self._begun(*unsure)
                if owner is None or owner == self._owner:
                    unsure = (
                        HeldLease(owner=self._owner, number=number + 1, expires=self._expiry()),
                        released != number,
                    )
                    if self._try(number, owner):
                        return self._begun(*unsure)
                elif owner != told:
                    self._on_wait(f"waiting for the lease, held by {owner}")
                    told = owner
            if time.monotonic() > deadline:
                raise LeaseHeld(
                    f"the lease is held by {told or 'rivals that keep taking it'}",
                    on=self._table,
                    next=f"Wait for that run to end; a dead one's lease ends by itself in {self.ttl_seconds} s",
                )
            self._on_pause()
            time.sleep(pause)
            pause = min(pause * 1.5, 1.0)

    def _expiry(self) -> float:
        # The server counts a TTL from the whole second that has begun: up to one second less than it says.
        return time.monotonic() + self.ttl_seconds - 1.0

    def _try(self, number: int, owner: str | None) -> bool:
        applied, _row = self._database.conditional(
            [
                (
                    f"UPDATE {self._table} USING TTL {self.ttl_seconds} SET owner = ? WHERE resource = ? "
                    "IF owner = ? AND number = ?",
                    (self._owner, RESOURCE, owner, number or None),
                ),
                (f"UPDATE {self._table} SET number = ? WHERE resource = ?", (number + 1, RESOURCE)),
            ]
        )
        return applied

    def _begun(self, held: HeldLease, needs_cooldown: bool) -> HeldLease:
        return self._cool_down(held) if needs_cooldown and held.number > 1 else held

    def _cool_down(self, held: HeldLease) -> HeldLease:
        """Wait out a DDL that the former holder, which did not give the lease back, may have sent."""
        self._on_wait(f"the last run ended without giving the lease back: waiting {self._cooldown:.0f} s")
        until = time.monotonic() + self._cooldown
        while time.monotonic() < until:
            time.sleep(min(1.0, max(0.0, until - time.monotonic())))
        return self.renewed(held)

    def renewed(self, held: HeldLease) -> HeldLease:
        """Return the lease with its whole lifetime before it again.

        Its number alone identifies its owner, since each new owner raises it. On a node whose clock is ahead the owner
        has expired while the lease is held.

        Raises:
            LeaseHeld: it was lost meanwhile.
        """
        for _ in range(5):
            expires = self._expiry()
            try:
                applied, _row = self._database.conditional(
                    [
                        (
                            f"UPDATE {self._table} USING TTL {self.ttl_seconds} SET owner = ? WHERE resource = ? "
                            "IF number = ?",
                            (self._owner, RESOURCE, held.number),
                        )
                    ]
                )
            except DRIVER_ERRORS:
                continue  # unknown, and the same again changes nothing twice
            if applied:
                return replace(held, expires=expires)
            break
        raise LeaseHeld("the lease was lost to another run", on=self._table, next="Run the command again")

    def _give_back(self, held: HeldLease) -> None:
        """End the lease; the next holder waits where a statement of ours may still be under way."""
        released = held.number - 1 if held.is_in_doubt else held.number
        # Unknown: if it does not arrive, the lease ends by itself and the next holder waits.
        with suppress(*DRIVER_ERRORS):
            applied, _row = self._database.conditional(
                [
                    (
                        f"UPDATE {self._table} SET owner = null, released = ? WHERE resource = ? IF number = ?",
                        (released, RESOURCE, held.number),
                    )
                ]
            )
            if applied and released == held.number:
                self._given_back = held.number
