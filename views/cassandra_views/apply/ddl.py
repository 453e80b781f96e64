"""The DDL protocol (design 5.2): one coordinator, one sending, every doubt settled by asking all nodes.

Any DDL in a keyspace restarts its running builds (4.1, 5.0), so it waits for them at the gate.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from cassandra.pool import Host

from cassandra_client.database import Answer, Database
from cassandra_client.driver_errors import (
    DRIVER_ERRORS,
    driver_text,
    is_refusal,
    refused_advice,
    translate_driver_errors,
)
from cassandra_client.errors import ClusterError
from cassandra_client.names import quoted
from cassandra_views.apply.builds import running_builds
from cassandra_views.model.errors import BuildStalled
from cassandra_views.registry.lease import HeldLease, Lease

_TRIES = 3
_SETTLES = "Run the command again: it settles what was begun"


@dataclass(frozen=True, slots=True, kw_only=True)
class Existence:
    """Which reachable nodes have a view in their schema, by its id."""

    having: tuple[str, ...]
    lacking: tuple[str, ...]
    unreachable: tuple[str, ...]

    def __str__(self) -> str:
        parts = (("It exists on", self.having), ("not on", self.lacking), ("no answer from", self.unreachable))
        return ", ".join(f"{words} {', '.join(nodes)}" for words, nodes in parts if nodes)

    @property
    def is_everywhere(self) -> bool:
        """Tell whether every node that answers has it."""
        return bool(self.having) and not self.lacking

    @property
    def is_nowhere(self) -> bool:
        """Tell whether no node that answers has it."""
        return bool(self.lacking) and not self.having


class Ddl:
    """Issues the DDL statements of one run, all to one coordinator.

    Args:
        lease: taken for each statement; no statement is sent unless it outlives the statement's time-out.
    """

    def __init__(
        self,
        database: Database,
        lease: Lease,
        *,
        timeout_seconds: float,
        agreement_seconds: float = 60.0,
        on_warning: Callable[[str], None] = lambda text: None,
    ) -> None:
        self.database = database
        self.lease = lease
        self._timeout = timeout_seconds
        self._agreement = agreement_seconds
        self._on_warning = on_warning
        self._coordinator: Host | None = None

    def create_view(
        self, held: HeldLease, cql: str, keyspace: str, physical: str, table_id: uuid.UUID, on: str
    ) -> None:
        """Create a view and see it in every reachable node's schema.

        Raises:
            ClusterError: the server refused it, or it is not there on all nodes in time.
        """
        error = self._send(held, cql)
        existence = self._settle(keyspace, physical, table_id, wanted=True, error=error)
        held.is_in_doubt = False
        if existence.is_everywhere:
            return
        raise ClusterError(
            f"the view could not be created: {_reason(error, existence)}",
            on=on,
            remains="No node has it; the next apply uses a new number" if existence.is_nowhere else str(existence),
            next=_next_step(error),
        ) from error

    def drop_view(self, held: HeldLease, keyspace: str, physical: str, on: str) -> None:
        """Drop a view and see it gone from every reachable node's schema.

        Raises:
            ClusterError: it is still there on some node in time.
        """
        error = self._send(held, f"DROP MATERIALIZED VIEW IF EXISTS {quoted(keyspace)}.{quoted(physical)}")
        existence = self._settle(keyspace, physical, None, wanted=False, error=error)
        held.is_in_doubt = False
        if existence.is_nowhere:
            return
        raise ClusterError(
            f"the view could not be dropped: {_reason(error, existence)}",
            on=on,
            remains=str(existence),
            next=_next_step(error),
        ) from error

    def send_idempotent(self, cql: str, on: str) -> None:
        """Send a CREATE ... IF NOT EXISTS, without the lease: the result is the same whichever run wins.

        For the registry alone: the lease lives in it.
        """
        with translate_driver_errors("it could not be created", on=on):
            for attempt in range(1, _TRIES + 1):
                try:
                    self.database.ddl(cql, self._choose(), self._timeout)
                    break
                except DRIVER_ERRORS as error:
                    # Unknown, and the same once more changes nothing twice.
                    if attempt == _TRIES or is_refusal(error):
                        raise
                    self._coordinator = None
                    self.await_agreement()
        self.await_agreement()

    def create_other(self, held: HeldLease, cql: str, on: str, exists: Callable[[], bool]) -> None:
        """Create a keyspace or a base table.

        Args:
            exists: tells whether it is there now; asked when the outcome is unknown.
        """
        error = self._send(held, cql)
        self.await_agreement()
        held.is_in_doubt = error is not None and not is_refusal(error)
        if error is not None and not exists():
            raise ClusterError(
                f"it could not be created: {driver_text(error)}",
                on=on,
                remains="Nothing was changed" if is_refusal(error) else "It does not exist now, and may appear late",
                next=_next_step(error),
            ) from error

    def drop_other(self, held: HeldLease, cql: str, on: str, exists: Callable[[], bool]) -> None:
        """Drop a table or a keyspace.

        Args:
            cql: with IF EXISTS, so that it can be sent again.
            exists: tells whether it is there now.

        Raises:
            ClusterError: the server refused it, or it is still there.
        """
        error = self._send(held, cql)
        self.await_agreement()
        held.is_in_doubt = error is not None and not is_refusal(error)
        if exists():
            why = driver_text(error) if error is not None else "the nodes do not agree on the schema"
            raise ClusterError(
                f"it could not be dropped: {why}",
                on=on,
                remains="Nothing was changed" if is_refusal(error) else "It exists now, and may go late",
                next=_next_step(error),
            ) from error

    def await_agreement(self) -> bool:
        """Wait until all nodes that answer have one schema; tell whether they do."""
        deadline = time.monotonic() + self._agreement
        pause = 0.02
        while True:
            answers = self.database.ask("SELECT schema_version FROM system.local")
            versions = {str(row["schema_version"]) for answer in answers for row in answer.rows}
            if len(versions) == 1:
                return True
            if time.monotonic() > deadline:
                return False
            time.sleep(pause)
            pause = min(pause * 2, 0.5)

    def existence(self, keyspace: str, physical: str, table_id: uuid.UUID | None = None) -> Existence:
        """Ask every node whether its schema holds the view (with this id, where one is given)."""
        having, lacking, unreachable = [], [], []
        for answer in self._ask_for(keyspace, physical):
            address = str(answer.host.endpoint.address)
            if answer.error:
                unreachable.append(address)
            elif any(table_id is None or row["id"] == table_id for row in answer.rows):
                having.append(address)
            else:
                lacking.append(address)
        return Existence(having=tuple(having), lacking=tuple(lacking), unreachable=tuple(unreachable))

    def is_namesake(self, keyspace: str, physical: str, table_id: uuid.UUID) -> bool:
        """Tell whether the nodes that answer know another view of this name, and none knows the one of this id."""
        known = {row["id"] for answer in self._ask_for(keyspace, physical) for row in answer.rows}
        return bool(known) and table_id not in known

    def _ask_for(self, keyspace: str, physical: str) -> list[Answer]:
        """Ask every node for the id of a view."""
        query = "SELECT id FROM system_schema.views WHERE keyspace_name = %s AND view_name = %s"
        return self.database.ask(query, values=(keyspace, physical))

    def _send(self, held: HeldLease, cql: str) -> Exception | None:
        """Send one statement once; return the driver's error, which means "unknown" whatever it says."""
        if not held.outlives(self._timeout + 1.0):
            held.expires = self.lease.renewed(held).expires
        coordinator = self._choose()  # before the doubt: without one nothing is sent
        held.is_in_doubt = True
        try:
            for warning in self.database.ddl(cql, coordinator, self._timeout):
                if "experimental" not in warning:  # said of every view by every server
                    self._on_warning(warning)
        except DRIVER_ERRORS as error:
            self._coordinator = None
            found: Exception = error
            return found
        return None

    def _choose(self) -> Host:
        """Return this run's coordinator: the first node that answers, kept while it does."""
        if self._coordinator is None:
            for answer in self.database.ask("SELECT key FROM system.local"):
                if not answer.error:
                    self._coordinator = answer.host
                    break
        if self._coordinator is None:
            raise ClusterError(
                "no node answers", next="Check that the nodes are up and reachable, then run the command again"
            )
        return self._coordinator

    def _settle(
        self,
        keyspace: str,
        physical: str,
        table_id: uuid.UUID | None,
        *,
        wanted: bool,
        error: Exception | None,
    ) -> Existence:
        """Ask all nodes until they say what was wanted, agree on the contrary, or the time is over.

        After an error the contrary is believed only when it has stood for one time-out of a DDL: a
        statement that was sent may still arrive. A refusal is believed sooner: it is said before any change.
        """
        doubt = 0.5 if is_refusal(error) else self._timeout if error else self._agreement
        begun = time.monotonic()
        pause = 0.02
        while True:
            existence = self.existence(keyspace, physical, table_id)
            if existence.is_everywhere if wanted else existence.is_nowhere:
                self.await_agreement()
                return existence
            waited = time.monotonic() - begun
            is_contrary = existence.is_nowhere if wanted else existence.is_everywhere
            if waited > (doubt if is_contrary else self._agreement):
                return existence
            time.sleep(pause)
            pause = min(pause * 2, 0.5)


