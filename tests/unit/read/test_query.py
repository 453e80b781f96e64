from types import SimpleNamespace
from typing import Any

import pytest
from cassandra.cqltypes import Int32Type, ListType, UTF8Type

from cassandra_views.model.errors import BadRead
from cassandra_views.read.physical import KeyColumn
from cassandra_views.read.query import compile_query, parse_key


def column(name: str, type_: Any = UTF8Type) -> KeyColumn:
    return KeyColumn(name=name, cql=name, type=type_, is_descending=False, is_nested=bool(type_.subtypes))


def view(partition: str, clustering: str, *others: str) -> Any:
    """What of a physical view the conditions are checked against."""
    of_partition = tuple(column(name) for name in partition.split())
    of_clustering = tuple(column(name) for name in clustering.split())
    key = (*of_partition, *of_clustering)
    return SimpleNamespace(
        partition=of_partition,
        clustering=of_clustering,
        key=key,
        columns=(*(each.name for each in key), *others),
    )


def compiled(where: dict[Any, Any], of: Any) -> Any:
    shape = tuple((key, isinstance(value, list | set | tuple)) for key, value in where.items())
    return compile_query(of, shape, on="ks.v")


COLUMNS = ("day", "total", "Mixed", "in", 'qu"ote', "two words", "plugin")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("day", ("day", "")),
        ("day =", ("day", "=")),
        ("total>=", ("total", ">=")),
        (" total  <= ", ("total", "<=")),
        ("total <", ("total", "<")),
        ("total\t>", ("total", ">")),
        ("day IN", ("day", "IN")),
        ("day in", ("day", "IN")),
        ("in", ("in", "")),
        ("in in", ("in", "IN")),
        ("plugin", ("plugin", "")),
        ("Mixed >", ("Mixed", ">")),
        ('"Mixed" >', ("Mixed", ">")),
        ('"Mixed"IN', ("Mixed", "IN")),
        ('"qu""ote" =', ('qu"ote', "=")),
        ("two words", ("two words", "")),
        ("two words <", ("two words", "<")),
    ],
)
def test_keys_of_a_where(text: str, expected: tuple[str, str]) -> None:
    assert parse_key(text, COLUMNS, on="ks.v") == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("dya", r"no column 'dya'; did you mean 'day'\?"),
        ("mixed >=", r"no column 'mixed'; did you mean 'Mixed'\?"),
        ("totl >=", r"no column 'totl'; did you mean 'total'\?"),
        ("total !=", r"'!=' is no operator in 'total !='. .* Use one of = < <= > >= IN"),
        ("total LIKE", "'LIKE' is no operator"),
        ("total >= 5", "'>= 5' is no operator"),
        ("total =<", "'=<' is no operator"),
        ("", "no column ''"),
        (5, "5 is no key of a 'where'"),
        (("day", "="), "is no key of a 'where'"),
        ("day; DROP TABLE x", "'; DROP TABLE x' is no operator"),
    ],
)
def test_keys_that_are_wrong(text: Any, message: str) -> None:
    with pytest.raises(BadRead, match=message):
        parse_key(text, COLUMNS, on="ks.v")


def test_conditions_are_put_in_the_order_of_the_key() -> None:
    query = compiled({"c >=": 1, "b": [1], "c <": 2, "a": 3}, view("a", "b c d"))
    assert query.rest == "WHERE a = ? AND b IN ? AND c >= ? AND c < ?"
    assert [term.index for term in query.flat] == [1, 0, 2]
    assert query.has_inner_in
    assert not query.is_whole


def test_several_values_are_one_value_of_a_collection() -> None:
    lists = SimpleNamespace(**vars(view("a", "b")))
    nested = column("a", ListType.apply_parameters([Int32Type]))
    lists.partition, lists.key = (nested,), (nested, *lists.clustering)
    assert compiled({"a": [1, 2]}, lists).partition[0].op == "="
    assert compiled({"a IN": [[1, 2]]}, lists).partition[0].op == "IN"
    assert compiled({"b": ["x"], "a": [1]}, lists).flat[0].op == "IN"
    assert compiled({"b =": "x", "a": [1]}, lists).flat[0].op == "="


def test_no_conditions_read_the_whole_view() -> None:
    query = compiled({}, view("a b", "c"))
    assert query.is_whole
    assert query.rest == ""


@pytest.mark.parametrize(
    ("where", "message"),
    [
        ({"c": 1}, "'c' is asked for without the partition key. .* Give 'a', 'b' too"),
        ({"a": 1}, "the partition key is given in part: 'b' is missing"),
        ({"a": 1, "b >": 1}, "'b' is of the partition key and cannot be asked for by '>'"),
        ({"a": 1, "b": 1, "d": 1}, "'d' cannot be asked for: 'c', which stands before it in the key, is not given"),
        ({"a": 1, "b": 1, "c >": 1, "d": 1}, "'d' cannot be asked for: 'c', .* is given as a range"),
        ({"a": 1, "b": 1, "c": 1, "c <": 1}, "'c' is asked for by '=' and '<' at once"),
        ({"a": 1, "b": 1, "c <=": 1, "c <": 1}, "'c' is asked for by '<=' and '<' at once"),
        ({"a": 1, "a =": 1, "b": 1}, "'a' is asked for by '=' and '=' at once"),
        ({"a": 1, "b": 1, "c >": 1, "c <": 1, "c >=": 1}, "'c' is asked for by '>' and '<' and '>=' at once"),
        ({"a": 1, "b": 1, "x": 1}, r"'x' is not part of the view's key.* Ask by \(a, b\), c, d"),
    ],
)
def test_reads_that_the_key_cannot_answer(where: dict[str, Any], message: str) -> None:
    with pytest.raises(BadRead, match=message) as caught:
        compiled(where, view("a b", "c d", "x"))
    assert caught.value.on == "ks.v"
