"""One statement and more for each rule: what our lint refuses, and what a server must refuse too.

``harmful`` marks those that a server accepts and is then harmed by, or that it accepts without harm
and that are refused for other reasons: these are never sent to a server.
"""

from __future__ import annotations

from dataclasses import dataclass

BASES = {
    "t": """CREATE TABLE t (p text, c int, d int, at timestamp, flag boolean, s text static, v int, w text,
        tags set<text>, tup frozen<tuple<int, text>>, dur duration, "Odd name" int,
        PRIMARY KEY (p, c, d, at, flag))""",
    "counters": "CREATE TABLE counters (p text PRIMARY KEY, n counter)",
    "no_grace": "CREATE TABLE no_grace (p text, c int, PRIMARY KEY (p, c)) WITH gc_grace_seconds = 0",
    "bools": 'CREATE TABLE bools (k int PRIMARY KEY, "true" int)',
    "odd": """CREATE TABLE odd (u uuid, tu timeuuid, day date, tod time, ip inet, de decimal, vi varint, fl float,
        do double, bl blob, bi bigint, sm smallint, ti tinyint, asc_ ascii, li frozen<list<int>>,
        ma frozen<map<text, int>>, tup tuple<int, text>, ts timestamp,
        PRIMARY KEY (u, tu, day, tod, ip, de, vi, fl, do, bl, bi, sm, ti, asc_, li, ma, tup, ts))""",
}
ALL = "p, c, d, at, flag"
KEY = f"PRIMARY KEY ({ALL})"
NOT_NULL = "p IS NOT NULL AND c IS NOT NULL AND d IS NOT NULL AND at IS NOT NULL AND flag IS NOT NULL"


@dataclass(frozen=True, slots=True)
class Rule:
    """A code, a statement that it finds, and words of its message."""

    code: str
    view: str
    words: str = ""
    base: str = "t"
    harmful: bool = False


def view(where: str = "", *, select: str = ALL, rest: str = "", key: str = KEY, name: str = "v", **rule: str) -> str:
    """Return a view that is good but for the parts given; ``where`` replaces the restrictions of its columns."""
    head = rule.get("head", "CREATE MATERIALIZED VIEW")
    restricted = NOT_NULL
    if where:
        columns = [part.split()[0] for part in where.split(" AND ")]
        kept = [part for part in NOT_NULL.split(" AND ") if part.split()[0] not in columns]
        restricted = " AND ".join([*kept, where])
    return f"{head} {name} AS SELECT {select} FROM {rule.get('base', 't')} WHERE {restricted} {key} {rest}"


def odd(column: str, condition: str) -> str:
    columns = "u tu day tod ip de vi fl do bl bi sm ti asc_ li ma tup ts".split()  # noqa: SIM905
    where = [f"{one} {condition if one == column else 'IS NOT NULL'}" for one in columns]
    names = ", ".join(columns)
    return f"CREATE MATERIALIZED VIEW v AS SELECT {names} FROM odd WHERE {' AND '.join(where)} PRIMARY KEY ({names})"


MISMATCHES = [
    ("u", "= 'x'"),
    ("tu", "= 123e4567-e89b-42d3-a456-426614174000"),
    ("day", "= '2026-13-01'"),
    ("day", "= 99999999999"),
    ("tod", "= '25:00:00'"),
    ("ip", "= 'no address'"),
    ("de", "= NaN"),
    ("de", "= '1'"),
    ("vi", "= 5.0"),
    ("fl", "= 'x'"),
    ("do", "= true"),
    ("bl", "= 5"),
    ("bi", "= 9223372036854775808"),
    ("sm", "= 32768"),
    ("ti", "= -129"),
    ("asc_", "= 'é'"),
    ("li", "= {1}"),
    ("li", "= ['a']"),
    ("li", "= [null]"),
    ("ma", "= {'a': 'b'}"),
    ("tup", "= (1, 'a', 2)"),
    ("tup", "= ('a', 'b')"),
    ("ts", "= 1.5"),
    ("ts", "= 'yesterday'"),
    ("ts", "= 99999999999999999999"),
    ("bi", "= (int) 5"),
    ("vi", "IN (1, 'x')"),
]

