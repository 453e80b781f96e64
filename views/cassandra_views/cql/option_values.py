"""Which values of table options a server refuses, in its words and in the order of its checks; tried on 5.0.9."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping

from cassandra_views.cql.java_order import text_order
from cassandra_views.cql.types import whole
from cassandra_views.model.statement import Option, OptionValue

Refusals = Iterator[tuple[Option, str]]
_INTEGER = re.compile(r"[+-]?[0-9]+")
_FLOAT = re.compile(r"\s*[+-]?(?:NaN|Infinity|(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?[dDfF]?)\s*")
_BOOLEANS = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}
_LOWEST_CHANCE = 6.71e-5
_LONGEST_LIFE = 630720000
_DAY = 24 * 60 * 60


class _RefusedValue(Exception):
    """The server's words about one value."""


def options_refusals(options: Mapping[str, Option]) -> Refusals:
    """Yield each option that is refused with the server's reason, the one it tells first."""
    read: dict[str, object] = {}
    for name, reader in _READERS.items():
        if option := options.get(name):
            try:
                read[name] = reader(name, option.value)
            except _RefusedValue as refusal:
                yield option, str(refusal)
    for name, check in _CHECKS.items():
        if name in read:
            try:
                check(name, read[name], read)
            except _RefusedValue as refusal:
                yield options[name], str(refusal)
    lowest, highest = read.get("min_index_interval", 128), read.get("max_index_interval", 2048)
    if isinstance(lowest, int) and isinstance(highest, int) and lowest >= 1 and highest < lowest:
        what = f"max_index_interval must be greater than or equal to min_index_interval ({lowest}) (got {highest})"
        yield options.get("max_index_interval") or options["min_index_interval"], what
    if (option := options.get("id")) and not _is_uuid(option.value):
        yield option, "Invalid table id" if isinstance(option.value, str) else _should_be("id", "a string")


def java_double(number: float) -> str:
    """Return a number as Java prints a double."""
    if not math.isfinite(number):
        return "NaN" if math.isnan(number) else "Infinity" if number > 0 else "-Infinity"
    if number == 0 or 1e-3 <= abs(number) < 1e7:
        text = repr(float(number))
        return text if "e" not in text else format(number, "f")
    digits, _, exponent = f"{number:e}".partition("e")
    shortest = repr(number).partition("e")[0] if "e" in repr(number) else digits.rstrip("0")
    shortest = shortest if "." in shortest else shortest + ".0"
    return f"{shortest if 'e' in repr(number) else digits.rstrip('0').ljust(3, '0')}E{int(exponent)}"


def _is_uuid(value: OptionValue) -> bool:
    return isinstance(value, str) and re.fullmatch(r"[0-9a-fA-F]{1,8}(?:-[0-9a-fA-F]{1,12}){4}", value) is not None


def _should_be(name: str, what: str) -> str:
    return f"Invalid value for property '{name}'. It should be {what}"


def _text(name: str, value: OptionValue) -> str:
    if not isinstance(value, str):
        raise _RefusedValue(_should_be(name, "a string"))
    return value


def _map(name: str, value: OptionValue) -> dict[str, str]:
    if isinstance(value, str):
        raise _RefusedValue(_should_be(name, "a map."))
    return dict(value)


def _integer(name: str, value: OptionValue) -> int:
    text = _text(name, value)
    if not _is_integer(text):
        raise _RefusedValue(f"Invalid integer value {text} for '{name}'")
    return whole(text)


def _is_integer(text: str, bits: int = 32) -> bool:
    return _INTEGER.fullmatch(text) is not None and -(2 ** (bits - 1)) <= whole(text) < 2 ** (bits - 1)


def _double(name: str, value: OptionValue) -> float:
    text = _text(name, value)
    if not _FLOAT.fullmatch(text):
        raise _RefusedValue(f"Invalid double value {text} for '{name}'")
    return float(text.strip().rstrip("dDfF") if text.strip()[-1:] in "dDfF" else text)


