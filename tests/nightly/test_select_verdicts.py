"""What `views explain` says of a SELECT and what a server says: tables, views, indexes and SELECTs drawn by a seed."""

from __future__ import annotations

from random import Random

import pytest
from cassandra import InvalidRequest
from cassandra.cluster import Session

from cassandra_client.database import Database
from cassandra_client.driver_errors import DRIVER_ERRORS
from cassandra_views.cql.select_rules import assess_select
from cassandra_views.cql.select_text import parse_select
from cassandra_views.cql.types import parse_type
from cassandra_views.model.definition import Project
from cassandra_views.model.schema import Column, ColumnKind, TableShape
from cassandra_views.plan.catalog import has_storage_attached_indexes, read_catalog, read_indexes
from cassandra_views.plan.read_explanation import ReadVerdict, explain_read
from tests.waiting import wait_until

pytestmark = [pytest.mark.slow, pytest.mark.cassandra]

VALUES = {
    "int": "5",
    "text": "'x'",
    "uuid": "c37d661d-7e61-49ea-96a5-68c34e83db3a",
    "timestamp": "'2026-01-01T00:00:00Z'",
    "boolean": "true",
    "blob": "0x0a",
    "inet": "'127.0.0.1'",
    "set<text>": "{'x'}",
    "list<int>": "[5]",
    "map<text, int>": "{'x': 5}",
    "frozen<list<int>>": "[5]",
    "frozen<map<text, int>>": "{'x': 5}",
    "frozen<tuple<int, text>>": "(5, 'x')",
}
KEY_TYPES = ("int", "int", "text", "uuid", "timestamp", "boolean", "frozen<list<int>>", "frozen<tuple<int, text>>")
NAMES = ("a", "b", "c", "d", "e", "f", "g", '"H"')


def make_table(draw: Random, session: Session, keyspace: str) -> None:
    """Create a table, and views and indexes on it as far as the server takes them."""
    size = draw.randint(1, 5)
    partition = draw.randint(1, min(size, 2))
    types = {name: draw.choice(KEY_TYPES if place < size else tuple(VALUES)) for place, name in enumerate(NAMES)}
    static = {name for name in NAMES[size:] if partition < size and draw.random() < 0.15}
    columns = ", ".join(f"{name} {types[name]}{' static' if name in static else ''}" for name in NAMES)
    clustering = "".join(f", {name}" for name in NAMES[partition:size])
    order = ", ".join(f"{name} {draw.choice(('ASC', 'DESC'))}" for name in NAMES[partition:size])
    sorting = f" WITH CLUSTERING ORDER BY ({order})" if order else ""
    key = f"(({', '.join(NAMES[:partition])}){clustering})"
    session.execute(f"CREATE TABLE {keyspace}.t ({columns}, PRIMARY KEY {key}){sorting}")
    for number in range(2):
        own = [*NAMES[:size], *draw.sample(NAMES[size:], draw.randint(0, 1))]
        draw.shuffle(own)
        split = draw.randint(1, len(own))
        key = f"(({', '.join(own[:split])}){''.join(f', {name}' for name in own[split:])})"
        where = " AND ".join(f"{name} IS NOT NULL" for name in own)
        shown = ", ".join(dict.fromkeys([*own, *draw.sample(NAMES, 2)]))
        view = f"CREATE MATERIALIZED VIEW {keyspace}.v{number} AS SELECT {shown} FROM {keyspace}.t WHERE {where}"
        _try(session, f"{view} PRIMARY KEY {key}")
    for name in draw.sample(NAMES, 3):
        is_map = types[name].startswith("map")
        part = "full" if types[name].startswith("frozen<list") else draw.choice(("keys", "values", "entries"))
        target = f"{part}({name})" if is_map or part == "full" else name
        using = draw.choice(("", " USING 'sai'", " USING 'sai'"))
        _try(session, f"CREATE INDEX ON {keyspace}.t ({target}){using}")


def _try(session: Session, cql: str) -> str:
    """Execute a statement; return "" or the server's refusal."""
    try:
        session.execute(cql)
    except InvalidRequest as refusal:
        return str(refusal)
    return ""