VIEW_RULES = [
    Rule("CV101", view(name='"odd name"'), "letters, digits and underscores"),
    Rule("CV126", view(name="v" * 49), "48 characters", harmful=True),
    Rule("CV102", view(head="CREATE MATERIALIZED VIEW IF NOT EXISTS"), harmful=True),
    Rule("CV103", view(name="other.v", base="ks.t"), "on a table in a different keyspace"),
    Rule("CV104", view(select="*"), harmful=True),
    Rule("CV105", view(select=f"{ALL}, v AS x"), "Cannot use aliases"),
    Rule("CV106", view(select=f"{ALL}, cast(v as text)"), "Can only select columns by name"),
    Rule("CV106", view(select=f"{ALL}, v + 1"), "(got v + 1)"),
    Rule("CV106", view(select=f"{ALL}, tags['x']"), "(got tags['x'])"),
    Rule("CV107", view(select=f"{ALL}, v, v"), harmful=True),
    Rule("CV108", view("v IS NOT NULL", key=f"PRIMARY KEY (v, {ALL})"), "Unknown column 'v' referenced in PRIMARY KEY"),
    Rule("CV109", view(key=f"PRIMARY KEY ({ALL}, c)"), "Duplicate column 'c' in PRIMARY KEY"),
    Rule("CV110", view(rest="WITH CLUSTERING ORDER BY (c DESC, c ASC)"), "Duplicate column 'c' in CLUSTERING ORDER"),
    Rule("CV111", view(rest="WITH CLUSTERING ORDER BY (d DESC)"), "must exactly match"),
    Rule(
        "CV112",
        f"CREATE MATERIALIZED VIEW v AS SELECT {ALL} FROM t WHERE p IS NOT NULL {KEY}",
        "Primary key columns c, d, flag, at must be restricted with 'IS NOT NULL' or otherwise",
    ),
    Rule("CV112", f"CREATE MATERIALIZED VIEW v AS SELECT {ALL} FROM t {KEY}", "Primary key columns c, d, flag, at, p"),
    Rule("CV113", view("token(p) > 5"), "Cannot use token relation"),
    Rule("CV114", view("expr(idx, 'x')"), "cannot contain custom index expressions"),
    Rule("CV115", view("c != 5"), "!="),
    Rule("CV115", view("p LIKE 'a%'"), "LIKE"),
    Rule("CV310", view("c CONTAINS 5"), "Cannot use CONTAINS on non-collection column c"),
    Rule("CV115", view("c NOT IN (5)"), "NOT IN"),
    Rule("CV115", view("c[5] = 5"), "cannot be used as a map"),
    Rule("CV116", view(rest="WITH COMPACT STORAGE"), "COMPACT STORAGE tables are not allowed"),
    Rule("CV117", view(rest="WITH default_time_to_live = 60"), "Cannot set default_time_to_live"),
    Rule("CV118", view(rest=f"WITH comment = '{'x' * 501}'"), "at most 500 characters", harmful=True),
    Rule("CV118", view(rest="WITH id = 123e4567-e89b-12d3-a456-426614174000"), harmful=True),
    Rule("CV119", view(rest="WITH gc_grace_seconds = 0"), harmful=True),
    Rule("CV120", view(rest="WITH gc_grace_second = 5"), "Unknown property 'gc_grace_second'; did you mean"),
    Rule("CV120", view(rest="WITH read_repair_chance = 0.1"), "went away", harmful=True),
    Rule("CV121", view(rest="WITH gc_grace_seconds = 5 AND gc_grace_seconds = 6"), "Multiple definitions"),
    Rule("CV122", view(rest="WITH gc_grace_seconds = 'soon'"), "Invalid integer value soon"),
    Rule("CV122", view(rest="WITH bloom_filter_fp_chance = 2"), "less than or equal to 1.0"),
    Rule("CV122", view(rest="WITH compaction = 'LeveledCompactionStrategy'"), "a map"),
    Rule("CV122", view(rest="WITH compaction = {'max_threshold': 5}"), "Missing sub-option 'class'"),
    Rule("CV123", view("c = 1 AND c = 2"), "more than one relation if it includes an Equal"),
    Rule("CV123", view("c > 1 AND c >= 2"), "More than one restriction was found for the start bound on c"),
    Rule("CV123", view("c < 1 AND c <= 2"), "the end bound on c"),
    Rule("CV124", view("c IN ()"), "never true", harmful=True),
    Rule("CV125", view("at > :window_start"), ">= :window_start", harmful=True),
    Rule("CV125", view("at IN (:window_start)"), harmful=True),
    Rule("CV125", view("at >= :window_start AND c < :window_end"), "one column", harmful=True),
    Rule("CV201", view("p = 'it''s'"), "quote", harmful=True),
    Rule("CV201", view("p IN ('a', $$it's$$)"), "quote", harmful=True),
    Rule("CV202", view("p = null"), "null", harmful=True),
    Rule("CV202", view("c IN (1, null)"), "null", harmful=True),
    Rule("CV203", view("p = ''"), "empty", harmful=True),
    Rule("CV203", view("p IN ('a', '')"), "empty", harmful=True),
    Rule("CV204", view("c = 1 / 0"), "division", harmful=True),
    Rule("CV127", view("c = 1 + 1"), "arithmetic", harmful=True),
    Rule("CV127", view("c = -(int) 1"), "arithmetic", harmful=True),
    Rule("CV205", odd("tu", "> now()"), "taken once", base="odd", harmful=True),
    Rule("CV205", view("at > current_timestamp()"), "taken once", harmful=True),
    Rule("CV127", view("c > token('a')"), "a function in WHERE", harmful=True),
    Rule("CV127", view("c = blob_as_int(0x00000001)"), "a function in WHERE", harmful=True),
    Rule("CV205", view("at > currentTimestamp()"), "taken once", harmful=True),
    Rule("CV205", odd("u", "= uuid()"), "taken once", base="odd", harmful=True),
    Rule("CV208", odd("tu", "> min_timeuuid('2026-01-01')"), "no time zone", base="odd", harmful=True),
    Rule("CV127", view("c = blob_as_int(int_as_blob(1))"), "function", harmful=True),
    Rule("CV127", view("c = CAST((bigint) 1 AS int)"), "function", harmful=True),
    Rule("CV211", view("(d) > (1)"), "tuple of one", harmful=True),
    Rule("CV212", odd("tup", "= 0xff"), "every write to the base may fail", base="odd", harmful=True),
    Rule("CV206", view("(c, d) > (1, 2, 3)"), "Expected 2 elements in value tuple, but got 3"),
    Rule("CV206", view("(c, d) IN ((1, 2), (3))"), "but got 1", harmful=True),
    Rule("CV206", view("(c, c) > (1, 2)"), "twice", harmful=True),
    Rule("CV207", view("p = abc"), "a name and not a value"),
    Rule("CV207", view('p = "abc"'), "a name and not a value"),
    Rule("CV208", view("at >= '2026-01-01'"), "no time zone", harmful=True),
    Rule("CV209", odd("tup", "= (address) {street: 'x'}"), "unquoted", base="odd", harmful=True),
    Rule("CV209", odd("ma", '= {"No": 4}'), "unquoted", base="odd", harmful=True),
    Rule(
        "CV210",
        'CREATE MATERIALIZED VIEW v AS SELECT "true", k FROM bools WHERE "true" IS NOT NULL AND k = 1 '
        'PRIMARY KEY ("true", k)',
        "unquoted",
        base="bools",
        harmful=True,
    ),
    Rule(
        "CV301",
        "CREATE MATERIALIZED VIEW v AS SELECT p, n FROM counters WHERE p IS NOT NULL PRIMARY KEY (p)",
        "Materialized views are not supported on counter tables",
        base="counters",
    ),
    Rule(
        "CV302",
        "CREATE MATERIALIZED VIEW v AS SELECT p, c FROM no_grace WHERE p IS NOT NULL AND c IS NOT NULL "
        "PRIMARY KEY (c, p)",
        "with gc_grace_seconds of 0",
        base="no_grace",
    ),
    Rule("CV303", view(select=f"{ALL}, nope"), "Undefined column name nope in table ks.t"),
    Rule("CV303", view("nope IS NOT NULL"), "Undefined column name nope"),
    Rule("CV304", view(select=f"{ALL}, s"), "Cannot include static column 's'"),
    Rule("CV304", view(select="*"), "Cannot include static column 's'"),
    Rule(
        "CV305",
        view("tags IS NOT NULL", select=f"{ALL}, tags", key=f"PRIMARY KEY (tags, {ALL})"),
        "Invalid non-frozen collection type 'set<text>' for PRIMARY KEY column 'tags'",
    ),
    Rule(
        "CV306",
        view("dur IS NOT NULL", select=f"{ALL}, dur", key=f"PRIMARY KEY (dur, {ALL})"),
        "duration type is not supported for PRIMARY KEY column 'dur'",
    ),
    Rule("CV307", view(key="PRIMARY KEY (p, c)"), "without primary key columns d, at, flag from base table 't'"),
    Rule(
        "CV308",
        view("v IS NOT NULL AND w IS NOT NULL", select=f"{ALL}, v, w", key=f"PRIMARY KEY (v, w, {ALL})"),
        "Cannot include more than one non-primary key column in materialized view primary key (got v, w)",
    ),
    Rule("CV309", view("v > 5", select=f"{ALL}, v"), "(got: v restricted illegally)"),
    Rule("CV310", view("c = 'x'"), 'Invalid STRING constant (x) for "c" of type int'),
    Rule("CV310", view("c = 3000000000"), "Unable to make int from '3000000000'"),
    Rule("CV310", view("(c, d) > (1, 'x')"), "Invalid STRING constant"),
    *(Rule("CV310", odd(column, condition), base="odd") for column, condition in MISMATCHES),
    Rule("CV310", odd("do", "= (1.5, 1)"), "tuple type literal", base="odd"),
    Rule("CV129", odd("fl", "= 1e39"), base="odd", harmful=True),
    Rule("CV311", view("(d, c) > (1, 2)"), "must appear in the PRIMARY KEY order"),
    Rule("CV311", view("(p, c) > ('x', 2)"), "can only be applied to clustering columns"),
    Rule("CV312", view(select=ALL), "CASSANDRA-13826", harmful=True),
    Rule("CV313", view("w IS NOT NULL", select=f"{ALL}, w"), "would be ignored by the server", harmful=True),
    Rule("CV314", view(key="PRIMARY KEY (flag, p, c, d, at)"), "booleans", harmful=True),
]

