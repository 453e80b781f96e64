"""Which sub-options of ``compaction`` a server refuses, in its words and in the order of its checks; tried on 5.0.9."""

from __future__ import annotations

import re
from collections.abc import Mapping

from cassandra_views.cql.option_values import (
    FLOAT,
    RefusedValue,
    find_class,
    is_integer,
    java_double,
    java_list,
    read_map,
)
from cassandra_views.cql.types import whole
from cassandra_views.model.statement import OptionValue

_DAY = 24 * 60 * 60
STRATEGIES = frozenset(
    (
        "LeveledCompactionStrategy",
        "SizeTieredCompactionStrategy",
        "TimeWindowCompactionStrategy",
        "UnifiedCompactionStrategy",
    )
)


def read_compaction(name: str, value: OptionValue) -> tuple[str | None, dict[str, str]]:
    """Return the strategy, None where it is somebody else's, and the other sub-options.

    Raises:
        RefusedValue: the server cannot read it.
    """
    entries = read_map(name, value)
    if "class" not in entries:
        raise RefusedValue("Missing sub-option 'class' for the 'compaction' option")
    given = entries.pop("class")
    short = find_class("compaction strategy", "org.apache.cassandra.db.compaction.", given, STRATEGIES)
    tombstones = entries.get("provide_overlapping_tombstones", "NONE").upper()
    if tombstones not in ("NONE", "ROW", "CELL"):
        what = f"Invalid value {tombstones} for 'provide_overlapping_tombstones' compaction sub-option"
        raise RefusedValue(f"{what} - must be one of the following [NONE, ROW, CELL].")
    return short, entries


_COMMON = frozenset(
    """tombstone_threshold tombstone_compaction_interval unchecked_tombstone_compaction log_all enabled
    only_purge_repaired_tombstones provide_overlapping_tombstones""".split()  # noqa: SIM905
)
_TIERS = frozenset(("min_sstable_size", "bucket_low", "bucket_high"))
_THRESHOLDS = frozenset(("min_threshold", "max_threshold"))
_SUB_OPTIONS = {
    "SizeTieredCompactionStrategy": _COMMON | _TIERS | _THRESHOLDS,
    "LeveledCompactionStrategy": _COMMON
    | _TIERS
    | _THRESHOLDS
    | {"sstable_size_in_mb", "fanout_size", "single_sstable_uplevel"},
    "TimeWindowCompactionStrategy": _COMMON
    | _TIERS
    | _THRESHOLDS
    | {
        "timestamp_resolution",
        "compaction_window_unit",
        "compaction_window_size",
        "expired_sstable_check_frequency_seconds",
        "unsafe_aggressive_sstable_expiration",
    },
    "UnifiedCompactionStrategy": _COMMON
    | {
        "scaling_parameters",
        "min_sstable_size",
        "flush_size_override",
        "base_shard_count",
        "target_sstable_size",
        "overlap_inclusion_method",
        "sstable_growth",
        "max_sstables_to_compact",
        "expired_sstable_check_frequency_seconds",
        "unsafe_aggressive_sstable_expiration",
    },
}


def check_compaction(_name: str, value: object, _read: Mapping[str, object]) -> None:
    """Check what ``read_compaction`` returned.

    Raises:
        RefusedValue: the server does not take it.
    """
    assert isinstance(value, tuple)
    short, entries = value
    if short is None:
        return
    _check_common(entries)
    if short == "LeveledCompactionStrategy":
        _check_leveled(entries)
    if short == "TimeWindowCompactionStrategy":
        _check_windows(entries)
    if short == "UnifiedCompactionStrategy":
        _check_unified(entries)
    else:
        _check_tiers(entries)
    if unknown := [key for key in entries if key not in _SUB_OPTIONS[short]]:
        raise RefusedValue(f"Properties specified {java_list(unknown)} are not understood by {short}")
    if short != "UnifiedCompactionStrategy":
        _check_thresholds(entries)


