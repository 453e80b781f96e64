"""The statements a view stands on: what each of them does to the schema, and what a server says of it."""

from __future__ import annotations

import pytest

from cassandra_views import check
from cassandra_views.cql.findings import Finding, Kind
from cassandra_views.cql.schema_text import read_schema

SHOP = """
    CREATE KEYSPACE shop WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 3};
    USE shop;
    CREATE TYPE place (street text, number int);
    CREATE TYPE house (at frozen<place>, floors int);
    CREATE TABLE orders (id int, line int, day date, home frozen<place>, flat place, tags set<text>,
        words frozen<list<text>>, counts map<text, int>, span duration, PRIMARY KEY (id, line));
    CREATE TABLE visits (page text PRIMARY KEY, n counter);
    CREATE MATERIALIZED VIEW by_day AS SELECT * FROM orders
        WHERE day IS NOT NULL AND id IS NOT NULL AND line IS NOT NULL PRIMARY KEY (day, id, line);
    CREATE TABLE plain (a int, b int, c text, d place, PRIMARY KEY (a, b));
    CREATE INDEX plain_c ON plain (c);
"""


FUNCTION = "CREATE FUNCTION {} RETURNS NULL ON NULL INPUT RETURNS int LANGUAGE java AS $$return 1;$$"
COMPACT = "CREATE TABLE old (a int, b int, c int, PRIMARY KEY (a, b)) WITH COMPACT STORAGE"
COMPACT_INDEX = "Secondary indexes are not supported on"
AGGREGATE = "CREATE AGGREGATE {} SFUNC plus STYPE int"


def errors(schema: str) -> list[Finding]:
    return [one for one in read_schema(schema, file="schema")[1] if one.kind is not Kind.ADVICE]


def test_the_schema_of_these_tests_is_taken() -> None:
    assert errors(SHOP) == []


