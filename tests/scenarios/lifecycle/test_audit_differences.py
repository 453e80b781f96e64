"""Every kind of difference is found and named with its key, and nothing else is: values, write times, TTLs.

No view can be written to, so a table of the view's shape stands for it: what was written to it is what it lacks, has
too much of, or has otherwise.
"""

from __future__ import annotations

import random
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any
from unittest.mock import patch

import pytest
from cassandra.cluster import Cluster, Session

from cassandra_client.database import Database
from cassandra_client.decoding import RawRow
from cassandra_views.apply.full_audit import TooManyRows
from cassandra_views.apply.quick_audits import PulseAudit, PulseUndecided
from cassandra_views.apply.range_rows import read_in_threads
from cassandra_views.apply.recheck import Recheck
from cassandra_views.apply.row_lookup import RowLookup
from cassandra_views.apply.scan import DRAWN_FROM, Scan
from cassandra_views.cql.parse import parse_view
from cassandra_views.model.audit_result import AuditResult, DifferenceKind
from cassandra_views.model.schema import TableShape
from cassandra_views.plan.catalog import read_catalog
from tests.scenarios.lifecycle.audits import claimed, examples, full_audit, pulse_audit, sample_audit
from tests.servers import Server

KINDS = list(DifferenceKind)
COLUMNS = 'p int, c text, k int, a int, "B" text, l list<int>, m map<text, int>, f frozen<list<int>>, s set<int>'
NAMES = 'p, c, k, a, "B", l, m, f, s'


@dataclass
class Pair:
    """A base and a table of its view's shape: key (k, p, c), with every other column."""

    session: Session
    keyspace: str
    name: str = field(default_factory=lambda: f"t{uuid.uuid4().hex[:10]}")

    def make(self) -> None:
        self.session.execute(f"CREATE TABLE {self.keyspace}.{self.name} ({COLUMNS}, PRIMARY KEY (p, c))")
        self.session.execute(f"CREATE TABLE {self.keyspace}.{self.name}_v ({COLUMNS}, PRIMARY KEY (k, p, c))")

    def write(self, sides: str, p: int, c: str, k: int, *, using: str = "TIMESTAMP 1000", **values: Any) -> None:
        """Write a row on the base (``b``), the view (``v``) or both, at one moment."""
        row = {"a": 1, '"B"': "x", "l": [1, 2], "m": {"x": 1}, "f": [3], "s": {4}} | values
        marks = ", ".join(["%s"] * (3 + len(row)))
        queries = [
            f"INSERT INTO {self.keyspace}.{self.name}{'_v' if side == 'v' else ''} (p, c, k, {', '.join(row)}) "
            f"VALUES ({marks}) USING {using}"
            for side in sides
        ]
        batch = f"BEGIN UNLOGGED BATCH {'; '.join(queries)}; APPLY BATCH"
        self.session.execute(batch if len(sides) > 1 else queries[0], (p, c, k, *row.values()) * len(sides))

    def audit(self) -> AuditResult:
        return full_audit(self.scan(), recheck_seconds=0.001).run()

    def scan(self) -> Scan:
        database = Database(self.session)
        catalog = read_catalog(database, [self.keyspace])
        base, view = (catalog.tables[self.keyspace, name] for name in (self.name, f"{self.name}_v"))
        where = "p IS NOT NULL AND c IS NOT NULL AND k IS NOT NULL"
        cql = claimed(self.keyspace, self.name, where, "k, p, c", NAMES)
        return Scan(database, base, view, parse_view(cql).where)


@pytest.fixture
def pair(session: Session, keyspace: str) -> Pair:
    made = Pair(session, keyspace)
    made.make()
    return made


def test_equal_rows_pass_and_say_what_was_compared(pair: Pair) -> None:
    for number in range(50):
        pair.write("bv", number, "x", number % 3)
    found = pair.audit()
    assert str(found) == "50 rows of 50 (digests, LOCAL_QUORUM in datacenter1)"


CHANGES: dict[str, tuple[str, Any, str]] = {
    "a": ("a", 2, "a is 1 (written 1000) in the base and 2 (written 1000) in the view"),
    "null": ("a", None, "a is 1 (written 1000) in the base and null in the view"),
    "a case-sensitive name": ('"B"', "y", "B is x (written 1000) in the base and y (written 1000) in the view"),
    "a frozen list": ("f", [3, 4], "f is [3] (written 1000) in the base and [3, 4] (written 1000) in the view"),
    "a set": ("s", {4, 5}, "s is {4} (written 1000) in the base and {4, 5} (written 1000) in the view"),
    "a map": ("m", {"x": 2}, "m is {'x': 1} (written 1000) in the base and {'x': 2} (written 1000) in the view"),
    "a list": ("l", [2, 1], "l is [1, 2] (written 1000) in the base and [2, 1] (written 1000) in the view"),
}