def _boolean(name: str, value: OptionValue) -> bool:
    text = _text(name, value)
    if text.lower() not in _BOOLEANS:
        positive = "Positive values can be '1', 'true' or 'yes'. Negative values can be '0', 'false' or 'no'."
        raise _RefusedValue(f"Invalid boolean value {text} for '{name}'. {positive}")
    return _BOOLEANS[text.lower()]


def _repair(name: str, value: OptionValue) -> str:
    text = _text(name, value)
    if text.upper() not in ("NONE", "BLOCKING"):
        kind = "org.apache.cassandra.service.reads.repair.ReadRepairStrategy"
        raise _RefusedValue(f"No enum constant {kind}.{text.upper()}")
    return text


def _memtable(name: str, value: OptionValue) -> str:
    text = _text(name, value)
    if text != "default":
        raise _RefusedValue(f'Memtable configuration "{text}" not found.')
    return text


_HYBRID = re.compile(r"(MIN|MAX)\(([0-9.]+[a-z]+)\s*,\s*([0-9.]+[a-z]+)\)", re.IGNORECASE)
_PERCENTILE = re.compile(r"([0-9.]+)p(?:ercentile)?", re.IGNORECASE)
_FIXED = re.compile(r"([0-9.]+)ms", re.IGNORECASE)


def _policy(_name: str, value: OptionValue) -> str:
    # The server names speculative_retry whichever of the two it reads.
    text = _text(_name, value)
    refused = f"Invalid value {text} for option 'speculative_retry'"
    if hybrid := _HYBRID.fullmatch(text):
        kinds = []
        for part in hybrid[2], hybrid[3]:
            try:
                kinds.append(_threshold(part))
            except _RefusedValue:
                raise _RefusedValue(refused) from None
        if kinds[0] == kinds[1]:
            both = f"MIN()/MAX() arguments should be of different types, but both are of type {kinds[0]}"
            raise _RefusedValue(f"{refused}: {both}")
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
                raise _RefusedValue(refused) from None
            if kind == "PERCENTILE" and not 0 < number < 100:
                what = f"Invalid value {text} for PERCENTILE option 'speculative_retry'"
                raise _RefusedValue(f"{what}: must be between (0.0 and 100.0)")
            return kind
    raise _RefusedValue(refused)


def _caching(name: str, value: OptionValue) -> dict[str, str]:
    entries = _map(name, value)
    keys, rows = entries.pop("keys", "NONE"), entries.pop("rows_per_partition", "NONE")
    if keys.upper() not in ("ALL", "NONE"):
        what = f"Invalid value '{keys}' for caching sub-option 'keys'"
        raise _RefusedValue(f"{what}: only 'ALL' and 'NONE' are allowed")
    if rows.upper() not in ("ALL", "NONE"):
        if not rows.isdigit():
            what = f"Invalid value '{rows}' for caching sub-option 'rows_per_partition'"
            raise _RefusedValue(f"{what}: only 'ALL', 'NONE', and integer values are allowed")
        if whole(rows) >= 2**31:
            raise _RefusedValue(f'For input string: "{rows}"')
    if entries:
        what = f"Invalid caching sub-options {_java_keys(entries)}"
        raise _RefusedValue(f"{what}: only 'keys' and 'rows_per_partition' are allowed")
    return entries


def _java_keys(entries: Mapping[str, str]) -> str:
    return f"[{', '.join(text_order(entries))}]"


_STRATEGIES = frozenset(
    (
        "LeveledCompactionStrategy",
        "SizeTieredCompactionStrategy",
        "TimeWindowCompactionStrategy",
        "UnifiedCompactionStrategy",
    )
)
_COMPRESSORS = {
    "DeflateCompressor": frozenset[str](),
    "LZ4Compressor": frozenset(("lz4_compressor_type", "lz4_high_compressor_level")),
    "NoopCompressor": frozenset[str](),
    "SnappyCompressor": frozenset[str](),
    "ZstdCompressor": frozenset(("compression_level",)),
}


