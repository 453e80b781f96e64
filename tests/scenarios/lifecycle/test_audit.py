"""The first audit tells a difference from a write under way, on tables of many shapes."""

from __future__ import annotations

import random
import threading
import time
from dataclasses import dataclass
from datetime import timedelta

import pytest
from cassandra.cluster import Session
from cassandra.concurrent import execute_concurrent

from cassandra_client.database import Database
from cassandra_client.errors import ClusterError
from cassandra_views.apply.row_filter import RowFilter
from cassandra_views.model.audit_result import AuditMethod, AuditResult, DifferenceKind
from tests.scenarios.lifecycle.audits import audit, base_rows, claimed, examples, scan_of
from tests.scenarios.lifecycle.shapes import ALL, Shape
from tests.scenarios.lifecycle.workshop import NOON, Workshop

KEY = "b, a"
BOTH = "a IS NOT NULL AND b IS NOT NULL"


def make(session: Session, keyspace: str, where: str, key: str = KEY, name: str = "v") -> None:
    session.execute(claimed(keyspace, "t", where, key, "a, b, x, y").replace(".v AS", f".{name} AS"))
    while not session.execute(
        f"SELECT view_name FROM system.built_views WHERE keyspace_name = '{keyspace}' AND view_name = '{name}'"
    ).one():
        time.sleep(0.02)


@pytest.fixture
def table(session: Session, keyspace: str) -> str:
    """A table of twenty partitions of five rows; also one with its static cell alone, and nulls."""
    session.execute(f"CREATE TABLE {keyspace}.t (a int, b int, x int, y int, s text static, PRIMARY KEY (a, b))")
    for a in range(20):
        for b in range(5):
            session.execute(
                f"INSERT INTO {keyspace}.t (a, b, x, y) VALUES (%s, %s, %s, %s)",
                (a, b, None if b == 1 else a, None if b == 2 else b),
            )
    session.execute(f"INSERT INTO {keyspace}.t (a, s) VALUES (99, 'alone')")
    return keyspace


@dataclass(frozen=True)
class Case:
    where: str
    key: str
    rows: int


