"""The canary row's lifetime, and what nodes say of writes on their way."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cassandra import OperationTimedOut
from cassandra.connection import DefaultEndPoint
from cassandra.policies import SimpleConvictionPolicy
from cassandra.pool import Host
from cassandra.util import uuid_from_time

from cassandra_client.database import Answer
from cassandra_client.errors import ConfigurationError
from cassandra_views.apply.lag import canary_ttl_seconds, literal_cql
from cassandra_views.apply.node_writes import NodeWrites, find_node_writes

NOW = datetime(2026, 11, 23, 6, tzinfo=UTC)


@pytest.mark.parametrize("patience", [0.1, 30.0, 61.5, 1.2 * 3600, 1.2 * 86_400])
def test_the_row_outlives_the_time_that_it_is_waited_for(patience: float) -> None:
    assert canary_ttl_seconds(patience) >= 2 * patience


@pytest.mark.parametrize(
    ("type_", "value", "cql"),
    [
        ("text", "it's", "'it''s'"),
        ("timeuuid", "50554d6e-29bb-11e5-b345-feff819cdc9f", "50554d6e-29bb-11e5-b345-feff819cdc9f"),
        ("inet", "10.0.0.1", "'10.0.0.1'"),
        ("timestamp", 0, "0"),
        ("boolean", True, "true"),
    ],
)
def test_values_of_a_file_are_written_as_their_columns_are(type_: str, value: str | float, cql: str) -> None:
    assert literal_cql(type_, value) == cql


@pytest.mark.parametrize("type_", ["frozen<tuple<int, text>>", "frozen<person>", "frozen<list<int>>"])
def test_a_key_of_a_type_that_a_file_cannot_write_is_refused(type_: str) -> None:
    with pytest.raises(ConfigurationError, match="can give no value of type frozen<"):
        literal_cql(type_, "(0, 'x')")


def test_one_answer_of_the_nodes_is_counted_by_the_promise_of_each_view() -> None:
    ages = (1, 6, 100)
    moments = tuple(NOW - timedelta(seconds=age) for age in ages)
    found = NodeWrites(at=NOW, batches=moments, hints=None, metrics={"ViewPendingMutations": 3}, unasked=("127.0.0.2",))
    for promise, old in ((None, 2), (timedelta(seconds=1), 3), (timedelta(minutes=1), 1), (timedelta(hours=1), 0)):
        assert found.pending(promise).old_batches == old
    assert str(found.pending(None)) == (
        "view writes attempted unknown, pending 3; old batches 2, old hints unknown; not asked: 127.0.0.2"
    )


def answer(address: str, *rows: dict[str, Any], is_silent: bool = False) -> Answer:
    host = Host(DefaultEndPoint(address), SimpleConvictionPolicy)
    return Answer(host=host, seconds=0.1, rows=rows, error=OperationTimedOut() if is_silent else None)


def test_a_node_that_does_not_tell_is_named_for_batches_and_for_hints() -> None:
    old = {"id": uuid_from_time(NOW - timedelta(minutes=1))}
    found = find_node_writes(
        NOW,
        [answer("10.0.0.1", old), answer("10.0.0.2", is_silent=True)],
        [answer("10.0.0.1", is_silent=True), answer("10.0.0.2", {"oldest": NOW.replace(hour=5, tzinfo=None)})],
        {},
        ["10.0.0.1", "10.0.0.2", "10.0.0.3"],
    )
    assert (found.unasked, found.unasked_hints) == (("10.0.0.2", "10.0.0.3"), ("10.0.0.1", "10.0.0.3"))
    told = found.pending(None)
    assert (told.old_batches, told.old_hints, told.are_more_batches) == (1, 1, False)
    assert str(told).endswith("old batches 1, old hints 1; not asked: 10.0.0.1, 10.0.0.2, 10.0.0.3")


def test_of_many_batches_some_are_read_and_at_least_so_many_are_old() -> None:
    row = {"id": uuid_from_time(NOW - timedelta(minutes=1))}
    told = find_node_writes(NOW, [answer("10.0.0.1", *([row] * 1001))], [], {}, ["10.0.0.1"]).pending(None)
    assert told.batches_text == "at least 1,000"
    assert told.old_hints is None