CLASSES = {"compaction": _STRATEGIES, "compression": frozenset(_COMPRESSORS)}
"""The server's own classes for the two options that name one."""


def _class(kind: str, package: str, given: str, known: frozenset[str]) -> str | None:
    """Return the short name of a class of the server's, None of somebody else's."""
    full = given if "." in given else package + given
    short = full.removeprefix(package)
    if short in known:
        return short
    if full.startswith(("org.apache.cassandra.", "java.")):
        raise _RefusedValue(f"Unable to find {kind} class '{full}'")
    return None


def _compression(name: str, value: OptionValue) -> dict[str, str]:
    entries = _map(name, value)
    is_enabled = entries.get("enabled", "true").lower() == "true"
    if entries and is_enabled and "class" not in entries:
        raise _RefusedValue("Missing sub-option 'class' for the 'compression' option.")
    entries.pop("enabled", None)
    if not is_enabled:
        if entries:
            raise _RefusedValue("If the 'enabled' option is set to false no other options must be specified")
        return entries
    given = entries.pop("class", None)
    if given == "":
        raise _RefusedValue("The 'class' option must not be empty. To disable compression use 'enabled' : false")
    length = _chunk_length(entries)
    ratio = _ratio(entries)
    if given is not None:
        known = frozenset(_COMPRESSORS)
        short = _class("compression", "org.apache.cassandra.io.compress.", given, known)
        if short is not None:
            _compressor(short, entries)
    if length <= 0:
        raise _RefusedValue("Invalid negative or null chunk_length_in_kb")
    if length & (length - 1):
        raise _RefusedValue("chunk_length_in_kb must be a power of 2")
    if ratio < 0:
        raise _RefusedValue("Invalid negative min_compress_ratio")
    if 0 < ratio < 1:
        raise _RefusedValue("min_compress_ratio can either be 0 or greater than or equal to 1")
    return entries


def _chunk_length(entries: dict[str, str]) -> int:
    text = entries.pop("chunk_length_in_kb", "16")
    if not _is_integer(text):
        raise _RefusedValue("Invalid value for chunk_length_in_kb")
    if whole(text) > (2**31 - 1) // 1024:
        raise _RefusedValue(f"Value of chunk_length_in_kb is too large ({whole(text)})")
    return whole(text)


def _ratio(entries: dict[str, str]) -> float:
    text = entries.pop("min_compress_ratio", "0")
    if not _FLOAT.fullmatch(text):
        raise _RefusedValue(f'For input string: "{text}"')
    return float(text.rstrip("dDfF"))


def _compressor(short: str, entries: Mapping[str, str]) -> None:
    level = entries.get("compression_level") if short == "ZstdCompressor" else None
    if level is not None:
        cause = ""
        if not _INTEGER.fullmatch(level):
            cause = f'java.lang.NumberFormatException For input string: "{level}"'
        elif not -131072 <= whole(level) <= 22:
            cause = f"java.lang.IllegalArgumentException compression_level={level} is invalid"
        if cause:
            raise _RefusedValue(f"ZstdCompressor.create() threw an error: {cause}")
    if short == "LZ4Compressor":
        type_ = entries.get("lz4_compressor_type", "fast")
        if type_ not in ("high", "fast"):
            what = f"Invalid compressor type '{type_}' specified for LZ4 parameter 'lz4_compressor_type'"
            raise _RefusedValue(f"{what}. Valid options are [high, fast].")
        level = entries.get("lz4_high_compressor_level", "9")
        if not _INTEGER.fullmatch(level) or not 1 <= whole(level) <= 17:
            what = f"Invalid value [{level}] for parameter 'lz4_high_compressor_level'"
            raise _RefusedValue(f"{what}. Value must be between 1 and 17.")
    for key in text_order(entries):
        if key not in _COMPRESSORS[short]:
            raise _RefusedValue(f"Unknown compression options {key}")