def select_of(draw: Random, shape: TableShape) -> str:
    """Return a SELECT on a table or view."""
    columns = list(shape)
    key = list(shape.key_columns)
    asked = [] if draw.random() < 0.1 else list(shape.partition_key if draw.random() < 0.7 else [])
    asked += key[len(shape.partition_key) :][: draw.randint(0, 3)] if draw.random() < 0.5 else []
    asked += draw.sample(columns, draw.choice((0, 0, 1, 1, 2)))
    where = [condition(draw, column) for column in dict.fromkeys(asked)]
    clustering = shape.clustering
    if len(clustering) > 1 and draw.random() < 0.2:
        where.append(tuple_condition(draw, draw.sample(clustering, 2) if draw.random() < 0.3 else clustering[:2]))
    if draw.random() < 0.1:
        names = ", ".join(cql_name(column) for column in shape.partition_key)
        where.append(f"token({names}) {draw.choice(('>', '<=', '='))} 5")
    draw.shuffle(where)
    text = f" WHERE {' AND '.join(where)}" if where else ""
    if draw.random() < 0.15:
        start = 0 if draw.random() < 0.5 else len(shape.partition_key)
        text += f" GROUP BY {', '.join(map(cql_name, key[start : start + draw.randint(1, 3)] or key))}"
    if draw.random() < 0.3:
        start = draw.choice((0, 0, 1))
        sorted_by = list(clustering[start : start + draw.randint(1, 2)]) or draw.sample(columns, 1)
        sorting = [f"{cql_name(each)} {draw.choice(('ASC', 'DESC'))}" for each in sorted_by]
        text += f" ORDER BY {', '.join(sorting)}"
    text += " PER PARTITION LIMIT 2" if draw.random() < 0.1 else ""
    if draw.random() < 0.3:
        text += f" LIMIT {draw.choice((1, 100, 5000, 5001))}"
    shown = draw.choice(("*", "*", "*", "count(*)", cql_name(draw.choice(columns))))
    if draw.random() < 0.15:
        static = [column for column in columns if column.kind is ColumnKind.STATIC]
        shown = f"DISTINCT {', '.join(map(cql_name, [*shape.partition_key, *static]))}"
    return f"SELECT {shown} FROM {shape.keyspace}.{shape.name}{text}"


def cql_name(column: Column) -> str:
    return f'"{column.name}"' if column.name == "H" else column.name


def condition(draw: Random, column: Column) -> str:
    """Return a condition on a column: mostly an equality, else any that there is."""
    name, value = cql_name(column), VALUES[column.type]
    type_ = parse_type(column.type)
    if type_.is_collection and draw.random() < 0.8:
        inner = [VALUES[str(each)] for each in type_.arguments]
        choices = [f"{name} CONTAINS {inner[-1]}", f"{name} CONTAINS {inner[-1]}"]
        if type_.name == "map":
            choices += [f"{name} CONTAINS KEY {inner[0]}", f"{name}[{inner[0]}] = {inner[1]}"]
        return draw.choice(choices)
    operator = draw.choices(("=", "IN", "IN1", ">", "<=", "LIKE", "both"), (60, 12, 4, 8, 8, 2, 6))[0]
    match operator:
        case "IN":
            return f"{name} IN ({value}, {value})"
        case "IN1":
            return f"{name} IN ({value})"
        case "both":
            return f"{name} >= {value} AND {name} <= {value}"  # a range of nothing is answered without a look
        case "LIKE":
            return f"{name} LIKE 'x%'"
        case _:
            return f"{name} {operator} {value}"


def tuple_condition(draw: Random, columns: list[Column] | tuple[Column, ...]) -> str:
    names = ", ".join(map(cql_name, columns))
    values = ", ".join(VALUES[column.type] for column in columns)
    operator = draw.choice(("=", ">", "<=", "IN"))
    return f"({names}) {operator} {f'(({values}), ({values}))' if operator == 'IN' else f'({values})'}"


def verdict_of_server(session: Session, select: str) -> tuple[str, str]:
    """Return what the server does with a SELECT, and what it says."""
    try:
        refusal = _try(session, select)
        if not refusal:
            return "answers", ""
        filtered = _try(session, f"{select} ALLOW FILTERING")
    except DRIVER_ERRORS as error:
        return "fails", str(error)  # an error of the server's own
    return ("refused", filtered) if filtered else ("filters", refusal)


