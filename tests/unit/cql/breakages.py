"""The ways in which a drawn view is broken, each of which a server tells apart."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from tests.unit.cql.drawn_view import DrawnView, Facts
from tests.unit.cql.statement_parts import BAD_OPTIONS, BAD_TABLE_PARTS, VALUES, WORDS, WRONG_VALUES


def _value(chance: Random, view: DrawnView, facts: Facts) -> None:
    name = chance.choice(facts.key)
    operator = chance.choice(["=", "=", ">", "<=", "IN"])
    value = chance.choice(WRONG_VALUES)
    view.where = [one for one in view.where if not one.startswith(f"{name} ")]
    view.where.append(f"{name} IN ({value})" if operator == "IN" else f"{name} {operator} {value}")


def _two_relations(chance: Random, view: DrawnView, facts: Facts) -> None:
    name = chance.choice(facts.key)
    values = VALUES[facts.types[name]]
    for _ in range(2):
        operator = chance.choice(["=", ">", ">=", "<", "<=", "IN", "IN2"])
        value = chance.choice(values)
        view.where.append(
            f"{name} IN ({value}{', ' + values[0] if operator == 'IN2' else ''})"
            if operator.startswith("IN")
            else f"{name} {operator} {value}"
        )
    chance.shuffle(view.where)


def _tuple(chance: Random, view: DrawnView, facts: Facts) -> None:
    pool = facts.clustering if facts.clustering and chance.random() < 0.8 else [*facts.key, *facts.rest]
    names = pool[: chance.randint(1, len(pool))] if chance.random() < 0.6 else chance.sample(pool, min(2, len(pool)))
    if chance.random() < 0.15:
        names = [*names, names[0]]
    values = [chance.choice(VALUES.get(facts.types[name], ["1"])) for name in names]
    if chance.random() < 0.2:
        values[-1] = chance.choice(WRONG_VALUES)
    if chance.random() < 0.15:
        values.append("1")
    names_text, values_text = f"({', '.join(names)})", f"({', '.join(values)})"
    operator = chance.choice(["=", ">", "<=", "IN", "!="])
    if chance.random() < 0.7:
        view.where = [one for one in view.where if one.split()[0] not in names]
    view.where.append(
        f"{names_text} IN ({values_text})" if operator == "IN" else f"{names_text} {operator} {values_text}"
    )
    if chance.random() < 0.4:
        view.where.append(f"{names[0]} < {values[0]}")
    if chance.random() < 0.3:
        view.where.append(f"{names_text} {chance.choice(['<', '>'])} {values_text}")


def _filtering(chance: Random, view: DrawnView, facts: Facts) -> None:
    value = VALUES[facts.types[facts.key[0]]][0]
    name = facts.key[0]
    view.where = [one for one in view.where if not one.startswith(f"{name} ")]
    view.where.append(f"{name} IN ({value}, {value})")


def _relation(chance: Random, view: DrawnView, facts: Facts) -> None:
    name = chance.choice([*facts.key, *facts.rest])
    value = chance.choice(VALUES.get(facts.types[name], ["1"]))
    view.where.append(
        chance.choice(
            [
                f"token({facts.key[0]}) > 5",
                "expr(idx, 'x')",
                f"{name} != {value}",
                f"{name} LIKE 'x%'",
                f"{name} CONTAINS {value}",
                f"{name} CONTAINS KEY {value}",
                f"{name}[1] = 1",
                f"{name}['a'] = 1",
                f"{name} BETWEEN {value} AND {value}",
                f"{name} NOT IN ({value})",
                f"nope = {value}",
                "nope IS NOT NULL",
                f"{name} = ?",
                f"{name} = :x",
                f"{name} IN ?",
                f"{name} IN ()",
                f"{name} = {value}",
                f"{name} IN ({value}, {value})",
                f"{name} > {value}",
                f"{name} = {name}",
                f"({name} = {value})",
                f"{name} IS NULL",
                f"{name} == {value}",
            ]
        )
    )


def _selection(chance: Random, view: DrawnView, facts: Facts) -> None:
    name = chance.choice(facts.rest)
    view.selected = [*view.partition, *view.clustering]
    view.selected.append(
        chance.choice(
            [
                f"{name} AS x",
                f"CAST({name} AS text)",
                f"writetime({name})",
                f"ttl({name})",
                "count(*)",
                "nope",
                '"P"',
                "'x'",
                "1",
                f"{name} + 1",
                f"{name}.x",
                f"{name}[1]",
                name,
                f"{name}, {name}",
                "*",
                f"({name})",
                f"[{name}]",
                "now()",
                facts.statics[0] if facts.statics else name,
                f"DISTINCT {name}",
            ]
        )
    )


def _key(chance: Random, view: DrawnView, facts: Facts) -> None:
    match chance.randint(0, 7):
        case 0:
            view.partition.append("nope")
        case 1:
            view.clustering.append(view.partition[0])
        case 2 if len(view.partition) > 1:
            view.partition.pop()
        case 3 if view.clustering:
            view.clustering.pop()
        case 4:
            others = [name for name in facts.rest if name not in view.partition and name not in view.clustering]
            view.clustering += others[:2]
            view.selected = ["*"]
        case 5:
            name = chance.choice(facts.rest)
            view.clustering.append(name)
            if name not in view.selected:
                view.selected.append(name)
            view.where.append(f"{name} IS NOT NULL")
        case 6:
            view.selected = view.selected[1:] or ["*"]
        case _:
            view.clustering.append(facts.rest[0])


def _free(chance: Random, view: DrawnView, facts: Facts) -> None:
    names = chance.sample(facts.key, chance.randint(1, len(facts.key)))
    view.where = [one for one in view.where if one.split()[0] not in names]


def _order(chance: Random, view: DrawnView, facts: Facts) -> None:
    names = [*view.clustering, *view.partition]
    shown = chance.sample(names, chance.randint(1, len(names)))
    if chance.random() < 0.2:
        shown.append(shown[0])
    directions = ["ASC", "DESC"] if chance.random() < 0.8 else ["", "desc"]
    order = ", ".join(f"{one} {chance.choice(directions)}" for one in shown)
    view.options = [f"CLUSTERING ORDER BY ({order})"]


def _option(chance: Random, view: DrawnView, _facts: Facts) -> None:
    view.options.append(chance.choice(BAD_OPTIONS))


def _name(chance: Random, view: DrawnView, facts: Facts) -> None:
    view.name, view.base = chance.choice(
        [
            (f'{facts.keyspace}."v {facts.number}"', view.base),
            (f"v{facts.number}", view.base),
            (f"v{facts.number}", facts.table),
            (f"nope.v{facts.number}", view.base),
            (f"nope.v{facts.number}", facts.table),
            (view.name, f"nope.{facts.table}"),
            (view.name, facts.table),
            (view.name, f"{facts.keyspace}.nope"),
            (f"{facts.keyspace}.{facts.table}", view.base),
            (f"{facts.keyspace}.{chance.choice(WORDS)}", view.base),
            (f"{facts.keyspace}.V{facts.number}", view.base),
            (f'{facts.keyspace}."V{facts.number}"', view.base),
            (view.name, f"{facts.keyspace}.{chance.choice(WORDS)}"),
        ]
    )


def _taken(chance: Random, view: DrawnView, facts: Facts) -> None:
    facts.schema.append(view.text())
    if chance.random() < 0.4:
        view.head += " IF NOT EXISTS"
    if chance.random() < 0.3:
        view.base, view.name = view.name, f"{view.name}_"


def _base(chance: Random, view: DrawnView, facts: Facts) -> None:
    keyspace, table = facts.keyspace, facts.table
    name = chance.choice(facts.rest)
    match chance.randint(0, 7):
        case 0:
            facts.schema.append(f"ALTER TABLE {keyspace}.{table} WITH gc_grace_seconds = 0")
        case 1:
            facts.schema.append(f"ALTER TABLE {keyspace}.{table} DROP {name}")
        case 2:
            facts.schema.append(f"ALTER TABLE {keyspace}.{table} ADD added int")
            view.selected = ["*"] if view.selected == ["*"] else [*view.selected, "added"]
        case 3:
            facts.schema.append(f"ALTER TABLE {keyspace}.{table} RENAME {facts.key[0]} TO renamed")
        case 4:
            facts.schema.append(f"DROP TABLE {keyspace}.{table}")
        case 5:
            facts.schema.append(f"CREATE TABLE {keyspace}.n{facts.number} (a int PRIMARY KEY, n counter)")
            view.base = f"{keyspace}.n{facts.number}"
            view.selected, view.partition, view.clustering, view.where = ["*"], ["a"], [], ["a IS NOT NULL"]
        case _:
            body, rest = chance.choice(BAD_TABLE_PARTS)
            facts.schema.append(f"CREATE TABLE {keyspace}.n{facts.number} ({body}) {rest}")
            view.base = f"{keyspace}.n{facts.number}"


def _text(chance: Random, view: DrawnView, _facts: Facts) -> None:
    view.tail = chance.choice(
        [
            " LIMIT 1",
            " ALLOW FILTERING",
            ";",
            " ; ;",
            " -- the end",
            " -- the end\n",
            " // x",
            " /* x */",
            " /* x",
            "\f",
        ]
    )
    if chance.random() < 0.3:
        view.head = chance.choice(
            [
                "CREATE MATERIALIZED VIEW IF NOT EXISTS",
                "create materialized view",
                "CREATE VIEW",
                "CREATE MATERIALIZED\n\tVIEW",
                "CREATE MATERIALIZED\fVIEW",
                "/* a */ CREATE -- b\n MATERIALIZED VIEW",
            ]
        )


def _token(chance: Random, view: DrawnView, _facts: Facts) -> None:
    """Take a word out, or put one in, anywhere in the text."""
    words = view.text().split()
    place = chance.randrange(len(words))
    if chance.random() < 0.5:
        del words[place]
    else:
        words.insert(place, chance.choice(["AND", "(", ")", ",", "x", "1", "'x'", "NULL", "=", "select"]))
    view.whole = " ".join(words)


def _schema(chance: Random, _view: DrawnView, facts: Facts) -> None:
    """Add statements of which a server refuses one, or none, on things of their own."""
    keyspace, number = facts.keyspace, facts.number
    names = {"k": keyspace, "t": f"{keyspace}.n{number}", "u": f"{keyspace}.u{number}", "i": f"i{number}"}
    names |= {"v": f"{keyspace}.w{number}", "base": f"{keyspace}.{facts.table}"}
    for statement in chance.choice(SCHEMAS).split("; "):
        facts.schema.append(statement.format_map(names))


SCHEMAS = [
    "CREATE TYPE {u} (x int); CREATE TABLE {t} (a int PRIMARY KEY, b frozen<{u}>); DROP TYPE {u}",
    "CREATE TYPE {u} (x int); CREATE TABLE {t} (a int PRIMARY KEY, b {u}); ALTER TABLE {t} DROP b",
    "CREATE TYPE {u} (x int); CREATE TABLE {t} (a int PRIMARY KEY, b {u}); CREATE INDEX ON {t} (b)",
    "CREATE TYPE {u} (x list<int>); CREATE TABLE {t} (a int PRIMARY KEY, b {u})",
    "CREATE TYPE {u} (x list<int>); CREATE TABLE {t} (a int PRIMARY KEY); ALTER TABLE {t} ADD b {u}",
    "CREATE TYPE {u} (x int); ALTER TYPE {u} ADD x int",
    "CREATE TYPE {u} (x int); ALTER TYPE {u} ADD y frozen<{u}>",
    "CREATE TYPE {u} (x int); CREATE TABLE {t} (a frozen<{u}> PRIMARY KEY); ALTER TYPE {u} ADD y int",
    "CREATE TYPE {u} (x int); ALTER TYPE {u} RENAME x TO y; ALTER TYPE {u} RENAME x TO z",
    "CREATE TYPE {u} (x int, y int); ALTER TYPE {u} RENAME x TO y",
    "CREATE TYPE {u} (x int); DROP TYPE {u}; DROP TYPE {u}",
    "CREATE TYPE {u} (x int, x int)",
    "CREATE TYPE {u} (x set<list<int>>)",
    "CREATE TABLE {t} (a int PRIMARY KEY); ALTER TABLE {t} ADD n counter",
    "CREATE TABLE {t} (a int PRIMARY KEY, n counter); ALTER TABLE {t} ADD b int",
    "CREATE TABLE {t} (a int PRIMARY KEY, n counter); ALTER TABLE {t} ADD m counter; CREATE INDEX ON {t} (n)",
    "CREATE TABLE {t} (a int PRIMARY KEY, n counter); ALTER TABLE {t} WITH default_time_to_live = 5",
    "CREATE TABLE {t} (a int PRIMARY KEY, n counter); ALTER TABLE {t} DROP n; ALTER TABLE {t} ADD n counter",
    "CREATE TABLE {t} (a int PRIMARY KEY, b int); CREATE TABLE {t} (a int PRIMARY KEY)",
    "CREATE TABLE {t} (a int PRIMARY KEY, b int); CREATE INDEX {i} ON {t} (b); ALTER TABLE {t} DROP b",
    "CREATE TABLE {t} (a int PRIMARY KEY, b int); CREATE INDEX {i} ON {t} (b); CREATE INDEX ON {t} (b)",
    "CREATE TABLE {t} (a int PRIMARY KEY, b int, c int); CREATE INDEX {i} ON {t} (b); CREATE INDEX {i} ON {t} (c)",
    "CREATE TABLE {t} (a int PRIMARY KEY, b int); CREATE INDEX {i} ON {t} (a)",
    "CREATE TABLE {t} (a int PRIMARY KEY, b int); CREATE INDEX {i} ON {t} (nope)",
    "CREATE TABLE {t} (a int PRIMARY KEY, b frozen<list<int>>); CREATE INDEX ON {t} (b)",
    "CREATE TABLE {t} (a int PRIMARY KEY, b frozen<list<int>>); CREATE INDEX ON {t} (full(b))",
    "CREATE TABLE {t} (a int PRIMARY KEY, b list<int>); CREATE INDEX ON {t} (keys(b))",
    "CREATE TABLE {t} (a int PRIMARY KEY, b int); CREATE INDEX ON {t} (values(b))",
    "CREATE TABLE {t} (a int PRIMARY KEY, b duration); CREATE INDEX ON {t} (b)",
    "CREATE TABLE {t} (a int, b int, PRIMARY KEY (a, b)); CREATE INDEX ON {t} (b); ALTER TABLE {t} RENAME b TO c",
    "CREATE TABLE {t} (a int PRIMARY KEY, b int); ALTER TABLE {t} DROP b; ALTER TABLE {t} ADD b text",
    "CREATE TABLE {t} (a int PRIMARY KEY, b text); ALTER TABLE {t} DROP b; ALTER TABLE {t} ADD b blob",
    "CREATE TABLE {t} (a int PRIMARY KEY, b int); ALTER TABLE {t} DROP a",
    "CREATE TABLE {t} (a int PRIMARY KEY, b int); ALTER TABLE {t} DROP nope",
    "CREATE TABLE {t} (a int PRIMARY KEY, b int); ALTER TABLE {t} RENAME b TO c",
    "CREATE TABLE {t} (a int PRIMARY KEY, b int); ALTER TABLE {t} RENAME nope TO c",
    "CREATE TABLE {t} (a int PRIMARY KEY, b int); ALTER TABLE {t} ADD s int static",
    "CREATE TABLE {t} (a int PRIMARY KEY, b int); ALTER TABLE {t} ADD (x int, y int)",
    "CREATE TABLE {t} (a int PRIMARY KEY, b int); ALTER TABLE {t} ADD (x int, x int)",
    "CREATE TABLE {t} (a int PRIMARY KEY, b int); ALTER TABLE {t} ALTER b TYPE text",
    "CREATE TABLE {t} (a int PRIMARY KEY, b nope.u)",
    "CREATE TABLE {t} (a int, b int, c int, PRIMARY KEY (a, b, c)) WITH CLUSTERING ORDER BY (c ASC, b ASC)",
    "CREATE TABLE {t} (a int PRIMARY KEY); DROP TABLE {t}; DROP TABLE {t}",
    "CREATE TABLE {t} (select int PRIMARY KEY)",
    f"{(TWO := 'CREATE TABLE {t} (a int, b int, x int, PRIMARY KEY (a, b))')}; "
    f"{(OTHER := 'CREATE MATERIALIZED VIEW {v} AS SELECT * FROM {t} WHERE a = 1 AND b > 1 PRIMARY KEY (b, a)')}; "
    "ALTER TABLE {t} DROP x",
    f"{TWO}; {OTHER}; DROP TABLE {{t}}",
    f"{TWO}; {OTHER}; DROP TABLE {{v}}",
    f"{TWO}; {OTHER}; ALTER TABLE {{v}} ADD y int",
    f"{TWO}; {OTHER}; ALTER TABLE {{t}} ADD y int",
    f"{TWO}; {OTHER}; ALTER TABLE {{t}} RENAME a TO y",
    f"{TWO}; {OTHER}; ALTER TABLE {{t}} WITH gc_grace_seconds = 0",
    f"{TWO}; {OTHER}; CREATE TABLE {{v}} (a int PRIMARY KEY)",
    f"{TWO}; {OTHER}; CREATE INDEX ON {{v}} (x)",
    f"{TWO}; {OTHER}; TRUNCATE {{v}}",
    f"{TWO}; {OTHER}; ALTER MATERIALIZED VIEW {{v}} WITH gc_grace_seconds = 0",
    f"{TWO}; {OTHER}; ALTER MATERIALIZED VIEW {{v}} WITH default_time_to_live = 5",
    f"{TWO}; {OTHER}; DROP MATERIALIZED VIEW {{v}}; DROP MATERIALIZED VIEW {{v}}",
    f"{TWO}; {OTHER.replace('b > 1', 'b = 0x')}",
    f"{TWO}; {OTHER.replace('(b, a)', '(b)')}",
    f"{TWO}; {OTHER.replace(' AND b > 1', '')}",
    "CREATE KEYSPACE {k} WITH replication = {{'class': 'SimpleStrategy', 'replication_factor': 1}}",
    "ALTER KEYSPACE {k} WITH nope = 1",
    "CREATE KEYSPACE other WITH replication = {{'class': 'SimpleStrategy'}}",
    "CREATE KEYSPACE other WITH replication = {{'class': 'Nope'}}",
    "CREATE KEYSPACE other WITH replication = {{'replication_factor': 1}}",
    "CREATE KEYSPACE other WITH replication = {{'class': 'SimpleStrategy', 'replication_factor': 1, 'x': 1}}",
    "CREATE KEYSPACE other WITH durable_writes = true",
    "DROP INDEX {k}.nope",
    "ALTER TABLE {base} ADD x int y text",
]
"""Statements, separated by ``; ``, on tables, types and views that no other case knows."""

Breakage = Callable[[Random, DrawnView, Facts], None]
BREAKAGES: tuple[Breakage, ...] = (
    *(_value, _value, _value, _relation, _relation, _two_relations, _tuple, _filtering, _selection),
    *(_key, _key, _free, _order, _option, _option, _name, _taken, _base, _schema, _schema, _text, _token),
)
"""Those that break more kinds of things come more often."""