def _compaction(name: str, value: OptionValue) -> tuple[str | None, dict[str, str]]:
    entries = _map(name, value)
    if "class" not in entries:
        raise _RefusedValue("Missing sub-option 'class' for the 'compaction' option")
    given = entries.pop("class")
    short = _class("compaction strategy", "org.apache.cassandra.db.compaction.", given, _STRATEGIES)
    tombstones = entries.get("provide_overlapping_tombstones", "NONE").upper()
    if tombstones not in ("NONE", "ROW", "CELL"):
        what = f"Invalid value {tombstones} for 'provide_overlapping_tombstones' compaction sub-option"
        raise _RefusedValue(f"{what} - must be one of the following [NONE, ROW, CELL].")
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


def _check_compaction(_name: str, value: object, _read: Mapping[str, object]) -> None:
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
    unknown = {key: "" for key in entries if key not in _SUB_OPTIONS[short]}
    if unknown:
        raise _RefusedValue(f"Properties specified {_java_keys(unknown)} are not understood by {short}")
    if short != "UnifiedCompactionStrategy":
        _check_thresholds(entries)


def _whole(entries: Mapping[str, str], key: str, default: str, bits: int = 32) -> int:
    text = entries.get(key, default)
    if not _is_integer(text, bits):
        raise _RefusedValue(f"{text} is not a parsable int (base10) for {key}")
    return whole(text)


def _fraction(entries: Mapping[str, str], key: str, default: float, kind: str = "float") -> float:
    text = entries.get(key, java_double(default))
    if not _FLOAT.fullmatch(text):
        raise _RefusedValue(f"{text} is not a parsable {kind} for {key}")
    return float(text.rstrip("dDfF"))


def _check_common(entries: Mapping[str, str]) -> None:
    threshold = _fraction(entries, "tombstone_threshold", 0.2, "int (base10)")
    if threshold < 0:
        raise _RefusedValue(f"tombstone_threshold must be greater than 0, but was {threshold:f}")
    interval = _whole(entries, "tombstone_compaction_interval", str(_DAY), 64)
    if interval < 0:
        raise _RefusedValue(f"tombstone_compaction_interval must be greater than 0, but was {interval}")
    text = entries.get("unchecked_tombstone_compaction", "true")
    if text.lower() not in ("true", "false"):
        raise _RefusedValue(f"'unchecked_tombstone_compaction' should be either 'true' or 'false', not '{text}'")
    text = entries.get("log_all", "true")
    if text.lower() not in ("true", "false"):
        raise _RefusedValue(f"'log_all' should either be 'true' or 'false', not {text}")
    text = entries.get("enabled", "true")
    if text.lower() not in ("true", "false"):
        raise _RefusedValue(f"enabled should either be 'true' or 'false', not {text}")


def _check_tiers(entries: Mapping[str, str]) -> None:
    size = _whole(entries, "min_sstable_size", "52428800", 64)
    if size < 0:
        raise _RefusedValue(f"min_sstable_size must be non negative: {size}")
    low, high = _fraction(entries, "bucket_low", 0.5), _fraction(entries, "bucket_high", 1.5)
    if high <= low:
        given = f"({java_double(high)}) is less than or equal to the bucket_low value ({java_double(low)})"
        raise _RefusedValue(f"bucket_high value {given}")


def _check_leveled(entries: Mapping[str, str]) -> None:
    size = _whole(entries, "sstable_size_in_mb", "160")
    if size < 1:
        raise _RefusedValue(f"sstable_size_in_mb must be larger than 0, but was {size}")
    fanout = _whole(entries, "fanout_size", "10")
    if fanout < 1:
        raise _RefusedValue(f"fanout_size must be larger than 0, but was {fanout}")
    if fanout**8 * size * 1024 * 1024 > 2**63 - 1:
        most = "At most 9223372036854775807 bytes may be in a compaction level"
        raise _RefusedValue(
            f"{most}; your maxSSTableSize must be absurdly high to compute {fanout**8 * size * 1024 * 1024}"
        )


