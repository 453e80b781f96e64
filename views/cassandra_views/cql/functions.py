"""What a server says of calls, CAST and operators as values: which function it finds, and which uses it refuses."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from enum import Enum

from cassandra_views.cql.native_functions import AGGREGATES, BY_ARGUMENT, WIDTH, Signature, functions, is_compatible
from cassandra_views.cql.printing import server_term
from cassandra_views.cql.types import BadType, CqlType, parse_type, whole
from cassandra_views.model.statement import (
    Arithmetic,
    Call,
    Conversion,
    Literal,
    LiteralKind,
    Mapping,
    Null,
    Sequence,
    Shape,
    Term,
    TypeHint,
)

Check = Callable[[Term, CqlType], str]
_INTEGERS = frozenset(("tinyint", "smallint", "int", "bigint", "counter", "varint"))
NO_AGGREGATES = "Aggregation function are not supported in the where clause"
"""The server's words about an aggregate in WHERE."""
UNORDERED = ("Invalid call to function", "Ambiguous call to function")
"""How refusals begin that end in a list of which nobody knows the order."""


class _Fit(Enum):
    """How well a term fits an argument."""

    EXACT = "exact"
    WEAK = "weak"
    NONE = "none"


def result_type(term: Term) -> CqlType | None:
    """Return the type of what a call, conversion or operation gives, None where that is not known."""
    match term:
        case TypeHint(type=text) | Conversion(type=text):
            try:
                return parse_type(text)
            except BadType:
                return None
        case Call(function="token", arguments=arguments, keyspace=None | "system") if arguments:
            return CqlType(name="bigint")
        case Call(function=function, keyspace=None | "system"):
            results = {signature.result for signature in functions().get(function, ())}
            return results.pop() if len(results) == 1 else None
        case _:
            return None


def call_refusal(
    term: Call, wanted: CqlType, column: str, token: tuple[CqlType, ...], known: frozenset[str] | None, check: Check
) -> str:
    """Return why a server refuses the call for this type, "" where it does not."""
    name = f"{term.keyspace}.{term.function}" if term.keyspace else term.function
    if term.keyspace not in (None, "system"):
        return "" if known is None or term.function in known else f"Unknown function {name} called"
    if term.function in AGGREGATES:
        return NO_AGGREGATES
    if term.function in BY_ARGUMENT:
        return _made_refusal(term, wanted, column)
    signatures = functions().get(term.function, ())
    if term.function == "token" and token:
        signatures = (Signature(token, CqlType(name="bigint")),)
    elif term.function == "token":
        return ""
    if not signatures:
        return "" if known is None or term.function in known else f"Unknown function {name} called"
    return _resolved(name, term.arguments, signatures, wanted, column, check)


def conversion_refusal(term: Conversion, wanted: CqlType, column: str, check: Check) -> str:
    """Return why a server refuses a CAST for this type, "" where it does not."""
    given = result_type(term)
    if given is None:
        return ""
    name = f"cast_as_{given.name}"
    signatures = functions().get(name, ())
    if not signatures:
        return f"Unknown function system.{name} called"
    return _resolved(f"system.{name}", (term.term,), signatures, wanted, column, check)


def _resolved(
    name: str,
    arguments: tuple[Term, ...],
    signatures: tuple[Signature, ...],
    wanted: CqlType,
    column: str,
    check: Check,
) -> str:
    """Find the one signature that a call means; return why there is none, or why it does not fit."""
    if len(signatures) > 1:
        found = _matching(arguments, signatures, wanted)
        if not found:
            return f"Invalid call to function {name}, none of its type signatures match"
        if len(found) > 1:
            return f"Ambiguous call to function {name}"
        (signature,) = found
    else:
        (signature,) = signatures
        full = name if name.startswith("system.") else f"system.{name}"
        if len(arguments) != len(signature.arguments):
            counts = f"{len(signature.arguments)} required but {len(arguments)} provided"
            return f"Invalid number of arguments in call to function {full}: {counts}"
        for index, (one, type_) in enumerate(zip(arguments, signature.arguments, strict=True)):
            if _fit(one, type_) is _Fit.NONE:
                place = f"argument {index} of function {full} of type {type_}"
                return f"Type error: {server_term(one)} cannot be passed as {place}"
    for one, type_ in zip(arguments, signature.arguments, strict=True):
        if reason := check(one, type_):
            return reason
    return _result_refusal(name, signature.result, wanted, column)


def argument_types(term: Call, wanted: CqlType) -> tuple[CqlType, ...]:
    """Return what a function of the server's takes its arguments for; empty where that is not known.

    Args:
        wanted: what the call must give.
    """
    if term.keyspace not in (None, "system"):
        return ()
    signatures = functions().get(term.function, ())
    found = signatures if len(signatures) == 1 else _matching(term.arguments, signatures, wanted)
    return found[0].arguments if len(found) == 1 else ()


def _matching(arguments: tuple[Term, ...], signatures: Iterable[Signature], wanted: CqlType) -> list[Signature]:
    found = []
    for signature in signatures:
        if len(signature.arguments) != len(arguments) or not is_compatible(signature.result, wanted):
            continue
        fits = {_fit(one, type_) for one, type_ in zip(arguments, signature.arguments, strict=True)}
        if fits <= {_Fit.EXACT}:
            return [signature]
        if _Fit.NONE not in fits:
            found.append(signature)
    return found


def _result_refusal(name: str, result: CqlType, wanted: CqlType, column: str) -> str:
    if is_compatible(result, wanted):
        return ""
    full = name if name.startswith("system.") else f"system.{name}"
    what = f"Type error: cannot assign result of function {full} (type {result})"
    return f"{what} to {column} (type {wanted})"