def _next_step(error: Exception | None) -> str:
    """Return what to do where a statement was refused, or where its result is not known."""
    return refused_advice(error) if error is not None and is_refusal(error) else _SETTLES


def _reason(error: Exception | None, existence: Existence) -> str:
    if error is not None:
        return driver_text(error)
    return "the nodes do not agree on the schema" if existence.having or existence.lacking else "no node answers"


class DdlGate:
    """Holds the cluster's lease for a DDL while nothing is built in its keyspace.

    Args:
        lease: covers one statement, never the wait.
        on_wait: is told which builds are awaited.
        patience_seconds: how long the same builds may run; other runs' builds may be large, and those runs watch for
            stalls themselves.
    """

    def __init__(
        self,
        database: Database,
        lease: Lease,
        *,
        on_wait: Callable[[str], None] = lambda text: None,
        patience_seconds: float = 3600.0,
    ) -> None:
        self._database = database
        self._lease = lease
        self._on_wait = on_wait
        self._patience = patience_seconds
        self._ignored: dict[str, set[str]] = {}

    def ignore(self, keyspace: str, physical: str) -> None:
        """Leave a build out: one that this run has just begun beside others, or that it drops anyway."""
        self._ignored.setdefault(keyspace, set()).add(physical)

    @contextmanager
    def held(self, keyspace: str) -> Iterator[HeldLease]:
        """Hold the lease for the length of a block, in which nothing is built in the keyspace.

        Raises:
            BuildStalled: the same builds ran for an hour.
            LeaseHeld: others kept the lease.
        """
        while True:
            with self._lease.held() as held:
                if not self._running(keyspace):
                    yield held
                    return
            self._await(keyspace)  # without the lease, which others need meanwhile

    def _running(self, keyspace: str) -> tuple[str, ...]:
        ignored = self._ignored.setdefault(keyspace, set())
        return tuple(each for each in running_builds(self._database, keyspace) if each not in ignored)

    def _await(self, keyspace: str) -> None:
        before: tuple[str, ...] = ()
        changed = time.monotonic()
        while running := self._running(keyspace):
            if running != before:
                before, changed = running, time.monotonic()
                self._on_wait(f"keyspace {keyspace}: waiting for the running build of {', '.join(running)}")
            if time.monotonic() - changed > self._patience:
                raise BuildStalled(
                    f"the build of {', '.join(running)} does not end, and a DDL now would restart it",
                    on=f"keyspace {keyspace}",
                    next="Look at 'views status', or drop that view, then run the command again",
                )
            time.sleep(0.3)
