"""What the server's own functions, CAST and operators give, and which uses of them it refuses; tried on 5.0.9."""

from __future__ import annotations

from collections.abc import Callable

from cassandra_views.cql.printing import server_term
from cassandra_views.cql.types import NATIVE, BadType, CqlType, parse_type
from cassandra_views.model.statement import (
    Arithmetic,
    Call,
    Conversion,
    Literal,
    LiteralKind,
    Null,
    Sequence,
    Shape,
    Term,
    TypeHint,
)

Check = Callable[[Term, CqlType], str]
CLOCKS = frozenset(("now", "uuid", "currenttimestamp", "currentdate", "currenttime", "currenttimeuuid"))
"""Without their underscores: functions that give another value at each call."""

_TIMES = ("timeuuid", "timestamp", "date")
_FUNCTIONS = {
    "now": ((), "timeuuid"),
    "uuid": ((), "uuid"),
    "currenttimestamp": ((), "timestamp"),
    "currentdate": ((), "date"),
    "currenttime": ((), "time"),
    "currenttimeuuid": ((), "timeuuid"),
    "mintimeuuid": (("timestamp",), "timeuuid"),
    "maxtimeuuid": (("timestamp",), "timeuuid"),
    "todate": (_TIMES, "date"),
    "totimestamp": (_TIMES, "timestamp"),
    "tounixtimestamp": (_TIMES, "bigint"),
}
_AGGREGATES = frozenset(("min", "max", "sum", "avg", "count"))
_WIDTH = {"tinyint": 1, "smallint": 2, "int": 3, "bigint": 4, "counter": 4, "float": 5, "double": 6, "varint": 7}
_WIDTH["decimal"] = 8
_INTEGERS = frozenset(("tinyint", "smallint", "int", "bigint", "counter", "varint"))
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


def result_type(term: Term) -> CqlType | None:
    """Return the type of what a call, conversion or operation gives, None where that is not known."""
    match term:
        case TypeHint(type=text) | Conversion(type=text):
            try:
                return parse_type(text)
            except BadType:
                return None
        case Call(function=function, arguments=arguments, keyspace=None | "system"):
            name = _result_name(function)
            if name is None and function == "token" and arguments:
                return CqlType(name="bigint")
            return CqlType(name=name) if name is not None else None
        case _:
            return None


def _plain(function: str) -> str:
    return function.replace("_", "")


def _of_blob(function: str) -> str | None:
    text = _plain(function)
    return text.removeprefix("blobas") if text.startswith("blobas") and text.removeprefix("blobas") in NATIVE else None


def _to_blob(function: str) -> str | None:
    text = _plain(function)
    return text.removesuffix("asblob") if text.endswith("asblob") and text.removesuffix("asblob") in NATIVE else None


def _result_name(function: str) -> str | None:
    known = _FUNCTIONS.get(_plain(function))
    if known is not None:
        return known[1]
    return _of_blob(function) or ("blob" if _to_blob(function) else None)


def call_refusal(
    term: Call, wanted: CqlType, column: str, token: tuple[CqlType, ...], known: frozenset[str] | None, check: Check
) -> str:
    """Return why a server refuses the call for this type, "" where it does not."""
    function, arguments = term.function, term.arguments
    if term.keyspace not in (None, "system"):
        return "" if known is None or function in known else f"Unknown function {term.keyspace}.{function} called"
    if function in _AGGREGATES:
        return "Aggregation function are not supported in the where clause"
    if function == "token":
        types: tuple[tuple[str, ...], ...] | None = tuple((str(type_),) for type_ in token) if token else None
    elif plain := _of_blob(function):
        types = (("blob",),) if plain else None
    elif plain := _to_blob(function):
        types = ((plain,),)
    elif _plain(function) in _FUNCTIONS:
        taken = _FUNCTIONS[_plain(function)][0]
        types = (taken,) if taken else ()
    else:
        return "" if known is None or function in known else f"Unknown function {function} called"
    result = "bigint" if function == "token" else _result_name(function) or ""
    if types is not None:
        if len(arguments) != len(types):
            counts = f"{len(types)} required but {len(arguments)} provided"
            return f"Invalid number of arguments in call to function system.{function}: {counts}"
        for index, (one, names) in enumerate(zip(arguments, types, strict=True)):
            if len(names) == 1 and not _fits(one, parse_type(names[0])):
                place = f"argument {index} of function system.{function} of type {names[0]}"
                return f"Type error: {server_term(one)} cannot be passed as {place}"
            if len(names) == 1 and (reason := check(one, parse_type(names[0]))):
                return reason
    if not is_compatible(CqlType(name=result), wanted):
        what = f"Type error: cannot assign result of function system.{function} (type {result})"
        return f"{what} to {column} (type {wanted})"
    return ""