def _refuse_where(is_refused: bool, words: str) -> None:
    if is_refused:
        raise RefusedValue(words)


def _whole(entries: Mapping[str, str], key: str, default: int, bits: int = 32) -> int:
    text = entries.get(key, str(default))
    _refuse_where(not is_integer(text, bits), f"{text} is not a parsable int (base10) for {key}")
    return whole(text)


def _fraction(entries: Mapping[str, str], key: str, default: float, kind: str = "float") -> float:
    text = entries.get(key, java_double(default))
    _refuse_where(not FLOAT.fullmatch(text), f"{text} is not a parsable {kind} for {key}")
    return float(text.rstrip("dDfF"))


def _is_true(entries: Mapping[str, str], key: str, default: str, words: str) -> bool:
    """Return a boolean; the refusal's words have ``{}`` where the text stands."""
    text = entries.get(key, default)
    _refuse_where(text.lower() not in ("true", "false"), words.format(text))
    return text.lower() == "true"


def _check_common(entries: Mapping[str, str]) -> None:
    threshold = _fraction(entries, "tombstone_threshold", 0.2, "int (base10)")
    _refuse_where(threshold < 0, f"tombstone_threshold must be greater than 0, but was {threshold:f}")
    interval = _whole(entries, "tombstone_compaction_interval", _DAY, 64)
    _refuse_where(interval < 0, f"tombstone_compaction_interval must be greater than 0, but was {interval}")
    for key, words in (
        (
            "unchecked_tombstone_compaction",
            "'unchecked_tombstone_compaction' should be either 'true' or 'false', not '{}'",
        ),
        ("log_all", "'log_all' should either be 'true' or 'false', not {}"),
        ("enabled", "enabled should either be 'true' or 'false', not {}"),
    ):
        _is_true(entries, key, "true", words)


def _check_tiers(entries: Mapping[str, str]) -> None:
    size = _whole(entries, "min_sstable_size", 52428800, 64)
    _refuse_where(size < 0, f"min_sstable_size must be non negative: {size}")
    low, high = _fraction(entries, "bucket_low", 0.5), _fraction(entries, "bucket_high", 1.5)
    given = f"({java_double(high)}) is less than or equal to the bucket_low value ({java_double(low)})"
    _refuse_where(high <= low, f"bucket_high value {given}")


def _check_leveled(entries: Mapping[str, str]) -> None:
    size = _whole(entries, "sstable_size_in_mb", 160)
    _refuse_where(size < 1, f"sstable_size_in_mb must be larger than 0, but was {size}")
    fanout = _whole(entries, "fanout_size", 10)
    _refuse_where(fanout < 1, f"fanout_size must be larger than 0, but was {fanout}")
    most = "At most 9223372036854775807 bytes may be in a compaction level"
    level = fanout**8 * size * 1024 * 1024
    _refuse_where(level >= 2**63, f"{most}; your maxSSTableSize must be absurdly high to compute {level}")


def _check_windows(entries: Mapping[str, str]) -> None:
    for key, default, known in (
        ("timestamp_resolution", "MICROSECONDS", ("MICROSECONDS", "MILLISECONDS", "SECONDS", "NANOSECONDS")),
        ("compaction_window_unit", "DAYS", ("MINUTES", "HOURS", "DAYS")),
    ):
        text = entries.get(key, default)
        _refuse_where(text not in known, f"{text} is not valid for {key}")
    size = _whole(entries, "compaction_window_size", 1)
    _refuse_where(size < 1, f"{size} must be greater than 1 for compaction_window_size")
    often = _whole(entries, _EXPIRED_CHECK, 600, 64)
    _refuse_where(often < 0, f"{_EXPIRED_CHECK} must not be negative, but was {often}")
    _check_unsafe(entries, f"{_UNSAFE} is not 'true' or 'false' ({{}})")


_EXPIRED_CHECK = "expired_sstable_check_frequency_seconds"
_UNSAFE = "unsafe_aggressive_sstable_expiration"