@pytest.mark.parametrize(
    ("statement", "server"),
    [
        # Types
        ("DROP TYPE nope", "Type 'shop.nope' doesn't exist"),
        ("DROP TYPE house", ""),
        ("DROP TYPE place", "Cannot drop user type 'shop.place' as it is still used by user types house"),
        ("DROP TYPE IF EXISTS nope", ""),
        (
            "CREATE TYPE alone (x int); CREATE TABLE u (a int PRIMARY KEY, b list<frozen<alone>>); DROP TYPE alone",
            "Cannot drop user type 'shop.alone' as it is still used by tables u",
        ),
        (
            "CREATE TYPE alone (x int); CREATE FUNCTION f (a alone) RETURNS NULL ON NULL INPUT RETURNS int "
            "LANGUAGE java AS $$return 1;$$; DROP TYPE alone",
            "Cannot drop user type 'shop.alone' as it is still used by functions shop.f",
        ),
        ("CREATE TYPE place (x int)", "A user type with name 'place' already exists"),
        ("CREATE TYPE t (x int, x text)", "Duplicate field name 'x' in type 't'"),
        ("CREATE TYPE t (x counter)", "A user type cannot contain counters"),
        ("CREATE TYPE t (x place)", "A user type cannot contain non-frozen UDTs"),
        ("CREATE TYPE t (x frozen<nope>)", "Unknown type shop.nope"),
        (
            "CREATE TYPE t (x list<list<int>>)",
            "Non-frozen collections are not allowed inside collections: list<list<int>>",
        ),
        (
            "CREATE TYPE other.t (x frozen<shop.place>)",
            "Statement on keyspace other cannot refer to a user type in keyspace shop; user types can only be used in "
            "the keyspace they are defined in",
        ),
        (
            "ALTER TYPE place ADD street int",
            "Cannot add field street to type shop.place: a field with name street already exists",
        ),
        ("ALTER TYPE place ADD IF NOT EXISTS street int", ""),
        (
            "ALTER TYPE place ADD back frozen<shop.house>",
            "Cannot add new field back of type frozen<shop.house> to user type shop.place as it would create a "
            "circular reference",
        ),
        (
            "CREATE TABLE u (a frozen<house> PRIMARY KEY); ALTER TYPE place ADD zip text",
            "Cannot add new field zip of type text to user type shop.place as the type is being used in partition key "
            "by the following tables: shop.u",
        ),
        ("ALTER TYPE place ADD zip text", ""),
        ("ALTER TYPE place RENAME nope TO x", "Unkown field nope in user type shop.place"),
        ("ALTER TYPE place RENAME street TO number", "Duplicate field name number in type shop"),
        ("ALTER TYPE place ALTER street TYPE blob", "Altering field types is no longer supported"),
        ("ALTER TYPE nope ADD a int", "Type shop.nope doesn't exist"),
        ("ALTER TYPE IF EXISTS nope ADD a int", ""),
        ('CREATE TYPE "date" (a int)', ""),
        ("CREATE TYPE t (a int, )", ""),
        # Functions
        (FUNCTION.format("f (a int)"), ""),
        (f"{FUNCTION.format('f (a int)')}; {FUNCTION.format('f (b int)')}", "Function 'f' already exists"),
        (f"{FUNCTION.format('f (a int)')}; {FUNCTION.format('f (a text)')}", ""),
        (f"{FUNCTION.format('f (a int)')}; {FUNCTION.format('IF NOT EXISTS f (a int)')}", ""),
        (f"{FUNCTION.format('f (a int)')}; {FUNCTION.format('f (a int)').replace('CREATE', 'CREATE OR REPLACE')}", ""),
        (
            f"{FUNCTION.format('f (a int, b int)')}; {AGGREGATE.format('f (int, int)')}",
            "Aggregate 'f' cannot replace a function",
        ),
        (f"{AGGREGATE.format('f (int)')}; {AGGREGATE.format('f (int)')}", "Aggregate 'f' already exists"),
        (
            f"{FUNCTION.format('f (a int)')}; {FUNCTION.format('f (a text)')}; DROP FUNCTION f",
            "'DROP FUNCTION f' matches multiple function definitions; specify the argument types by issuing a "
            "statement like 'DROP FUNCTION f (type, type, ...)'. You can use cqlsh 'DESCRIBE FUNCTION f' command to "
            "find all overloads",
        ),
        (
            f"{FUNCTION.format('f (a int)')}; {FUNCTION.format('f (a text)')}; DROP FUNCTION f (int); DROP FUNCTION f",
            "",
        ),
        (f"{FUNCTION.format('f (a int)')}; DROP FUNCTION f (int, text)", "Function 'shop.f(int, text)' doesn't exist"),
        ("DROP FUNCTION f", "Function 'shop.f' doesn't exist"),
        ("DROP AGGREGATE f", "Aggregate 'shop.f' doesn't exist"),
        ("DROP FUNCTION IF EXISTS f", ""),
        (
            f"CREATE TYPE alone (x int); {FUNCTION.format('f (a int)').replace('RETURNS int', 'RETURNS alone')}; "
            "DROP TYPE alone",
            "Cannot drop user type 'shop.alone' as it is still used by functions shop.f",
        ),
        # Tables
        (f"{COMPACT}; {COMPACT.replace('old', 'old2').replace(', PRIMARY KEY (a, b)', ', PRIMARY KEY (a)')}", ""),
        (f"{COMPACT}; ALTER TABLE old ADD d int", "Cannot add new column to a COMPACT STORAGE table"),
        (f"{COMPACT}; CREATE INDEX ON old (b)", f"{COMPACT_INDEX} PRIMARY KEY columns in COMPACT STORAGE tables"),
        (f"{COMPACT}; CREATE INDEX ON old (c)", f"{COMPACT_INDEX} compact value column of COMPACT STORAGE tables"),
        (
            COMPACT.replace("c int", "c set<int>"),
            "Non-frozen collections and UDTs are not supported with COMPACT STORAGE",
        ),
        (COMPACT.replace("c int", "c int static"), "Static columns are not supported in COMPACT STORAGE tables"),
        (
            COMPACT.replace("c int", "e int, c int"),
            "COMPACT STORAGE with composite PRIMARY KEY allows no more than one column not part of the PRIMARY KEY "
            "(got: c, e)",
        ),
        (
            "CREATE TABLE old (a int PRIMARY KEY) WITH COMPACT STORAGE",
            "No definition found that is not part of the PRIMARY KEY",
        ),
        ("DROP TABLE nope", "Table 'shop.nope' doesn't exist"),
        ("DROP TABLE orders", "Cannot drop a table when materialized views still depend on it (shop)"),
        (
            "DROP TABLE by_day",
            "Cannot use DROP TABLE on a materialized view. Please use DROP MATERIALIZED VIEW instead.",
        ),
        ("DROP MATERIALIZED VIEW by_day; DROP TABLE orders", ""),
        ("CREATE TABLE orders (a int PRIMARY KEY)", 'Cannot add already existing table "orders" to keyspace "shop"'),
        ("CREATE TABLE IF NOT EXISTS orders (a int PRIMARY KEY)", ""),
        (
            "CREATE TABLE t (a int PRIMARY KEY, b other.place)",
            "Statement on keyspace shop cannot refer to a user type in keyspace other; user types can only be used in "
            "the keyspace they are defined in",
        ),
        ("CREATE TABLE t (a int PRIMARY KEY, b shop.place)", ""),
        (
            'CREATE TABLE "my table" (a int PRIMARY KEY)',
            "shop.my table: Table name must not be empty or not contain non-alphanumeric-underscore characters "
            '(got "my table")',
        ),
        (
            "CREATE TABLE t (a place PRIMARY KEY)",
            "Invalid non-frozen user-defined type \"shop.place\" for PRIMARY KEY column 'a'",
        ),
        ("CREATE TABLE shop.t (a int)", "No PRIMARY KEY specifed for table 'shop.t' (exactly one required)"),
        (
            "CREATE TABLE t (a int PRIMARY KEY, b int PRIMARY KEY)",
            "Multiple PRIMARY KEY specified for table 't' (exactly one required)",
        ),
        (
            "CREATE TYPE many (x list<int>); ALTER TABLE plain ADD m many",
            "Non-frozen UDTs with nested non-frozen collections are not supported for column m",
        ),
        (
            'CREATE TABLE "Odd" (a int PRIMARY KEY); CREATE INDEX ON "Odd" (b)',
            'Undefined column name b in table shop."Odd"',
        ),
        (
            "CREATE TYPE many (x list<int>); CREATE TABLE t (a int PRIMARY KEY, b many)",
            "Non-frozen UDTs with nested non-frozen collections are not supported",
        ),
        (
            "CREATE TABLE t (a int, b int, c int, PRIMARY KEY (a, b, c)) WITH CLUSTERING ORDER BY (c ASC, b ASC)",
            "The order of columns in the CLUSTERING ORDER directive must match that of the clustering columns (b must "
            "appear before c)",
        ),
        ("ALTER TABLE nope ADD a int", "Table 'shop.nope' doesn't exist"),
        ("ALTER TABLE IF EXISTS nope ADD a int", ""),
        (
            "ALTER TABLE by_day ADD a int",
            "Cannot use ALTER TABLE on a materialized view; use ALTER MATERIALIZED VIEW instead",
        ),
        ("ALTER TABLE plain ADD c int", "Column with name 'c' already exists"),
        ("ALTER TABLE plain ADD (e int, e text)", "Column with name 'e' already exists"),
        ("ALTER TABLE plain ADD (e int, f text static)", ""),
        ("ALTER TABLE plain ADD e text MASKED WITH mask_inner(1, 1)", ""),
        ("ALTER TABLE plain ADD n counter", 'shop.plain: Cannot have a counter column ("n") in a non counter table'),
        ("ALTER TABLE visits ADD n2 counter", ""),
        ("ALTER TABLE visits ADD a int", 'shop.visits: Cannot have a non counter column ("a") in a counter table'),
        (
            "ALTER TABLE visits ADD s int static",
            "Static columns are only useful (and thus allowed) if the table has at least one clustering column",
        ),
        ("ALTER TABLE plain DROP nope", "Column nope was not found in table 'shop.plain'"),
        ("ALTER TABLE plain DROP a", "Cannot drop PRIMARY KEY column a"),
        ("ALTER TABLE plain DROP d", "Cannot drop non-frozen column d of user type place"),
        ("ALTER TABLE plain DROP c", "Cannot drop column c because it has dependent secondary indexes (plain_c)"),
        ("DROP INDEX plain_c; ALTER TABLE plain DROP c", ""),
        ("ALTER TABLE orders DROP tags", "Cannot drop column tags on base table orders with materialized views"),
        ("ALTER TABLE orders DROP IF EXISTS nope", ""),
        (
            "DROP INDEX plain_c; ALTER TABLE plain DROP c; ALTER TABLE plain ADD c int",
            "Cannot add a column 'c' of type int, incompatible with previously dropped column 'c' of type text",
        ),
        ("DROP INDEX plain_c; ALTER TABLE plain DROP c USING TIMESTAMP 5; ALTER TABLE plain ADD c blob", ""),
        (
            "DROP INDEX plain_c; ALTER TABLE plain DROP c; ALTER TABLE plain ADD c text static",
            "Cannot re-add previously dropped column 'c' of kind STATIC, incompatible with previous kind REGULAR",
        ),
        (
            "ALTER TABLE visits DROP n; ALTER TABLE visits ADD n counter",
            "Cannot re-add previously dropped counter column n",
        ),
        ("ALTER TABLE plain RENAME nope TO x", "Undefined column name nope in table shop.plain"),
        ("ALTER TABLE plain RENAME c TO x", "Cannot rename non PRIMARY KEY column c"),
        (
            "ALTER TABLE plain RENAME a TO b",
            "Cannot rename column a to b in table 'shop.plain'; another column with that name already exists",
        ),
        (
            "CREATE INDEX ON plain (b); ALTER TABLE plain RENAME b TO x",
            "Can't rename column b because it has dependent secondary indexes (plain_b_idx)",
        ),
        (
            "ALTER TABLE orders WITH gc_grace_seconds = 0",
            "Cannot alter gc_grace_seconds of the base table of a materialized view to 0, since this value is used to "
            "TTL undelivered updates. Setting gc_grace_seconds too low might cause undelivered updates to expire "
            "before being replayed.",
        ),
        (
            "ALTER TABLE visits WITH default_time_to_live = 5",
            "Cannot set default_time_to_live on a table with counters",
        ),
        ("ALTER TABLE plain RENAME a TO x AND x TO y", "Undefined column name x in table shop.plain"),
        ("ALTER TABLE plain RENAME a TO x AND nope TO y", "Undefined column name nope in table shop.plain"),
        ("ALTER TABLE plain RENAME a TO x AND b TO y", ""),
        ("ALTER TABLE plain WITH id = 123e4567-e89b-12d3-a456-426614174000", "Cannot alter table id."),
        (
            "ALTER TABLE orders WITH gc_grace_seconds = '+0'",
            "Cannot alter gc_grace_seconds of the base table of a materialized view to 0, since this value is used to "
            "TTL undelivered updates. Setting gc_grace_seconds too low might cause undelivered updates to expire "
            "before being replayed.",
        ),
        ("ALTER TABLE visits WITH default_time_to_live = -0", ""),
        ("CREATE TABLE t (a int PRIMARY KEY, n counter) WITH default_time_to_live = '+0'", ""),
        ('CREATE TABLE shop."(" (a int)', "No PRIMARY KEY specifed for table 'shop.(' (exactly one required)"),
        ("ALTER TABLE plain ADD (e text MASKED WITH mask_replace(')'), f int); ALTER TABLE plain DROP f", ""),
        ('CREATE INDEX "on" ON plain (b)', ""),
        ('CREATE TABLE "table" (a int PRIMARY KEY); TRUNCATE "table"', ""),
        ("TRUNCATE nope", "table nope does not exist"),
        ("ALTER TABLE plain ALTER c TYPE blob", "Altering column types is no longer supported"),
        # Indexes
        ("CREATE INDEX plain_c ON orders (day)", "Index 'plain_c' already exists"),
        ("CREATE INDEX IF NOT EXISTS plain_c ON orders (day)", ""),
        ("CREATE INDEX again ON plain (c)", "Index again is a duplicate of existing index plain_c"),
        ("CREATE CUSTOM INDEX again ON plain (c) USING 'StorageAttachedIndex'", ""),
        (
            "CREATE INDEX again ON plain (c) USING 'legacy_local_table'",
            "Index again is a duplicate of existing index plain_c",
        ),
        ('CREATE INDEX "my index" ON plain (b)', "Illegal index name my index"),
        (
            'ALTER TABLE plain ADD "first name" text; CREATE INDEX ON plain ("first name") USING \'sai\'',
            "Column 'first name' contains non-alphanumeric-underscore characters",
        ),
        ('ALTER TABLE plain ADD "first name" text; CREATE INDEX ON plain ("first name")', ""),
        (
            "CREATE INDEX ON plain (b, c) USING 'sai'",
            "A storage-attached index cannot be created over multiple columns: b, c",
        ),
        ("CREATE CUSTOM INDEX ON plain (b, c) USING 'com.shop.Index'", ""),
        ("ALTER TABLE plain ADD e blob; CREATE INDEX ON plain (e) USING 'SAI'", "Unsupported type: blob"),
        (
            "ALTER TABLE plain ADD e map<text, blob>; CREATE INDEX ON plain (entries(e)) USING 'sai'",
            "Unsupported type: blob",
        ),
        ("ALTER TABLE plain ADD e map<text, blob>; CREATE INDEX ON plain (keys(e)) USING 'sai'", ""),
        ("CREATE INDEX ON orders (home) USING 'sai'; CREATE INDEX ON orders (full(words)) USING 'sai'", ""),
        ("ALTER TABLE plain ADD e vector<float, 3>; CREATE INDEX ON plain (e) USING 'sai'", ""),
        (
            "ALTER TABLE plain ADD e vector<int, 3>; CREATE INDEX ON plain (e) USING 'sai'",
            "SAI ANN indexes are only allowed on vector columns with float elements",
        ),
        (
            "CREATE INDEX ON plain (c) USING 'sai' WITH OPTIONS = {'mode': 'PREFIX'}",
            "Properties specified [mode] are not understood by StorageAttachedIndex",
        ),
        ("CREATE INDEX ON plain (c) USING 'sai' WITH OPTIONS = {'case_sensitive': false}", ""),
        (
            "CREATE INDEX ON plain (c) USING 'sai'; CREATE INDEX ON plain (c) USING 'StorageAttachedIndex'",
            "Cannot create more than one storage-attached index on the same column: c",
        ),
        (
            "CREATE INDEX ON orders (keys(counts)) USING 'sai'; CREATE INDEX ON orders (values(counts)) USING 'sai'",
            "",
        ),
        (
            "CREATE CUSTOM INDEX ON plain (b) USING 'com.shop.Index' WITH OPTIONS = {'a': 1}; "
            "CREATE CUSTOM INDEX ON plain (b) USING 'com.shop.Index' WITH OPTIONS = {'a': 2}",
            "",
        ),
        ("CREATE CUSTOM INDEX ON plain (c)", "Unable to find custom indexer class 'legacy_local_table'"),
        ("CREATE CUSTOM INDEX ON plain (c) USING 'Nope'", "Unable to find custom indexer class 'Nope'"),
        ("CREATE CUSTOM INDEX ON plain (c) USING 'SASIIndex'", "Unable to find custom indexer class 'SASIIndex'"),
        (
            "CREATE CUSTOM INDEX ON orders (tags) USING 'org.apache.cassandra.index.sasi.SASIIndex'",
            "complex columns are not yet supported by SASI",
        ),
        ("CREATE INDEX ON plain (b) WITH OPTIONS = {'a': 1}", "Cannot specify options for a non-CUSTOM index"),
        ("CREATE INDEX ON plain (b) USING 'sai' WITH foo = 1", "Unknown property 'foo'"),
        (
            "CREATE INDEX ON plain (b) USING 'sai' WITH OPTIONS = 'a'",
            "Invalid value for property 'options'. It should be a map.",
        ),
        ("CREATE INDEX ON plain (c)", "Index plain_c_idx is a duplicate of existing index plain_c"),
        ("CREATE INDEX ON plain (nope)", "Undefined column name nope in table shop.plain"),
        ("CREATE INDEX ON nope (a)", "Table 'nope' doesn't exist"),
        ("CREATE INDEX ON by_day (day)", "Secondary indexes on materialized views aren't supported"),
        ("CREATE INDEX ON visits (n)", "Secondary indexes on counter tables aren't supported"),
        ("CREATE INDEX ON orders (span)", "Secondary indexes are not supported on duration columns"),
        (
            "CREATE TABLE one (a int PRIMARY KEY); CREATE INDEX ON one (a)",
            "Cannot create secondary index on the only partition key column a",
        ),
        (
            "CREATE INDEX ON orders (words)",
            "Cannot create values() index on frozen column words. Frozen collections are immutable and must be fully "
            "indexed by using the 'full(words)' modifier",
        ),
        ("CREATE INDEX ON orders (full(words))", ""),
        ("CREATE INDEX ON orders (full(tags))", "full() indexes can only be created on frozen collections"),
        (
            "CREATE INDEX ON orders (keys(day))",
            "Cannot create keys() index on day. Non-collection columns only support simple indexes",
        ),
        ("CREATE INDEX ON orders (keys(tags))", "Cannot create index on keys of column tags with non-map type"),
        ("CREATE INDEX ON orders (entries(counts)); CREATE INDEX ON orders (keys(counts))", ""),
        ("CREATE INDEX ON orders (flat)", "Cannot create index on non-frozen UDT column flat"),
        ("CREATE INDEX ON orders (day, home)", "Only CUSTOM indexes support multiple columns"),
        ("DROP INDEX nope", "Index 'shop.nope' doesn't exist'"),
        # Views
        ("DROP MATERIALIZED VIEW orders", "Materialized view 'shop.orders' doesn't exist"),
        ("ALTER MATERIALIZED VIEW nope WITH comment = 'x'", "Materialized view 'shop.nope' doesn't exist"),
        ("ALTER MATERIALIZED VIEW by_day WITH comment = 'x'", ""),
        (
            "ALTER MATERIALIZED VIEW by_day WITH gc_grace_seconds = 0",
            "Cannot alter gc_grace_seconds of a materialized view to 0, since this value is used to TTL undelivered "
            "updates. Setting gc_grace_seconds too low might cause undelivered updates to expire before being "
            "replayed.",
        ),
        (
            "ALTER MATERIALIZED VIEW by_day WITH default_time_to_live = 60",
            "Forbidden default_time_to_live detected for a materialized view. Data in a materialized view always "
            "expire at the same time than the corresponding data in the parent table. default_time_to_live must be "
            "set to zero, see CASSANDRA-12868 for more information",
        ),
        ("TRUNCATE by_day", "Cannot TRUNCATE materialized view directly; must truncate base table instead"),
        ("TRUNCATE TABLE orders", ""),
        ("CREATE TRIGGER x ON by_day USING 'X'", "Cannot CREATE TRIGGER for a materialized view"),
        # Keyspaces
        (
            "CREATE KEYSPACE shop WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}",
            'Cannot add existing keyspace "shop"',
        ),
        (
            "CREATE KEYSPACE IF NOT EXISTS shop WITH replication = {'class': 'NetworkTopologyStrategy', 'dc1': 3} "
            "AND durable_writes = true",
            "",
        ),
        ("CREATE KEYSPACE k WITH durable_writes = true", "Missing mandatory option 'replication'"),
        ("CREATE KEYSPACE k WITH replication = {'x': 1}", "Missing replication strategy class"),
        ("CREATE KEYSPACE k WITH replication = {'class': 'X'} AND nope = 1", "Unknown property 'nope'"),
        (
            "CREATE KEYSPACE k WITH replication = {'class': 'SimpleStrateg'}",
            "Unable to find replication strategy class 'org.apache.cassandra.locator.SimpleStrateg'",
        ),
        ("CREATE KEYSPACE k WITH replication = {'class': 'SimpleStrategy'}", ""),
        (
            "CREATE KEYSPACE k WITH replication = {'class': 'SimpleStrategy', 'dc1': 3}",
            "Unrecognized strategy option {dc1} passed to SimpleStrategy for keyspace k",
        ),
        (
            "ALTER KEYSPACE shop WITH replication = {'class': 'NetworkTopologyStrategy', 'dc1': '3/1'}",
            "Cannot use transient replication on keyspaces using materialized views",
        ),
        ("DROP KEYSPACE shop; CREATE TABLE shop.orders (a int PRIMARY KEY)", "Keyspace 'shop' doesn't exist"),
        ("DROP KEYSPACE shop; CREATE TYPE shop.t (a int)", "Keyspace 'shop' doesn't exist"),
        ("DROP KEYSPACE shop; CREATE INDEX ON shop.orders (day)", "Keyspace 'shop' doesn't exist"),
        ("DROP KEYSPACE shop; USE shop", "Keyspace 'shop' does not exist"),
        ("DROP KEYSPACE shop; DROP KEYSPACE shop", "Keyspace 'shop' doesn't exist"),
        ("DROP KEYSPACE shop; ALTER KEYSPACE shop WITH durable_writes = true", "Keyspace 'shop' doesn't exist"),
        ("DROP KEYSPACE shop; ALTER KEYSPACE IF EXISTS shop WITH durable_writes = true", ""),
        ("DROP KEYSPACE shop; DROP TABLE orders", "Table 'shop.orders' doesn't exist"),
        ("DROP KEYSPACE shop; DROP TABLE IF EXISTS orders", ""),
        ("DROP KEYSPACE shop; DROP TYPE place", "Type 'shop.place' doesn't exist"),
        ("DROP KEYSPACE shop; DROP TYPE IF EXISTS place", ""),
        ("DROP KEYSPACE shop; DROP MATERIALIZED VIEW by_day", "Materialized view 'shop.by_day' doesn't exist"),
        ("DROP KEYSPACE shop; DROP MATERIALIZED VIEW IF EXISTS by_day", ""),
        ("DROP KEYSPACE shop; DROP INDEX plain_c", "Index 'shop.plain_c' doesn't exist'"),
        ("DROP KEYSPACE shop; ALTER TABLE orders ADD x int", "Table 'shop.orders' doesn't exist"),
        ("DROP KEYSPACE shop; ALTER TABLE IF EXISTS orders ADD x int", ""),
        ("DROP KEYSPACE shop; TRUNCATE orders", "keyspace shop does not exist"),
        (
            'CREATE TABLE "my-shop".t (a int PRIMARY KEY)',
            "Keyspace name must not be empty and must contain alphanumeric or underscore characters only "
            '(got "my-shop")',
        ),
        (
            f"CREATE KEYSPACE {'k' * 49} WITH replication = {{'class': 'SimpleStrategy'}}",
            f'Keyspace name must not be more than 48 characters long (got 49 characters for "{"k" * 49}")',
        ),
        ("CREATE TABLE system.t (a int PRIMARY KEY)", "System keyspace 'system' is not user-modifiable"),
        ("DROP KEYSPACE system_schema", "System keyspace 'system_schema' is not user-modifiable"),
        (
            "CREATE KEYSPACE k WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 'abc'}",
            'For input string: "abc"',
        ),
        (
            "CREATE KEYSPACE k WITH replication = {'class': 'NetworkTopologyStrategy', 'dc1': '-1'}",
            "Replication factor must be non-negative, found -1",
        ),
        (
            "DROP KEYSPACE shop; CREATE KEYSPACE shop WITH replication = {'class': 'SimpleStrategy', "
            "'replication_factor': 1}; CREATE TABLE shop.orders (a int PRIMARY KEY)",
            "",
        ),
    ],
)
def test_each_statement_has_the_servers_answer(statement: str, server: str) -> None:
    assert [(one.server_message, one.place.file) for one in errors(SHOP + statement)] == (
        [(server, "schema")] if server else []
    )