@pytest.mark.parametrize(("column", "value", "text"), CHANGES.values(), ids=CHANGES)
def test_a_value_that_differs_is_stale(pair: Pair, column: str, value: Any, text: str) -> None:
    for number in range(20):
        pair.write("bv", number, "x", 5)
    pair.write("b", 7, "it's", 5)
    pair.write("v", 7, "it's", 5, **{column: value})
    found = pair.audit()
    assert (found.stale_rows, sum(found.counts.values()), found.is_partial) == (1, 1, False)
    (example,) = found.examples
    assert str(example) == f"7, it's, 5: {text}"


def test_the_same_value_of_another_write_is_stale(pair: Pair) -> None:
    pair.write("b", 1, "x", 5, using="TIMESTAMP 2000")
    pair.write("v", 1, "x", 5)
    found = pair.audit()
    (example,) = examples(found, DifferenceKind.STALE)
    assert [(cell.base_written, cell.view_written) for cell in example.cells] == [(2000, 1000)] * 6


@pytest.mark.parametrize("side", ["b", "v"])
def test_a_ttl_on_one_side_alone_is_expiring(pair: Pair, side: str) -> None:
    pair.write("bv", 1, "x", 5)
    pair.write(side, 2, "x", 5, using="TIMESTAMP 1000 AND TTL 5000")
    pair.write("v" if side == "b" else "b", 2, "x", 5)
    found = pair.audit()
    assert {kind: count for kind, count in found.counts.items() if count} == {DifferenceKind.EXPIRING: 1}
    (example,) = found.examples
    assert example.key == "2, x, 5"
    assert {cell.column for cell in example.cells} == {"a", "B", "l", "m", "f", "s"}
    assert all((cell.is_base_expiring, cell.is_view_expiring) == (side == "b", side == "v") for cell in example.cells)


def test_the_same_ttl_on_both_sides_is_no_difference_and_another_one_is(pair: Pair) -> None:
    pair.write("bv", 1, "x", 5, using="TIMESTAMP 1000 AND TTL 5000")
    assert pair.audit().is_passed
    pair.write("b", 2, "x", 5, using="TIMESTAMP 1000 AND TTL 5000", l=None, m=None, f=None, s=None)
    pair.write("v", 2, "x", 5, using="TIMESTAMP 1000 AND TTL 900", l=None, m=None, f=None, s=None)
    (example,) = (found := pair.audit()).examples
    assert (found.expiring_rows, example.key) == (1, "2, x, 5")
    assert {cell.column for cell in example.cells} == {"a", "B"}
    for cell in example.cells:
        assert cell.base_expires is not None
        assert cell.view_expires is not None
        assert 4090 <= cell.base_expires - cell.view_expires <= 4101


@pytest.mark.parametrize("has_values", [True, False], ids=["among others", "a view of keys"])
def test_a_row_of_key_columns_alone_that_expires_on_one_side_is_expiring(
    session: Session, keyspace: str, has_values: bool
) -> None:
    """The server tells no TTL of a row itself; it tells which rows are there at a moment to come."""
    for name, key in (("bare", "p, c"), ("bare_v", "c, p")):
        value = ", a int" if has_values else ""
        session.execute(f"CREATE TABLE {keyspace}.{name} (p int, c int{value}, PRIMARY KEY ({key}))")
        lives = {1: "", 2: "AND TTL 5000", 3: "", 4: "AND TTL 5000" if name == "bare" else ""}
        lives[5] = "AND TTL 5000" if name == "bare_v" else ""
        for p, ttl in lives.items():
            session.execute(f"INSERT INTO {keyspace}.{name} (p, c) VALUES ({p}, 0) USING TIMESTAMP 1000 {ttl}")
        if has_values:
            session.execute(f"INSERT INTO {keyspace}.{name} (p, c, a) VALUES (6, 0, 7) USING TIMESTAMP 1000")
    tables = read_catalog(Database(session), [keyspace]).tables
    cql = claimed(keyspace, "bare", "p IS NOT NULL AND c IS NOT NULL", "c, p", "p, c, a" if has_values else "p, c")
    scan = Scan(Database(session), tables[keyspace, "bare"], tables[keyspace, "bare_v"], parse_view(cql).where)
    found = full_audit(scan, recheck_seconds=0.001).run()
    assert {kind: count for kind, count in found.counts.items() if count} == {DifferenceKind.EXPIRING: 2}
    assert [str(each) for each in sorted(found.examples, key=str)] == [
        "4, 0: the row itself is expiring in the base and lasting in the view",
        "5, 0: the row itself is lasting in the base and expiring in the view",
    ]
    assert found.coverage.startswith("LOCAL_QUORUM" if has_values else "keys and which rows expire, LOCAL_QUORUM")


