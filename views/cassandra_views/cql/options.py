"""The options that tables and views take after WITH: their names and kinds of values."""

from __future__ import annotations

import re
from enum import Enum

from cassandra_views.cql.finding import Report
from cassandra_views.cql.option_values import POLICIES, is_policy
from cassandra_views.model.names import nearest
from cassandra_views.model.statement import Option


class OptionKind(Enum):
    """What an option's value must be."""

    INTEGER = "a whole number of 0 or more"
    CHANCE = "a number from 0 to 1"
    BOOLEAN = "true or false"
    TEXT = "a text"
    UUID = "a uuid"
    MAP = "a map"
    REPAIR = "'BLOCKING' or 'NONE'"


OPTIONS = {
    "additional_write_policy": OptionKind.TEXT,
    "allow_auto_snapshot": OptionKind.BOOLEAN,
    "bloom_filter_fp_chance": OptionKind.CHANCE,
    "caching": OptionKind.MAP,
    "cdc": OptionKind.BOOLEAN,
    "comment": OptionKind.TEXT,
    "compaction": OptionKind.MAP,
    "compression": OptionKind.MAP,
    "crc_check_chance": OptionKind.CHANCE,
    "default_time_to_live": OptionKind.INTEGER,
    "extensions": OptionKind.MAP,
    "gc_grace_seconds": OptionKind.INTEGER,
    "id": OptionKind.UUID,
    "incremental_backups": OptionKind.BOOLEAN,
    "max_index_interval": OptionKind.INTEGER,
    "memtable": OptionKind.TEXT,
    "memtable_flush_period_in_ms": OptionKind.INTEGER,
    "min_index_interval": OptionKind.INTEGER,
    "read_repair": OptionKind.REPAIR,
    "speculative_retry": OptionKind.TEXT,
}
"""Of 4.1, 5.0 and 6.0-alpha2 together: a server that lacks one (4.1: allow_auto_snapshot,
incremental_backups) says so itself."""

_GONE = frozenset(("read_repair_chance", "dclocal_read_repair_chance"))
_NUMBER = re.compile(r"[0-9]*\.?[0-9]+(?:e-?[0-9]+)?", re.IGNORECASE)
_CLASSES = {
    "compaction": frozenset(
        (
            "DateTieredCompactionStrategy",
            "LeveledCompactionStrategy",
            "SizeTieredCompactionStrategy",
            "TimeWindowCompactionStrategy",
            "UnifiedCompactionStrategy",
        )
    ),
    "compression": frozenset(
        (
            "DeflateCompressor",
            "LZ4Compressor",
            "NoopCompressor",
            "SnappyCompressor",
            "ZstdCompressor",
            "ZstdDictionaryCompressor",
        )
    ),
}
"""Of all versions together; a class of another package is somebody's own."""
_PACKAGES = {
    "compaction": "org.apache.cassandra.db.compaction.",
    "compression": "org.apache.cassandra.io.compress.",
}
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


def lint_options(options: tuple[Option, ...], report: Report, *, unknown: str, twice: str, kind: str) -> None:
    """Report unknown and doubled options and values of the wrong kind, under the three codes given."""
    seen: set[str] = set()
    for option in options:
        name = option.name
        if name in seen:
            report.add(twice, f"Multiple definitions for property '{name}'", option.at, f"Keep one '{name}'")
        seen.add(name)
        wanted = OPTIONS.get(name)
        if wanted is None:
            gone = "; it went away with Cassandra 4.0" if name in _GONE else nearest(name, list(OPTIONS))
            fix = "Take it out" if name in _GONE else "Write the name of a table option"
            report.add(unknown, f"Unknown property '{name}'{gone}".rstrip("?"), option.at, fix)
        elif reason := _refusal(option):
            report.add(kind, reason, option.at, "Correct the value")
        elif not _fits(option, wanted):
            report.add(
                kind,
                f"the value of option '{name}' is not {wanted.value}",
                option.at,
                f"Give {wanted.value}"
                + (", such as {'class': 'LeveledCompactionStrategy'}" if name == "compaction" else ""),
            )


def _refusal(option: Option) -> str:
    """Return why servers refuse the value though it is of the right kind; only what every version refuses."""
    name, value = option.name, option.value
    if name in _CLASSES and not isinstance(value, str):
        return _class_refusal(name, dict(value))
    if name == "caching" and not isinstance(value, str):
        return _caching_refusal(dict(value))
    if not isinstance(value, str):
        return ""
    if name in POLICIES and not is_policy(value):
        return f"Invalid value {value} for option '{name}'"
    if name == "bloom_filter_fp_chance" and _NUMBER.fullmatch(value) and float(value) <= 6.71e-5:
        return f"bloom_filter_fp_chance must be larger than 6.71E-5 and at most 1 (got {value})"
    if name in ("min_index_interval", "max_index_interval") and value.isdigit() and int(value) < 1:
        return f"{name} must be greater than or equal to 1 (got {value})"
    return ""


def _class_refusal(name: str, entries: dict[str, str]) -> str:
    given = entries.get("class", "").removeprefix(_PACKAGES[name])
    if given and "." not in given and given not in _CLASSES[name]:
        return f"Unable to find {name} class '{given}'{nearest(given, sorted(_CLASSES[name]))}".rstrip("?")
    if name == "compression" and entries.get("enabled", "").lower() == "false" and len(entries) > 1:
        return "If the 'enabled' option is set to false no other options must be specified"
    return ""


def _caching_refusal(entries: dict[str, str]) -> str:
    for key, value in entries.items():
        if key not in ("keys", "rows_per_partition"):
            return f"Invalid caching sub-options [{key}]: only 'keys' and 'rows_per_partition' are allowed"
        is_number = key == "rows_per_partition" and value.isdigit()
        if value.upper() not in ("ALL", "NONE") and not is_number:
            return f"Invalid value '{value}' for caching sub-option '{key}': only 'ALL' and 'NONE' are allowed"
    return ""


def _fits(option: Option, wanted: OptionKind) -> bool:
    value = option.value
    if not isinstance(value, str):
        return wanted is OptionKind.MAP and (option.name != "compaction" or "class" in dict(value))
    match wanted:
        case OptionKind.INTEGER:
            return re.fullmatch(r"[0-9]{1,10}", value) is not None and int(value) < 2**31
        case OptionKind.CHANCE:
            return _NUMBER.fullmatch(value) is not None and float(value) <= 1
        case OptionKind.BOOLEAN:
            return value.lower() in ("true", "false")
        case OptionKind.UUID:
            return _UUID.fullmatch(value) is not None
        case OptionKind.REPAIR:
            return value.upper() in ("BLOCKING", "NONE")
        case OptionKind.TEXT:
            return True
        case OptionKind.MAP:
            return False