@pytest.mark.parametrize("seed", range(30))
def test_a_server_says_of_a_select_what_is_said_of_it(seed: int, session: Session, keyspace: str) -> None:
    draw = Random(seed)
    make_table(draw, session, keyspace)
    database = Database(session)
    indexes = read_indexes(database, keyspace, "t")
    if has_storage_attached_indexes(database):
        query = "SELECT is_queryable FROM system_views.sai_column_indexes WHERE keyspace_name = %s"
        wait_until(lambda: all(row.is_queryable for row in session.execute(query, (keyspace,))), 60)
    catalog = read_catalog(database, [keyspace])
    shapes = [*catalog.tables.values(), *(live.shape for live in catalog.views.values())]
    differing = []
    for _ in range(100):
        shape = draw.choice(shapes)
        select = select_of(draw, shape)
        is_base = shape.name == "t"
        found = assess_select(parse_select(select), shape, indexes if is_base else (), base=shapes[0])
        ours = "refused" if found.refusals else "filters"
        ours = "answers" if found.answers else ours
        theirs, words = verdict_of_server(session, select)
        if not found.unjudged and theirs not in (ours, "fails"):
            differing.append((select, ours, found.refusals + found.filtering, theirs, words))
    assert differing == [], (shapes[0], indexes)


FILTERS = ("p > 1", "p >= 2", "c < 4", "c IN (1, 2)", "p = 2", "c >= 1 AND c < 3")


def some_conditions(draw: Random) -> str:
    """Return a WHERE of constants on the columns of a table."""
    found = []
    for name in draw.sample(("p", "c", "v", "w"), draw.randint(0, 3)):
        first, last = sorted((draw.randint(0, 5), draw.randint(0, 5)))
        found.append(
            draw.choice(
                (
                    f"{name} = {first}",
                    f"{name} = {first}",
                    f"{name} IN ({first}, {last})",
                    f"{name} > {first}",
                    f"{name} <= {last}",
                    f"{name} >= {first} AND {name} < {last}",
                )
            )
        )
    return f" WHERE {' AND '.join(found)}" if found else ""


@pytest.mark.parametrize("seed", range(5))
def test_a_view_that_answers_returns_what_its_base_does(seed: int, session: Session, keyspace: str) -> None:
    draw = Random(seed)
    session.execute(f"CREATE TABLE {keyspace}.t (p int, c int, v int, w int, PRIMARY KEY (p, c))")
    for number in range(8):
        key = ["p", "c", *draw.choice(([], ["v"]))]
        draw.shuffle(key)
        split = draw.randint(1, len(key))
        filters = draw.sample(FILTERS, draw.choice((0, 0, 1)))
        where = " AND ".join([f"{name} IS NOT NULL" for name in key] + filters)
        session.execute(
            f"CREATE MATERIALIZED VIEW {keyspace}.v{number} AS SELECT p, c, v FROM {keyspace}.t WHERE {where} "
            f"PRIMARY KEY (({', '.join(key[:split])}){''.join(f', {name}' for name in key[split:])})"
        )
    for row in ((p, c) for p in range(5) for c in range(5)):
        v, w = (draw.choice(("null", *range(5))) for _ in range(2))
        session.execute(f"INSERT INTO {keyspace}.t (p, c, v, w) VALUES ({row[0]}, {row[1]}, {v}, {w})")
    catalog = read_catalog(Database(session), [keyspace])
    base = catalog.tables[keyspace, "t"]
    wait_until(lambda: _views_are_built(session, keyspace, len(catalog.views)), 60)
    differing, seen = [], set()
    for _ in range(150):
        columns, rest = draw.choice(("p, c", "p, c, v")), some_conditions(draw)
        found = explain_read(
            parse_select(f"SELECT {columns} FROM {keyspace}.t{rest}"),
            catalog,
            (),
            Project(name="t"),
            indexes=(),
            has_sai=False,
        )
        wanted = sorted(session.execute(f"SELECT {columns} FROM {base}{rest} ALLOW FILTERING"), key=repr)
        for each in found.candidates:
            seen.add(each.verdict)
            if each.kind != "table" and "w " in rest:
                continue
            held = sorted(session.execute(f"SELECT {columns} FROM {each.name}{rest} ALLOW FILTERING"), key=repr)
            is_right = {
                ReadVerdict.ANSWERS: held == wanted,
                ReadVerdict.PART: set(held) <= set(wanted),
                ReadVerdict.CANNOT: "it holds none of the rows that are asked for" not in each.faults or not held,
            }
            if not is_right.get(each.verdict, True):
                differing.append((each.name, columns, rest, each, wanted, held))
    assert differing == []
    assert {ReadVerdict.ANSWERS, ReadVerdict.PART, ReadVerdict.FILTERING, ReadVerdict.CANNOT} <= seen


def _views_are_built(session: Session, keyspace: str, count: int) -> bool:
    query = "SELECT view_name FROM system.built_views WHERE keyspace_name = %s"
    return len(list(session.execute(query, (keyspace,)))) == count
