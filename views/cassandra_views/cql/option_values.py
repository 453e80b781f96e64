"""How servers read one value of a table option, and their words where they cannot; tried on 5.0.9."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable

from cassandra_views.cql.java_order import text_order
from cassandra_views.cql.types import whole
from cassandra_views.model.statement import OptionValue

INTEGER = re.compile(r"[+-]?[0-9]+")
FLOAT = re.compile(r"\s*[+-]?(?:NaN|Infinity|(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?[dDfF]?)\s*")
_BOOLEANS = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}


class RefusedValue(Exception):
    """The server's words about one value."""


def should_be(name: str, what: str) -> str:
    """Return the server's words about a value of another shape."""
    return f"Invalid value for property '{name}'. It should be {what}"


def read_text(name: str, value: OptionValue) -> str:
    """Return a value that is no map; this and the following raise ``RefusedValue``."""
    if not isinstance(value, str):
        raise RefusedValue(should_be(name, "a string"))
    return value


def read_map(name: str, value: OptionValue) -> dict[str, str]:
    """Return the entries of a map."""
    if isinstance(value, str):
        raise RefusedValue(should_be(name, "a map."))
    return dict(value)


def read_integer(name: str, value: OptionValue) -> int:
    """Return a Java int."""
    text = read_text(name, value)
    if not is_integer(text):
        raise RefusedValue(f"Invalid integer value {text} for '{name}'")
    return whole(text)


def is_integer(text: str, bits: int = 32) -> bool:
    """Tell whether Java reads a text as a whole number of so many bits."""
    return INTEGER.fullmatch(text) is not None and -(2 ** (bits - 1)) <= whole(text) < 2 ** (bits - 1)


def find_integer(value: OptionValue | None) -> int | None:
    """Return the Java int that a value spells, None where it spells none or is not given."""
    return whole(value) if isinstance(value, str) and is_integer(value) else None


def read_double(name: str, value: OptionValue) -> float:
    """Return a Java double."""
    text = read_text(name, value)
    if not FLOAT.fullmatch(text):
        raise RefusedValue(f"Invalid double value {text} for '{name}'")
    return float(text.strip().rstrip("dDfF") if text.strip()[-1:] in "dDfF" else text)


def read_boolean(name: str, value: OptionValue) -> bool:
    """Return true or false, which may be written in three ways each."""
    text = read_text(name, value)
    if text.lower() not in _BOOLEANS:
        positive = "Positive values can be '1', 'true' or 'yes'. Negative values can be '0', 'false' or 'no'."
        raise RefusedValue(f"Invalid boolean value {text} for '{name}'. {positive}")
    return _BOOLEANS[text.lower()]


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


def java_list(keys: Iterable[str]) -> str:
    """Return keys as Java prints those of a map."""
    return f"[{', '.join(text_order(keys))}]"


def find_class(kind: str, package: str, given: str, known: frozenset[str]) -> str | None:
    """Return the short name of a class of the server's, None of somebody else's."""
    full = given if "." in given else package + given
    short = full.removeprefix(package)
    if short in known:
        return short
    if full.startswith(("org.apache.cassandra.", "java.")):
        raise RefusedValue(f"Unable to find {kind} class '{full}'")
    return None