GOOD_VIEWS = [
    view(),
    view("c = (1) AND d IN ((1), ((2)))"),
    view("p > '' AND c = 1"),
    view("p = 'x' AND c IN (1, 2) AND d >= -5 AND d < 7"),
    view("(c, d) >= (1, 2)"),
    view("at >= '2026-01-01T00:00:00Z' AND at < '2026-02-01 00:00+0000'"),
    view("at >= 1767225600000"),
    view("at >= :window_start AND at < :window_end"),
    view('"Odd name" IS NOT NULL', select=f'{ALL}, "Odd name"', key='PRIMARY KEY (("Odd name", p), c, d, at, flag)'),
    view("c = (int) 5", rest="WITH CLUSTERING ORDER BY (c DESC, d ASC, at DESC, flag ASC) AND gc_grace_seconds = 5"),
    view(rest="WITH compaction = {'class': 'LeveledCompactionStrategy'} AND caching = {'keys': 'NONE'}"),
    view("flag = true", select=f'{ALL}, v, w, tags, tup, dur, "Odd name"'),
]

TABLE_RULES = [
    ("CV401", 'CREATE TABLE "a b" (k int PRIMARY KEY)'),
    ("CV415", f"CREATE TABLE {'t' * 49} (k int PRIMARY KEY)"),
    ("CV402", "CREATE TABLE t (k int PRIMARY KEY, a int, a int)"),
    ("CV403", "CREATE TABLE t (k int, a int, PRIMARY KEY (k, x))"),
    ("CV404", "CREATE TABLE t (k int, c int, PRIMARY KEY (k, c, k))"),
    ("CV405", "CREATE TABLE t (k int, c int, PRIMARY KEY (k)) WITH CLUSTERING ORDER BY (c DESC)"),
    ("CV406", "CREATE TABLE t (k int PRIMARY KEY, a int STATIC)"),
    ("CV406", "CREATE TABLE t (k int STATIC, c int, PRIMARY KEY (k, c))"),
    ("CV407", "CREATE TABLE t (k list<int> PRIMARY KEY, a int)"),
    ("CV407", "CREATE TABLE t (k duration PRIMARY KEY, a int)"),
    ("CV407", "CREATE TABLE t (k counter PRIMARY KEY, a counter)"),
    ("CV407", "CREATE TABLE t (k tuple<int, duration> PRIMARY KEY, a int)"),
    ("CV408", "CREATE TABLE t (k int PRIMARY KEY, n counter, a int)"),
    ("CV409", "CREATE TABLE t (k int PRIMARY KEY, a list<list<int>>)"),
    ("CV409", "CREATE TABLE t (k int PRIMARY KEY, a set<counter>)"),
    ("CV409", "CREATE TABLE t (k int PRIMARY KEY, a set<duration>)"),
    ("CV409", "CREATE TABLE t (k int PRIMARY KEY, a map<duration, int>)"),
    ("CV410", "CREATE TABLE t (k int PRIMARY KEY, n counter)"),
    ("CV410", "CREATE TABLE t (k int PRIMARY KEY) WITH gc_grace_seconds = 0"),
    ("CV411", "CREATE TABLE t (k int PRIMARY KEY, a int) WITH COMPACT STORAGE"),
    ("CV416", "CREATE TABLE t (k int PRIMARY KEY) WITH COMPACT STORAGE"),
    ("CV412", "CREATE TABLE t (k int PRIMARY KEY) WITH foo = 5"),
    ("CV413", "CREATE TABLE t (k int PRIMARY KEY) WITH comment = 'a' AND comment = 'b'"),
    ("CV414", "CREATE TABLE t (k int PRIMARY KEY) WITH gc_grace_seconds = 'x'"),
]
SERVER_TAKES = frozenset(("CV410", "CV411", "CV415"))
"""Codes of tables that servers take: those without views, COMPACT STORAGE, and long names."""

