"""Rows that are read in any ranges, here or by workers in other processes, come to the same verdict, row for row."""

from __future__ import annotations

import pickle
import time
from collections.abc import Sequence
from typing import Any, cast

from hypothesis import given
from hypothesis import strategies as st

from cassandra_client.decoding import RawRow
from cassandra_views.apply.cells import Cell
from cassandra_views.apply.range_rows import BucketRows, DigestRows, RowsReduction, SideDigest, WriteCutOff
from cassandra_views.apply.scan import Scan

BEGAN = 1_795_737_600_000_000
CELLS = (Cell(name="a", value=1, written=2, ttl=3, is_single=True),)


class Form:
    """What reductions know of a scan: keys of one column, compared as they are sent."""

    width = 1

    def canonical_rows(self, rows: Sequence[RawRow]) -> Sequence[RawRow]:
        return rows


def moment(offset: int) -> bytes:
    return (BEGAN + offset).to_bytes(8, "big")


VALUES = st.tuples(
    st.one_of(st.none(), st.binary(max_size=2)),
    st.sampled_from([-5, 0, 5, 2_000_000_000]).map(moment),
    st.sampled_from([None, b"\0\0\0\0"]),
)
TABLES = st.dictionaries(st.binary(max_size=2), VALUES, max_size=30)


def rows_of(table: dict[bytes, Any]) -> list[RawRow]:
    return [(key, *values) for key, values in table.items()]


def reduced(reduction: RowsReduction, rows: Sequence[RawRow], pages: int = 1) -> Any:
    sink = reduction.sink(cast(Scan, Form()))
    for index in range(pages):
        sink.add(rows[index::pages])
    return sink.found


def by_workers(reduction: RowsReduction, rows: Sequence[RawRow], workers: Sequence[int]) -> list[Any]:
    """Give each row to the worker whose number stands at its place; all of it is pickled, as by Spark."""
    found = []
    for worker in sorted(set(workers)):
        own = [row for row, number in zip(rows, workers, strict=False) if number == worker]
        content = pickle.dumps(reduced(pickle.loads(pickle.dumps(reduction)), own, pages=2))
        found.append(pickle.loads(content))
    return found


def merged(parts: Sequence[SideDigest]) -> SideDigest:
    whole = SideDigest()
    for part in parts:
        whole.merge(part)
    return whole


WORKERS = st.lists(st.integers(0, 5), min_size=30, max_size=30)


@given(base=TABLES, damage=TABLES, lost=st.sets(st.binary(max_size=2)), workers=WORKERS)
def test_random_tables_and_damage_come_to_the_same_with_one_reader_and_with_many(
    base: dict[bytes, Any], damage: dict[bytes, Any], lost: set[bytes], workers: list[int]
) -> None:
    view = {key: values for key, values in (base | damage).items() if key not in lost}
    cut_off = WriteCutOff(CELLS, BEGAN)
    sides = {name: rows_of(table)[:30] for name, table in (("base", base), ("view", view))}
    alone = {name: reduced(DigestRows(cut_off), rows) for name, rows in sides.items()}
    shared = {name: merged(by_workers(DigestRows(cut_off), rows, workers)) for name, rows in sides.items()}
    for name in sides:
        assert not alone[name].digest.differing(shared[name].digest)
        counts = [(each.rows, each.newer_rows, each.ahead_rows) for each in (alone[name], shared[name])]
        assert counts[0] == counts[1]
    differing = shared["base"].digest.differing(shared["view"].digest)
    assert differing == alone["base"].digest.differing(alone["view"].digest)

    wanted = BucketRows(cut_off, frozenset(differing))
    for rows in sides.values():
        together = {key: row for part in by_workers(wanted, rows, workers) for key, row in part.items()}
        assert together == reduced(wanted, rows)
    settled = {name: {row[0]: row for row in rows if not cut_off.is_newer(row)} for name, rows in sides.items()}
    keys = settled["base"].keys() | settled["view"].keys()
    wrong = {key for key in keys if settled["base"].get(key) != settled["view"].get(key)}
    kept = {key for rows in sides.values() for (key,) in reduced(wanted, rows)}
    assert wrong <= kept


def test_a_cut_off_knows_the_time_in_a_process_whose_clock_began_elsewhere() -> None:
    sent = WriteCutOff(CELLS, BEGAN, time.monotonic() - 100)
    received = pickle.loads(pickle.dumps(sent))
    assert (received.cells, received.began) == (sent.cells, sent.began)
    assert abs(received.started - sent.started) < 1
    row = (b"", b"", moment(50_000_000), None)
    assert (received.is_ahead(row), received.is_newer(row)) == (False, True)