def _fits(term: Term, type_: CqlType) -> bool:
    """Tell whether an argument passes the test of types."""
    match term:
        case Literal(kind=LiteralKind.INTEGER):
            return type_.name in _WIDTH or type_.name in ("date", "time", "timestamp", "duration")
        case Literal(kind=LiteralKind.FLOAT):
            return type_.name in ("float", "double", "decimal")
        case Literal(kind=LiteralKind.STRING):
            return type_.name in ("ascii", "text", "inet", "date", "time", "timestamp")
        case Literal(kind=LiteralKind.BLOB):
            return type_.name == "blob"
        case Literal(kind=LiteralKind.UUID):
            return type_.name in ("uuid", "timeuuid")
        case Literal(kind=LiteralKind.BOOLEAN):
            return type_.name == "boolean"
        case Literal(kind=LiteralKind.DURATION):
            return type_.name == "duration"
        case Call() | Conversion() | TypeHint():
            given = result_type(term)
            return given is None or is_compatible(given, type_)
        case Sequence(shape=Shape.TUPLE, items=(one,)):
            return _fits(one, type_)
        case _:
            return True


def conversion_refusal(term: Conversion, wanted: CqlType, column: str) -> str:
    """Return why a server refuses a CAST for this type, "" where it does not, or says so in words of no order."""
    given = result_type(term)
    if given is None:
        return ""
    function = f"system.cast_as_{given.name}"
    if isinstance(term.term, Literal) and term.term.kind is LiteralKind.STRING and given.name not in ("text", "ascii"):
        return f"Invalid call to function {function}, none of its type signatures match"
    if not is_compatible(given, wanted):
        return f"Invalid call to function {function}, none of its type signatures match"
    return ""


def arithmetic_refusal(term: Arithmetic, wanted: CqlType, check: Check) -> str:
    """Return why a server refuses an operation for this type, "" where it does not."""
    left, right = term.left, term.right
    if left is None:
        if isinstance(right, Literal) and right.kind not in (LiteralKind.INTEGER, LiteralKind.FLOAT):
            return "Invalid call to function system._negate, none of its type signatures match"
        return (
            "" if wanted.name in _WIDTH else f"Type error: cannot assign result of function system._negate to {wanted}"
        )
    for side in (left, right):
        if isinstance(side, Arithmetic) and (reason := arithmetic_refusal(side, wanted, check)):
            return reason
    if not _operates(term.operator, left, right, wanted):
        pair = f"{server_term(left)} and {server_term(right)}"
        return f"the '{term.operator}' operation is not supported between {pair}"
    for side in (left, right):
        if isinstance(side, Literal) and wanted.name in _WIDTH and (reason := check(side, wanted)):
            return reason
    return ""


def _operates(operator: str, left: Term, right: Term, wanted: CqlType) -> bool:
    name = wanted.name
    if name in _WIDTH:
        if isinstance(left, Null) and isinstance(right, Null):
            return False
        return all(_is_number(side, name) for side in (left, right))
    if name in ("timestamp", "date"):
        is_duration = isinstance(right, Literal) and right.kind is LiteralKind.DURATION
        starts = isinstance(left, Arithmetic | Null) or _fits(left, wanted)
        return operator in "+-" and is_duration and starts
    if name in ("text", "ascii"):
        return operator == "+" and all(isinstance(side, Arithmetic) or _fits(side, wanted) for side in (left, right))
    return False


def _is_number(term: Term, name: str) -> bool:
    match term:
        case Literal(kind=LiteralKind.INTEGER) | Null() | Arithmetic():
            return True
        case Literal(kind=LiteralKind.FLOAT):
            return name in ("float", "double", "decimal")
        case Sequence(shape=Shape.TUPLE, items=(one,)):
            return _is_number(one, name)
        case Call() | Conversion() | TypeHint():
            given = result_type(term)
            if given is None:
                return True
            return given.name in _WIDTH and (
                _WIDTH[given.name] <= _WIDTH[name] and not (name in _INTEGERS and given.name in ("float", "double"))
            )
        case _:
            return False
