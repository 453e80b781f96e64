from datetime import UTC, datetime

from followers.web.board import Change, Counts, board, comparable, find_move, moves, total_change

AT = datetime(2026, 11, 5, tzinfo=UTC)


def counts(*by_platform: int | None) -> Counts:
    return Counts(total=sum(each or 0 for each in by_platform), by_platform=by_platform)


def test_places_are_numbered_and_numbered_anew_among_some() -> None:
    found = board(AT, [("ann", counts(9, 0, 0)), ("bob", counts(8, 0, 0)), ("cid", counts(7, 0, 0))])
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
    before = board(AT, [("ann", counts(9, 0, 0)), ("bob", counts(8, 0, 0))])
    after = board(AT, [("bob", counts(12, 0, 0)), ("new", counts(10, 0, 0)), ("ann", counts(9, 0, 0))])
    found = {each.place.streamer: each for each in moves(after, before)}
    assert {name: move.climbed for name, move in found.items()} == {"bob": 1, "ann": -2}
    assert find_move(after.by_name["new"], before) is None
    assert find_move(after.by_name["ann"], None) is None
    # The one who is new is no rise of all.
    assert total_change(after, before) == Change(followers=4, share=4 / 17)
    assert total_change(after, None) is None
    assert total_change(after, board(AT, [])) is None


def test_a_history_is_comparable_on_the_newest_platforms() -> None:
    history = [counts(1, 10, None), counts(2, None, 100), None, counts(3, 10, 100), counts(4, None, 100)]
    assert comparable(history) == [None, 102, None, 103, 104]
    late = [*history, counts(5, None, None)]
    assert comparable(late)[-1] == 5
    assert comparable(late, recent=4) == [None, 102, None, 103, 104, None]
    assert comparable([None, None]) == [None, None]
    assert comparable([]) == []