def _check_windows(entries: Mapping[str, str]) -> None:
    text = entries.get("timestamp_resolution", "MICROSECONDS")
    if text not in ("MICROSECONDS", "MILLISECONDS", "SECONDS", "NANOSECONDS"):
        raise _RefusedValue(f"{text} is not valid for timestamp_resolution")
    text = entries.get("compaction_window_unit", "DAYS")
    if text not in ("MINUTES", "HOURS", "DAYS"):
        raise _RefusedValue(f"{text} is not valid for compaction_window_unit")
    size = _whole(entries, "compaction_window_size", "1")
    if size < 1:
        raise _RefusedValue(f"{size} must be greater than 1 for compaction_window_size")
    often = _whole(entries, "expired_sstable_check_frequency_seconds", "600", 64)
    if often < 0:
        raise _RefusedValue(f"expired_sstable_check_frequency_seconds must not be negative, but was {often}")
    text = entries.get("unsafe_aggressive_sstable_expiration", "false")
    if text.lower() not in ("true", "false"):
        raise _RefusedValue(f"unsafe_aggressive_sstable_expiration is not 'true' or 'false' ({text})")
    _refuse_unsafe(text)


def _refuse_unsafe(text: str) -> None:
    if text.lower() == "true":
        flag = "-Dcassandra.allow_unsafe_aggressive_sstable_expiration=true"
        what = "unsafe_aggressive_sstable_expiration is requested but not allowed"
        raise _RefusedValue(f"{what}, restart cassandra with {flag} to allow it")


_PARAMETER = re.compile(r"N|L[0-9]+|T[0-9]+|[+-]?[0-9]+")
_SIZE = re.compile(r"\s*([0-9.]+(?:[eE][+-]?[0-9]+)?)\s*([KMGTPEZY]i?|)B")
_UNITS = {"": 1, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40}


def _check_unified(entries: Mapping[str, str]) -> None:
    for part in entries.get("scaling_parameters", "T4").split(","):
        text = part.strip()
        if not _PARAMETER.fullmatch(text):
            raise _RefusedValue(f"Scaling parameter {text} must match N|L[0-9]+|T[0-9]+|[+-]?[0-9]+")
        if text[0] in "LT" and whole(text[1:]) < 2:
            raise _RefusedValue(f"Fan factor cannot be lower than 2 in {text}")
    count = _whole(entries, "base_shard_count", "4")
    if count <= 0:
        raise _RefusedValue(f"Invalid configuration, base_shard_count should be positive: {count}")
    text = entries.get("target_sstable_size", "1GiB")
    size = _size(text, f"target_sstable_size {text} is not a valid size in bytes: {text} does not end in unit B")
    if size is not None and size < 2**20:
        raise _RefusedValue(f"target_sstable_size {text} is not acceptable, size must be at least 1.000MiB")
    text = entries.get("flush_size_override", "1GiB")
    _size(text, f"flush_size_override {text} is not a valid size in bytes: {text} does not end in unit B")
    _whole(entries, "max_sstables_to_compact", "0")
    often = _whole(entries, "expired_sstable_check_frequency_seconds", "600", 64)
    if often <= 0:
        what = "Invalid configuration, expired_sstable_check_frequency_seconds should be positive"
        raise _RefusedValue(f"{what}: {often}")
    text = entries.get("unsafe_aggressive_sstable_expiration", "false")
    if text.lower() not in ("true", "false"):
        raise _RefusedValue(f"unsafe_aggressive_sstable_expiration should either be 'true' or 'false', not {text}")
    _refuse_unsafe(text)
    text = entries.get("overlap_inclusion_method", "NONE")
    if text.upper() not in ("NONE", "SINGLE", "TRANSITIVE"):
        what = f"Invalid overlap inclusion method {text}"
        raise _RefusedValue(f"{what}. The valid options are [NONE, SINGLE, TRANSITIVE].")
    text = entries.get("min_sstable_size", "100MiB")
    if text.lower() != "auto":
        _size(text, f"{text} is not a valid size in bytes for min_sstable_size")
    text = entries.get("sstable_growth", "0.333")
    if not _FLOAT.fullmatch(text):
        what = "sstable_growth is not a valid number between 0 and 1"
        raise _RefusedValue(f'{what}: For input string: "{text}"')
    if not 0 <= float(text.rstrip("dDfF")) <= 1:
        raise _RefusedValue(f"sstable_growth {text} must be between 0 and 1")


