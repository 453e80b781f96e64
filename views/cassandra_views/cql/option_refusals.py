"""Which values of table options a server refuses, in its words and in the order of its checks; tried on 5.0.9."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping

from cassandra_views.cql.compaction_options import STRATEGIES, check_compaction, read_compaction
from cassandra_views.cql.java_order import text_order
from cassandra_views.cql.option_values import (
    FLOAT,
    INTEGER,
    RefusedValue,
    find_class,
    is_integer,
    java_double,
    java_list,
    read_boolean,
    read_double,
    read_integer,
    read_map,
    read_text,
    should_be,
)
from cassandra_views.cql.types import whole
from cassandra_views.model.statement import Option, OptionValue

Refusals = Iterator[tuple[Option, str]]
_LOWEST_CHANCE = 6.71e-5
_LONGEST_LIFE = 630720000


def options_refusals(options: Mapping[str, Option]) -> Refusals:
    """Yield each option that is refused with the server's reason, the one it tells first."""
    read: dict[str, object] = {}
    for name, reader in _READERS.items():
        if option := options.get(name):
            try:
                read[name] = reader(name, option.value)
            except RefusedValue as refusal:
                yield option, str(refusal)
    for name, check in _CHECKS.items():
        if name in read:
            try:
                check(name, read[name], read)
            except RefusedValue as refusal:
                yield options[name], str(refusal)
    lowest, highest = read.get("min_index_interval", 128), read.get("max_index_interval", 2048)
    if isinstance(lowest, int) and isinstance(highest, int) and lowest >= 1 and highest < lowest:
        what = f"max_index_interval must be greater than or equal to min_index_interval ({lowest}) (got {highest})"
        yield options.get("max_index_interval") or options["min_index_interval"], what
    if (option := options.get("id")) and not _is_uuid(option.value):
        yield option, "Invalid table id" if isinstance(option.value, str) else should_be("id", "a string")


def _is_uuid(value: OptionValue) -> bool:
    return isinstance(value, str) and re.fullmatch(r"[0-9a-fA-F]{1,8}(?:-[0-9a-fA-F]{1,12}){4}", value) is not None


def _repair(name: str, value: OptionValue) -> str:
    text = read_text(name, value)
    if text.upper() not in ("NONE", "BLOCKING"):
        kind = "org.apache.cassandra.service.reads.repair.ReadRepairStrategy"
        raise RefusedValue(f"No enum constant {kind}.{text.upper()}")
    return text


def _memtable(name: str, value: OptionValue) -> str:
    text = read_text(name, value)
    if text != "default":
        raise RefusedValue(f'Memtable configuration "{text}" not found.')
    return text


_HYBRID = re.compile(r"(MIN|MAX)\(([0-9.]+[a-z]+)\s*,\s*([0-9.]+[a-z]+)\)", re.IGNORECASE)
_PERCENTILE = re.compile(r"([0-9.]+)p(?:ercentile)?", re.IGNORECASE)
_FIXED = re.compile(r"([0-9.]+)ms", re.IGNORECASE)


def _policy(_name: str, value: OptionValue) -> str:
    # The server names speculative_retry whichever of the two it reads.
    text = read_text(_name, value)
    refused = f"Invalid value {text} for option 'speculative_retry'"
    if hybrid := _HYBRID.fullmatch(text):
        kinds = []
        for part in hybrid[2], hybrid[3]:
            try:
                kinds.append(_threshold(part))
            except RefusedValue:
                raise RefusedValue(refused) from None
        if kinds[0] == kinds[1]:
            both = f"MIN()/MAX() arguments should be of different types, but both are of type {kinds[0]}"
            raise RefusedValue(f"{refused}: {both}")
        return text
    if text.lower() not in ("always", "never", "none"):
        _threshold(text)
    return text