@pytest.mark.parametrize(
    "statement",
    [
        *(f"CREATE TYPE {name} (a int)" for name in ("byte", "date", "interval", "INT", "varchar", "json")),
        "ALTER TYPE date ADD a int",
        "ALTER TABLE plain RENAME a TO x AND b TO x",
        "ALTER TABLE plain RENAME a TO x garbage",
        "ALTER TABLE IF EXISTS nope FOO BAR",
        "ALTER TYPE IF EXISTS nope FOO BAR",
        "ALTER TYPE place ADD zip text garbage",
        "ALTER TYPE place RENAME street TO road garbage",
        "ALTER TABLE IF NOT EXISTS plain ADD e int",
        "CREATE TABLE IF EXISTS t (a int PRIMARY KEY)",
        "CREATE TYPE IF EXISTS t (a int)",
        "DROP TABLE IF NOT EXISTS plain",
        "CREATE FUNCTION f (a int) RETURNS int LANGUAGE java AS $$return 1;$$",
        "CREATE TABLE t (select int PRIMARY KEY)",
        "ALTER TABLE plain ADD select int",
        "ALTER TABLE plain ADD e int f text",
        "ALTER TABLE plain WITH",
        "ALTER TABLE plain WITH CLUSTERING ORDER BY (b DESC)",
        "CREATE TYPE t ()",
        "CREATE TYPE t (, a int)",
        "CREATE TYPE t (a int",
        "CREATE INDEX plain (c)",
        "CREATE INDEX shop.i ON plain (b)",
        "CREATE INDEX ON plain (b) USING sai",
        "CREATE INDEX ON plain (b) USING 'sai' WITH OPTIONS",
        "CREATE INDEX ON plain (b) USING 'sai' garbage",
        "CREATE KEYSPACE k",
        "CREATE SOMETHING x",
        "DROP SOMETHING x",
        "CREATE TABLE by_day (a int PRIMARY KEY)",
        "USE a b",
        "FOO BAR",
        "CREATE TABLE t (a int PRIMARY KEY, b 'text",
    ],
)
def test_what_breaks_the_grammar_or_the_server_is_refused_in_words_that_are_not_foretold(statement: str) -> None:
    (found,) = errors(SHOP + statement)
    assert (found.code, found.kind, found.server_message) == ("CV002", Kind.REFUSED, None)
    assert found.place.line > 10


