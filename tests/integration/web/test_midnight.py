"""The tests of this folder do not begin where midnight would come between them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import example, given
from hypothesis import strategies as st

from tests.integration.web.midnight import SLID, TAKES, rest

DAY = timedelta(days=1)
SOME_DAY = datetime(2026, 3, 1, tzinfo=UTC)


@given(st.timedeltas(timedelta(0), 2 * DAY))
@example(timedelta(0))
@example(SLID)
@example(DAY - TAKES)
@example(DAY - timedelta(seconds=1))
def test_all_of_them_are_of_one_day_and_after_its_slides(since: timedelta) -> None:
    now = SOME_DAY + since
    begin = now + rest(now)
    of_day = (begin - SOME_DAY) % DAY
    assert SLID <= of_day <= DAY - TAKES
    assert begin == now or of_day == SLID
    assert begin - now <= TAKES + SLID