def _threshold(text: str) -> str:
    refused = f"Invalid value {text} for option 'speculative_retry'"
    for pattern, kind in ((_PERCENTILE, "PERCENTILE"), (_FIXED, "FIXED")):
        if match := pattern.fullmatch(text):
            try:
                number = float(match[1])
            except ValueError:
                raise RefusedValue(refused) from None
            if kind == "PERCENTILE" and not 0 < number < 100:
                what = f"Invalid value {text} for PERCENTILE option 'speculative_retry'"
                raise RefusedValue(f"{what}: must be between (0.0 and 100.0)")
            return kind
    raise RefusedValue(refused)


def _caching(name: str, value: OptionValue) -> dict[str, str]:
    entries = read_map(name, value)
    keys, rows = entries.pop("keys", "NONE"), entries.pop("rows_per_partition", "NONE")
    if keys.upper() not in ("ALL", "NONE"):
        what = f"Invalid value '{keys}' for caching sub-option 'keys'"
        raise RefusedValue(f"{what}: only 'ALL' and 'NONE' are allowed")
    if rows.upper() not in ("ALL", "NONE"):
        if not rows.isdigit():
            what = f"Invalid value '{rows}' for caching sub-option 'rows_per_partition'"
            raise RefusedValue(f"{what}: only 'ALL', 'NONE', and integer values are allowed")
        if whole(rows) >= 2**31:
            raise RefusedValue(f'For input string: "{rows}"')
    if entries:
        what = f"Invalid caching sub-options {java_list(entries)}"
        raise RefusedValue(f"{what}: only 'keys' and 'rows_per_partition' are allowed")
    return entries


_COMPRESSORS = {
    "DeflateCompressor": frozenset[str](),
    "LZ4Compressor": frozenset(("lz4_compressor_type", "lz4_high_compressor_level")),
    "NoopCompressor": frozenset[str](),
    "SnappyCompressor": frozenset[str](),
    "ZstdCompressor": frozenset(("compression_level",)),
}

CLASSES = {"compaction": STRATEGIES, "compression": frozenset(_COMPRESSORS)}
"""The server's own classes for the two options that name one."""


def _compression(name: str, value: OptionValue) -> dict[str, str]:
    entries = read_map(name, value)
    is_enabled = entries.get("enabled", "true").lower() == "true"
    if entries and is_enabled and "class" not in entries:
        raise RefusedValue("Missing sub-option 'class' for the 'compression' option.")
    entries.pop("enabled", None)
    if not is_enabled:
        if entries:
            raise RefusedValue("If the 'enabled' option is set to false no other options must be specified")
        return entries
    given = entries.pop("class", None)
    if given == "":
        raise RefusedValue("The 'class' option must not be empty. To disable compression use 'enabled' : false")
    length = _chunk_length(entries)
    ratio = _ratio(entries)
    if given is not None:
        known = frozenset(_COMPRESSORS)
        package = "org.apache.cassandra.io.compress."
        try:
            short = find_class("compression", package, given, known)
        except RefusedValue:
            full = given if "." in given else package + given
            raise RefusedValue(f"Could not create Compression for type {full}") from None
        if short is not None:
            _compressor(short, entries)
    if length <= 0:
        raise RefusedValue("Invalid negative or null chunk_length_in_kb")
    if length & (length - 1):
        raise RefusedValue("chunk_length_in_kb must be a power of 2")
    if ratio < 0:
        raise RefusedValue("Invalid negative min_compress_ratio")
    if 0 < ratio < 1:
        raise RefusedValue("min_compress_ratio can either be 0 or greater than or equal to 1")
    return entries


def _chunk_length(entries: dict[str, str]) -> int:
    text = entries.pop("chunk_length_in_kb", "16")
    if not is_integer(text):
        raise RefusedValue("Invalid value for chunk_length_in_kb")
    if whole(text) > (2**31 - 1) // 1024:
        raise RefusedValue(f"Value of chunk_length_in_kb is too large ({whole(text)})")
    return whole(text)


def _ratio(entries: dict[str, str]) -> float:
    text = entries.pop("min_compress_ratio", "0")
    if not FLOAT.fullmatch(text):
        raise RefusedValue(f'For input string: "{text}"')
    return float(text.rstrip("dDfF"))


