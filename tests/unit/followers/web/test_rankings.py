from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from followers.accounts import Platform
from followers.web.rankings import (
    Change,
    FollowerCounts,
    comparable,
    make_ranking,
    moves,
    not_comparable,
    total_change,
    usual_platforms,
)

AT = datetime(2026, 11, 5, tzinfo=UTC)


def counts(*by_platform: int | None) -> FollowerCounts:
    return FollowerCounts(total=sum(each or 0 for each in by_platform), by_platform=by_platform)


def test_places_are_numbered_and_numbered_anew_among_some() -> None:
    found = make_ranking(AT, [("ann", counts(9, 0, 0)), ("bob", counts(8, 0, 0)), ("cid", counts(7, 0, 0))])
    assert [(each.rank, each.streamer) for each in found.places] == [(1, "ann"), (2, "bob"), (3, "cid")]
    some = found.among({"cid", "bob", "nobody"})
    assert [(each.rank, each.streamer) for each in some.places] == [(1, "bob"), (2, "cid")]
    assert some.total == 15


def test_a_platform_that_tells_nothing_is_no_fall() -> None:
    assert counts(110, None, 50).change_since(counts(100, 1000, 50)) == Change(followers=10, share=10 / 150)
    assert counts(110, 1000, 50).change_since(counts(100, None, 50)) == Change(followers=10, share=10 / 150)
    assert counts(None, 5, None).change_since(counts(5, None, None)) is None
    assert counts(5, None, None).change_since(counts(0, None, None)) == Change(followers=5, share=None)


def test_who_has_climbed_and_who_is_new() -> None:
    before = make_ranking(AT, [("ann", counts(9, 0, 0)), ("bob", counts(8, 0, 0))])
    after = make_ranking(AT, [("bob", counts(12, 0, 0)), ("new", counts(10, 0, 0)), ("ann", counts(9, 0, 0))])
    found = {each.place.streamer: each for each in moves(after, before)}
    assert {name: move.climbed for name, move in found.items()} == {"bob": 1, "ann": -1}
    assert moves(after, None) == []
    # The one who is new is no rise of all.
    assert total_change(after, before) == Change(followers=4, share=4 / 17)
    assert total_change(after, None) is None
    assert total_change(after, make_ranking(AT, [])) is None


def test_a_row_that_lacks_a_platform_has_no_place_and_moves_nobody() -> None:
    """The sample of a minute in which a job ran before one platform's readings came."""
    before = make_ranking(
        AT,
        [("ann", counts(90, 9, 1)), ("bob", counts(80, 8, None)), ("cid", counts(70, 7, 1)), ("dan", counts(60, 6, 1))],
    )
    after = make_ranking(
        AT,
        [
            ("bob", counts(81, 8, None)),
            ("cid", counts(70, 7, 2)),
            ("dan", counts(61, 6, 1)),
            ("ann", counts(None, 9, 1)),
        ],
    )
    usual = usual_platforms([after, before, before])
    whole = after.checked(usual)

    assert [(each.streamer, each.rank) for each in whole.places] == [("bob", 1), ("cid", 2), ("dan", 3), ("ann", None)]
    assert whole.by_name["ann"].missing == (Platform.TWITCH,)
    assert whole.by_name["bob"].missing == ()  # who was never there lacks nothing
    assert whole.incomplete == 1
    found = moves(whole, before.checked(usual))
    # Nobody climbs because ann's row fell.
    assert {each.place.streamer: each.climbed for each in found} == {"bob": 0, "cid": 0, "dan": 0}
    assert total_change(whole, before.checked(usual)) == Change(followers=3, share=3 / 233)
    assert not_comparable(whole, before.checked(usual)) == 1
    # When the platform is back, that is no rise either.
    assert "ann" not in {each.place.streamer for each in moves(before.checked(usual), whole)}
    assert [each.rank for each in whole.among({"ann", "dan"}).places] == [1, None]


@given(
    st.lists(
        st.lists(st.tuples(*[st.one_of(st.none(), st.integers(1, 1000))] * 3), min_size=4, max_size=4),
        min_size=2,
        max_size=5,
    )
)
def test_only_complete_rows_rise_fall_or_have_a_place(intervals: list[list[tuple[int | None, ...]]]) -> None:
    boards = [
        make_ranking(
            AT,
            sorted(
                ((name, counts(*row)) for name, row in zip("abcd", rows, strict=True) if any(row)),
                key=lambda each: -each[1].total,
            ),
        )
        for rows in intervals
    ]
    usual = usual_platforms(boards)
    after, before = (each.checked(usual) for each in boards[:2])
    for each in after.places:
        lacks = any(each.counts.on(one) is None for one in usual[each.streamer])
        assert (each.rank is None) == bool(each.missing) == lacks
    assert [each.rank for each in after.places if each.rank] == list(range(1, len(after.places) - after.incomplete + 1))
    found = moves(after, before)
    assert all(not each.place.missing and not each.before.missing for each in found)
    assert sum(each.climbed for each in found) == 0


def test_a_history_is_comparable_on_the_newest_platforms() -> None:
    history = [counts(1, 10, None), counts(2, None, 100), None, counts(3, 10, 100), counts(4, None, 100)]
    assert comparable(history) == [None, 102, None, 103, 104]
    late = [*history, counts(5, None, None)]
    assert comparable(late)[-1] == 5
    assert comparable(late, recent=4) == [None, 102, None, 103, 104, None]
    assert comparable([None, None]) == [None, None]
    assert comparable([]) == []
