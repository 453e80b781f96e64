"""Every row gets a verdict, whatever its key holds: rows are compared as the bytes that the server sent."""

from __future__ import annotations

import time
import uuid
from typing import Any

import pytest
from cassandra.cluster import Session
from cassandra.concurrent import execute_concurrent
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from cassandra_views.model.audit_result import AuditMethod, DifferenceKind
from tests.scenarios.lifecycle.audits import audit, claimed, examples

WHERE = "p IS NOT NULL AND c IS NOT NULL"

VALUES = {
    "NaN": ("double", "NaN", "4.5", "4.5"),
    "NaN in a frozen list": ("frozen<list<double>>", "[NaN]", "[4.5]", "[4.5]"),
    "an empty text": ("text", "'x'", "''", "''"),
    "an empty blob": ("blob", "0x01", "0x", "0x"),
    "a timestamp out of range": ("timestamp", "1795737600000000", "1895737600000000", "timestamp 0x0006bc29ce3c4000"),
    "a date out of range": ("date", "4294967295", "1", "-2147483647"),
    "an empty int": ("int", "1", "blobAsInt(0x)", "empty int"),
    "a decimal": ("decimal", "1.50", "2.50", "2.50"),
}


def make(session: Session, keyspace: str, type_: str, key: str) -> str:
    session.execute(f"CREATE TABLE {keyspace}.t (p int, c {type_}, a int, b int, PRIMARY KEY (p, c))")
    cql = claimed(keyspace, "t", WHERE, key, "p, c")
    session.execute(cql)
    return cql


def lose(session: Session, keyspace: str, value: str) -> None:
    """Write a row that the server loses from its view (CASSANDRA-13826)."""
    where = f"WHERE p = 9 AND c = {value}"
    session.execute(f"UPDATE {keyspace}.t USING TIMESTAMP 10 SET b = 1 {where}")
    session.execute(f"DELETE b FROM {keyspace}.t USING TIMESTAMP 11 {where}")
    session.execute(f"UPDATE {keyspace}.t USING TIMESTAMP 1 SET a = 1 {where}")


@pytest.mark.parametrize(("type_", "there", "lost", "shown"), VALUES.values(), ids=VALUES)
def test_a_row_that_is_lost_is_found_and_one_that_is_there_is_not(
    session: Session, keyspace: str, type_: str, there: str, lost: str, shown: str
) -> None:
    cql = make(session, keyspace, type_, "c, p")
    for value in (there, lost):
        session.execute(f"INSERT INTO {keyspace}.t (p, c, a, b) VALUES (1, {value}, 1, 1)")
    assert audit(session, keyspace, "t", "v", cql).is_passed
    lose(session, keyspace, lost)
    verdict = audit(session, keyspace, "t", "v", cql)
    assert (verdict.missing_rows, verdict.extra_rows, verdict.is_partial) == (1, 0, False)
    assert str(verdict) == f"1 MISSING (such as 9, {shown})"


def test_a_key_that_is_too_long_for_a_where_gets_a_verdict(session: Session, keyspace: str) -> None:
    """The server drops such a row of the view when it writes it to disk; before, it holds it."""
    session.execute(f"CREATE TABLE {keyspace}.t (p int PRIMARY KEY, c text)")
    cql = claimed(keyspace, "t", WHERE, "c, p", "p, c")
    session.execute(cql)
    insert = session.prepare(f"INSERT INTO {keyspace}.t (p, c) VALUES (?, ?)")
    session.execute(insert, (1, "x" * 70_000))
    session.execute(insert, (2, "short"))
    assert audit(session, keyspace, "t", "v", cql).is_passed
    wrong = claimed(keyspace, "t", "p = 2 AND c IS NOT NULL", "c, p", "p, c")
    verdict = audit(session, keyspace, "t", "v", wrong)
    assert (verdict.missing_rows, verdict.extra_rows) == (0, 1)
    assert "x... (70,000 characters)" in examples(verdict, DifferenceKind.EXTRA)[0].key


def test_equal_counts_prove_nothing(session: Session, keyspace: str) -> None:
    session.execute(f"CREATE TABLE {keyspace}.t (p int, c int, a int, PRIMARY KEY (p, c))")
    session.execute(claimed(keyspace, "t", "p IS NOT NULL AND c > 10", "c, p", "p, c"))
    insert = session.prepare(f"INSERT INTO {keyspace}.t (p, c) VALUES (?, ?)")
    execute_concurrent(session, [(insert, (p, c)) for p in range(5) for c in range(1, 21)])
    verdict = audit(session, keyspace, "t", "v", claimed(keyspace, "t", "p IS NOT NULL AND c <= 10", "c, p", "p, c"))
    assert (verdict.base_rows, verdict.view_rows) == (50, 50)
    assert (verdict.missing_rows, verdict.extra_rows) == (50, 50)
    assert verdict.method is AuditMethod.ROWS


