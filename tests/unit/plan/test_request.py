"""Which views a person means: by names, by tags of their files, by both."""

from __future__ import annotations

import pytest

from cassandra_views.model.errors import ProjectError
from cassandra_views.model.names import ViewName
from cassandra_views.plan.selection import choose

A, B, C = (ViewName(keyspace="shop", view=view) for view in ("orders_by_day", "orders_by_shop", "gone"))
OTHER = ViewName(keyspace="depot", view="orders_by_day")
TAGGED = {A: ("web", "daily"), B: ("web",)}


@pytest.mark.parametrize(
    ("names", "tags", "found"),
    [
        (["orders_by_shop"], [], {B}),
        (["shop.gone", "orders_by_day"], [], {A, C}),
        ([], ["web"], {A, B}),
        ([], ["daily", "web"], {A, B}),
        ([], ["daily"], {A}),
        (["gone"], ["daily"], {A, C}),
        (["orders_by_day", "shop.orders_by_day"], ["web"], {A, B}),
    ],
)
def test_names_and_tags_add_up(names: list[str], tags: list[str], found: set[ViewName]) -> None:
    assert choose(iter(names), iter(tags), {A, B, C}, TAGGED) == found


@pytest.mark.parametrize(
    ("names", "tags", "what", "next_"),
    [
        ([], [], "no view is named", "Name views, or a tag of their files with --tag"),
        (["orders_by_dy"], ["web"], "there is no such view; did you mean 'orders_by_day'?", "'views list' shows"),
        (["gone"], ["wbe"], "there is no such tag; did you mean 'web'?", "Known tags: daily, web"),
        (["orders_by_day"], [], "more than one view has this name: depot.orders_by_day, shop.orders_by_day", "Name it"),
    ],
)
def test_what_is_unknown_is_told_with_the_nearest(names: list[str], tags: list[str], what: str, next_: str) -> None:
    with pytest.raises(ProjectError) as caught:
        choose(names, tags, {A, B, C, OTHER}, TAGGED)
    assert caught.value.what == what
    assert caught.value.next.startswith(next_)


def test_tags_where_no_file_has_any() -> None:
    with pytest.raises(ProjectError, match="No view file has tags: add 'tags:' to one"):
        choose([], ["web"], {A}, {A: ()})
