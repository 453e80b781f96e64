"""Marks generations suspect: by a person's word, or where what their rows depend on has changed since it was last seen.

The mark is in the registry, so every process sees it; readers go on being served. Only a full audit that finds no
difference ends it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime

from cassandra.pool import Host

from cassandra_client.database import Database
from cassandra_client.errors import ClusterError, ConfigurationError
from cassandra_views.cql.printing import map_cql
from cassandra_views.model.errors import ProjectError, RegistryError
from cassandra_views.model.generation import Generation, State, ViewRecord
from cassandra_views.model.names import ViewName
from cassandra_views.model.schema import Catalog, Keyspace, TableShape
from cassandra_views.model.suspicion import Baseline, Suspicion, first_baseline
from cassandra_views.plan.catalog import find_base, read_catalog
from cassandra_views.plan.safeguards import mark_of_base
from cassandra_views.registry.facts import FactWriter
from cassandra_views.registry.store import Registry

_CONCERNED = (State.BUILDING, State.BUILT, State.SERVING, State.RETIRED)
_WRITES_AT_ONCE = 8
_MARK_TRIES = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class RingState:
    """What the nodes say that rows depend on.

    Args:
        members: by host id, a mark of the tokens that the node owns.
        first_started: by host id, when a node that answered started without any data, in microseconds.
        truncations: by table id, when the table was last truncated, in milliseconds.
        is_whole: every node that is known answered.
    """

    members: dict[str, str] = field(default_factory=dict)
    first_started: dict[str, int] = field(default_factory=dict)
    truncations: dict[str, int] = field(default_factory=dict)
    is_whole: bool


def read_ring_state(
    database: Database, hosts: Sequence[Host] | None = None, *, timeout_seconds: float = 5.0
) -> RingState:
    """Ask every node for itself and for the others that it knows; a node that is down is known by the others.

    Args:
        hosts: those to ask; None asks all.

    Raises:
        ClusterError: no node answers.
    """
    # A node writes its host id once: when it starts without any data (seen on 4.1, 5.0 and 6.0).
    query = "SELECT host_id, tokens, truncated_at, WRITETIME(host_id) AS first_started FROM system.local"
    own = database.ask(query, hosts, timeout_seconds=timeout_seconds)
    peers = database.ask("SELECT host_id, tokens FROM system.peers", hosts, timeout_seconds=timeout_seconds)
    if all(answer.error for answer in own):
        raise ClusterError("no node answered which tokens it owns", next="Check that the nodes are up and reachable")
    rows = [row for answer in (*peers, *own) for row in answer.rows]  # a node knows best of itself
    members = {str(row["host_id"]): _mark_of_tokens(row["tokens"]) for row in rows if row["host_id"] and row["tokens"]}
    first_started = {}
    truncations: dict[str, int] = {}
    for answer in own:
        for row in answer.rows:
            first_started[str(row["host_id"])] = int(row["first_started"])
            for table, value in (row["truncated_at"] or {}).items():
                # A position in the commit log, then the moment.
                moment = int.from_bytes(value[-8:], "big", signed=True)
                truncations[str(table)] = max(moment, truncations.get(str(table), 0))
    asks_all = hosts is None or len(hosts) == len(database.hosts())
    is_whole = asks_all and not any(answer.error for answer in (*peers, *own))
    return RingState(members=members, first_started=first_started, truncations=truncations, is_whole=is_whole)


def _mark_of_tokens(tokens: Iterable[str]) -> str:
    return hashlib.blake2b(" ".join(sorted(map(str, tokens))).encode(), digest_size=8).hexdigest()


def find_baseline(view: ViewName, each: Generation, catalog: Catalog, ring: RingState) -> Baseline | None:
    """Return what a generation's rows depend on now; None where it is not in the schema, which is another trouble."""
    live = catalog.find_view(view.keyspace, each.physical)
    if live is None or live.table_id != each.table_id:
        return None
    base = catalog.find_table(view.keyspace, live.base)
    return _baseline(str(live.base_id or ""), base, catalog.replications[view.keyspace], ring)


def read_new_baseline(database: Database, ring: RingState, keyspace: str, base: str) -> Baseline | None:
    """Return what the rows of a generation depend on that is about to be made.

    None where there is no such base, or a node did not answer: the first comparison keeps one then.

    Raises:
        ClusterError: the schema cannot be read.
    """
    found = find_base(database, keyspace, base) if ring.is_whole else None
    if found is None:
        return None
    base_id, shape, replication = found
    return _baseline(str(base_id), shape, replication, ring)


def _baseline(base_id: str, base: TableShape | None, keyspace: Keyspace, ring: RingState) -> Baseline:
    return Baseline(
        base_id=base_id,
        base_columns=mark_of_base(base),
        replication=map_cql(keyspace.replication),
        truncated=ring.truncations.get(base_id, 0),
        members=ring.members,
        first_started=ring.first_started,
    )


_Comparison = tuple[ViewName, Generation, Baseline, tuple[str, ...]]


