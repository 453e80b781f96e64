from __future__ import annotations

import dataclasses
import hashlib
import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cassandra_views.cql.fingerprint import canonical_bytes, fingerprint
from cassandra_views.cql.parse import parse_view
from cassandra_views.cql.printing import view_cql
from cassandra_views.model.statement import Operator, Option, Relation, ViewStatement
from tests.unit.cql.strategies import in_another_layout, view_statements

FORMATS = Path(__file__).parents[3] / "docs" / "formats.md"
BASE = (
    "CREATE MATERIALIZED VIEW v AS SELECT a, b, c, d FROM t "
    "WHERE a = 1 AND b IN (1, 2) AND c IS NOT NULL AND d >= 1.5 PRIMARY KEY ((a, b), c, d) "
    "WITH CLUSTERING ORDER BY (c DESC, d ASC) AND gc_grace_seconds = 100 AND caching = {'keys': 'ALL', 'x': 'y'}"
)


def of(text: str) -> str:
    return fingerprint("ks", parse_view(text))


@settings(max_examples=30)
@given(view_statements(), st.integers(0, 1000))
def test_how_it_is_written_does_not_matter(view: ViewStatement, seed: int) -> None:
    chance = random.Random(seed)
    text = view_cql(view, keyspace="ks", physical="other_name", window_start=None, window_end=None)
    again = parse_view(in_another_layout(text, seed))
    shuffled = dataclasses.replace(
        again,
        selected=tuple(chance.sample(again.selected, len(again.selected))),
        where=tuple(chance.sample(again.where, len(again.where))),
        options=tuple(chance.sample(again.options, len(again.options))),
        if_not_exists=True,
        clustering_order=again.clustering_order or tuple((name, False) for name in again.clustering),
    )
    assert fingerprint("ks", shuffled) == fingerprint("ks", view)


@pytest.mark.parametrize(
    "same",
    [
        BASE.lower().replace("'all'", "'ALL'"),
        BASE.replace("VIEW v", "VIEW IF NOT EXISTS w"),
        BASE.replace("VIEW v", "VIEW ks.v").replace("FROM t", "FROM ks.t"),
        BASE.replace("SELECT a, b, c, d", 'SELECT d, "c", a, b'),
        BASE.replace("a = 1 AND b IN (1, 2)", "(b IN (2, 1, 1)) AND a = 01"),
        BASE.replace("100", "'100'").replace("{'keys': 'ALL', 'x': 'y'}", "{'x': 'y', 'keys': 'ALL'}"),
        BASE.replace("d >= 1.5", "d >= 15E-1"),
        BASE + " -- a comment",
    ],
)
def test_same_meaning_same_version(same: str) -> None:
    assert of(same) == of(BASE)


@pytest.mark.parametrize(
    "other",
    [
        BASE.replace("FROM t", "FROM u"),
        BASE.replace("FROM t", "FROM other.t"),
        BASE.replace("VIEW v", "VIEW other.v"),
        BASE.replace("c, d FROM", "c, d, e FROM"),
        BASE.replace("a, b, c, d FROM", "* FROM"),
        BASE.replace("a = 1", "a = 2"),
        BASE.replace("a = 1", "a = '1'"),
        BASE.replace("a = 1", "a >= 1"),
        BASE.replace("a = 1", "a = 1.0"),
        BASE.replace("d >= 1.5", "d >= 1.50"),
        BASE.replace("d >= 1.5", "d > 1.5"),
        BASE.replace("b IN (1, 2)", "b IN (1, 2, 3)"),
        BASE.replace("d >= 1.5", "d IS NOT NULL"),
        BASE.replace("d >= 1.5", "d >= :window_start"),
        BASE.replace("((a, b), c, d)", "((b, a), c, d)"),
        BASE.replace("((a, b), c, d)", "(a, b, c, d)").replace("ORDER BY (", "ORDER BY (b ASC, "),
        BASE.replace("c DESC", "c ASC"),
        BASE.replace("100", "101"),
        BASE.replace("'ALL'", "'NONE'"),
        BASE.replace(" AND gc_grace_seconds = 100", ""),
        BASE.replace("SELECT a, b, c, d", 'SELECT "A", b, c, d'),
    ],
)
def test_another_meaning_another_version(other: str) -> None:
    assert of(other) != of(BASE)


def test_the_window_is_known_and_its_bounds_are_not() -> None:
    both = BASE.replace("d >= 1.5", "d >= :window_start AND d < :window_end")
    assert of(both) == of(BASE.replace("d >= 1.5", "d >= :window_start"))
    other_column = BASE.replace("d >= 1.5", "d IS NOT NULL").replace("c IS NOT NULL", "c >= :window_start")
    assert of(other_column) != of(both)


@settings(max_examples=30)
@given(view_statements())
def test_any_change_of_a_part_changes_it(view: ViewStatement) -> None:
    before = fingerprint("ks", view)
    name = "a_new_name"
    relation = Relation(columns=(name,), operator=Operator.IS_NOT_NULL)
    changes = [
        dataclasses.replace(view, base=name),
        dataclasses.replace(view, where=(*view.where, relation)),
        dataclasses.replace(view, partition_key=(*view.partition_key, name)),
        dataclasses.replace(view, clustering=(*view.clustering, name)),
        dataclasses.replace(view, options=(*view.options, Option(name=name, value="1"))),
        dataclasses.replace(view, keyspace=name),
    ]
    if view.clustering:
        flipped = tuple((one, one not in view.descending) for one in view.clustering)
        changes.append(dataclasses.replace(view, clustering_order=flipped))
    for changed in changes:
        assert fingerprint("ks", changed) != before


def test_the_worked_example_of_the_docs() -> None:
    blocks = FORMATS.read_text(encoding="utf-8").split("```")
    statement = next(block.removeprefix("sql\n") for block in blocks if block.startswith("sql\n"))
    canonical = next(block.removeprefix("json\n").strip() for block in blocks if block.startswith("json\n"))
    version = next(block.removeprefix("text\n").strip() for block in blocks if block.startswith("text\nf1:"))
    view = parse_view(statement)
    assert canonical_bytes("insight", view).decode() == canonical
    assert fingerprint("insight", view) == version
    assert version == "f1:" + hashlib.sha256(canonical.encode()).hexdigest()[:32]