def _check_unsafe(entries: Mapping[str, str], words: str) -> None:
    if _is_true(entries, _UNSAFE, "false", words):
        flag = f"-Dcassandra.allow_{_UNSAFE}=true"
        raise RefusedValue(f"{_UNSAFE} is requested but not allowed, restart cassandra with {flag} to allow it")


_PARAMETER = re.compile(r"N|L[0-9]+|T[0-9]+|[+-]?[0-9]+")
_SIZE = re.compile(r"\s*([0-9.]+(?:[eE][+-]?[0-9]+)?)\s*([KMGTPEZY]i?|)B")
_UNITS = {"": 1, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40}


def _check_unified(entries: Mapping[str, str]) -> None:
    for part in entries.get("scaling_parameters", "T4").split(","):
        text = part.strip()
        _refuse_where(
            not _PARAMETER.fullmatch(text), f"Scaling parameter {text} must match N|L[0-9]+|T[0-9]+|[+-]?[0-9]+"
        )
        _refuse_where(text[0] in "LT" and whole(text[1:]) < 2, f"Fan factor cannot be lower than 2 in {text}")
    count = _whole(entries, "base_shard_count", 4)
    _refuse_where(count <= 0, f"Invalid configuration, base_shard_count should be positive: {count}")
    for key in ("target_sstable_size", "flush_size_override"):
        text = entries.get(key, "1GiB")
        size = _size(text, f"{key} {text} is not a valid size in bytes: {text} does not end in unit B")
        if key == "target_sstable_size":
            _refuse_where(size < 2**20, f"{key} {text} is not acceptable, size must be at least 1.000MiB")
    _whole(entries, "max_sstables_to_compact", 0)
    often = _whole(entries, _EXPIRED_CHECK, 600, 64)
    _refuse_where(often <= 0, f"Invalid configuration, {_EXPIRED_CHECK} should be positive: {often}")
    _check_unsafe(entries, f"{_UNSAFE} should either be 'true' or 'false', not {{}}")
    text = entries.get("overlap_inclusion_method", "NONE")
    _refuse_where(
        text.upper() not in ("NONE", "SINGLE", "TRANSITIVE"),
        f"Invalid overlap inclusion method {text}. The valid options are [NONE, SINGLE, TRANSITIVE].",
    )
    text = entries.get("min_sstable_size", "100MiB")
    if text.lower() != "auto":
        _size(text, f"{text} is not a valid size in bytes for min_sstable_size")
    text = entries.get("sstable_growth", "0.333")
    what = "sstable_growth is not a valid number between 0 and 1"
    _refuse_where(not FLOAT.fullmatch(text), f'{what}: For input string: "{text}"')
    _refuse_where(not 0 <= float(text.rstrip("dDfF")) <= 1, f"sstable_growth {text} must be between 0 and 1")


def _size(text: str, words: str) -> float:
    match = _SIZE.fullmatch(text)
    if match is None:
        raise RefusedValue(words)
    try:
        return float(match[1]) * _UNITS.get(match[2], 2**50)
    except ValueError:
        raise RefusedValue(words) from None


def _check_thresholds(entries: Mapping[str, str]) -> None:
    found = []
    for key, default in (("min_threshold", "4"), ("max_threshold", "32")):
        text = entries.get(key, default)
        words = f"Invalid value {text} for '{key}' compaction sub-option - must be an integer"
        _refuse_where(not is_integer(text), words)
        found.append(whole(text))
    lowest, highest = found
    what = "Disabling compaction by setting compaction thresholds to 0 has been removed"
    _refuse_where(0 in found, f"{what}, set the compaction option 'enabled' to false instead.")
    _refuse_where(lowest <= 1, f"Min compaction threshold cannot be less than 2 (got {lowest})")
    what = f"Min compaction threshold (got {lowest}) cannot be greater than max compaction threshold"
    _refuse_where(lowest > highest, f"{what} (got {highest})")
