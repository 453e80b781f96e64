from __future__ import annotations

import pytest
from hypothesis import given

from cassandra_views.cql.types import BadType, canonical_type, parse_type
from tests.unit.cql.strategies import types


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("VARCHAR", "text"),
        ("map<text,int>", "map<text, int>"),
        ("frozen<list<list<int>>>", "frozen<list<frozen<list<int>>>>"),
        ("tuple<int,set<int>>", "frozen<tuple<int, frozen<set<int>>>>"),
        ("frozen<tuple<int, text>>", "frozen<tuple<int, text>>"),
        ("list<frozen<Address>>", "list<frozen<address>>"),
        ('ks."Address"', '"Address"'),
        ('frozen<map<int, "Address">>', 'frozen<map<int, frozen<"Address">>>'),
        ("vector < float , 3 >", "vector<float, 3>"),
        ("vector<frozen<list<int>>, 2>", "vector<list<int>, 2>"),
        ("'org.apache.cassandra.db.marshal.BytesType'", "'org.apache.cassandra.db.marshal.BytesType'"),
    ],
)
def test_one_spelling_each(text: str, canonical: str) -> None:
    assert canonical_type(text) == canonical


@given(types)
def test_the_canonical_spelling_stays(text: str) -> None:
    assert canonical_type(canonical_type(text)) == canonical_type(text)


@pytest.mark.parametrize(
    "text", ["", "list", "map<int>", "int<text>", "frozen<int>", "list<int", "int int", "a<b>", "<"]
)
def test_what_is_no_type(text: str) -> None:
    with pytest.raises(BadType):
        canonical_type(text)


def test_what_types_hold() -> None:
    assert parse_type("list<frozen<tuple<int, duration>>>").mentions("duration")
    assert parse_type("map<int, text>").is_multi_cell
    assert not parse_type("frozen<map<int, text>>").is_multi_cell
    assert parse_type("address").is_multi_cell