CASES = {
    "static cells": Case(BOTH, KEY, 100),
    "a clustering slice": Case("a IS NOT NULL AND b >= 2", KEY, 60),
    "a partition key filter": Case("a IN (3, 4, 5) AND b IS NOT NULL", KEY, 15),
    "both": Case("a = 3 AND b < 2", KEY, 2),
    "a column in the view's key": Case(f"{BOTH} AND x IS NOT NULL", "x, a, b", 80),
    # The server accepts this and does not heed it; so the view holds rows without y.
    "a null that is not heeded": Case(f"{BOTH} AND x IS NOT NULL AND y IS NOT NULL", "x, a, b", 80),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_true_view_passes(session: Session, table: str, case: Case) -> None:
    make(session, table, case.where, case.key)
    verdict = audit(session, table, "t", "v", claimed(table, "t", case.where, case.key))
    assert verdict.is_passed
    assert (verdict.base_rows, verdict.view_rows, verdict.method) == (case.rows, case.rows, AuditMethod.DIGESTS)


def test_rows_that_lack_and_rows_too_many_are_told_apart(session: Session, table: str) -> None:
    make(session, table, "a IS NOT NULL AND b >= 2")
    narrow = audit(session, table, "t", "v", claimed(table, "t", BOTH, KEY))
    assert (narrow.missing_rows, narrow.extra_rows, narrow.base_rows) == (40, 0, 100)
    assert {each.key.split(", ")[1] for each in examples(narrow, DifferenceKind.MISSING)} <= {"0", "1"}
    assert "40 MISSING (such as" in str(narrow)
    wide = audit(session, table, "t", "v", claimed(table, "t", "a IS NOT NULL AND b >= 3", KEY))
    assert (wide.missing_rows, wide.extra_rows) == (0, 20)
    both = audit(session, table, "t", "v", claimed(table, "t", "a IS NOT NULL AND b < 4", KEY))
    assert (both.missing_rows, both.extra_rows) == (40, 20)


def test_a_large_difference_is_told_without_looking_at_all_of_it(session: Session, table: str) -> None:
    statement = session.prepare(f"INSERT INTO {table}.t (a, b) VALUES (?, ?)")
    execute_concurrent(session, [(statement, (1000 + a, 0)) for a in range(3000)], concurrency=100)
    make(session, table, "a IS NOT NULL AND b >= 1")
    verdict = audit(session, table, "t", "v", claimed(table, "t", BOTH, KEY))
    assert verdict.is_partial
    assert 100 <= verdict.missing_rows <= 300
    assert str(verdict).startswith("at least ")


def test_writes_under_way_are_no_difference(session: Session, table: str) -> None:
    make(session, table, f"{BOTH} AND x IS NOT NULL", "x, a, b")
    cql = claimed(table, "t", f"{BOTH} AND x IS NOT NULL", "x, a, b")
    stop = threading.Event()
    counts = [0]

    def write(seed: int) -> None:
        chance = random.Random(seed)
        insert = session.prepare(f"INSERT INTO {table}.t (a, b, x) VALUES (?, ?, ?)")
        brief = session.prepare(f"INSERT INTO {table}.t (a, b, x) VALUES (?, ?, ?) USING TTL 1")
        update = session.prepare(f"UPDATE {table}.t SET x = ? WHERE a = ? AND b = ?")
        delete = session.prepare(f"DELETE FROM {table}.t WHERE a = ? AND b = ?")
        while not stop.wait(0.003):
            # A few rows are written all the time; most are spread.
            a = chance.choice((1, 2, chance.randrange(400)))
            b, x = chance.randrange(4), chance.randrange(50)
            match chance.randrange(5):
                case 0:
                    session.execute(delete, (a, b))
                case 1:
                    session.execute(brief, (a, b, x))
                case 2:
                    session.execute(update, (x, a, b))
                case _:
                    session.execute(insert, (a, b, x))
            counts[0] += 1

    writers = [threading.Thread(target=write, args=(seed,)) for seed in range(3)]
    for writer in writers:
        writer.start()
    try:
        verdicts: list[AuditResult] = []
        while counts[0] <= 200 or not any(verdict.method is AuditMethod.ROWS for verdict in verdicts):
            verdicts.append(audit(session, table, "t", "v", cql, recheck_seconds=0.1))
            assert len(verdicts) < 200, "no audit ever met a write under way"
    finally:
        stop.set()
        for writer in writers:
            writer.join()
    assert [str(verdict) for verdict in verdicts if not verdict.is_passed] == []
    assert audit(session, table, "t", "v", cql).is_passed


@pytest.mark.parametrize("shape", ALL, ids=[shape.name for shape in ALL])
def test_rows_are_filtered_here_as_the_server_does(workshop: Workshop, shape: Shape) -> None:
    session, keyspace = workshop.session, workshop.keyspace
    for statement in shape.statements(keyspace):
        session.execute(statement)
    for i in range(60):
        query, values = shape.insert(keyspace, shape.row(i, NOON - timedelta(hours=2 * i) + timedelta(days=1)))
        session.execute(session.prepare(query), values)
    if shape.time:
        workshop.write_table(shape.table[0], shape.time)
    workshop.write_view("one", shape.view, **({"window": "{last: 3 days, step: 1 day}"} if shape.time else {}))
    workshop.apply()
    (each,) = workshop.record("one").generations
    scan = scan_of(session, keyspace, shape.table[0], each.physical, each.cql)
    by_server = sorted(map(repr, base_rows(scan)))
    scan.filter = RowFilter(Database(session), scan.base, scan.relations, scan.columns)
    assert sorted(map(repr, base_rows(scan))) == by_server
    assert bool(scan.relations) == bool(shape.time)


@pytest.mark.parametrize(
    "where", ["a IS NOT NULL AND (b, c) > (2, 3)", "a IN (1, 3) AND b = 2", "a >= 2 AND b IN (1, 2) AND c <= 3"]
)
def test_relations_of_all_forms_are_judged_here_as_by_the_server(session: Session, keyspace: str, where: str) -> None:
    session.execute(f"CREATE TABLE {keyspace}.t (a int, b int, c int, PRIMARY KEY (a, b, c))")
    for number in range(100):
        session.execute(
            f"INSERT INTO {keyspace}.t (a, b, c) VALUES (%s, %s, %s)", (number // 25, number // 5 % 5, number % 5)
        )
    full = " AND ".join([where, *(f"{name} IS NOT NULL" for name in "abc" if f"{name} " not in where and name != "b")])
    if "(b, c)" in full:
        full = full.replace(" AND c IS NOT NULL", "")
    session.execute(claimed(keyspace, "t", full, "c, b, a", "a, b, c"))
    scan = scan_of(session, keyspace, "t", "v", claimed(keyspace, "t", full, "c, b, a"))
    by_server = sorted(base_rows(scan))
    scan.filter = RowFilter(Database(session), scan.base, scan.relations, scan.columns)
    assert sorted(base_rows(scan)) == by_server
    assert by_server


def test_a_relation_that_only_the_server_can_judge_is_refused_with_advice(session: Session, keyspace: str) -> None:
    session.execute(f"CREATE TABLE {keyspace}.t (a int, b inet, PRIMARY KEY (a, b))")
    where = "a IS NOT NULL AND b > '10.0.0.1'"
    session.execute(claimed(keyspace, "t", where, KEY))
    scan = scan_of(session, keyspace, "t", "v", claimed(keyspace, "t", where, KEY))
    with pytest.raises(ClusterError, match=r"b > '10.0.0.1'.*allow_filtering_enabled: true"):
        RowFilter(Database(session), scan.base, scan.relations, scan.columns)
