import itertools
from functools import partial
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from cassandra_views.model.errors import BadRead
from tests.integration.reader.keys import POOLS, Keyed, conditions, keyed
from tests.integration.reader.place import DAYS, Place, create_top, expected_top, pages_of, top


def test_pages_outlive_a_switch_of_generations_and_the_process(place: Place) -> None:
    place.serve("top", top(1))
    first = place.reader().select("top", day=[DAYS[0], DAYS[1]], limit=7)
    place.serve("top", top(2))
    second = place.reader().select("top", day=[DAYS[0], DAYS[1]], limit=100, page=first.next_page)
    assert (first.generations, second.generations) == (("top__g1",), ("top__g2",))
    assert [tuple(row) for row in first.rows + second.rows] == expected_top(DAYS[0], DAYS[1])


def test_a_token_belongs_to_one_query_and_one_key(place: Place) -> None:
    place.serve("top", top(1))
    reader = place.reader(cache_seconds=0)
    page = reader.select("top", {"total >": 1}, day=DAYS[0], limit=3).next_page
    assert len(reader.select("top", {"total >": 1, "day =": DAYS[0]}, limit=3, page=page)) == 3
    for other in ({"total >": 2, "day": DAYS[0]}, {"total >": 1, "day": DAYS[1]}, {"total >=": 1, "day": DAYS[0]}, {}):
        with pytest.raises(BadRead, match="another query"):
            reader.select("top", other, limit=3, page=page)
    with pytest.raises(BadRead, match="damaged"):
        reader.select("top", {"total >": 1}, day=DAYS[0], limit=3, page=f"{page}A")
    create_top(place, 9, "total ASC, streamer ASC")
    place.serve("top", top(9))
    with pytest.raises(BadRead, match="key has changed"):
        reader.select("top", {"total >": 1}, day=DAYS[0], limit=3, page=page)


def test_pages_of_a_whole_view(place: Place) -> None:
    place.serve("top", top(1))
    reader = place.reader()
    whole = reader.select("top").rows
    assert sorted(map(tuple, whole)) == sorted(expected_top(*DAYS))
    for limit in (1, 20, 33, 119, 120, 121):
        assert pages_of(reader.select, limit, "top") == whole


def test_a_page_goes_on_in_its_own_direction(place: Place) -> None:
    place.serve("top", top(1))
    reader = place.reader(cache_seconds=0)
    first = reader.select("top", day=DAYS[0], limit=3, reverse=True)
    assert [tuple(row) for row in first] == expected_top(DAYS[0])[:-4:-1]
    with pytest.raises(BadRead, match="another query"):
        reader.select("top", day=DAYS[0], limit=3, page=first.next_page)
    with pytest.raises(BadRead, match="only the rows of a partition"):
        reader.select("top", limit=3, reverse=True)


@pytest.fixture(scope="module")
def many_keys(place: Place) -> list[Keyed]:
    return [keyed(place, seed) for seed in range(5)]


@settings(
    max_examples=40,
    deadline=None,
    phases=[Phase.generate, Phase.explicit],
    suppress_health_check=list(HealthCheck),
    derandomize=True,
)
@given(data=st.data())
def test_pages_of_any_key_hold_what_one_read_holds(place: Place, many_keys: list[Keyed], data: st.DataObject) -> None:
    view = data.draw(st.sampled_from(many_keys), label="view")
    asked = conditions(data, view)
    reader = place.reader()
    reverse = bool(asked) and data.draw(st.booleans(), label="reverse")
    whole = reader.select(view.name, asked, reverse=reverse).rows
    limit = data.draw(st.integers(min_value=max(1, len(whole) // 12), max_value=len(whole) + 1), label="limit")
    assert pages_of(partial(reader.select, reverse=reverse), limit, view.name, asked) == whole
    # What the server itself says, partition by partition in the given order.
    found: list[Any] = []
    names = [key.split() for key in asked]
    partition = {
        name: value if op == "IN" else [value] for (name, op), value in zip(names, asked.values(), strict=True)
    }
    inner = [(name, op, value) for (name, op), value in zip(names, asked.values(), strict=True) if name in "cde"]
    text = " AND ".join(["a = ?", "b = ?", *(f"{name} {op} ?" for name, op, _ in inner)] if asked else [])
    query = place.session.prepare(
        f"SELECT * FROM {place.keyspace}.{view.name}__g1" + (f" WHERE {text}" if text else "")
    )
    seen = []
    for key in itertools.product(partition["a"], partition["b"]) if asked else [()]:
        if key not in seen:
            seen.append(key)
            rows = list(place.session.execute(query, [*key, *(value for _, _, value in inner)]))
            found += reversed(rows) if reverse else rows
    assert whole == found


def test_every_key_type_is_in_the_property(many_keys: list[Keyed]) -> None:
    assert {each for view in many_keys for each in view.types} == set(POOLS)