def test_a_view_that_lost_all_its_rows_is_told_at_once(session: Session, keyspace: str) -> None:
    session.execute(f"CREATE TABLE {keyspace}.t (p int, c int, a int, PRIMARY KEY (p, c))")
    session.execute(claimed(keyspace, "t", "p IS NOT NULL AND c > 100", "c, p", "p, c"))
    insert = session.prepare(f"INSERT INTO {keyspace}.t (p, c) VALUES (?, ?)")
    execute_concurrent(session, [(insert, (p, c)) for p in range(100) for c in range(20)], concurrency=100)
    cql = claimed(keyspace, "t", WHERE, "c, p", "p, c")
    begun = time.monotonic()
    verdict = audit(session, keyspace, "t", "v", cql, recheck_seconds=0.5)
    assert time.monotonic() - begun < 15
    assert (verdict.missing_rows, verdict.is_partial) == (2000, False)
    assert str(verdict).startswith("all 2,000 rows are MISSING (such as ")
    session.execute(f"TRUNCATE {keyspace}.t")
    assert audit(session, keyspace, "t", "v", cql).base_rows == 0


def test_a_session_of_an_application_stays_as_it_is(session: Session, keyspace: str) -> None:
    cql = make(session, keyspace, "timestamp", "c, p")
    before = {name: value for name, value in vars(session).items() if not name.startswith("_")}
    handler = session.client_protocol_handler
    assert audit(session, keyspace, "t", "v", cql).is_passed
    assert session.client_protocol_handler is handler
    assert {name: value for name, value in vars(session).items() if not name.startswith("_")} == before
    session.execute(f"INSERT INTO {keyspace}.t (p, c) VALUES (1, '2026-11-27Z')")
    assert session.execute(f"SELECT c FROM {keyspace}.t").one()[0].year == 2026


TYPES: dict[str, Any] = {
    "double": st.floats(width=64),
    "float": st.floats(width=32),
    "text": st.text(max_size=5),
    "blob": st.binary(max_size=5),
    "bigint": st.integers(-(2**63), 2**63 - 1),
    "varint": st.integers(),
    "decimal": st.decimals(allow_nan=False, allow_infinity=False, places=3),
    "boolean": st.booleans(),
    "uuid": st.uuids(),
    "frozen<set<double>>": st.sets(st.floats(allow_nan=False), max_size=3),
    "frozen<tuple<int, text>>": st.tuples(st.integers(0, 9), st.text(max_size=3)),
}


@given(data=st.data())
@settings(
    max_examples=3,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],  # making a failure smaller would fill the server with tables
)
def test_what_the_server_made_passes_and_a_narrower_claim_does_not(session: Session, keyspace: str, data: Any) -> None:
    """Tables of random key types and values: the view is true, and of a lesser one the rest is EXTRA."""
    type_ = data.draw(st.sampled_from(sorted(TYPES)))
    values = data.draw(st.lists(TYPES[type_], min_size=1, max_size=30))
    table = f"t{uuid.uuid4().hex[:12]}"  # not drawn: an example that is run again wants a table of its own
    session.execute(f"CREATE TABLE {keyspace}.{table} (p int, c {type_}, PRIMARY KEY (p, c))")
    cql = claimed(keyspace, table, WHERE, "c, p", "p, c").replace(".v AS", f".{table}_v AS")
    session.execute(cql)
    insert = session.prepare(f"INSERT INTO {keyspace}.{table} (p, c) VALUES (?, ?)")
    for number, value in enumerate(values):
        session.execute(insert, (number, value))
    verdict = audit(session, keyspace, table, f"{table}_v", cql)
    assert verdict.is_passed
    assert (verdict.base_rows, verdict.view_rows, verdict.method) == (len(values), len(values), AuditMethod.DIGESTS)
    narrow = audit(session, keyspace, table, f"{table}_v", cql.replace("p IS NOT NULL", "p < 1"))
    assert (narrow.base_rows, narrow.missing_rows, narrow.extra_rows) == (1, 0, len(values) - 1)
