"""Checks of what programs give to the public API: a clear error instead of one from deep inside."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from functools import wraps
from inspect import isfunction, signature
from pathlib import PurePath
from typing import Any, NoReturn, TypeVar

from cassandra_client.errors import ConfigurationError
from cassandra_views.model.generation import OverrideKind
from cassandra_views.model.names import keyspace_fault
from cassandra_views.model.steps import Plan

T = TypeVar("T")
Check = Callable[..., Any]
"""Takes a value, its ``argument``'s name and ``on``, the call; returns the value or raises ``ConfigurationError``."""


def _refuse(value: object, argument: str, wanted: str, *, on: str) -> NoReturn:
    text = repr(value)
    shown = text if len(text) <= 60 else text[:57] + "..."
    raise ConfigurationError(f"{argument} is {shown}, of type {type(value).__name__}", on=on, next=f"Give {wanted}")


def _check(is_right: Callable[[Any], bool], wanted: str) -> Check:
    def check(value: Any, argument: str, *, on: str) -> Any:
        if not is_right(value):
            _refuse(value, argument, wanted, on=on)
        return value

    return check


def _number_above(least: float) -> Check:
    def is_right(value: Any) -> bool:
        return isinstance(value, int | float) and not isinstance(value, bool) and value > least

    return _check(is_right, f"a number above {least:g}")


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())


_check_text = _check(_is_text, "a text that is not empty")
_check_any_text = _check(lambda value: isinstance(value, str), "a str")
_check_flag = _check(lambda value: isinstance(value, bool), "True or False")
_check_count = _check(lambda value: type(value) is int and value >= 1, "a whole number from 1 on")
_check_callable = _check(callable, "a function")


def _check_names(value: Any, argument: str, *, on: str) -> tuple[str, ...]:
    if isinstance(value, str):
        return (_check_text(value, argument, on=on),)
    if not isinstance(value, Iterable) or isinstance(value, bytes | Mapping):
        _refuse(value, argument, "a name, or a list of names", on=on)
    found = tuple(value)
    for each in found:
        if not isinstance(each, str):
            _refuse(each, f"one of {argument}", "names as texts, such as 'keyspace.view'", on=on)
    return found


def _check_name_or_names(value: Any, argument: str, *, on: str) -> str | tuple[str, ...]:
    found = _check_names(value, argument, on=on)
    return value if isinstance(value, str) else found


def _check_registry(value: Any, argument: str, *, on: str) -> str:
    name: str = _check_text(value, argument, on=on)
    if fault := keyspace_fault(name):
        raise ConfigurationError(fault, on=on, next="Give the name of the registry's keyspace")
    return name


CHECKS: dict[str, Check] = {
    "allow_drop": _check_flag,
    "allow_shrink": _check_flag,
    "audit_recheck_seconds": _number_above(0),
    "author": _check_any_text,
    "build_timeout_seconds": _number_above(0),
    "cache_seconds": _number_above(-1),
    "clock": _check_callable,
    "detail": _check_any_text,
    "environment": _check_text,
    "error": _check_any_text,
    "event": _check_text,
    "keyspace": _check_text,
    "kind": _check(
        lambda value: value in [each.value for each in OverrideKind],
        f"{', '.join(repr(each.value) for each in OverrideKind)}, or None",
    ),
    "limit": _check_count,
    "listener": _check_callable,
    "name": _check_text,
    "names": _check_name_or_names,
    "number": _check_count,
    "own": _check_names,
    "plan": _check(lambda value: isinstance(value, Plan), "a Plan"),
    "reason": _check_any_text,
    "registry": _check_registry,
    "run": _check_any_text,
    "session": _check(
        lambda value: all(hasattr(value, name) for name in ("cluster", "execute", "execute_async", "prepare")),
        "a session of the cassandra-driver: Cluster([...]).connect()",
    ),
    "tags": _check_names,
    "templates": _check(lambda value: isinstance(value, PurePath) or _is_text(value), "a text that is not empty"),
    "timeout_seconds": _number_above(0),
    "unless_run": _check_any_text,
    "until": _check(
        lambda value: isinstance(value, datetime) and value.tzinfo is not None,
        "a datetime with its time zone, such as datetime.now(UTC)",
    ),
    "without": _check_names,
}
"""What the public API's arguments take: one name means one thing throughout."""


def checked_arguments(*methods: str) -> Callable[[type[T]], type[T]]:
    """Check the arguments of a class's public methods by their names before they run.

    Args:
        methods: which, inherited ones too; without any, the constructor and the class's own public methods.
    """

    def decorate(cls: type[T]) -> type[T]:
        own = [name for name, each in vars(cls).items() if isfunction(each)]
        for name in methods or [name for name in own if name == "__init__" or not name.startswith("_")]:
            on = cls.__name__ if name == "__init__" else f"{cls.__name__}.{name}"
            setattr(cls, name, _checked(getattr(cls, name), on))
        return cls

    return decorate


def _checked(method: Callable[..., Any], on: str) -> Callable[..., Any]:
    known = signature(method)
    checks = {
        name: (CHECKS[name], each.default is None or "None" in str(each.annotation))
        for name, each in known.parameters.items()
        if name in CHECKS
    }

    @wraps(method)
    def call(*arguments: Any, **named: Any) -> Any:
        bound = known.bind(*arguments, **named)
        for name, value in bound.arguments.items():
            check, takes_none = checks.get(name, (None, True))
            if check is not None and not (value is None and takes_none):
                bound.arguments[name] = check(value, argument=name, on=on)
        return method(*bound.args, **bound.kwargs)

    return call