NOTHING: dict[str, Any] = {name: None for name in ("a", '"B"', "l", "m", "f", "s")}


def test_a_row_with_values_is_told_once_also_beside_rows_of_keys_alone(pair: Pair) -> None:
    pair.write("bv", 1, "x", 5, **NOTHING)
    pair.write("b", 2, "x", 5, using="TIMESTAMP 1000 AND TTL 5000")
    pair.write("v", 2, "x", 5)
    found = pair.audit()
    assert (found.expiring_rows, len(found.examples)) == (1, 1)
    assert {cell.column for cell in found.examples[0].cells} == {"a", "B", "l", "m", "f", "s"}


def test_a_table_that_keeps_tombstones_until_they_are_repaired_is_not_read_as_of_later(pair: Pair) -> None:
    pair.session.execute(
        f"ALTER TABLE {pair.keyspace}.{pair.name} WITH compaction = "
        "{'class': 'SizeTieredCompactionStrategy', 'only_purge_repaired_tombstones': 'true'}"
    )
    pair.write("b", 1, "x", 5, using="TIMESTAMP 1000 AND TTL 5000", **NOTHING)
    pair.write("v", 1, "x", 5, **NOTHING)
    assert not pair.scan().can_compare_ends
    assert pair.audit().is_passed, "a read as of 2038 would have told them apart"


def test_a_session_of_protocol_v4_is_told_whether_a_value_has_a_ttl(pair: Pair, server: Server) -> None:
    with Cluster(server.contact_points, port=server.port, protocol_version=4) as cluster, cluster.connect() as session:
        old = replace(pair, session=session)
        pair.write("bv", 1, "x", 5, using="TIMESTAMP 1000 AND TTL 5000")
        pair.write("b", 2, "x", 5, using="TIMESTAMP 1000 AND TTL 5000")
        pair.write("v", 2, "x", 5, using="TIMESTAMP 1000 AND TTL 900")
        assert not old.scan().has_moments
        assert old.audit().is_passed, "both have a TTL"
        pair.write("b", 3, "x", 5, using="TIMESTAMP 1000 AND TTL 5000")
        pair.write("v", 3, "x", 5)
        assert old.audit().expiring_rows == 1


def test_a_row_under_another_key_of_the_view_is_missing_and_extra(pair: Pair) -> None:
    pair.write("b", 1, "x", 6)
    pair.write("v", 1, "x", 5)
    found = pair.audit()
    assert {kind: count for kind, count in found.counts.items() if count} == {
        DifferenceKind.MISSING: 1,
        DifferenceKind.EXTRA: 1,
    }
    assert [example.key for example in found.examples] == ["1, x, 6", "1, x, 5"]


def test_what_was_written_since_the_audit_began_is_left_out_and_counted(pair: Pair) -> None:
    """A write time of tomorrow is one of a clock that is ahead; one of the far future is no moment, and compared."""
    (now,) = pair.session.execute("SELECT toUnixTimestamp(now()) FROM system.local").one()
    soon = (now + 3_600_000) * 1000
    pair.write("bv", 1, "x", 5)
    pair.write("v", 2, "x", 5, using=f"TIMESTAMP {soon}")
    found = pair.audit()
    assert (found.is_passed, found.view_rows, found.ahead_rows) == (True, 1, 1)
    pair.write("v", 3, "x", 5, using="TIMESTAMP 9000000000000000000")
    assert pair.audit().extra_rows == 1


