"""Damage that takes replicas: files from an older state on all replicas of a range, and rows that outlive tombstones.

Three nodes, each row on two of them, so that an audit at LOCAL_QUORUM reads both. Each case has a keyspace of its own;
which rows differ is known from where they lie.

* Files: what a table had before is put back on nodes 1 and 2. Rows that these two hold differ; of the others one
  replica is whole, and the newer write wins.
* Tombstones: rows are deleted while node 3 is down, without hints, or before its files come from a backup. On the
  others the tombstones of a short ``gc_grace_seconds`` are compacted away before it is back, with its rows.
"""

from __future__ import annotations

import shutil
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import pytest
from cassandra import ConsistencyLevel
from cassandra.cluster import Session
from cassandra.concurrent import execute_concurrent_with_args
from cassandra.metadata import Murmur3Token
from cassandra.query import SimpleStatement

from cassandra_client.connect import connected
from cassandra_embedded import EmbeddedCassandra
from cassandra_embedded.node_config import ring_tokens
from cassandra_views.model.audit_result import DifferenceKind
from local_cluster.nodetool import nodetool
from tests.scenarios.lifecycle.audits import claimed, examples, full_audit, scan_of
from tests.waiting import wait_until

pytestmark = [pytest.mark.slow, pytest.mark.cassandra, pytest.mark.timeout(900)]

ADDRESS = "127.0.26.1"
UPDATED, DELETED, INSERTED = range(30), range(30, 60), range(60, 90)
NODES = (1, 2, 3)


def key(p: int) -> str:
    return f"{p}, {1000 + p}"


def holders(value: int, replicas: int) -> set[int]:
    """Return the nodes that hold the partition of an int."""
    token, tokens = Murmur3Token.hash_fn(struct.pack(">i", value)), ring_tokens([len(NODES)])
    first = next((place for place, each in enumerate(tokens) if each >= token), 0)
    return {(first + step) % len(NODES) + 1 for step in range(replicas)}


@dataclass(frozen=True)
class Place:
    """Where a row of the base and its row of the view lie."""

    base: set[int]
    view: set[int]


Differs = Callable[[Place], bool]


@dataclass(frozen=True, kw_only=True)
class Restored:
    """Files of an older state.

    Args:
        table: whose.
        nodes: on which nodes.
        found: what becomes of rows that were updated, deleted and inserted since.
        differs: which of them.
    """

    table: str
    nodes: tuple[int, ...]
    found: tuple[DifferenceKind, DifferenceKind, DifferenceKind]
    differs: Differs
    replicas: int = 2


@dataclass(frozen=True, kw_only=True)
class Outlived:
    """Rows whose tombstones are gone.

    Args:
        short: the tables whose tombstones are kept for a second.
        found: what their rows are.
        differs: which of them are that.
        from_backup: node 3 is up while they are deleted, and later has this table's files of before.
    """

    short: tuple[str, ...]
    found: DifferenceKind
    differs: Differs
    from_backup: str = ""


IN_VIEW = (DifferenceKind.STALE, DifferenceKind.EXTRA, DifferenceKind.MISSING)
IN_BASE = (DifferenceKind.STALE, DifferenceKind.MISSING, DifferenceKind.EXTRA)
RESTORED = {
    "untouched": Restored(table="v", nodes=(), found=IN_VIEW, differs=lambda place: False),
    "view_of_a_range": Restored(table="v", nodes=(1, 2), found=IN_VIEW, differs=lambda place: place.view == {1, 2}),
    "base_of_a_range": Restored(table="t", nodes=(1, 2), found=IN_BASE, differs=lambda place: place.base == {1, 2}),
    "view_everywhere": Restored(table="v", nodes=NODES, found=IN_VIEW, differs=lambda place: True, replicas=3),
    "base_everywhere": Restored(table="t", nodes=NODES, found=IN_BASE, differs=lambda place: True, replicas=3),
    "view_of_one_replica": Restored(table="v", nodes=(3,), found=IN_VIEW, differs=lambda place: False),
    "base_of_one_of_three": Restored(table="t", nodes=(3,), found=IN_BASE, differs=lambda place: False, replicas=3),
}
OUTLIVED = {
    # The view holds its tombstones still; node 3 brings rows of the base back. So does a replica of the base that would
    # have had to tell node 3's view: a write that cannot reach its view is not done there (5.0.9).
    "base_lives_again": Outlived(
        short=("t",), found=DifferenceKind.MISSING, differs=lambda place: 3 in place.base | place.view
    ),
    # Read repair brings the base's tombstones to the replicas that lack them when the audit reads, and so to the view.
    "view_is_told_by_reads": Outlived(short=("v",), found=DifferenceKind.EXTRA, differs=lambda place: False),
    # The view holds what its base holds, which has its rows again.
    "both_live_again": Outlived(short=("t", "v"), found=DifferenceKind.EXTRA, differs=lambda place: False),
    "base_of_a_backup": Outlived(
        short=("t",), found=DifferenceKind.MISSING, differs=lambda place: 3 in place.base, from_backup="t"
    ),
    "view_of_a_backup": Outlived(
        short=("v",), found=DifferenceKind.EXTRA, differs=lambda place: 3 in place.view, from_backup="v"
    ),
}


