"""Which views a command is for: what adds up, what narrows, what excludes, and typing errors."""

from __future__ import annotations

import re

import pytest

from cassandra_views.model.conditions import CONDITIONS
from cassandra_views.model.errors import ProjectError
from cassandra_views.model.names import ViewName
from cassandra_views.plan import status
from cassandra_views.plan.selection import Selection, select
from cassandra_views.plan.status import ViewStatus


def view(name: str, **facts: object) -> ViewStatus:
    return ViewStatus(**{"name": ViewName(keyspace="shop", view=name), "condition": "serving", "file": name, **facts})  # type: ignore[arg-type]


VIEWS = (
    view("a", base="orders", owner="web", tags=("flask",)),
    view("b", base="orders", owner="data", condition="stale"),
    view("c", base="visits", owner="web", tags=("flask", "spark"), condition="stale"),
    view("d", condition="retired", file=""),
)


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ({}, "abcd"),
        ({"names": ("b",), "tags": ("spark",)}, "bc"),
        ({"bases": ("orders",)}, "ab"),
        ({"bases": ("shop.visits", "orders")}, "abc"),
        ({"owners": ("web",), "conditions": ("stale",)}, "c"),
        ({"tags": ("flask",), "bases": ("orders",)}, "a"),
        ({"conditions": ("stale", "retired"), "excluded": ("b",)}, "cd"),
        ({"excluded": ("shop.[ab]", "d")}, "c"),
        ({"conditions": ("off",)}, ""),
        ({"names": ("a",), "excluded": ("*",)}, ""),
    ],
)
def test_views_are_chosen(given: dict[str, tuple[str, ...]], found: str) -> None:
    assert "".join(each.name.view for each in select(Selection(**given), VIEWS)) == found


@pytest.mark.parametrize(
    ("given", "what", "next_"),
    [
        ({"names": ("e",)}, "there is no such view", "'views list' shows"),
        ({"tags": ("flsk",)}, "there is no such tag; did you mean 'flask'?", "Known tags"),
        ({"bases": ("order",)}, "there is no such base table; did you mean 'orders'?", "Known: orders, shop.orders"),
        ({"owners": ("wb",)}, "there is no such owner; did you mean 'web'?", "Known: data, web"),
        ({"conditions": ("servng",)}, "there is no such state; did you mean 'serving'?", "Known: broken"),
        ({"excluded": ("x*",)}, "there is no view to exclude", "Give --exclude a name"),
    ],
)
def test_a_typing_error_chooses_nothing(given: dict[str, tuple[str, ...]], what: str, next_: str) -> None:
    with pytest.raises(ProjectError) as caught:
        select(Selection(**given), VIEWS)
    assert caught.value.what == what
    assert caught.value.next.startswith(next_)


def test_every_condition_can_be_asked_for() -> None:
    told = re.findall(r"``([\w ]+)``", (ViewStatus.__doc__ or "").partition("rows:")[0])
    assert sorted(told) == sorted(CONDITIONS)
    source = status.__loader__.get_source(status.__name__)  # type: ignore[union-attr]
    assert set(re.findall(r'return "([a-z]+)"', source.partition("def _condition")[2])) <= set(CONDITIONS)