@pytest.mark.parametrize("seed", range(3))
def test_random_damage_is_found_row_for_row(session: Session, keyspace: str, seed: int) -> None:
    choose = random.Random(seed)
    pair = Pair(session, keyspace)
    pair.make()
    damaged: dict[DifferenceKind, set[str]] = {kind: set() for kind in KINDS}
    for number in range(60):
        row = (choose.randrange(8), f"c{number}", choose.randrange(3))
        key, kind = ", ".join(map(str, row)), choose.choice([*KINDS, None, None, None])
        match kind:
            case None:
                pair.write("bv", *row, using=choose.choice(["TIMESTAMP 1000", "TIMESTAMP 1000 AND TTL 9000"]))
            case DifferenceKind.MISSING:
                pair.write("b", *row)
            case DifferenceKind.EXTRA:
                pair.write("v", *row)
            case DifferenceKind.STALE:
                pair.write("b", *row)
                changes: tuple[dict[str, Any], ...] = ({"a": 9}, {'"B"': None}, {"m": {"x": 1, "y": 2}}, {"l": []})
                pair.write("v", *row, **choose.choice(changes))
            case DifferenceKind.EXPIRING:
                pair.write("bv", *row)
                table = f"{keyspace}.{pair.name}{choose.choice(['', '_v'])}"
                where = "p = %s AND c = %s" + (" AND k = %s" if table.endswith("_v") else "")
                values = row if table.endswith("_v") else row[:2]
                session.execute(f"UPDATE {table} USING TIMESTAMP 1000 AND TTL 9000 SET a = 1 WHERE {where}", values)
        if kind is not None:
            damaged[kind].add(key)
    found = pair.audit()
    assert found.counts == {kind: len(keys) for kind, keys in damaged.items()}
    for kind in KINDS:
        shown = {each.key for each in examples(found, kind)}
        assert shown <= damaged[kind]
        assert len(shown) == min(3, len(damaged[kind]))


def test_a_full_audit_gives_up_where_there_are_too_many_rows(pair: Pair) -> None:
    for number in range(30):
        pair.write("bv", number, "x", 5)
    assert full_audit(pair.scan(), max_rows=30).run().is_passed
    with pytest.raises(TooManyRows):
        full_audit(pair.scan(), max_rows=29).run()


def test_growth_after_the_first_reads_takes_no_difference_back(pair: Pair) -> None:
    for number in range(10):
        pair.write("bv", number, "x", 5, **NOTHING)
    pair.write("b", 3, "x", 5, using="TIMESTAMP 2000", a=7)
    reads = 0

    def read(scan: Scan, shape: TableShape, kind: Any, tell: Any, spans: Any) -> Iterator[Any]:
        nonlocal reads
        reads += 1
        if reads == 3:
            pair.write("bv", 77, "x", 5, **NOTHING)
        return read_in_threads(scan, shape, kind, tell, spans)

    found = full_audit(pair.scan(), max_rows=10, read=read).run()
    assert (reads > 2, found.stale_rows) == (True, 1)


def test_a_pulse_tells_that_totals_differ_and_not_which_rows(pair: Pair) -> None:
    for number in range(30):
        pair.write("bv", number, "x", 5, using="TIMESTAMP 1795837611200218")
    found = pulse_audit(pair.scan()).run()
    assert str(found) == "equal totals of 30 rows (pulse: counts and sums of write times)"
    pair.write("v", 7, "x", 5, using="TIMESTAMP 1795837611200219", a=2)
    found = pulse_audit(pair.scan()).run()
    assert (found.is_passed, found.examples) == (False, ())
    assert str(found) == ("base and view differ, by their totals: write times of B; write times of a; write times of f")
    pair.write("v", 99, "x", 5)
    assert str(pulse_audit(pair.scan()).run()).endswith("30 rows in the base, 31 in the view")


def test_a_pulse_counts_only_rows_that_the_view_can_hold(pair: Pair) -> None:
    """A row of the base without the view's other key column is in no view."""
    pair.write("bv", 1, "x", 5)
    pair.session.execute(f"INSERT INTO {pair.keyspace}.{pair.name} (p, c, a) VALUES (2, 'x', 7) USING TIMESTAMP 5")
    assert str(pulse_audit(pair.scan()).run()) == "equal totals of 1 row (pulse: row counts alone)"
    assert full_audit(pair.scan()).run().is_passed