@pytest.mark.parametrize(
    "statement",
    ["CONSISTENCY QUORUM", "SOURCE 'x.cql'", "EXPAND ON", "GRANT SELECT ON plain TO r", "INSERT INTO t (a) VALUES (1)"],
)
def test_other_statements_and_those_of_cqlsh_are_passed_over(statement: str) -> None:
    assert errors(f"{SHOP} {statement};") == []


BY_TAG = (
    "CREATE MATERIALIZED VIEW {} AS SELECT a, b, c, d FROM plain WHERE c IS NOT NULL AND a IS NOT NULL AND b {} "
    "PRIMARY KEY (c, a, b)"
)


def test_another_view_is_judged_as_the_view_itself_and_leaves_nothing_where_it_is_refused() -> None:
    refused = BY_TAG.format("other", "= 'x'")
    found = check(BY_TAG.format("mine", "IS NOT NULL"), f"{SHOP} {refused};")
    assert [(one.code, one.place.file) for one in found] == [("CV310", "schema")]
    assert found[0].server_message == 'Invalid STRING constant (x) for "b" of type int'
    assert check(BY_TAG.format("other", "IS NOT NULL"), f"{SHOP} {refused};")[1:] == ()


def test_another_view_that_harms_the_node_is_told() -> None:
    found = check(BY_TAG.format("mine", "IS NOT NULL"), f"{SHOP} {BY_TAG.format('other', '= null')};")
    assert [(one.code, one.kind, one.place.file) for one in found] == [("CV202", Kind.HARMFUL, "schema")]