def _compressor(short: str, entries: Mapping[str, str]) -> None:
    level = entries.get("compression_level") if short == "ZstdCompressor" else None
    if level is not None:
        cause = ""
        if not INTEGER.fullmatch(level):
            cause = f'java.lang.NumberFormatException For input string: "{level}"'
        elif not -131072 <= whole(level) <= 22:
            cause = f"java.lang.IllegalArgumentException compression_level={level} is invalid"
        if cause:
            raise RefusedValue(f"ZstdCompressor.create() threw an error: {cause}")
    if short == "LZ4Compressor":
        type_ = entries.get("lz4_compressor_type", "fast")
        if type_ not in ("high", "fast"):
            what = f"Invalid compressor type '{type_}' specified for LZ4 parameter 'lz4_compressor_type'"
            raise RefusedValue(f"{what}. Valid options are [high, fast].")
        level = entries.get("lz4_high_compressor_level", "9")
        if not INTEGER.fullmatch(level) or not 1 <= whole(level) <= 17:
            what = f"Invalid value [{level}] for parameter 'lz4_high_compressor_level'"
            raise RefusedValue(f"{what}. Value must be between 1 and 17.")
    for key in text_order(entries):
        if key not in _COMPRESSORS[short]:
            raise RefusedValue(f"Unknown compression options {key}")


def _check_chance(name: str, value: object, _read: Mapping[str, object]) -> None:
    assert isinstance(value, float)
    if name == "crc_check_chance":
        if value < 0 or value > 1:
            what = "crc_check_chance must be larger than or equal to 0 and smaller than or equal to 1.0"
            raise RefusedValue(f"{what} (got {java_double(value)})")
    elif value != -1 and (value <= _LOWEST_CHANCE or value > 1):
        what = "bloom_filter_fp_chance must be larger than 6.71E-5 and less than or equal to 1.0"
        raise RefusedValue(f"{what} (got {java_double(value)})")


def _check_least(name: str, value: object, _read: Mapping[str, object]) -> None:
    assert isinstance(value, int)
    least = 1 if name == "min_index_interval" else 0
    if value < least:
        raise RefusedValue(f"{name} must be greater than or equal to {least} (got {value})")
    if name == "default_time_to_live" and value > _LONGEST_LIFE:
        raise RefusedValue(f"{name} must be less than or equal to {_LONGEST_LIFE} (got {value})")


def _auto_repair(_name: str, _value: OptionValue) -> None:
    flag = "-Dcassandra.autorepair.enable=true"
    raise RefusedValue(f"auto_repair option is not supported unless auto-repair is enabled with {flag}")


_READERS: dict[str, Callable[[str, OptionValue], object]] = {
    "auto_repair": _auto_repair,
    "allow_auto_snapshot": read_boolean,
    "bloom_filter_fp_chance": read_double,
    "caching": _caching,
    "comment": read_text,
    "compaction": read_compaction,
    "compression": _compression,
    "memtable": _memtable,
    "default_time_to_live": read_integer,
    "gc_grace_seconds": read_integer,
    "incremental_backups": read_boolean,
    "max_index_interval": read_integer,
    "memtable_flush_period_in_ms": read_integer,
    "min_index_interval": read_integer,
    "speculative_retry": _policy,
    "additional_write_policy": _policy,
    "crc_check_chance": read_double,
    "cdc": read_boolean,
    "read_repair": _repair,
}
"""In the order in which the server reads them."""

_CHECKS: dict[str, Callable[[str, object, Mapping[str, object]], None]] = {
    "compaction": check_compaction,
    "bloom_filter_fp_chance": _check_chance,
    "crc_check_chance": _check_chance,
    "default_time_to_live": _check_least,
    "gc_grace_seconds": _check_least,
    "min_index_interval": _check_least,
    "memtable_flush_period_in_ms": _check_least,
}
