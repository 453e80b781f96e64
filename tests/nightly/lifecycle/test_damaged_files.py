"""Damage as operators meet it: data files of a base or of its view from an older state, or lost.

Each case has a keyspace of its own on one server. Two states are written, the files of the first are kept; the server
is stopped, and files of the second are put back to the first, or removed, with the commit log. The audit must then name
what differs, each kind with its key, and find nothing where no file was touched.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from cassandra.cluster import Session

from cassandra_client.connect import connected
from cassandra_embedded import EmbeddedCassandra
from cassandra_views.model.audit_result import DifferenceKind
from tests.scenarios.lifecycle.audits import claimed, examples, full_audit, pulse_audit, scan_of

pytestmark = [pytest.mark.slow, pytest.mark.cassandra]

ADDRESS = "127.0.23.1"
WHERE = "k IS NOT NULL AND p IS NOT NULL"
CQL = "PRIMARY KEY (k, p)"

Write = Callable[[Session, str], None]


def _insert(first: int, last: int, value: int, using: str = "") -> Write:
    def write(session: Session, keyspace: str) -> None:
        for p in range(first, last):
            session.execute(
                f"INSERT INTO {keyspace}.t (p, k, a) VALUES (%s, %s, %s) {using}", (p, p % 3, value), timeout=30
            )

    return write


def _keys_alone(first: int, last: int, using: str) -> Write:
    def write(session: Session, keyspace: str) -> None:
        for p in range(first, last):
            session.execute(f"INSERT INTO {keyspace}.t (p, k) VALUES (%s, %s) {using}", (p, p % 3), timeout=30)

    return write


def _delete(session: Session, keyspace: str) -> None:
    for p in range(5):
        session.execute(f"DELETE FROM {keyspace}.t WHERE p = {p}")


def _move(session: Session, keyspace: str) -> None:
    for p in range(4):
        session.execute(f"UPDATE {keyspace}.t SET k = 9 WHERE p = {p}")


@dataclass(frozen=True)
class Damage:
    """What is written first and then, of which table the files go back to the first state, and what is found.

    Args:
        is_in_totals: a pulse finds that base and view differ.
    """

    first: Write
    then: Write
    table: str
    found: dict[DifferenceKind, int]
    example: str = ""
    is_in_totals: bool = True


FORTY = _insert(0, 40, 1)
TIMED = "USING TIMESTAMP 1795837611200218"
CASES = {
    "untouched": Damage(FORTY, _insert(0, 10, 2), "", {}),
    "view_is_older": Damage(
        FORTY, _insert(0, 10, 2), "v", {DifferenceKind.STALE: 10}, "a is 2 (written T) in the base and 1 (written T)"
    ),
    "base_is_older": Damage(
        FORTY, _insert(0, 10, 2), "t", {DifferenceKind.STALE: 10}, "a is 1 (written T) in the base and 2 (written T)"
    ),
    "view_lost_rows": Damage(FORTY, _insert(40, 47, 1), "v", {DifferenceKind.MISSING: 7}),
    "base_lost_rows": Damage(FORTY, _insert(40, 47, 1), "t", {DifferenceKind.EXTRA: 7}),
    "view_kept_deleted_rows": Damage(FORTY, _delete, "v", {DifferenceKind.EXTRA: 5}),
    "base_has_deleted_rows_again": Damage(FORTY, _delete, "t", {DifferenceKind.MISSING: 5}),
    "view_did_not_move_rows": Damage(FORTY, _move, "v", {DifferenceKind.MISSING: 4, DifferenceKind.EXTRA: 4}),
    "view_lacks_a_ttl": Damage(
        _insert(0, 40, 1, TIMED), _insert(0, 6, 1, f"{TIMED} AND TTL 90000"), "v", {DifferenceKind.EXPIRING: 6}
    ),
    "view_has_an_earlier_end": Damage(
        _insert(0, 40, 1, f"{TIMED} AND TTL 50000"),
        _insert(0, 6, 1, f"{TIMED} AND TTL 90000"),
        "v",
        {DifferenceKind.EXPIRING: 6},
        "a is 1 (written T, expires T) in the base and 1 (written T, expires T) in the view",
        is_in_totals=False,
    ),
    "view_lacks_a_ttl_of_key_columns": Damage(
        _keys_alone(0, 40, TIMED),
        _keys_alone(0, 6, f"{TIMED} AND TTL 90000"),
        "v",
        {DifferenceKind.EXPIRING: 6},
        "the row itself is expiring in the base and lasting in the view",
        is_in_totals=False,
    ),
    "base_lacks_a_ttl_of_key_columns": Damage(
        _keys_alone(0, 40, TIMED),
        _keys_alone(0, 6, f"{TIMED} AND TTL 90000"),
        "t",
        {DifferenceKind.EXPIRING: 6},
        "the row itself is lasting in the base and expiring in the view",
        is_in_totals=False,
    ),
    "view_has_an_older_write_time": Damage(
        _insert(0, 40, 1, TIMED), _insert(0, 3, 1, "USING TIMESTAMP 1795837611200300"), "v", {DifferenceKind.STALE: 3}
    ),
    "view_has_a_newer_write_time": Damage(
        _insert(0, 40, 1, TIMED), _insert(0, 3, 1, "USING TIMESTAMP 1795837611200300"), "t", {DifferenceKind.STALE: 3}
    ),
}


def _cql(keyspace: str) -> str:
    return claimed(keyspace, "t", WHERE, "k, p", "p, k, a")


def _folder(data: Path, keyspace: str, table: str) -> Path:
    (found,) = (data / keyspace).glob(f"{table}-*")
    return found


@pytest.fixture(scope="module")
def damaged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    kept = tmp_path_factory.mktemp("kept")
    with EmbeddedCassandra(address=ADDRESS, port=0) as server:

        def write(number: int) -> None:
            with connected(tuple(server.contact_points), port=server.port) as session:
                for name, case in CASES.items():
                    if number == 1:
                        _make(session, name)
                    (case.first, case.then)[number - 1](session, name)

        write(1)
        server.stop_node(1)  # all that was written goes to files
        (data,) = {each.parent.parent for each in server.folder.rglob("untouched/t-*")}
        for name, case in CASES.items():
            if case.table:
                shutil.copytree(_folder(data, name, case.table), kept / name)
        server.start_node(1)
        write(2)
        server.stop_node(1)
        for name, case in CASES.items():
            if case.table:
                folder = _folder(data, name, case.table)
                shutil.rmtree(folder)
                shutil.copytree(kept / name, folder)
        # What files lack the server would write again from there.
        for log in server.folder.rglob("CommitLog-*"):
            log.unlink()
        server.start_node(1)
        with connected(tuple(server.contact_points), port=server.port) as session:
            yield session


def _make(session: Session, keyspace: str) -> None:
    replication = "{'class': 'SimpleStrategy', 'replication_factor': 1}"
    session.execute(f"CREATE KEYSPACE {keyspace} WITH replication = {replication}")
    whole = "compaction = {'class': 'SizeTieredCompactionStrategy', 'enabled': 'false'}"
    session.execute(f"CREATE TABLE {keyspace}.t (p int PRIMARY KEY, k int, a int) WITH {whole}")
    session.execute(_cql(keyspace) + f" WITH {whole}")


@pytest.mark.parametrize("name", CASES)
def test_damage_is_found_and_named(damaged: Session, name: str) -> None:
    case = CASES[name]
    scan = scan_of(damaged, name, "t", "v", _cql(name))
    found = full_audit(scan).run()
    assert {kind: count for kind, count in found.counts.items() if count} == case.found
    assert all(examples(found, kind)[0].key for kind in case.found)
    if case.example:
        (cell,) = found.examples[0].cells
        assert re.sub(r"(written|expires) [^\s,)]+", r"\1 T", str(cell)).startswith(case.example)
    assert pulse_audit(scan).run().is_passed == (not case.found or not case.is_in_totals)