class Suspects:
    """Marks generations, in the registry.

    Args:
        upgrade_registry: gives a registry that an older program made the columns of the mark.
        clock: aware UTC; written into the registry.
    """

    def __init__(
        self,
        database: Database,
        registry: Registry,
        *,
        upgrade_registry: Callable[[], None],
        clock: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._registry = registry
        self._facts = FactWriter(registry)
        self._upgrade_registry = upgrade_registry
        self._clock = clock

    def find(self) -> tuple[ViewName, ...]:
        """Compare all generations with what they depended on, mark those where it has changed, and keep what is now.

        Returns:
            The views with generations that were marked now.

        Raises:
            ClusterError: schema, nodes or registry cannot be read or written.
        """
        changed = self._compare()
        if not changed:
            return ()
        self._upgrade_registry()

        def keep(one: _Comparison) -> ViewName | None:
            name, each, baseline, reasons = one
            if reasons:
                return name if self._mark(name, each, "; ".join(reasons), baseline) else None
            self._facts.write_suspicion(name, each, each.suspicion, baseline)
            return None

        with ThreadPoolExecutor(max_workers=_WRITES_AT_ONCE, thread_name_prefix="suspects") as pool:
            return tuple(sorted({name for name in pool.map(keep, changed) if name}))

    def look(self, hosts: Sequence[Host] | None = None, *, timeout_seconds: float = 5.0) -> dict[ViewName, str]:
        """Return the views with serving generations that ``find`` would mark, and why; reads only.

        Args:
            hosts: the nodes to ask; None asks all.

        Raises:
            ClusterError: schema, nodes or registry cannot be read.
        """
        found: dict[ViewName, list[str]] = {}
        for name, each, _baseline, reasons in self._compare(hosts, timeout_seconds):
            if reasons and each.state is State.SERVING:
                found.setdefault(name, []).extend(reasons)
        return {name: "; ".join(dict.fromkeys(reasons)) for name, reasons in found.items()}

    def _compare(self, hosts: Sequence[Host] | None = None, timeout_seconds: float = 5.0) -> list[_Comparison]:
        """Return the generations whose baseline is another one now, with what has changed in words."""
        records = self._registry.read_all() if self._registry.exists() else ()
        found = [(record.name, each) for record in records for each in record.in_state(*_CONCERNED)]
        if not found:
            return []
        catalog = read_catalog(self._database, {name.keyspace for name, _each in found})
        ring = read_ring_state(self._database, hosts, timeout_seconds=timeout_seconds)
        changed = []
        for name, each in found:
            seen = find_baseline(name, each, catalog, ring)
            if seen is None:
                continue
            former = each.baseline or first_baseline(base_columns=each.base_mark, created_at=each.created_at, now=seen)
            baseline = seen.after(former, is_whole=ring.is_whole)
            if baseline != each.baseline:
                changed.append((name, each, baseline, former.changes(baseline)))
        return changed

    def mark(self, views: Collection[ViewName], *, reason: str) -> tuple[ViewRecord, ...]:
        """Mark all generations of some views, by the word of who runs this; return their records as they are then.

        Raises:
            ConfigurationError: no reason is given.
            ProjectError: of a view no generation exists.
            RegistryError: there is no registry.
            PreflightError: the registry is one of an older program, and the role may not add the columns of the mark.
            ClusterError: a mark could not be written; those of views before it stand.
        """
        on = ", ".join(map(str, views))
        reason = " ".join(reason.split())
        if not reason:
            raise ConfigurationError("no reason is given", on=on, next="Say why: status and plans show it")
        if not self._registry.exists():
            raise RegistryError(
                "there is no registry yet, so there is no generation that could be suspect", on=on, next="Run apply"
            )
        records = [self._registry.read(view) for view in views]
        for record in records:
            if not record.in_state(*_CONCERNED):
                raise ProjectError(
                    f"there is no generation that could be suspect: {record.absence() or 'all are being dropped'}",
                    on=str(record.name),
                    remains="No view was marked",
                    next="Name another view; 'views list' shows those there are",
                )
        self._upgrade_registry()
        for record in records:
            for each in record.in_state(*_CONCERNED):
                self._mark_now(record.name, each.number, reason)
        return tuple(self._registry.read(view) for view in views)

    def mark_all(self, *, reason: str) -> tuple[ViewRecord, ...]:
        """Mark all generations of all views that have some, as ``mark`` does."""
        records = self._registry.read_all() if self._registry.exists() else ()
        names = sorted(record.name for record in records if record.in_state(*_CONCERNED))
        return self.mark(names, reason=reason) if names else ()

    def _mark_now(self, name: ViewName, number: int, reason: str) -> None:
        for _ in range(_MARK_TRIES):  # a run that works on it moves it from state to state
            now = self._registry.read(name, is_serial=True).find(number)
            if now is None or now.state not in _CONCERNED or self._mark(name, now, reason, None):
                return
        raise ClusterError(
            "it could not be marked suspect: others kept changing its registry row",
            on=f"{name} generation {number}",
            remains="It is not marked by this command; views that were marked before it are",
            next="Run the command again",
        )

    def _mark(self, name: ViewName, each: Generation, reason: str, baseline: Baseline | None) -> bool:
        new = Suspicion(since=self._clock(), reason=reason, by=self._registry.author)
        suspicion = each.suspicion.and_also(new) if each.suspicion else new
        is_written = self._facts.write_suspicion(name, each, suspicion, baseline)
        if is_written:
            self._registry.note_event(name, "suspect", number=each.number, detail=reason)
        return is_written


__all__ = ["RingState", "Suspects", "read_new_baseline", "read_ring_state"]