def put_back(number: int) -> dict[str, str]:
    """Return in which keyspaces a node gets older files, and of which table."""
    found = {name: case.table for name, case in RESTORED.items() if number in case.nodes}
    return found | {name: each.from_backup for name, each in OUTLIVED.items() if each.from_backup and number == 3}


def _cql(keyspace: str) -> str:
    return claimed(keyspace, "t", "k IS NOT NULL AND p IS NOT NULL", "k, p", "p, k, a")


def _make(session: Session, keyspace: str, replicas: int, short: tuple[str, ...] = ()) -> None:
    replication = f"{{'class': 'SimpleStrategy', 'replication_factor': {replicas}}}"
    session.execute(f"CREATE KEYSPACE {keyspace} WITH replication = {replication}", timeout=60)
    options = {
        table: "compaction = {'class': 'SizeTieredCompactionStrategy', 'enabled': 'false'} "
        f"AND gc_grace_seconds = {1 if table in short else 864000}"
        for table in "tv"
    }
    session.execute(f"CREATE TABLE {keyspace}.t (p int PRIMARY KEY, k int, a int) WITH {options['t']}", timeout=60)
    session.execute(f"{_cql(keyspace)} WITH {options['v']}", timeout=60)


def _write(session: Session, keyspace: str, rows: range, value: int) -> None:
    insert = session.prepare(f"INSERT INTO {keyspace}.t (p, k, a) VALUES (?, ?, ?)")
    insert.consistency_level = ConsistencyLevel.ALL
    execute_concurrent_with_args(session, insert, [(p, 1000 + p, value) for p in rows], concurrency=10)


def _delete(session: Session, keyspace: str, consistency: int) -> None:
    delete = session.prepare(f"DELETE FROM {keyspace}.t WHERE p = ?")
    delete.consistency_level = consistency
    execute_concurrent_with_args(session, delete, [(p,) for p in DELETED], concurrency=10)


def _await_view(session: Session, keyspace: str, rows: set[tuple[int, int]]) -> None:
    """Wait until each replica of the view has these rows."""
    query = SimpleStatement(f"SELECT p, a FROM {keyspace}.v", consistency_level=ConsistencyLevel.ALL)
    wait_until(lambda: {tuple(row) for row in session.execute(query, timeout=30)} == rows)