def test_a_pulse_of_a_base_that_is_written_to_tells_nothing(pair: Pair) -> None:
    pair.write("bv", 1, "x", 5)
    scan = pair.scan()
    numbers = iter(range(2, 1000))

    def write(text: str, share: float) -> None:
        pair.write("b", next(numbers), "x", 5)

    audit = PulseAudit(scan, Recheck(scan, on_progress=write, pause_seconds=0.001), on_progress=write)
    with pytest.raises(PulseUndecided, match="so a pulse cannot decide"):
        audit.run()


def test_a_sample_says_what_no_difference_in_it_means(pair: Pair) -> None:
    for number in range(40):
        pair.write("bv", number, "x", number)
    found = sample_audit(pair.scan(), 300).run()
    assert found.base_rows <= 40
    least = min(found.base_rows, found.view_rows)
    assert str(found) == (
        f"no difference in {found.base_rows} rows of the base and {found.view_rows} of the view, drawn at random: "
        f"fewer than {300 / least:.2g} % of the rows differ, at 95 %"
    )


def test_a_sample_of_large_partitions_claims_less(pair: Pair) -> None:
    for number in range(2 * DRAWN_FROM):
        pair.write("bv", number, "x", 5)
    found = sample_audit(pair.scan(), 100).run()
    assert str(found).endswith("; of large partitions only the first rows were drawn from")


def test_a_sample_finds_damage_of_every_kind_where_much_is_damaged(pair: Pair) -> None:
    for number in range(40):
        side = ("b", "v", "bv")[number % 3]
        pair.write(side, number, "x", 5)
    found = sample_audit(pair.scan(), 200).run()
    assert found.missing_rows > 3 < found.extra_rows
    assert f"in a sample of {found.base_rows} rows of the base and {found.view_rows} of the view" in str(found)


def test_a_sample_of_nothing_compares_nothing(pair: Pair) -> None:
    found = sample_audit(pair.scan(), 200).run()
    assert (found.is_passed, found.base_rows, found.view_rows) == (True, 0, 0)
    assert str(found) == "no difference in 0 rows of the base and 0 of the view, drawn at random"


def test_an_audit_reads_no_more_rows_a_second_than_it_may(pair: Pair) -> None:
    """200 rows at 100 a second: two seconds at the least, whatever the machine does."""
    for number in range(100):
        pair.write("bv", number, "x", 5)
    scan = pair.scan()
    limited = Scan(scan.database, scan.base, scan.view, scan.relations, rows_per_second=100)
    begun = time.monotonic()
    assert full_audit(limited).run().is_passed
    assert time.monotonic() - begun >= 1.9


def test_a_user_type_with_a_null_field_has_a_write_time_for_each_other(session: Session, keyspace: str) -> None:
    session.execute(f"CREATE TYPE {keyspace}.address (street text, city text)")
    for name, key in (("u", "p"), ("u_v", "k, p")):
        session.execute(f"CREATE TABLE {keyspace}.{name} (p int, k int, home address, PRIMARY KEY ({key}))")
        session.execute(f"INSERT INTO {keyspace}.{name} (p, k, home) VALUES (1, 2, {{street: 'a'}}) USING TIMESTAMP 9")
    catalog = read_catalog(Database(session), [keyspace])
    base, view = catalog.tables[keyspace, "u"], catalog.tables[keyspace, "u_v"]
    cql = claimed(keyspace, "u", "p IS NOT NULL AND k IS NOT NULL", "k, p", "p, k, home")
    scan = Scan(Database(session), base, view, parse_view(cql).where)
    assert full_audit(scan).run().is_passed
    session.execute(f"UPDATE {keyspace}.u USING TIMESTAMP 11 SET home.city = 'b' WHERE p = 1")
    (example,) = full_audit(scan).run().examples
    assert [(cell.base_written, cell.view_written) for cell in example.cells] == [(11, 9)]


def test_a_row_that_changes_at_every_look_is_not_compared_and_counted(pair: Pair) -> None:
    pair.write("b", 1, "x", 5)
    pair.write("v", 1, "x", 5, a=2)
    scan = pair.scan()
    find_base, numbers = RowLookup.find_base, iter(range(10_000))

    def change(self: RowLookup, key: RawRow, at: int | None) -> RawRow | None:
        pair.session.execute(f"UPDATE {pair.keyspace}.{pair.name} SET a = {next(numbers)} WHERE p = 1 AND c = 'x'")
        return find_base(self, key, at)

    with patch.object(RowLookup, "find_base", change):
        found = full_audit(scan, recheck_seconds=0.001).run()
    assert (found.is_passed, found.settled_rows, found.newer_rows) == (True, 0, 1)
