"""The options that tables and views take after WITH: their names, their values, and which spellings mean the same.

Tried on 4.1.10, 5.0.9 and 6.0-alpha2: servers keep ``NONE`` as ``NEVER``, ``MAX(50ms, 99PERCENTILE)`` as
``MAX(99p,50ms)``, classes by their full names, defaults of booleans as null, and add their defaults to maps.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from decimal import Decimal, InvalidOperation
from enum import Enum

from cassandra_views.cql.findings import Findings, doubled
from cassandra_views.cql.option_refusals import CLASSES, options_refusals
from cassandra_views.model.names import nearest
from cassandra_views.model.schema import TableShape
from cassandra_views.model.statement import Option, OptionValue


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
    "auto_repair": OptionKind.MAP,
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
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


def lint_options(options: tuple[Option, ...], findings: Findings, *, unknown: str, twice: str, kind: str) -> None:
    """Report what a server refuses of the options, in the order of its checks, under the three codes given."""
    given = {option.name: option for option in options}
    for name in doubled(option.name for option in options):
        what = f"Multiple definitions for property '{name}'"
        findings.add(twice, what, given[name].at, f"Keep one '{name}'", server=what)
    for option in options:
        if option.name not in OPTIONS:
            gone = "; it went away with Cassandra 4.0" if option.name in _GONE else nearest(option.name, list(OPTIONS))
            fix = "Take it out" if option.name in _GONE else "Write the name of a table option"
            what = f"Unknown property '{option.name}'"
            findings.add(unknown, what + gone.rstrip("?"), option.at, fix, server=what)
    refused: set[str] = set()
    for option, reason in options_refusals(given):
        if option.name not in refused:
            refused.add(option.name)
            wanted = OPTIONS[option.name].value
            fix = f"Give {option.name} {wanted} that servers take"
            findings.add(kind, reason + _class_guess(option, reason), option.at, fix, server=reason)


def _class_guess(option: Option, reason: str) -> str:
    """Return the class that was meant where the server would find none."""
    if not reason.startswith("Unable to find") or isinstance(option.value, str):
        return ""
    given = dict(option.value).get("class", "")
    return nearest(given.rpartition(".")[2], sorted(CLASSES[option.name])).rstrip("?")


_NOT_COMPARED = frozenset(("comment", "id", "extensions"))
"""The manager's own, or not kept by servers as they were given."""
_WHEN_NULL = {
    "allow_auto_snapshot": "true",
    "cdc": "false",
    "incremental_backups": "true",
    "memtable": "default",
}
"""What it means that ``system_schema`` holds null."""
_POLICIES = frozenset(("speculative_retry", "additional_write_policy"))
_POLICY = re.compile(r"(?P<function>min|max)\((?P<first>[0-9.]+[a-z]+)\s*,\s*(?P<second>[0-9.]+[a-z]+)\)")
_THRESHOLD = re.compile(r"(?P<number>[0-9.]+)(?P<unit>ms|p|percentile)")
_DEFAULTS = {"compression": {"min_compress_ratio": "0"}, "caching": {"keys": "none", "rows_per_partition": "none"}}
"""Entries of maps that servers leave out of what they keep where they are just this, or add where they are missing."""


def option_differences(options: Iterable[Option], live: TableShape) -> tuple[str, ...]:
    """Return in words which options of a statement the table or view has another value of.

    Only what the statement names is looked at. No difference here touches what rows a view holds.
    """
    found: list[str] = []
    for option in options:
        kept = live.find_option(option.name)
        if option.name in _NOT_COMPARED or is_same_value(option.name, option.value, kept):
            continue
        if kept is None and option.name == "cdc":
            found.append("option cdc is not kept by this server, whose cassandra.yaml has cdc_enabled: false")
        elif kept is None:
            found.append(f"option {option.name} is not set, or this server does not show it; asked for: {option.value}")
        else:
            found.append(f"option {option.name} is {_shown(kept)}, not {_shown(option.value)}")
    return tuple(found)


def is_same_value(name: str, wanted: OptionValue, kept: OptionValue | None) -> bool:
    """Tell whether a server that was given the one value keeps it as the other.

    Args:
        name: of the option, which says how its value is read.
        kept: as ``system_schema`` has it, None for null.
    """
    if kept is None:
        kept = _WHEN_NULL.get(name)
    if kept is None:
        return False
    if isinstance(wanted, str) or isinstance(kept, str):
        return isinstance(wanted, str) and isinstance(kept, str) and _scalar(name, wanted) == _scalar(name, kept)
    return _is_same_map(name, dict(wanted), dict(kept))


def _is_same_map(name: str, wanted: dict[str, str], kept: dict[str, str]) -> bool:
    asked, there = ({key: _scalar(name, value) for key, value in each.items()} for each in (wanted, kept))
    if name == "compression" and (not asked or asked.get("enabled") == "false"):
        return there.get("enabled") == "false"
    # The server adds its own entries; what was named must be there.
    defaults = {key: _scalar(name, value) for key, value in _DEFAULTS.get(name, {}).items()}
    defaults["enabled"] = "true"
    return all(there.get(key, defaults.get(key)) == value for key, value in asked.items())


def _scalar(name: str, value: str) -> str:
    text = value.strip().lower()
    if name in _POLICIES:
        return _policy(text)
    try:
        number = Decimal(text)
    except InvalidOperation:
        return text.rpartition(".")[2] if text.startswith("org.apache.cassandra.") else text
    return repr(float(number)) if number.is_finite() else text


def _policy(text: str) -> str:
    if hybrid := _POLICY.fullmatch(text):
        parts = sorted((_threshold(hybrid["first"]), _threshold(hybrid["second"])))
        return f"{hybrid['function']}({','.join(parts)})"
    return _threshold({"none": "never"}.get(text, text))


def _threshold(text: str) -> str:
    """Return milliseconds cut to whole ones, percentiles to four places, as servers keep them."""
    match = _THRESHOLD.fullmatch(text)
    if match is None:
        return text
    try:
        number = Decimal(match["number"])
    except InvalidOperation:
        return text
    return f"{int(number)}ms" if match["unit"] == "ms" else f"{float(round(number, 4))!r}p"


def _shown(value: OptionValue) -> str:
    if isinstance(value, str):
        return value
    return "{" + ", ".join(f"{key}: {one}" for key, one in value) + "}"