class Damaged:
    """The servers, and what is done to them."""

    def __init__(self, server: EmbeddedCassandra, kept: Path) -> None:
        self._server = server
        self._kept = kept

    def connected(self) -> AbstractContextManager[Session]:
        return connected(tuple(self._server.contact_points), port=self._server.port)

    def _folder(self, number: int, keyspace: str, table: str) -> Path:
        (found,) = (self._server.folder / f"node{number}").rglob(f"{keyspace}/{table}-*")
        return found

    def _nodetool(self, number: int, *arguments: str) -> None:
        nodetool(arguments, jmx_port=self._server.jmx_port(number), version=self._server.version)

    def write(self) -> None:
        """Write the first state of all, keep files of it, and write the second of those that are restored."""
        with self.connected() as session:
            for name, case in RESTORED.items():
                _make(session, name, case.replicas)
            for name, each in OUTLIVED.items():
                _make(session, name, 2, each.short)
            first = {(p, 1) for p in (*UPDATED, *DELETED)}
            for name in (*RESTORED, *OUTLIVED):
                _write(session, name, range(UPDATED.start, DELETED.stop), 1)
                _await_view(session, name, first)
            for number in NODES:
                self._nodetool(number, "flush")
                for name, table in put_back(number).items():
                    shutil.copytree(self._folder(number, name, table), self._kept / f"{name}{number}")
            for name, each in OUTLIVED.items():
                if each.from_backup:
                    _delete(session, name, ConsistencyLevel.ALL)
                    _await_view(session, name, {(p, 1) for p in UPDATED})
            for name in RESTORED:
                _write(session, name, UPDATED, 2)
                _write(session, name, INSERTED, 1)
                _delete(session, name, ConsistencyLevel.ALL)
                _await_view(session, name, {(p, 2) for p in UPDATED} | {(p, 1) for p in INSERTED})

    def outlive(self) -> None:
        """Delete rows while node 3 is down, and compact the tombstones of the others away."""
        self._server.stop_node(3)
        with self.connected() as session:
            for name, each in OUTLIVED.items():
                if not each.from_backup:
                    _delete(session, name, ConsistencyLevel.ONE)
        time.sleep(5.0)  # their second is over, and view writes have arrived
        for number in (1, 2):
            self._nodetool(number, "flush")
            for name in OUTLIVED:
                self._nodetool(number, "compact", name)

    def restore(self) -> None:
        """Put the kept files back, with all nodes down, and start them."""
        for number in (1, 2):
            self._server.stop_node(number)
        for number in NODES:
            for name, table in put_back(number).items():
                folder = self._folder(number, name, table)
                shutil.rmtree(folder)
                shutil.copytree(self._kept / f"{name}{number}", folder)
            # What files lack the server would write again from there.
            for log in (self._server.folder / f"node{number}").rglob("CommitLog-*"):
                log.unlink()
        for number in NODES:
            self._server.start_node(number)


@pytest.fixture(scope="module")
def damaged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    settings = {"hinted_handoff_enabled": False}
    with EmbeddedCassandra(address=ADDRESS, port=0, nodes=3, heap_mb=400, settings=settings) as server:
        damage = Damaged(server, tmp_path_factory.mktemp("kept"))
        damage.write()
        damage.outlive()
        damage.restore()
        with damage.connected() as session:
            yield session


def _check(session: Session, keyspace: str, expected: dict[DifferenceKind, set[str]]) -> None:
    scan = scan_of(session, keyspace, "t", "v", _cql(keyspace))
    found = full_audit(scan).run()
    wanted = {kind: keys for kind, keys in expected.items() if keys}
    assert {kind: count for kind, count in found.counts.items() if count} == {
        kind: len(keys) for kind, keys in wanted.items()
    }
    for kind, keys in wanted.items():
        shown = [each.key for each in examples(found, kind)]
        assert len(shown) == min(3, len(keys))
        assert set(shown) <= keys


def _place(p: int, replicas: int) -> Place:
    return Place(base=holders(p, replicas), view=holders(1000 + p, replicas))


@pytest.mark.parametrize("name", RESTORED)
def test_an_older_state_of_all_replicas_is_found_and_named(damaged: Session, name: str) -> None:
    case = RESTORED[name]
    expected = {
        kind: {key(p) for p in rows if case.differs(_place(p, case.replicas))}
        for kind, rows in zip(case.found, (UPDATED, DELETED, INSERTED), strict=True)
    }
    assert bool(any(expected.values())) == (len(case.nodes) >= case.replicas)
    _check(damaged, name, expected)


@pytest.mark.parametrize("name", OUTLIVED)
def test_rows_that_live_again_are_found_and_named(damaged: Session, name: str) -> None:
    case = OUTLIVED[name]
    keys = {key(p) for p in DELETED if case.differs(_place(p, 2))}
    assert len(keys) < len(DELETED)
    assert bool(keys) == (name not in ("view_is_told_by_reads", "both_live_again"))
    _check(damaged, name, {case.found: keys})
    rows = damaged.execute(SimpleStatement(f"SELECT p FROM {name}.v", consistency_level=ConsistencyLevel.ALL))
    live_again = {key(p) for (p,) in rows if p in DELETED}
    assert bool(live_again) == (name in ("both_live_again", "view_of_a_backup"))
