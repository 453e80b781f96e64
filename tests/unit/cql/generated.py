"""Statements drawn from the grammar by a seed: valid ones, and ones broken in each way that a server tells apart.

Nothing here is harmful to a node that is started again: no quote in WHERE, no column named ``true``, no long name.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

VALUES = {
    "int": ["1", "-5", "0", "2147483647"],
    "bigint": ["1", "-9000000000"],
    "smallint": ["7", "-32768"],
    "tinyint": ["1", "127"],
    "varint": ["12345678901234567890", "0"],
    "text": ["'x'", "'a b'", "$$y$$", "'ü'"],
    "ascii": ["'x'", "'abc'"],
    "boolean": ["true", "FALSE"],
    "uuid": ["123e4567-e89b-42d3-a456-426614174000", "123E4567-E89B-12D3-A456-426614174000"],
    "timeuuid": ["123e4567-e89b-12d3-a456-426614174000"],
    "blob": ["0x00ff", "0xAB"],
    "float": ["1.5", "1", "NaN", "1e10", "-Infinity"],
    "double": ["1.5", "2", "1e100", "infinity"],
    "decimal": ["1.50", "3", "1e2"],
    "timestamp": ["'2026-01-01T00:00:00Z'", "1767225600000", "'2026-01-01 10:00:00.123+0100'", "'2026-01-01'"],
    "date": ["'2026-01-31'", "2147483648"],
    "time": ["'12:30:00'", "'1:02:03.5'", "100"],
    "inet": ["'192.0.2.1'", "'::1'"],
    "frozen<list<int>>": ["[1, 2]", "[]"],
    "frozen<set<text>>": ["{'a', 'b'}", "{}"],
    "frozen<map<text, int>>": ["{'a': 1}", "{}"],
    "tuple<int, text>": ["(1, 'x')", "(1, null)"],
    "frozen<place>": ["{street: 'x', number: 1}", "{number: 2}", "('x', 1)"],
    "vector<float, 2>": ["[1, 2.5]"],
}
KEY_TYPES = sorted(VALUES)
OTHER_TYPES = [
    *KEY_TYPES,
    "list<int>",
    "set<text>",
    "map<text, int>",
    "duration",
    "place",
    "frozen<list<duration>>",
    "tuple<int, duration>",
    "frozen<lapse>",
]
WRONG_VALUES = [
    "'x'",
    "1",
    "3000000000",
    "1.5",
    "true",
    "0x0",
    "0xff",
    "NaN",
    "1d",
    "'yesterday'",
    "'2026-13-01'",
    "'25:00:00'",
    "'no address'",
    "123e4567-e89b-42d3-a456-426614174000",
    "[1, 'x']",
    "{1}",
    "{'a': 'b'}",
    "{}",
    "(1, 2, 3)",
    "('x', 'y')",
    "{street: 1}",
    "{nope: 1}",
    "[1]",
    "[null]",
    "(int) 5",
    "(text) 'x'",
    "(int) 'x'",
    "(list<int>) [1]",
    "now()",
    "nope(1)",
    "current_timestamp()",
    "blob_as_int(0x00000001)",
    "1 + 1",
    "1.5 + 1",
    "1 + 'x'",
    "min(1)",
    "uuid(1)",
    "nope",
    '"nope"',
    "1e39",
    "99999999999",
]
GOOD_OPTIONS = [
    "comment = 'by us'",
    "gc_grace_seconds = 3600",
    "default_time_to_live = 0",
    "bloom_filter_fp_chance = 0.01",
    "crc_check_chance = '0.5'",
    "caching = {'keys': 'all', 'rows_per_partition': 10}",
    "compaction = {'class': 'LeveledCompactionStrategy', 'sstable_size_in_mb': 64}",
    "compaction = {'class': 'SizeTieredCompactionStrategy', 'min_threshold': '8'}",
    "compaction = {'class': 'TimeWindowCompactionStrategy', 'compaction_window_unit': 'HOURS'}",
    "compaction = {'class': 'UnifiedCompactionStrategy', 'scaling_parameters': 'L4, T8'}",
    "compression = {'enabled': false}",
    "compression = {'class': 'ZstdCompressor', 'compression_level': 3}",
    "compression = {}",
    "speculative_retry = 'MAX(99p, 50ms)'",
    "additional_write_policy = 'never'",
    "memtable = 'default'",
    "min_index_interval = 64",
    "max_index_interval = 4096",
    "read_repair = 'none'",
    "cdc = 'no'",
    "cdc = 0",
    "allow_auto_snapshot = 'yes'",
    "incremental_backups = FALSE",
    "comment = key",
    "memtable_flush_period_in_ms = 1000",
    "extensions = {'a': '0x00'}",
]
BAD_OPTIONS = [
    "nope = 1",
    "\"Comment\" = 'x'",
    "comment = {}",
    "comment = nope",
    "default_time_to_live = 60",
    "default_time_to_live = -1",
    "default_time_to_live = 630720001",
    "gc_grace_seconds = 'soon'",
    "gc_grace_seconds = -1",
    "gc_grace_seconds = 1.5",
    "gc_grace_seconds = 3000000000",
    "gc_grace_seconds = 1 AND gc_grace_seconds = 2",
    "bloom_filter_fp_chance = 0",
    "bloom_filter_fp_chance = 1.5",
    "bloom_filter_fp_chance = 'x'",
    "crc_check_chance = 2",
    "min_index_interval = 0",
    "min_index_interval = 4096",
    "max_index_interval = 64",
    "min_index_interval = 64 AND max_index_interval = 32",
    "memtable_flush_period_in_ms = -1",
    "memtable = 'nope'",
    "speculative_retry = 'x'",
    "speculative_retry = '101p'",
    "speculative_retry = 'min(1ms,2ms)'",
    "additional_write_policy = '5'",
    "read_repair = 'maybe'",
    "cdc = 'maybe'",
    "cdc = no",
    "caching = 'all'",
    "caching = {'keys': 'some'}",
    "caching = {'rows_per_partition': 'x'}",
    "caching = {'nope': 1}",
    "compression = 'LZ4Compressor'",
    "compression = {'class': 'Nope'}",
    "compression = {'class': ''}",
    "compression = {'chunk_length_in_kb': 4}",
    "compression = {'class': 'LZ4Compressor', 'chunk_length_in_kb': 5}",
    "compression = {'class': 'LZ4Compressor', 'min_compress_ratio': 0.5}",
    "compression = {'class': 'LZ4Compressor', 'nope': 1}",
    "compression = {'enabled': false, 'class': 'LZ4Compressor'}",
    "compaction = 'LeveledCompactionStrategy'",
    "compaction = {}",
    "compaction = {'class': 'Nope'}",
    "compaction = {class: 'LeveledCompactionStrategy'}",
    "compaction = {'class': 'SizeTieredCompactionStrategy', 'nope': 1}",
    "compaction = {'class': 'SizeTieredCompactionStrategy', 'min_threshold': 1}",
    "compaction = {'class': 'SizeTieredCompactionStrategy', 'min_threshold': 40}",
    "compaction = {'class': 'SizeTieredCompactionStrategy', 'bucket_low': 2}",
    "compaction = {'class': 'LeveledCompactionStrategy', 'fanout_size': 0}",
    "compaction = {'class': 'TimeWindowCompactionStrategy', 'compaction_window_unit': 'WEEKS'}",
    "compaction = {'class': 'UnifiedCompactionStrategy', 'scaling_parameters': 'x'}",
    "compaction = {'class': 'UnifiedCompactionStrategy', 'min_threshold': 4}",
    "id = 'x'",
    "COMPACT STORAGE",
    "auto_repair = {}",
]
BAD_TABLE_PARTS = [
    ("a int PRIMARY KEY, a int", ""),
    ("a int, PRIMARY KEY (a, x)", ""),
    ("a int, c int, PRIMARY KEY (a, c, a)", ""),
    ("a int, c int, d int, PRIMARY KEY (a, c, d)", "WITH CLUSTERING ORDER BY (d DESC)"),
    ("a int, c int, PRIMARY KEY (a, c)", "WITH CLUSTERING ORDER BY (c)"),
    ("a int, c int, PRIMARY KEY (a, c)", "WITH CLUSTERING ORDER BY (x ASC)"),
    ("a int PRIMARY KEY, b int static", ""),
    ("a list<int> PRIMARY KEY, b int", ""),
    ("a int PRIMARY KEY, b list<list<int>>", ""),
    ("a int PRIMARY KEY, b nope", ""),
    ("a int PRIMARY KEY, b counter, c int", ""),
    ("a int, b int", ""),
    ("a int PRIMARY KEY, b int PRIMARY KEY", ""),
]
NAMES = ["p", "c", "d", "e", "f", "g", "h", "key", "as", "default", "mbean", "unset", "contains", "value"]
WORDS = ["select", "from", "view", "order", "token", "null", "in"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A view, the statements that it stands on, and in which way it was broken."""

    schema: tuple[str, ...]
    view: str
    way: str


