"""What makes a generation suspect."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from cassandra_views.model.suspicion import Baseline, Suspicion, first_baseline

NOW = datetime(2026, 11, 23, 6, tzinfo=UTC)
MILLIS = int(NOW.timestamp() * 1000)
BASELINE = Baseline(
    base_id="t1",
    base_columns="c1",
    replication="{'class': 'SimpleStrategy'}",
    truncated=MILLIS,
    members={"a": "tokens of a", "b": "tokens of b"},
    first_started={"a": 1, "b": 2},
)


def test_a_baseline_is_kept_as_a_map_of_texts() -> None:
    assert Baseline.from_map(BASELINE.to_map()) == BASELINE
    assert Baseline.from_map({}) is None


@pytest.mark.parametrize(
    ("now", "told"),
    [
        (BASELINE, ()),
        (replace(BASELINE, base_id="t2"), ("the base table was dropped and created again",)),
        (replace(BASELINE, base_columns="c2"), ("the columns of the base table were altered",)),
        (
            replace(BASELINE, replication="{}"),
            ("the keyspace's replication changed from {'class': 'SimpleStrategy'} to {}",),
        ),
        (replace(BASELINE, truncated=MILLIS + 1000), ("the base table was truncated at 2026-11-23T06:00:01Z",)),
        (replace(BASELINE, truncated=0), ()),  # the node that knew of it does not answer
        (replace(BASELINE, members={"a": "tokens of a"}), ("node b was removed from the ring",)),
        (
            replace(BASELINE, members={"a": "tokens of a", "c": "tokens of b"}),
            ("node b was replaced by c",),
        ),
        (replace(BASELINE, members={**BASELINE.members, "c": "its own"}), ()),  # one that joins
        (
            replace(BASELINE, members={"a": "other", "b": "tokens of b"}),
            ("1 node moved to other tokens: a",),
        ),
        (replace(BASELINE, members={}), ()),  # nobody could be asked
        (replace(BASELINE, first_started={"a": 1, "b": 3}), ("node b was replaced by another of the same address",)),
        (replace(BASELINE, first_started={"a": 1}), ()),  # node b does not answer
    ],
)
def test_what_changed_is_told_in_words(now: Baseline, told: tuple[str, ...]) -> None:
    assert BASELINE.changes(now) == told


def test_the_first_truncation_of_a_table_is_told() -> None:
    assert replace(BASELINE, truncated=0).changes(BASELINE) == ("the base table was truncated at 2026-11-23T06:00:00Z",)


def test_a_data_center_that_is_added_is_told() -> None:
    east = replace(BASELINE, replication="{'class': 'NetworkTopologyStrategy', 'east': '3'}")
    both = replace(BASELINE, replication="{'class': 'NetworkTopologyStrategy', 'east': '3', 'west': '2'}")
    assert east.changes(both) == (f"the keyspace's replication changed from {east.replication} to {both.replication}",)


def test_before_anything_is_kept_only_what_is_known_of_the_creation_is_compared() -> None:
    now = replace(BASELINE, truncated=MILLIS)
    assert first_baseline(base_columns="c1", created_at=NOW, now=now).changes(now) == ()
    before = first_baseline(base_columns="c0", created_at=NOW - timedelta(hours=1), now=now).changes(now)
    assert before == (
        "the columns of the base table were altered",
        "the base table was truncated at 2026-11-23T06:00:00Z",
    )
    assert first_baseline(base_columns="", created_at=None, now=now).changes(now) == ()


@pytest.mark.parametrize(
    "silent",
    [
        replace(BASELINE, truncated=MILLIS - 1000),  # the node that truncated it last
        replace(BASELINE, truncated=0),
        replace(BASELINE, members={"a": "tokens of a"}),  # the node with a row of system.peers that only it has
    ],
)
def test_what_a_silent_node_knew_is_not_new_when_it_returns(silent: Baseline) -> None:
    meanwhile = silent.after(BASELINE, is_whole=False)
    assert BASELINE.changes(meanwhile) == ()
    assert meanwhile.changes(BASELINE.after(meanwhile, is_whole=True)) == ()


def test_a_node_that_left_is_told_once_every_node_answers() -> None:
    now = replace(BASELINE, members={"a": "tokens of a"})
    meanwhile = now.after(BASELINE, is_whole=False)
    assert meanwhile.members == BASELINE.members
    assert meanwhile.changes(now.after(meanwhile, is_whole=True)) == ("node b was removed from the ring",)


def test_a_node_replaced_under_its_address_is_told_once_it_answers() -> None:
    silent = replace(BASELINE, first_started={"a": 1}).after(BASELINE, is_whole=False)
    assert silent.first_started == BASELINE.first_started
    back = replace(BASELINE, first_started={"a": 1, "b": 3}).after(silent, is_whole=True)
    assert silent.changes(back) == ("node b was replaced by another of the same address",)
    assert back.changes(back) == ()


def test_of_a_node_that_left_nothing_is_kept() -> None:
    left = replace(BASELINE, members={"a": "tokens of a"}, first_started={"a": 1}).after(BASELINE, is_whole=True)
    assert left.first_started == {"a": 1}


def test_before_anything_is_kept_the_members_of_a_ring_with_a_silent_node_count() -> None:
    first = first_baseline(base_columns="c1", created_at=NOW, now=BASELINE)
    kept = replace(BASELINE, truncated=MILLIS - 1000).after(first, is_whole=False)
    assert (kept.members, kept.truncated) == (BASELINE.members, MILLIS)
    assert kept.changes(BASELINE) == ()


def test_reasons_are_compared_whole() -> None:
    first = Suspicion(since=NOW, reason="restored from snapshot 12", by="ann")
    second = first.and_also(Suspicion(since=NOW, reason="restored from snapshot 1", by="ann"))
    assert second.reason == "restored from snapshot 12; restored from snapshot 1"
    again = Suspicion(since=NOW + timedelta(hours=1), reason="restored from snapshot 1", by="bob")
    assert second.and_also(again) == replace(again, reason=second.reason)
    more = replace(again, reason="restored from snapshot 1; truncated")
    assert second.and_also(more).reason == f"{second.reason}; truncated"


def test_a_further_reason_changes_the_mark_so_that_an_audit_under_way_does_not_end_it() -> None:
    first = Suspicion(since=NOW, reason="restored", by="ann")
    later = Suspicion(since=NOW + timedelta(hours=1), reason="truncated", by="airflow")
    assert first.and_also(later) == Suspicion(since=NOW, reason="restored; truncated", by="airflow")
    again = Suspicion(since=NOW + timedelta(hours=2), reason="restored", by="bob")
    assert first.and_also(again).since == again.since
    assert str(first) == "suspect since 2026-11-23T06:00:00Z: restored (by ann)"
