"""Checks of what programs give to the public API: a clear error instead of one from deep inside.

Each returns the value it was given, or raises ``ConfigurationError`` that names the argument.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from functools import partial, wraps
from inspect import isfunction, signature
from pathlib import PurePath
from typing import Any, NoReturn, TypeVar

from cassandra_client.errors import ConfigurationError
from cassandra_views.model.generation import OverrideKind
from cassandra_views.model.names import keyspace_fault
from cassandra_views.model.steps import Plan

T = TypeVar("T")


def refuse(value: object, argument: str, wanted: str, *, on: str) -> NoReturn:
    """Raise the error that a value is not what an argument takes.

    Args:
        wanted: what it takes, as "Give ..." goes on.
        on: the call, such as ``ViewManager.apply``.
    """
    raise ConfigurationError(f"{argument} is {_shown(value)}", on=on, next=f"Give {wanted}")


def check_text(value: Any, argument: str, *, on: str) -> str:
    """Return a text that is not empty."""
    if not isinstance(value, str) or not value.strip():
        refuse(value, argument, "a text that is not empty", on=on)
    return value


def check_names(value: Any, argument: str, *, on: str) -> tuple[str, ...]:
    """Return the names that one text, or several, give."""
    if isinstance(value, str):
        return (check_text(value, argument, on=on),)
    if not isinstance(value, Iterable) or isinstance(value, bytes | Mapping):
        refuse(value, argument, "a name, or a list of names", on=on)
    found = tuple(value)
    for each in found:
        if not isinstance(each, str):
            refuse(each, f"one of {argument}", "names as texts, such as 'keyspace.view'", on=on)
    return found


def check_flag(value: Any, argument: str, *, on: str) -> bool:
    """Return True or False."""
    if not isinstance(value, bool):
        refuse(value, argument, "True or False", on=on)
    return value


def check_number(value: Any, argument: str, *, on: str, least: float = 0.0) -> float:
    """Return a number that is above ``least``; a whole one stays one."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not value > least:
        refuse(value, argument, f"a number above {least:g}", on=on)
    return value


def check_moment(value: Any, argument: str, *, on: str) -> datetime:
    """Return a time that knows its zone."""
    if not isinstance(value, datetime) or value.tzinfo is None:
        refuse(value, argument, "a datetime with its time zone, such as datetime.now(UTC)", on=on)
    return value


def check_kind(value: Any, kind: type[T], argument: str, *, on: str) -> T:
    """Return a value of this class."""
    if not isinstance(value, kind):
        refuse(value, argument, f"a {kind.__name__}", on=on)
    return value


def check_session(value: Any, argument: str, *, on: str) -> Any:
    """Return what can be used as a session of the driver."""
    if not all(hasattr(value, name) for name in ("cluster", "execute", "execute_async", "prepare")):
        refuse(value, argument, "a session of the cassandra-driver: Cluster([...]).connect()", on=on)
    return value


def check_callable(value: Any, argument: str, *, on: str) -> Any:
    """Return something that can be called."""
    if not callable(value):
        refuse(value, argument, "a function", on=on)
    return value


def _shown(value: object) -> str:
    text = repr(value)
    return f"{text if len(text) <= 60 else text[:57] + '...'}, of type {type(value).__name__}"


def _check_any_text(value: Any, argument: str, *, on: str) -> str:
    return check_kind(value, str, argument, on=on)


def _check_names_given(value: Any, argument: str, *, on: str) -> str | tuple[str, ...]:
    found = check_names(value, argument, on=on)
    return value if isinstance(value, str) else found


def _check_registry(value: Any, argument: str, *, on: str) -> str:
    name = check_text(value, argument, on=on)
    if fault := keyspace_fault(name):
        raise ConfigurationError(fault, on=on, next="Give the name of the registry's keyspace")
    return name


def _check_folder(value: Any, argument: str, *, on: str) -> Any:
    if not isinstance(value, PurePath):
        check_text(value, argument, on=on)
    return value


def _check_count(value: Any, argument: str, *, on: str) -> int:
    if type(value) is not int or value < 1:
        refuse(value, argument, "a whole number from 1 on", on=on)
    return value


def _check_override(value: Any, argument: str, *, on: str) -> Any:
    try:
        OverrideKind(value)
    except ValueError:
        refuse(value, argument, f"{', '.join(repr(each.value) for each in OverrideKind)}, or None", on=on)
    return value


Check = Callable[..., Any]
CHECKS: dict[str, Check] = {
    "allow_drop": check_flag,
    "allow_shrink": check_flag,
    "audit_recheck_seconds": check_number,
    "author": _check_any_text,
    "build_timeout_seconds": check_number,
    "cache_seconds": partial(check_number, least=-1.0),
    "clock": check_callable,
    "detail": _check_any_text,
    "environment": check_text,
    "error": _check_any_text,
    "event": check_text,
    "keyspace": check_text,
    "kind": _check_override,
    "limit": _check_count,
    "listener": check_callable,
    "name": check_text,
    "names": _check_names_given,
    "number": _check_count,
    "own": check_names,
    "plan": partial(check_kind, kind=Plan),
    "reason": _check_any_text,
    "registry": _check_registry,
    "run": _check_any_text,
    "session": check_session,
    "tags": check_names,
    "templates": _check_folder,
    "timeout_seconds": check_number,
    "unless_run": _check_any_text,
    "until": check_moment,
    "without": check_names,
}
"""What the public API's arguments take: one name means one thing throughout."""


def checked_arguments(*methods: str) -> Callable[[type[T]], type[T]]:
    """Check the arguments of a class's public methods by their names before they run.

    Args:
        methods: which; without any, the constructor and all public methods that the class itself has.
    """

    def decorate(cls: type[T]) -> type[T]:
        own = [name for name, each in vars(cls).items() if isfunction(each)]
        for name in methods or [name for name in own if name == "__init__" or not name.startswith("_")]:
            on = cls.__name__ if name == "__init__" else f"{cls.__name__}.{name}"
            setattr(cls, name, _checked(vars(cls)[name], on))
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
