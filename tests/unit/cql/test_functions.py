"""Which function a call or CAST in WHERE means to a server, and whether what it gives fits; tried on 5.0.9's code."""

from __future__ import annotations

import pytest

from cassandra_views import check
from cassandra_views.cql.findings import Kind

COLUMNS = {
    "a": "int",
    "b": "text",
    "d": "timestamp",
    "e": "frozen<list<int>>",
    "f": "double",
    "g": "decimal",
    "h": "bigint",
    "i": "uuid",
    "k": "date",
    "n": "varint",
}
SCHEMA = f"CREATE TABLE k.t (z int, {', '.join(map(' '.join, COLUMNS.items()))}, PRIMARY KEY (z, {', '.join(COLUMNS)}))"
NONE_MATCHES, AMBIGUOUS = "Invalid call to function", "Ambiguous call to function"


@pytest.mark.parametrize(
    ("relation", "verdict"),
    [
        # Functions of 5.0 that take several types
        ("a = abs(-5)", ""),
        ("h = abs(5)", ""),
        ("g = round(1.5)", ""),
        ("a = exp(1)", ""),
        ("n = log10(100)", ""),
        ("a = system.abs(5)", ""),
        ("a = abs(null)", ""),
        ("f = abs('x')", NONE_MATCHES),
        ("a = abs()", NONE_MATCHES),
        ("b = abs(1)", NONE_MATCHES),
        ("d = floor('2026-01-01 00:00Z', 1d)", ""),
        ("h = to_unix_timestamp(now())", ""),
        ("h = toUnixTimestamp('2026-01-01')", AMBIGUOUS),
        ("k = to_date('2026-01-01')", ""),
        # Those that are made for their arguments
        ("b = mask_inner('abc', 1, 1)", ""),
        ("a = from_json('5')", ""),
        ("b = toJson(5)", ""),
        ("e = map_values({'a': 1})", ""),
        ("a = collection_count({1, 2})", ""),
        (
            "h = collection_count({1, 2})",
            "Type error: cannot assign result of function system.collection_count (type int) to h (type bigint)",
        ),
        (
            "a = collection_max([1, 2])",
            "Cannot infer type of argument [1, 2] in call to function system.collection_max(numeric_set_or_list): use "
            "type casts to disambiguate",
        ),
        # Those that take one
        ("b = blobAsVarchar(0x61)", ""),
        ("a = blob_as_int(intAsBlob(7))", ""),
        (
            "a = blob_as_int(5)",
            "Type error: 5 cannot be passed as argument 0 of function system.blob_as_int of type blob",
        ),
        (
            "i = uuid(1)",
            "Invalid number of arguments in call to function system.uuid: 0 required but 1 provided",
        ),
        ("h = token(1)", ""),
        ("b = now()", "Type error: cannot assign result of function system.now (type timeuuid) to b (type text)"),
        ("a = n_o_w()", "Unknown function n_o_w called"),
        ("a = k.five()", "Unknown function k.five called"),
        ("a = max(1)", "Aggregation function are not supported in the where clause"),
        # CAST
        ("a = CAST(5 AS int)", AMBIGUOUS),
        ("a = CAST((bigint) 5 AS int)", ""),
        ("h = CAST(5 AS bigint)", ""),
        ("h = CAST(5 AS int)", NONE_MATCHES),
        ("f = CAST(5 AS double)", ""),
        ("f = CAST(1.5 AS double)", AMBIGUOUS),
        ("g = CAST(1.5 AS decimal)", ""),
        ("b = CAST(5 AS text)", ""),
        ("b = CAST('x' AS text)", ""),
        ("b = CAST('x' AS ascii)", AMBIGUOUS),
        ("b = CAST(1d AS text)", NONE_MATCHES),
        ("a = CAST('5' AS int)", NONE_MATCHES),
        ("a = CAST(null AS int)", AMBIGUOUS),
        ("d = CAST('2026-01-01' AS timestamp)", ""),
        ("k = CAST(now() AS date)", ""),
        ("b = CAST('x' AS blob)", "Unknown function system.cast_as_blob called"),
    ],
)
def test_a_call_means_the_function_that_a_server_finds(relation: str, verdict: str) -> None:
    name = relation.split()[0]
    where = [relation, "z IS NOT NULL", *(f"{other} IS NOT NULL" for other in COLUMNS if other != name)]
    key = ", ".join(["z", *COLUMNS])
    view = f"CREATE MATERIALIZED VIEW k.v AS SELECT * FROM k.t WHERE {' AND '.join(where)} PRIMARY KEY ({key})"
    refused = [one for one in check(view, SCHEMA) if one.kind is Kind.REFUSED]
    if verdict in (NONE_MATCHES, AMBIGUOUS):
        # The server adds its functions in an order that nobody knows.
        assert [one.server_message for one in refused] == [None]
        assert refused[0].message.startswith(verdict)
    else:
        assert [one.server_message for one in refused] == ([verdict] if verdict else [])