def test_a_view_takes_a_name_and_one_of_the_places_that_a_guardrail_leaves() -> None:
    view, other = BY_TAG.format("mine", "IS NOT NULL"), BY_TAG.format("other", "IS NOT NULL")
    assert check(view, f"{SHOP} {view};")[0].code == "CV130"
    assert check(view, f"{SHOP} {other};", views_per_table=2) == ()
    (found,) = check(view, f"{SHOP} {other};", views_per_table=1)
    assert found.server_message == (
        "Guardrail materialized_views_per_table violated: Tables cannot have more than 1 materialized views, aborting "
        "the creation of materialized view mine on table plain"
    )


def test_if_not_exists_on_a_view_that_exists_does_nothing_whatever_the_statement_says() -> None:
    other = BY_TAG.format("IF NOT EXISTS other", "= 'x'") + " WITH nope = 1"
    found = check(other, f"{SHOP} {BY_TAG.format('other', 'IS NOT NULL')};")
    assert [(one.code, one.kind) for one in found] == [("CV102", Kind.ADVICE)]
    assert "does nothing" in found[0].message


@pytest.mark.parametrize("factor", ["'3/1'", "'4/2'"])
def test_no_view_stands_on_transient_replicas(factor: str) -> None:
    schema = (
        f"CREATE KEYSPACE k WITH replication = {{'class': 'SimpleStrategy', 'replication_factor': {factor}}}; USE k;"
        "CREATE TABLE plain (a int, b int, c text, d int, PRIMARY KEY (a, b)) WITH read_repair = 'NONE';"
    )
    found = check(BY_TAG.format("mine", "IS NOT NULL"), schema)
    assert [one.server_message for one in found] == [
        "Materialized views are not supported on transiently replicated keyspaces"
    ]
    repaired = check(BY_TAG.format("mine", "IS NOT NULL"), schema.replace("'NONE'", "'BLOCKING'"))[0].server_message
    assert repaired == "read_repair must be set to 'NONE' for transiently replicated keyspaces"


