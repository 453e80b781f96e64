"""What programs give to the public API wrongly is named; nothing fails deep inside."""

from __future__ import annotations

import inspect
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cassandra_client.errors import ConfigurationError
from cassandra_views import ViewManager, ViewReader
from cassandra_views.model import arguments
from cassandra_views.model.errors import BadRead
from cassandra_views.plan.planner import Planner


class NoSession:
    """Has what a session has, and answers nothing: each check comes before the first question."""

    cluster = None

    def execute(self, *_: Any) -> None:
        raise AssertionError("it was asked")

    execute_async = prepare = execute


WRONG: list[tuple[str, dict[str, Any], str]] = [
    ("apply", {"plan": "plan.json"}, "plan is 'plan.json', of type str"),
    ("apply", {"plan": []}, "plan is"),
    ("apply", {"allow_drop": "no"}, "allow_drop is 'no'"),
    ("apply", {"without": 5}, "without is 5"),
    ("carry_out", {"plan": None}, "plan is None"),
    ("plan", {"names": 5}, "names is 5"),
    ("plan", {"names": ["a", 5]}, "one of names is 5"),
    ("plan", {"names": ""}, "names is ''"),
    ("plan", {"tags": None}, "tags is None"),
    ("plan", {"tags": {"a": 1}}, "tags is {'a': 1}"),
    ("refresh", {"names": 1.5}, "names is 1.5"),
    ("rollback", {"name": None}, "name is None"),
    ("rollback", {"name": "by_day", "reason": 5}, "reason is 5"),
    ("drop", {"name": 5}, "name is 5"),
    ("abort", {"name": ["by_day"]}, "name is ['by_day']"),
    ("record", {"name": b"by_day"}, "name is b'by_day'"),
    ("history", {"name": "by_day", "limit": 0}, "limit is 0"),
    ("history", {"name": "by_day", "limit": True}, "limit is True"),
    ("status", {"names": object}, "names is"),
    ("override", {"names": "by_day", "kind": "frozn", "reason": "x"}, "kind is 'frozn'"),
    ("override", {"names": "by_day", "kind": 5, "reason": "x"}, "kind is 5"),
    ("override", {"names": "by_day", "kind": None, "reason": None}, "reason is None"),
    ("override", {"names": "by_day", "kind": "off", "reason": "x", "until": "2026-01-01"}, "until is '2026-01-01'"),
    ("override", {"names": "by_day", "kind": "off", "reason": "x", "until": datetime(2026, 1, 1)}, "until is"),  # noqa: DTZ001
    ("note_failed_run", {"name": "by_day", "error": ValueError("x")}, "error is ValueError('x')"),
    ("plan_refresh", {"names": "by_day", "unless_run": 7}, "unless_run is 7"),
]


@pytest.mark.parametrize(("method", "given_arguments", "words"), WRONG)
def test_a_wrong_argument_of_the_manager_is_named(method: str, given_arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        getattr(ViewManager.__new__(ViewManager), method)(**given_arguments)
    assert words in caught.value.what
    assert caught.value.on == f"ViewManager.{method}"
    assert caught.value.next.startswith("Give ")


@pytest.mark.parametrize(
    ("given_arguments", "words"),
    [
        ({"session": None}, "session is None"),
        ({"session": "127.0.0.1"}, "session is '127.0.0.1'"),
        ({"session": NoSession(), "registry": "my-registry"}, "letters, digits and underscores"),
        ({"session": NoSession(), "registry": 5}, "registry is 5"),
        ({"session": NoSession(), "registry": "r" * 49}, "49 characters"),
        ({"session": NoSession(), "clock": datetime.now(UTC)}, "clock is"),
    ],
)
@pytest.mark.parametrize("kind", [ViewManager, ViewReader])
def test_a_wrong_argument_of_a_constructor_is_named(
    kind: type[Any], given_arguments: dict[str, Any], words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigurationError) as caught:
        kind(**given_arguments)
    assert words in caught.value.what
    assert caught.value.on == kind.__name__


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"listener": "print"}, "listener is 'print'"),
        ({"templates": 5}, "templates is 5"),
        ({"build_timeout_seconds": -1}, "build_timeout_seconds is -1"),
    ],
)
def test_a_wrong_argument_of_the_managers_own_is_named(more: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        ViewManager(NoSession(), **more)


@pytest.mark.parametrize("view", [None, 5, b"by_day", ["by_day"]])
def test_a_reader_is_given_a_name(view: Any) -> None:
    reader = ViewReader.__new__(ViewReader)
    for ask in (reader.describe, reader.select):
        with pytest.raises(BadRead, match="names no view"):
            ask(view)


def test_each_public_method_of_the_manager_is_checked_and_keeps_its_signature() -> None:
    for kind in (ViewManager, Planner):
        for name, method in vars(kind).items():
            if inspect.isfunction(method) and not name.startswith("_"):
                assert hasattr(method, "__wrapped__"), name
                assert method.__doc__
                assert inspect.signature(method) == inspect.signature(method.__wrapped__)


@given(st.one_of(st.none(), st.booleans(), st.integers(), st.text(), st.binary(), st.lists(st.text()), st.floats()))
def test_any_value_passes_or_is_named(value: Any) -> None:
    for check in arguments.CHECKS.values():
        with suppress(ConfigurationError):
            check(value, argument="it", on="here")