def _size(text: str, refused: str) -> float | None:
    match = _SIZE.fullmatch(text)
    if match is None:
        raise _RefusedValue(refused)
    try:
        return float(match[1]) * _UNITS.get(match[2], 2**50)
    except ValueError:
        raise _RefusedValue(refused) from None


def _check_thresholds(entries: Mapping[str, str]) -> None:
    found = {}
    for key, default in (("min_threshold", "4"), ("max_threshold", "32")):
        text = entries.get(key, default)
        if not _is_integer(text):
            raise _RefusedValue(f"Invalid value {text} for '{key}' compaction sub-option - must be an integer")
        found[key] = whole(text)
    lowest, highest = found["min_threshold"], found["max_threshold"]
    if lowest == 0 or highest == 0:
        what = "Disabling compaction by setting compaction thresholds to 0 has been removed"
        raise _RefusedValue(f"{what}, set the compaction option 'enabled' to false instead.")
    if lowest <= 1:
        raise _RefusedValue(f"Min compaction threshold cannot be less than 2 (got {lowest})")
    if lowest > highest:
        what = f"Min compaction threshold (got {lowest}) cannot be greater than max compaction threshold"
        raise _RefusedValue(f"{what} (got {highest})")


def _check_chance(name: str, value: object, _read: Mapping[str, object]) -> None:
    assert isinstance(value, float)
    if name == "crc_check_chance":
        if value < 0 or value > 1:
            what = "crc_check_chance must be larger than or equal to 0 and smaller than or equal to 1.0"
            raise _RefusedValue(f"{what} (got {java_double(value)})")
    elif value != -1 and (value <= _LOWEST_CHANCE or value > 1):
        what = "bloom_filter_fp_chance must be larger than 6.71E-5 and less than or equal to 1.0"
        raise _RefusedValue(f"{what} (got {java_double(value)})")


def _check_least(name: str, value: object, _read: Mapping[str, object]) -> None:
    assert isinstance(value, int)
    least = 1 if name == "min_index_interval" else 0
    if value < least:
        raise _RefusedValue(f"{name} must be greater than or equal to {least} (got {value})")
    if name == "default_time_to_live" and value > _LONGEST_LIFE:
        raise _RefusedValue(f"{name} must be less than or equal to {_LONGEST_LIFE} (got {value})")


def _anything(_name: str, value: OptionValue) -> OptionValue:
    return value


def _auto_repair(_name: str, _value: OptionValue) -> None:
    flag = "-Dcassandra.autorepair.enable=true"
    raise _RefusedValue(f"auto_repair option is not supported unless auto-repair is enabled with {flag}")


_READERS: dict[str, Callable[[str, OptionValue], object]] = {
    "auto_repair": _auto_repair,
    "allow_auto_snapshot": _boolean,
    "bloom_filter_fp_chance": _double,
    "caching": _caching,
    "comment": _text,
    "compaction": _compaction,
    "compression": _compression,
    "memtable": _memtable,
    "default_time_to_live": _integer,
    "gc_grace_seconds": _integer,
    "incremental_backups": _boolean,
    "max_index_interval": _integer,
    "memtable_flush_period_in_ms": _integer,
    "min_index_interval": _integer,
    "speculative_retry": _policy,
    "additional_write_policy": _policy,
    "crc_check_chance": _double,
    "cdc": _boolean,
    "read_repair": _repair,
}
"""In the order in which the server reads them."""

_CHECKS: dict[str, Callable[[str, object, Mapping[str, object]], None]] = {
    "compaction": _check_compaction,
    "bloom_filter_fp_chance": _check_chance,
    "crc_check_chance": _check_chance,
    "default_time_to_live": _check_least,
    "gc_grace_seconds": _check_least,
    "min_index_interval": _check_least,
    "memtable_flush_period_in_ms": _check_least,
}
