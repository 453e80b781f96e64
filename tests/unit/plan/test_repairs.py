"""Which part of a base was repaired in time, by rows of the servers' history of repairs."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID, uuid5

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cassandra_views.model.schema import TableShape
from cassandra_views.plan.repairs import (
    RepairHistory,
    RepairSession,
    TokenRange,
    find_gaps,
    find_repair_doubt,
    gc_grace_of,
    made_at,
    read_range,
    repair_warning,
    repaired_ranges,
)

LEAST, MOST = -(2**63), 2**63 - 1
BASE = TableShape(keyspace="shop", name="orders", columns=(), options=(("gc_grace_seconds", "864000"),))
RING = (LEAST, LEAST)


def repair(number: int) -> UUID:
    return uuid5(UUID(int=0), str(number))


def session(number: int, *, range: TokenRange | None, nodes: int = 3, is_success: bool = True) -> RepairSession:
    return RepairSession(parent=repair(number), range=range, nodes=nodes, is_success=is_success)


def history(*sessions: RepairSession, parents: dict[int, tuple[TokenRange, ...]] | None = None) -> RepairHistory:
    found = {repair(number): ranges for number, ranges in (parents or {}).items()}
    return RepairHistory(sessions=sessions, parents=found)


def test_a_table_whose_ring_was_repaired_in_parts_is_not_told() -> None:
    parts = history(
        session(1, range=(LEAST, -3074457345618258603)),
        session(2, range=(-3074457345618258603, 3074457345618258602)),
        session(3, range=(3074457345618258602, LEAST)),
    )
    assert repair_warning(BASE, parts, 3) == ""
    assert repair_warning(BASE, history(session(1, range=RING)), 3) == ""


def test_one_repaired_range_is_not_the_whole_table() -> None:
    assert repair_warning(BASE, history(session(1, range=(LEAST, 0))), 3) == (
        "table shop.orders: the cluster's history holds no repair within gc_grace_seconds (10 days) of 50 % of its "
        "token ring, such as (0, 9223372036854775807], and a build copies what each replica has: run 'nodetool repair "
        "-full -pr shop orders' on each node first"
    )
    assert "less than 1 % of its token ring, such as (0, 17]" in repair_warning(
        BASE, history(session(1, range=(17, 0))), 3
    )


def test_a_table_that_was_never_repaired_and_a_history_that_cannot_be_read_are_told_apart() -> None:
    assert "no repair within gc_grace_seconds (10 days) of it, and a build" in repair_warning(BASE, history(), 3)
    unread = repair_warning(BASE, "a read failed: it timed out", 3)
    assert (
        "is unknown, since the cluster's history of repairs could not be read (a read failed: it timed out)" in unread
    )
    short = replace(BASE, options=(("gc_grace_seconds", "60"),))
    assert gc_grace_of(short).total_seconds() == 60
    assert "(1 minute)" in repair_warning(short, history(), 3)


def test_the_ranges_of_a_repair_count_where_its_sessions_keep_one_of_several() -> None:
    """The server overwrites a session's row with each of its ranges."""
    several = history(session(1, range=(0, LEAST)), parents={1: ((LEAST, 0), (0, LEAST))})
    assert repair_warning(BASE, several, 3) == ""
    failed = history(
        session(1, range=(0, LEAST)),
        session(1, range=(LEAST, 0), is_success=False),
        parents={1: ((LEAST, 0), (0, LEAST))},
    )
    assert repaired_ranges(failed, 3) == ((0, LEAST),)


def test_a_repair_of_some_replicas_counts_for_nothing_and_is_told() -> None:
    local = history(session(1, range=RING, nodes=2), parents={1: (RING,)})
    assert repair_warning(BASE, local, 2) == ""
    assert repaired_ranges(local, 3) == ()
    assert "of it; 1 repair of some of its replicas alone did not count, and a build" in repair_warning(BASE, local, 3)


@pytest.mark.parametrize(("text", "range"), [("(-5,7]", (-5, 7)), ("(0, -9]", (0, -9)), ("(0a,ff]", None), ("", None)])
def test_ranges_are_read_as_the_server_writes_them(text: str, range: TokenRange | None) -> None:
    assert read_range(text) == range


@given(st.lists(st.tuples(st.integers(-8, 8), st.integers(-8, 8)), max_size=6))
def test_gaps_are_what_no_range_holds(ranges: list[TokenRange]) -> None:
    def holds(each: TokenRange, token: int) -> bool:
        begin, end = each
        return begin < token <= end if begin < end else token > begin or token <= end

    gaps = find_gaps(ranges)
    for token in (LEAST + 1, *range(-10, 11), MOST):
        assert any(holds(gap, token) for gap in gaps) is not any(holds(each, token) for each in ranges)
    assert all(begin < end for begin, end in gaps)


def test_what_the_servers_have_forgotten_is_unknown() -> None:
    for seconds, is_known in ((30 * 86_400, True), (30 * 86_400 + 1, False)):
        base = replace(BASE, options=(("gc_grace_seconds", str(seconds)),))
        doubt = find_repair_doubt(base, history(), 3)
        assert doubt is not None
        assert doubt.is_known is is_known
        assert find_repair_doubt(base, history(session(1, range=RING)), 3) is None
    assert "remembers repairs for 30 days alone" in repair_warning(base, history(), 3)


def test_an_id_of_the_servers_tells_when_its_table_was_made() -> None:
    assert made_at(UUID("50554d6e-29bb-11e5-b345-feff819cdc9f")) == datetime(2015, 7, 14, 0, 0, 18, 805899, tzinfo=UTC)
    assert made_at(uuid5(UUID(int=0), "shop.orders")) is None
    assert made_at(None) is None
