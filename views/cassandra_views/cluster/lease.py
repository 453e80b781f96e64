"""The lease: one DDL statement or one switch at a time in the whole cluster, never a build.

Schema agreement is the cluster's property, so there is one lease for the cluster. Its owner cell
has a TTL, the number does not: a TTL on the whole row would delete the number with it.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from cassandra import ConsistencyLevel

from cassandra_views.cluster.database import DRIVER_ERRORS, Database
from cassandra_views.model.errors import LeaseHeld
from cassandra_views.model.names import quoted

RESOURCE = "cluster"


@dataclass(slots=True)
class Held:
    """A lease in hand."""

    owner: str
    number: int
    expires: float
    """On this machine's monotonic clock; counted from before the request, so never too late."""

    def outlives(self, seconds: float) -> bool:
        """Tell whether the lease stands for that long from now."""
        return time.monotonic() + seconds < self.expires


class Lease:
    """Takes and gives back the cluster's lease.

    Args:
        ddl_timeout_seconds: what one DDL may take. The lease lasts that and a margin; a holder that
            follows an expired one (whose last statement may still be under way) stays quiet as long.
    """

    MARGIN_SECONDS = 5.0

    def __init__(
        self,
        database: Database,
        keyspace: str,
        *,
        owner: str,
        ddl_timeout_seconds: float,
        on_wait: Callable[[str], None] = lambda text: None,
    ) -> None:
        self._database = database
        self._table = f"{quoted(keyspace)}.lease"
        self._owner = f"{owner} {uuid.uuid4().hex[:8]}"
        self._ddl_timeout = ddl_timeout_seconds
        self._on_wait = on_wait
        self.ttl_seconds = int(ddl_timeout_seconds + self.MARGIN_SECONDS)
        self.wait_seconds = 3.0 * self.ttl_seconds + 60.0

    @contextmanager
    def held(self) -> Iterator[Held]:
        """Hold the lease for the length of a block.

        Raises:
            LeaseHeld: others kept it for longer than three of its lifetimes and a minute.
        """
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

    def _take(self) -> Held:
        deadline = time.monotonic() + self.wait_seconds
        pause, told = 0.05, ""
        while True:
            asked = time.monotonic()
            try:
                owner, number, released = self._read()
                if owner is None or owner == self._owner:
                    if self._try(number, owner):
                        held = Held(owner=self._owner, number=number + 1, expires=asked + self.ttl_seconds)
                        if released != number:
                            held = self._stay_quiet(held)
                        return held
                elif owner != told:
                    self._on_wait(f"waiting for the lease, held by {owner}")
                    told = owner
            except DRIVER_ERRORS:
                pass  # unknown: the next round reads what stands
            if time.monotonic() > deadline:
                raise LeaseHeld(
                    f"the lease is held by {told or 'rivals that keep taking it'}",
                    on=self._table,
                    next=f"Wait for that run to end; a dead one's lease ends by itself in {self.ttl_seconds} s",
                )
            time.sleep(pause)
            pause = min(pause * 1.5, 1.0)

    def _try(self, number: int, owner: str | None) -> bool:
        condition = "IF owner = ? AND number = ?" if number else "IF owner = ?"
        checked = (owner, number) if number else (owner,)
        applied, _row = self._database.conditional(
            [
                (
                    f"UPDATE {self._table} USING TTL {self.ttl_seconds} SET owner = ? WHERE resource = ? {condition}",
                    (self._owner, RESOURCE, *checked),
                ),
                (f"UPDATE {self._table} SET number = ? WHERE resource = ?", (number + 1, RESOURCE)),
            ]
        )
        return applied

    def _stay_quiet(self, held: Held) -> Held:
        """Wait out a DDL that the former holder, which did not give the lease back, may have sent."""
        if held.number == 1:
            return held
        self._on_wait(f"the last run ended without giving the lease back: waiting {self._ddl_timeout:.0f} s")
        until = time.monotonic() + self._ddl_timeout
        while time.monotonic() < until:
            time.sleep(min(1.0, max(0.0, until - time.monotonic())))
        return self.renewed(held)

    def renewed(self, held: Held) -> Held:
        """Return the lease with its whole lifetime before it again.

        Raises:
            LeaseHeld: it was lost meanwhile.
        """
        asked = time.monotonic()
        for _ in range(5):
            try:
                applied, _row = self._database.conditional(
                    [
                        (
                            f"UPDATE {self._table} USING TTL {self.ttl_seconds} SET owner = ? WHERE resource = ? "
                            "IF owner = ? AND number = ?",
                            (self._owner, RESOURCE, self._owner, held.number),
                        )
                    ]
                )
            except DRIVER_ERRORS:
                asked = time.monotonic()
                continue
            if applied:
                return Held(owner=held.owner, number=held.number, expires=asked + self.ttl_seconds)
            break
        raise LeaseHeld("the lease was lost to another run", on=self._table, next="Run the command again")

    def _give_back(self, held: Held) -> None:
        try:
            self._database.conditional(
                [
                    (
                        f"UPDATE {self._table} SET owner = null, released = ? WHERE resource = ? "
                        "IF owner = ? AND number = ?",
                        (held.number, RESOURCE, held.owner, held.number),
                    )
                ]
            )
        except DRIVER_ERRORS:
            # Unknown: if it did not arrive, the lease ends by itself and the next holder stays quiet.
            return