def test_an_added_column_or_a_renamed_key_is_there_for_the_view() -> None:
    schema = SHOP + "ALTER TABLE plain ADD e int; ALTER TABLE plain RENAME a TO z;"
    where = "e IS NOT NULL AND z IS NOT NULL AND b IS NOT NULL"
    view = f"CREATE MATERIALIZED VIEW v AS SELECT e, z, b, c, d FROM plain WHERE {where} PRIMARY KEY (e, z, b)"
    assert check(view, schema) == ()


@pytest.mark.parametrize(
    "statement",
    [
        "ALTER TABLE plain RENAME a TO x AND nope TO y",
        "ALTER TABLE plain RENAME a TO x garbage",
        "ALTER TABLE plain DROP (c, a)",
        "DROP INDEX nope; ALTER TABLE plain DROP (d, nope)",
        "ALTER TABLE plain ADD (e int, e int)",
        "ALTER TABLE plain WITH gc_grace_seconds = 5 AND nope = 1",
        "ALTER TYPE place ADD zip text garbage",
        "ALTER TYPE place RENAME street TO road AND nope TO x",
        "ALTER TYPE place RENAME street TO road garbage",
        "CREATE INDEX b_idx ON plain (b) USING",
        "CREATE TYPE t (a int, b nope)",
        "USE k garbage",
    ],
)
def test_a_statement_that_is_refused_leaves_the_schema_as_it_was(statement: str) -> None:
    schema, found = read_schema(SHOP + statement, file="schema")
    assert found
    assert schema == read_schema(SHOP, file="schema")[0]


