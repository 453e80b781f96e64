"""The functions that every server of 5.0 has: their names, what they take and what they give; read from 5.0.9."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from cassandra_views.cql.types import NATIVE, CqlType, parse_type

CLOCKS = frozenset(("now", "uuid", "currenttimestamp", "currentdate", "currenttime", "currenttimeuuid"))
"""Without their underscores: functions that give another value at each call."""
AGGREGATES = frozenset(("min", "max", "sum", "avg", "count"))
WIDTH = {"tinyint": 1, "smallint": 2, "int": 3, "bigint": 4, "counter": 4, "float": 5, "double": 6, "varint": 7}
WIDTH["decimal"] = 8
"""The numbers, by how much each can hold."""


@dataclass(frozen=True, slots=True)
class Signature:
    """One set of arguments that a function takes, and the type that it gives for them."""

    arguments: tuple[CqlType, ...]
    result: CqlType


_TIMES = {
    "now": "timeuuid",
    "uuid": "uuid",
    "current_timestamp": "timestamp",
    "current_date": "date",
    "current_time": "time",
    "current_timeuuid": "timeuuid",
    "min_timeuuid": "timestamp > timeuuid",
    "max_timeuuid": "timestamp > timeuuid",
    "to_date": "timestamp > date, timeuuid > date",
    "to_timestamp": "date > timestamp, timeuuid > timestamp",
    "to_unix_timestamp": "date > bigint, timestamp > bigint, timeuuid > bigint",
}
_FLOOR = (
    "date duration > date, date duration date > date, time duration > time, timestamp duration > timestamp, "
    "timestamp duration timestamp > timestamp, timeuuid duration > timestamp, timeuuid duration timestamp > timestamp"
)
_TEXTS = "boolean date inet time timestamp timeuuid uuid"
_CASTS = {
    "ascii": f"{_TEXTS} {' '.join(WIDTH)}",
    "text": f"ascii {_TEXTS} {' '.join(WIDTH)}",
    "date": "timestamp timeuuid",
    "timestamp": "date timeuuid",
}
BY_ARGUMENT = frozenset(
    """from_json fromjson to_json tojson map_keys map_values collection_count collection_min collection_max
    collection_sum collection_avg mask_null mask_default mask_replace mask_inner mask_outer mask_hash similarity_cosine
    similarity_euclidean similarity_dot_product""".split()  # noqa: SIM905
)
"""Functions that the server makes for the types that they are called with."""


def _signatures(text: str) -> tuple[Signature, ...]:
    found = []
    for one in text.split(","):
        taken, _, given = one.rpartition(">")
        found.append(Signature(tuple(map(parse_type, taken.split())), parse_type(given.strip())))
    return tuple(found)


@cache
def functions() -> dict[str, tuple[Signature, ...]]:
    """Return the signatures of each function; those of 4.1 are known by names without underscores, too."""
    found = {name: _signatures(text) for name, text in _TIMES.items()}
    for type_ in (*NATIVE, "varchar"):
        found[f"blob_as_{type_}"] = _signatures(f"blob > {type_}")
        if type_ != "blob":
            found[f"{type_}_as_blob"] = _signatures(f"{type_} > blob")
    del found["blob_as_blob"]
    found |= {name.replace("_", ""): signatures for name, signatures in found.items()}
    found["floor"] = _signatures(_FLOOR)
    for name in ("abs", "exp", "log", "log10", "round"):
        found[name] = _signatures(", ".join(f"{number} > {number}" for number in WIDTH))
    for number in WIDTH:
        if number != "counter":
            found[f"cast_as_{number}"] = _signatures(", ".join(f"{one} > {number}" for one in WIDTH if one != number))
    for type_, others in _CASTS.items():
        found[f"cast_as_{type_}"] = _signatures(", ".join(f"{one} > {type_}" for one in others.split()))
    return found


_COMPATIBLE = {
    "date": ("int",),
    "text": ("ascii",),
    "time": ("bigint",),
    "varint": ("int", "bigint"),
    "bigint": ("timestamp",),
    "timestamp": ("bigint",),
    "uuid": ("timeuuid",),
}


def is_compatible(given: CqlType, wanted: CqlType) -> bool:
    """Tell whether a server takes values of the one type for the other without a conversion."""
    if wanted.name == "blob" and not wanted.is_user_defined:
        return True
    if wanted.is_user_defined or given.is_user_defined or wanted.arguments or given.arguments:
        return str(given) == str(wanted)
    return given.name == wanted.name or given.name in _COMPATIBLE.get(wanted.name, ())
