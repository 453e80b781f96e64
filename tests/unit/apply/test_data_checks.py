"""How a generation is asked a check: how many rows are told, and for how long it may answer; no server is asked."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from cassandra_client.errors import ClusterError
from cassandra_views.apply import data_checks
from cassandra_views.apply.data_checks import DataChecker
from cassandra_views.model.data_check import DataCheck
from cassandra_views.model.generation import Generation
from tests.unit.plan.world import definition

if TYPE_CHECKING:
    from cassandra_client.database import Database

VIEW = definition().name
EACH = cast("Generation", SimpleNamespace(number=1, physical="by_day__g1"))
CHECK = DataCheck(name="a", query="SELECT day FROM {{ view }}", timeout=timedelta(seconds=10))


class FakePages:
    """Answers with one page after another, each of which takes some seconds."""

    def __init__(self, *pages: int, seconds: float = 0) -> None:
        self.pages, self.seconds = pages, seconds
        self.now = 0.0
        self.timeouts: list[float] = []

    def monotonic(self) -> float:
        return self.now

    def send(self, statement: Any, *, timeout_seconds: float, paging_state: bytes | None = None) -> SimpleNamespace:
        at = int(paging_state or b"0")
        self.timeouts.append(timeout_seconds)
        self.now += self.seconds
        following = str(at + 1).encode() if at + 1 < len(self.pages) else None
        page = SimpleNamespace(
            current_rows=[{"day": number} for number in range(self.pages[at])],
            has_more_pages=following is not None,
            paging_state=following,
            column_names=["day"],
        )
        return SimpleNamespace(result=lambda: page)


@pytest.mark.parametrize(
    ("pages", "told"),
    [
        ((3,), "3 rows"),
        ((4,), "more than 3 rows"),
        ((0, 2), "2 rows"),
        ((1, 1), "more than 1 row"),
    ],
)
def test_rows_of_a_further_page_are_more(pages: tuple[int, ...], told: str) -> None:
    (failure,) = DataChecker(cast("Database", FakePages(*pages))).find_failures(VIEW, EACH, [CHECK])
    assert str(failure) == f"the check 'a' found {told}, such as day=0"


def test_no_row_is_no_failure() -> None:
    assert DataChecker(cast("Database", FakePages(0, 0))).find_failures(VIEW, EACH, [CHECK]) == ()


def test_the_time_is_that_of_all_pages_together(monkeypatch: pytest.MonkeyPatch) -> None:
    pages = FakePages(0, 0, 0, 0, 1, seconds=4)
    monkeypatch.setattr(data_checks, "time", pages)
    with pytest.raises(ClusterError, match="the check 'a' was not answered in time"):
        DataChecker(cast("Database", pages)).find_failures(VIEW, EACH, [CHECK])
    assert pages.timeouts == [10, 6, 2]