def test_a_counter_table_without_its_counters_takes_no_view() -> None:
    (found,) = check(
        "CREATE MATERIALIZED VIEW v AS SELECT page FROM visits WHERE page IS NOT NULL PRIMARY KEY (page)",
        f"{SHOP} ALTER TABLE visits DROP n;",
    )
    assert found.server_message == "Materialized views are not supported on counter tables"


@pytest.mark.parametrize(
    ("function", "server"),
    [
        (FUNCTION.format("f (a int)"), None),
        (AGGREGATE.format("f (int)"), "Aggregation function are not supported in the where clause"),
        ("", "Unknown function f called"),
    ],
)
def test_functions_and_aggregates_of_users_are_told_apart(function: str, server: str | None) -> None:
    found = check(BY_TAG.format("mine", "= f(1)"), f"{SHOP} {function};")
    assert [one.server_message for one in found if one.kind is Kind.REFUSED] == ([server] if server else [])


def test_a_view_on_a_table_of_a_dropped_keyspace_is_refused() -> None:
    view = "CREATE MATERIALIZED VIEW {}v AS SELECT a FROM gone.t WHERE a IS NOT NULL PRIMARY KEY (a)"
    (found,) = check(view.format("k."), "DROP KEYSPACE gone; USE k;")
    assert (found.code, found.server_message) == (
        "CV103",
        "Cannot create a materialized view on a table in a different keyspace",
    )
    assert [one.code for one in check(view.format(""), "DROP KEYSPACE gone; USE k;")] == ["CV103"]
    assert check(view.format("gone."), "DROP KEYSPACE gone;")[0].server_message == "Keyspace 'gone' doesn't exist"