_LITERALS = {
    LiteralKind.INTEGER: frozenset((*WIDTH, "date", "time", "timestamp", "duration")),
    LiteralKind.FLOAT: frozenset(("float", "double", "decimal")),
    LiteralKind.STRING: frozenset(("ascii", "text", "inet", "date", "time", "timestamp")),
    LiteralKind.BLOB: frozenset(("blob", "tinyint")),
    LiteralKind.UUID: frozenset(("uuid", "timeuuid")),
    LiteralKind.BOOLEAN: frozenset(("boolean",)),
    LiteralKind.DURATION: frozenset(("duration",)),
}


def _preferred(literal: Literal) -> str:
    """Return the type that a server takes a literal for where it may choose."""
    match literal.kind:
        case LiteralKind.STRING:
            return "ascii" if literal.text.isascii() else "text"
        case LiteralKind.INTEGER:
            number = abs(whole(literal.text))
            return "int" if number < 2**31 else "bigint" if number < 2**63 else "varint"
        case LiteralKind.FLOAT:
            return "double"
        case _:
            return str(literal.kind.value)


def _fit(term: Term, type_: CqlType) -> _Fit:
    """Tell how well an argument passes the test of types."""
    match term:
        case Literal(kind=kind):
            if type_.name not in _LITERALS[kind] or type_.is_user_defined:
                return _Fit.NONE
            return _Fit.EXACT if _preferred(term) == type_.name else _Fit.WEAK
        case Call(function=function, arguments=arguments, keyspace=None | "system") if function in functions():
            matching = _matching(arguments, functions()[function], type_)
            if len(matching) != 1:
                return _Fit.NONE
            return _Fit.EXACT if matching[0].result == type_ else _Fit.WEAK
        case Call() | Conversion() | TypeHint():
            given = result_type(term)
            if given is None:
                return _Fit.WEAK
            return _Fit.EXACT if given == type_ else _Fit.WEAK if is_compatible(given, type_) else _Fit.NONE
        case Sequence(shape=Shape.TUPLE, items=(one,)):
            return _fit(one, type_)
        case Sequence() | Mapping():
            return _Fit.WEAK if type_.arguments or type_.is_user_defined else _Fit.NONE
        case _:
            return _Fit.WEAK


def _made_refusal(term: Call, wanted: CqlType, column: str) -> str:
    """Return why a server makes no such function, as far as its arguments say so."""
    name = f"system.{term.function}"
    if term.function.startswith("collection_"):
        kind = "collection" if term.function == "collection_count" else "numeric_set_or_list"
        for one in term.arguments:
            if isinstance(one, Sequence) and one.shape is Shape.LIST:
                what = f"Cannot infer type of argument {server_term(one)} in call to function {name}({kind})"
                return f"{what}: use type casts to disambiguate"
    results = {
        "collection_count": "int",
        "mask_hash": "blob",
        "to_json": "text",
        "tojson": "text",
        "similarity_cosine": "float",
        "similarity_euclidean": "float",
        "similarity_dot_product": "float",
    }
    result = results.get(term.function)
    return _result_refusal(name, parse_type(result), wanted, column) if result else ""


def arithmetic_refusal(term: Arithmetic, wanted: CqlType, check: Check) -> str:
    """Return why a server refuses an operation for this type, "" where it does not."""
    left, right = term.left, term.right
    if left is None:
        if isinstance(right, Literal) and right.kind not in (LiteralKind.INTEGER, LiteralKind.FLOAT):
            return "Invalid call to function system._negate, none of its type signatures match"
        return (
            ""
            if wanted.name in (*WIDTH, "blob", "date", "time", "timestamp")
            else f"Type error: cannot assign result of function system._negate to {wanted}"
        )
    for side in (left, right):
        if isinstance(side, Arithmetic) and (reason := arithmetic_refusal(side, wanted, check)):
            return reason
    if not _operates(term.operator, left, right, wanted):
        pair = f"{server_term(left)} and {server_term(right)}"
        return f"the '{term.operator}' operation is not supported between {pair}"
    for side in (left, right):
        if isinstance(side, Literal) and wanted.name in WIDTH and (reason := check(side, wanted)):
            return reason
    return ""


def _operates(operator: str, left: Term, right: Term, wanted: CqlType) -> bool:
    name = wanted.name
    if name == "blob":
        # It takes what any operation gives.
        return any(
            _operates(operator, left, right, parse_type(other)) for other in (*WIDTH, "timestamp", "date", "text")
        )
    if name in WIDTH:
        if isinstance(left, Null) and isinstance(right, Null):
            return False
        return all(_is_number(side, name) for side in (left, right))
    if name in ("timestamp", "date"):
        # An int is taken for a date, a bigint for a timestamp.
        if name == "date" and _operates(operator, left, right, parse_type("int")):
            return True
        is_duration = isinstance(right, Literal) and right.kind is LiteralKind.DURATION
        starts = isinstance(left, Arithmetic | Null) or _fit(left, wanted) is not _Fit.NONE
        return operator in "+-" and is_duration and starts
    if name in ("text", "ascii"):
        sides = (left, right)
        return operator == "+" and all(
            isinstance(one, Arithmetic) or _fit(one, wanted) is not _Fit.NONE for one in sides
        )
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
            return given.name in WIDTH and (
                WIDTH[given.name] <= WIDTH[name] and not (name in _INTEGERS and given.name in ("float", "double"))
            )
        case _:
            return False
