"""What the driver raises for a read, told by its cause: what no repeating mends is no reason to repeat."""

from __future__ import annotations

from typing import Any

import pytest
from cassandra import DriverException, OperationTimedOut, ReadFailure
from cassandra.cluster import NoHostAvailable

from cassandra_views.model.errors import ReadError, UnreadableData
from cassandra_views.read.reader_logic import read_error
from cassandra_views.web.api.problem import problem_of
from cassandra_views.web.read_limiter import is_silence

TOMBSTONES = ReadFailure("Replica(s) failed", consistency=6, error_code_map={"127.0.0.1": 1})
UNDECODABLE = DriverException('Failed decoding result column "c" of type timestamp: date value out of range')


def told(error: Exception) -> ReadError:
    found = read_error(error, on="shop.jobs (jobs__g1)", view="shop.jobs")
    found.__cause__ = error
    return found


@pytest.mark.parametrize(
    ("error", "what", "next_step"),
    [
        (TOMBSTONES, "deleted rows (tombstones)", "Run 'views refresh shop.jobs'"),
        (NoHostAvailable("none", {"127.0.0.1": TOMBSTONES}), "deleted rows (tombstones)", "views refresh shop.jobs"),
        (UNDECODABLE, "a value in column c (type timestamp)", "Correct this value in the base table"),
    ],
)
def test_what_stays_so_is_not_to_be_tried_again(error: Any, what: str, next_step: str) -> None:
    found = told(error)
    assert type(found) is UnreadableData
    assert what in found.what
    assert next_step in found.next
    assert "check that the nodes are up" not in str(found).lower()
    assert not is_silence(found)
    answer = problem_of(found)
    assert (answer.status_code, answer.headers.get("Retry-After")) == (500, None)


def test_what_may_pass_is_to_be_tried_again() -> None:
    for error in (
        OperationTimedOut(),
        ReadFailure("Replica(s) failed", consistency=6, error_code_map={"127.0.0.1": 0}),
    ):
        found = told(error)
        assert type(found) is ReadError
        answer = problem_of(found)
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