@dataclass
class _View:
    name: str
    base: str
    selected: list[str]
    where: list[str]
    partition: list[str]
    clustering: list[str]
    options: list[str]
    head: str = "CREATE MATERIALIZED VIEW"
    tail: str = ""
    whole: str = ""

    def text(self) -> str:
        if self.whole:
            return self.whole
        key = f"(({', '.join(self.partition)}){''.join(', ' + name for name in self.clustering)})"
        where = f" WHERE {' AND '.join(self.where)}" if self.where else ""
        options = f" WITH {' AND '.join(self.options)}" if self.options else ""
        select = ", ".join(self.selected)
        return (
            f"{self.head} {self.name} AS SELECT {select} FROM {self.base}{where} PRIMARY KEY {key}{options}{self.tail}"
        )


class _Generator:
    """Draws one case after the other from a source of chance."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)

    def case(self, number: int, keyspace: str) -> Case:
        """Return the case; its table and view have names of their own, so that many share a keyspace."""
        draw = self.chance
        table, view = f"t{number}", f"v{number}"
        names = draw.sample(NAMES, draw.randint(3, 8))
        keys = draw.randint(1, min(4, len(names) - 1))
        partitions = draw.randint(1, keys)
        key, rest = names[:keys], names[keys:]
        types = {name: draw.choice(KEY_TYPES) for name in key}
        types |= {name: draw.choice(OTHER_TYPES if draw.random() < 0.5 else KEY_TYPES) for name in rest}
        statics = {name for name in rest if partitions < keys and draw.random() < 0.15}
        columns = [f"{name} {types[name]}{' static' if name in statics else ''}" for name in names]
        primary = f"PRIMARY KEY (({', '.join(key[:partitions])}){''.join(', ' + name for name in key[partitions:])})"
        order = ""
        if partitions < keys and draw.random() < 0.4:
            shown = key[partitions : draw.randint(partitions + 1, keys)]
            order = f" WITH CLUSTERING ORDER BY ({self.directed(shown)})"
        schema = [
            f"CREATE TABLE {keyspace}.{table} ({', '.join(columns)}, {primary}){order}",
        ]
        plain = [name for name in rest if name not in statics and types[name] in VALUES]
        added = draw.sample(plain, 1) if plain and draw.random() < 0.6 else []
        view_key = [*key, *added]
        draw.shuffle(view_key)
        border = draw.randint(1, len(view_key))
        free = [name for name in rest if name not in statics and name not in added and draw.random() < 0.6]
        made = _View(
            name=f"{keyspace}.{view}",
            base=f"{keyspace}.{table}",
            selected=["*"] if not statics and draw.random() < 0.2 else [*view_key, *free],
            where=[relation for name in view_key for relation in self.relations(name, types[name], name in key)],
            partition=view_key[:border],
            clustering=view_key[border:],
            options=draw.sample(GOOD_OPTIONS, 1) if draw.random() < 0.3 else [],
        )
        if made.clustering and draw.random() < 0.3:
            made.options.append(f"CLUSTERING ORDER BY ({self.directed(made.clustering)})")
        draw.shuffle(made.where)
        way = "valid"
        if draw.random() < 0.72:
            ways = [name for name in dir(self) if name.startswith("break_")]
            way = draw.choice(ways)
            facts = _Facts(
                keyspace=keyspace,
                number=number,
                table=table,
                types=types,
                key=key,
                clustering=key[partitions:],
                rest=rest,
                statics=sorted(statics),
                schema=schema,
            )
            getattr(self, way)(made, facts)
        return Case(schema=tuple(schema), view=made.text(), way=way.removeprefix("break_"))

    def directed(self, names: list[str]) -> str:
        return ", ".join(f"{name} {self.chance.choice(['ASC', 'DESC'])}" for name in names)

    def relations(self, name: str, type_: str, is_key: bool) -> list[str]:
        draw = self.chance
        value = draw.choice(VALUES[type_])
        other = draw.choice(VALUES[type_])
        choices = [[f"{name} IS NOT NULL"]] * 4
        if is_key:
            choices += [
                [f"{name} = {value}"],
                [f"{name} IN ({value})"],
                [f"{name} IN ({value}, {other})"],
                [f"{name} >= {value}", f"{name} < {other}"],
                [f"{name} > {value}", f"{name} IS NOT NULL"],
            ]
            if type_ in ("frozen<list<int>>", "frozen<set<text>>", "frozen<map<text, int>>"):
                inner = "1" if type_ != "frozen<set<text>>" else "'a'"
                choices.append([f"{name} CONTAINS {inner}"])
        return draw.choice(choices)

    def break_value(self, view: _View, facts: _Facts) -> None:
        name = self.chance.choice(facts.key)
        operator = self.chance.choice(["=", "=", ">", "<=", "IN"])
        value = self.chance.choice(WRONG_VALUES)
        view.where = [one for one in view.where if not one.startswith(f"{name} ")]
        view.where.append(f"{name} IN ({value})" if operator == "IN" else f"{name} {operator} {value}")

    break_value_again = break_value_too = break_value

    def break_two_relations(self, view: _View, facts: _Facts) -> None:
        name = self.chance.choice(facts.key)
        values = VALUES[facts.types[name]]
        for _ in range(2):
            operator = self.chance.choice(["=", ">", ">=", "<", "<=", "IN", "IN2"])
            value = self.chance.choice(values)
            view.where.append(
                f"{name} IN ({value}{', ' + values[0] if operator == 'IN2' else ''})"
                if operator.startswith("IN")
                else f"{name} {operator} {value}"
            )
        self.chance.shuffle(view.where)

    def break_tuple(self, view: _View, facts: _Facts) -> None:
        draw = self.chance
        pool = facts.clustering if facts.clustering and draw.random() < 0.8 else [*facts.key, *facts.rest]
        names = pool[: draw.randint(1, len(pool))] if draw.random() < 0.6 else draw.sample(pool, min(2, len(pool)))
        if draw.random() < 0.15:
            names = [*names, names[0]]
        values = [draw.choice(VALUES.get(facts.types[name], ["1"])) for name in names]
        if draw.random() < 0.2:
            values[-1] = draw.choice(WRONG_VALUES)
        if draw.random() < 0.15:
            values.append("1")
        names_text, values_text = f"({', '.join(names)})", f"({', '.join(values)})"
        operator = draw.choice(["=", ">", "<=", "IN", "!="])
        if draw.random() < 0.7:
            view.where = [one for one in view.where if one.split()[0] not in names]
        view.where.append(
            f"{names_text} IN ({values_text})" if operator == "IN" else f"{names_text} {operator} {values_text}"
        )
        if draw.random() < 0.4:
            view.where.append(f"{names[0]} < {values[0]}")
        if draw.random() < 0.3:
            view.where.append(f"{names_text} {draw.choice(['<', '>'])} {values_text}")

    def break_filtering(self, view: _View, facts: _Facts) -> None:
        value = VALUES[facts.types[facts.key[0]]][0]
        name = facts.key[0]
        view.where = [one for one in view.where if not one.startswith(f"{name} ")]
        view.where.append(f"{name} IN ({value}, {value})")

    def break_relation(self, view: _View, facts: _Facts) -> None:
        name = self.chance.choice([*facts.key, *facts.rest])
        value = self.chance.choice(VALUES.get(facts.types[name], ["1"]))
        view.where.append(
            self.chance.choice(
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

    break_relation_again = break_relation

    def break_selection(self, view: _View, facts: _Facts) -> None:
        name = self.chance.choice(facts.rest)
        view.selected = [*view.partition, *view.clustering]
        view.selected.append(
            self.chance.choice(
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

    def break_key(self, view: _View, facts: _Facts) -> None:
        draw = self.chance
        match draw.randint(0, 7):
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
                name = draw.choice(facts.rest)
                view.clustering.append(name)
                if name not in view.selected:
                    view.selected.append(name)
                view.where.append(f"{name} IS NOT NULL")
            case 6:
                view.selected = view.selected[1:] or ["*"]
            case _:
                view.clustering.append(facts.rest[0])

    break_key_again = break_key

    def break_free(self, view: _View, facts: _Facts) -> None:
        names = self.chance.sample(facts.key, self.chance.randint(1, len(facts.key)))
        view.where = [one for one in view.where if one.split()[0] not in names]

    def break_order(self, view: _View, facts: _Facts) -> None:
        names = [*view.clustering, *view.partition]
        shown = self.chance.sample(names, self.chance.randint(1, len(names)))
        if self.chance.random() < 0.2:
            shown.append(shown[0])
        directions = ["ASC", "DESC"] if self.chance.random() < 0.8 else ["", "desc"]
        order = ", ".join(f"{one} {self.chance.choice(directions)}" for one in shown)
        view.options = [f"CLUSTERING ORDER BY ({order})"]

    def break_option(self, view: _View, _facts: _Facts) -> None:
        view.options.append(self.chance.choice(BAD_OPTIONS))

    break_option_again = break_option

    def break_name(self, view: _View, facts: _Facts) -> None:
        view.name, view.base = self.chance.choice(
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
                (f"{facts.keyspace}.{self.chance.choice(WORDS)}", view.base),
                (f"{facts.keyspace}.V{facts.number}", view.base),
                (f'{facts.keyspace}."V{facts.number}"', view.base),
                (view.name, f"{facts.keyspace}.{self.chance.choice(WORDS)}"),
            ]
        )

    def break_taken(self, view: _View, facts: _Facts) -> None:
        facts.schema.append(view.text())
        if self.chance.random() < 0.4:
            view.head += " IF NOT EXISTS"
        if self.chance.random() < 0.3:
            view.base, view.name = view.name, f"{view.name}_"

    def break_base(self, view: _View, facts: _Facts) -> None:
        keyspace, table = facts.keyspace, facts.table
        name = self.chance.choice(facts.rest)
        match self.chance.randint(0, 7):
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
                body, rest = self.chance.choice(BAD_TABLE_PARTS)
                facts.schema.append(f"CREATE TABLE {keyspace}.n{facts.number} ({body}) {rest}")
                view.base = f"{keyspace}.n{facts.number}"

    def break_text(self, view: _View, _facts: _Facts) -> None:
        view.tail = self.chance.choice(
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
        if self.chance.random() < 0.3:
            view.head = self.chance.choice(
                [
                    "CREATE MATERIALIZED VIEW IF NOT EXISTS",
                    "create materialized view",
                    "CREATE VIEW",
                    "CREATE MATERIALIZED\n\tVIEW",
                    "CREATE MATERIALIZED\fVIEW",
                    "/* a */ CREATE -- b\n MATERIALIZED VIEW",
                ]
            )

    def break_token(self, view: _View, _facts: _Facts) -> None:
        """Take a word out, or put one in, anywhere in the text."""
        words = view.text().split()
        place = self.chance.randrange(len(words))
        if self.chance.random() < 0.5:
            del words[place]
        else:
            words.insert(place, self.chance.choice(["AND", "(", ")", ",", "x", "1", "'x'", "NULL", "=", "select"]))
        view.whole = " ".join(words)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Facts:
    keyspace: str
    number: int
    table: str
    types: dict[str, str]
    key: list[str]
    clustering: list[str]
    rest: list[str]
    statics: list[str]
    schema: list[str]


TYPES = ("CREATE TYPE {}.place (street text, number int)", "CREATE TYPE {}.lapse (long duration)")


def generate(seed: int, count: int, keyspace: str) -> list[Case]:
    """Return cases that share the keyspace and its types (``TYPES``), the same ones for the same seed."""
    generator = _Generator(seed)
    return [generator.case(number, keyspace) for number in range(count)]
