"""The canary row's lifetime, and what nodes say of writes on their way."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from cassandra_views.apply.lag import canary_ttl_seconds
from cassandra_views.apply.node_writes import NodeWrites

NOW = datetime(2026, 11, 23, 6, tzinfo=UTC)


@pytest.mark.parametrize("patience", [0.1, 30.0, 61.5, 1.2 * 3600, 1.2 * 86_400])
def test_the_row_outlives_the_time_that_it_is_waited_for(patience: float) -> None:
    assert canary_ttl_seconds(patience) >= 2 * patience


def test_one_answer_of_the_nodes_is_counted_by_the_promise_of_each_view() -> None:
    ages = (1, 6, 100)
    moments = tuple(NOW - timedelta(seconds=age) for age in ages)
    found = NodeWrites(at=NOW, batches=moments, hints=None, metrics={"ViewPendingMutations": 3}, unasked=("127.0.0.2",))
    for promise, old in ((None, 2), (timedelta(seconds=1), 3), (timedelta(minutes=1), 1), (timedelta(hours=1), 0)):
        assert found.pending(promise).old_batches == old
    assert str(found.pending(None)) == (
        "view writes attempted unknown, pending 3; old batches 2, old hints unknown; not asked: 127.0.0.2"
    )