TWO = "CREATE TABLE k.t (a int, b int, c int, d int, PRIMARY KEY (a, b, c, d))"
SEEN = "a IS NOT NULL AND b IS NOT NULL AND c IS NOT NULL AND d IS NOT NULL"


def on_two(where: str = SEEN, name: str = "k.v", base: str = "k.t") -> str:
    """Return a view on the table of ``TWO``."""
    return f"CREATE MATERIALIZED VIEW {name} AS SELECT a, b, c, d FROM {base} WHERE {where} PRIMARY KEY (b, a, c, d)"


CHECK_RULES = [
    ("CV001", "CREATE TABLE k.v (a int PRIMARY KEY)", TWO, None),
    ("CV001", on_two() + " -- the end", TWO, None),
    ("CV001", on_two() + "\f", TWO, None),
    (
        "CV002",
        on_two(),
        f"{TWO}; CREATE TABLE k.t (a int PRIMARY KEY)",
        'Cannot add already existing table "t" to keyspace "k"',
    ),
    ("CV002", on_two(), f"{TWO}; ALTER TABLE k.t ADD", None),
    (
        "CV134",
        on_two(name="k.w"),
        f"{TWO}; {on_two()}",
        "Guardrail materialized_views_per_table violated: Tables cannot have more than 1 materialized views, aborting "
        "the creation of materialized view w on table t",
    ),
    (
        "CV135",
        on_two(),
        "CREATE KEYSPACE k WITH replication = {'class': 'SimpleStrategy', 'replication_factor': '3/1'}; "
        f"{TWO} WITH read_repair = 'NONE'",
        "Materialized views are not supported on transiently replicated keyspaces",
    ),
    (
        "CV128",
        on_two("a IN (1, 2) AND b IS NOT NULL AND c IS NOT NULL AND d = 1"),
        TWO,
        "Select on indexed columns and with IN clause for the PRIMARY KEY are not supported",
    ),
    (
        "CV130",
        on_two(name="k.t"),
        TWO,
        "Cannot create materialized view 't' - a table with the same name already exists",
    ),
    ("CV130", on_two(), f"{TWO}; {on_two()}", 'Cannot add already existing table "v" to keyspace "k"'),
    ("CV131", on_two(base="k.nope"), TWO, "Base table 'nope' doesn't exist"),
    ("CV131", on_two(name="k.w", base="k.v"), f"{TWO}; {on_two()}", "Base table 'v' doesn't exist"),
    (
        "CV131",
        on_two(name="v"),
        TWO,
        "No keyspace has been specified. USE a keyspace, or explicitly specify keyspace.tablename",
    ),
    ("CV131", on_two(name="nope.v", base="t"), TWO, "Keyspace 'nope' doesn't exist"),
    (
        "CV133",
        on_two(SEEN + " AND a = ?"),
        TWO,
        "Bind variables are not allowed in CREATE MATERIALIZED VIEW statements",
    ),
]
"""A code, a view and the schema it stands on, and the server's answer; what no single statement shows. A table there
takes one view."""
TOO_DEEP = on_two(f"a = {'[' * 3000}1{']' * 3000}")
"""What is beyond our parser: ``CV003``."""