@pytest.mark.parametrize(
    ("key", "server"),
    [
        ("PRIMARY KEY (a, b)", None),
        ("PRIMARY KEY (a)", "Cannot include static column 'b' in materialized view 'v'"),
    ],
)
def test_a_view_on_a_compact_table_is_judged_by_the_columns_that_the_server_keeps(key: str, server: str | None) -> None:
    view = "CREATE MATERIALIZED VIEW v AS SELECT a, b FROM old WHERE a IS NOT NULL AND b IS NOT NULL PRIMARY KEY (b, a)"
    found = check(view, f"{SHOP} {COMPACT.replace('PRIMARY KEY (a, b)', key)};")
    assert [one.server_message for one in found if one.kind is Kind.REFUSED][:1] == ([server] if server else [])


@pytest.mark.parametrize(
    ("old", "new", "shown"),
    [
        ("frozen<place>", "frozen<place>", "frozen<tuple<text, int>>"),
        ("list<frozen<place>>", "list<frozen<place>>", "list<frozen<tuple<text, int>>>"),
        ("frozen<list<place>>", "frozen<list<place>>", "frozen<list<frozen<tuple<text, int>>>>"),
        ("map<int, frozen<place>>", "map<int, frozen<place>>", "map<int, frozen<tuple<text, int>>>"),
        ("set<frozen<place>>", "set<frozen<place>>", ""),
        ("map<frozen<place>, int>", "map<frozen<place>, int>", ""),
        ("frozen<place>", "frozen<tuple<text, int>>", ""),
        ("frozen<place>", "tuple<text, int, text>", ""),
        ("tuple<int, text>", "tuple<int, text, int>", ""),
        ("tuple<int, text, int>", "tuple<int, text>", "frozen<tuple<int, text, int>>"),
        ("tuple<int, ascii>", "tuple<int, text>", ""),
        ("list<ascii>", "list<text>", ""),
        ("list<text>", "list<ascii>", "list<text>"),
        ("set<ascii>", "set<text>", ""),
        ("set<int>", "set<varint>", "set<int>"),
        ("list<int>", "list<varint>", "list<int>"),
        ("list<int>", "frozen<list<int>>", "list<int>"),
        ("frozen<list<int>>", "blob", "frozen<list<int>>"),
        ("tuple<int, text>", "blob", ""),
        ("vector<float, 3>", "blob", "vector<float, 3>"),
        ("vector<float, 3>", "vector<float, 3>", ""),
        ("vector<text, 3>", "blob", ""),
        ("text", "blob", ""),
        ("int", "blob", "int"),
        ("timeuuid", "uuid", ""),
        ("bigint", "timestamp", ""),
        ("int", "varint", "int"),
    ],
)
def test_a_column_comes_back_as_what_can_read_its_values(old: str, new: str, shown: str) -> None:
    statements = f"ALTER TABLE plain ADD x {old}; ALTER TABLE plain DROP x; ALTER TABLE plain ADD x {new}"
    told = [one.server_message or "" for one in errors(SHOP + statements)]
    what = "incompatible with previously dropped column 'x' of type"
    assert [one.partition(f", {what} ")[2] for one in told] == ([shown] if shown else [])
