"""The ring is read once, in ranges; one that is too much is read in smaller ones, within limits."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest
from cassandra import OperationTimedOut, ReadTimeout, Unavailable
from hypothesis import given
from hypothesis import strategies as st

from cassandra_views.apply.token_ranges import FIRST_TOKEN, LAST_TOKEN, TokenRange, read_ranges


class Rows(list[Any]):
    def add(self, rows: Any) -> None:
        self.extend(rows)


@given(first=st.integers(FIRST_TOKEN, LAST_TOKEN), size=st.integers(1, 2**63), count=st.integers(1, 64))
def test_the_parts_of_a_range_cover_it_once(first: int, size: int, count: int) -> None:
    whole = TokenRange(first=first, last=min(first + size - 1, LAST_TOKEN))
    parts = whole.split(count)
    assert (parts[0].first, parts[-1].last) == (whole.first, whole.last)
    assert all(after.first == before.last + 1 for before, after in pairwise(parts))
    assert all(part.first <= part.last and part.splits == 1 for part in parts)


TOKENS = [FIRST_TOKEN, FIRST_TOKEN + 1, -5, 0, 7, 8, 9, 2**61, LAST_TOKEN]


def test_what_times_out_is_read_in_smaller_ranges_and_no_row_comes_twice() -> None:
    """A range fails after its first page while it holds more than one of the tokens, or while it is wide."""
    lock, failures = threading.Lock(), []

    def pages(span: TokenRange) -> Iterator[list[int]]:
        found = [token for token in TOKENS if span.first <= token <= span.last]
        if found:
            yield found[:1]
        if FIRST_TOKEN in found and span.share > 2**-11:
            with lock:
                failures.append(span)
            raise ReadTimeout("too wide") if len(failures) % 2 else OperationTimedOut()
        yield found[1:]

    told: list[float] = []
    found = [
        row
        for _span, part in read_ranges(pages, Rows, on_progress=lambda share, rows: told.append(share))
        for row in part
    ]
    assert sorted(found) == TOKENS
    assert failures
    assert told == sorted(told)
    assert told[-1] == pytest.approx(1.0)


@pytest.mark.parametrize(("rows", "ranges"), [(0, 2), (3, 2), (10_000, 64)])
def test_a_small_table_is_read_in_few_ranges(rows: int, ranges: int) -> None:
    asked = []

    def pages(span: TokenRange) -> Iterator[list[int]]:
        asked.append(span)
        yield [0] * round(rows * span.share)

    found = [row for _span, part in read_ranges(pages, Rows) for row in part]
    assert abs(len(found) - rows) <= 64
    assert len(asked) == ranges
    spans = sorted(asked, key=lambda span: span.first)
    assert (spans[0].first, spans[-1].last) == (FIRST_TOKEN, LAST_TOKEN)
    assert all(after.first == before.last + 1 for before, after in pairwise(spans))


def test_a_rest_that_takes_long_is_read_in_ranges_after_all() -> None:
    """Few partitions of many rows: the first range is empty, and the rest is no small one."""
    asked: list[TokenRange] = []

    def pages(span: TokenRange) -> Iterator[list[int]]:
        asked.append(span)
        for _page in range(100):
            if span.share > 0.5:
                time.sleep(0.05)
            yield [span.last] if _page == 0 and span.first <= 0 <= span.last else []

    found = [row for _span, part in read_ranges(pages, Rows) for row in part]
    assert len(found) == 1, "what was read of the whole rest is thrown away"
    assert len(asked) == 1 + 1 + 63


def test_a_range_that_is_too_much_however_small_ends_it() -> None:
    asked = []

    def pages(span: TokenRange) -> Iterator[list[int]]:
        if span.first <= 0 <= span.last:
            asked.append(span)
            raise ReadTimeout("too many tombstones")
        yield []

    with pytest.raises(ReadTimeout):
        list(read_ranges(pages, Rows))
    assert 2 <= len(asked) <= 6


@pytest.mark.parametrize(("error", "is_split"), [(Unavailable("no"), True), (ReadTimeout("no"), False)])
def test_other_errors_come_through_at_once(error: Exception, is_split: bool) -> None:
    asked = []

    def pages(span: TokenRange) -> Iterator[list[int]]:
        asked.append(span)
        raise error
        yield []

    with pytest.raises(type(error)):
        list(read_ranges(pages, Rows, is_split=is_split))
    assert all(span.splits <= 0 for span in asked)
