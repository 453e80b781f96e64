"""A driver session that dies at a chosen effect on the cluster, as a killed process would."""

from __future__ import annotations

from collections.abc import Callable, Container
from enum import Enum
from typing import Any

from cassandra import OperationTimedOut
from cassandra.query import BatchStatement, BoundStatement, SimpleStatement


class Died(BaseException):
    """The process is dead; nothing of it goes on."""


class Side(Enum):
    BEFORE = "before"
    AFTER = "after"


class DyingSession:
    """Counts the effects (conditional writes, plain writes, DDL) and dies at one of them.

    Args:
        dies_at: the number of the effect, from 1; 0 lives on.
        side: before the effect is sent, or after the server has carried it out.
        on_effect: called before each effect.
    """

    def __init__(
        self,
        session: Any,
        dies_at: int = 0,
        side: Side = Side.BEFORE,
        on_effect: Callable[[], None] = lambda: None,
    ) -> None:
        self._session = session
        self._dies_at = dies_at
        self._side = side
        self._on_effect = on_effect
        self._is_dead = False
        self.effects: list[str] = []

    @property
    def cluster(self) -> Any:
        return self._session.cluster

    def prepare(self, query: str) -> Any:
        self._check()
        return self._session.prepare(query)

    def execute(self, statement: Any, *args: Any, **options: Any) -> Any:
        return self._run(statement, lambda: self._session.execute(statement, *args, **options))

    def execute_async(self, statement: Any, *args: Any, **options: Any) -> Any:
        def run() -> Any:
            future = self._session.execute_async(statement, *args, **options)
            if _effect(statement):
                future.result()
            return future

        return self._run(statement, run)

    def _run(self, statement: Any, run: Callable[[], Any]) -> Any:
        self._check()
        effect = _effect(statement)
        if not effect:
            return run()
        self._on_effect()
        self.effects.append(effect)
        is_last = len(self.effects) == self._dies_at
        if is_last and self._side is Side.BEFORE:
            self._is_dead = True
        self._check()
        found = run()
        self._is_dead = is_last
        self._check()
        return found

    def _check(self) -> None:
        if self._is_dead:
            raise Died


def _effect(statement: Any) -> str:
    """Return what kind of effect a statement has, empty for a read."""
    if isinstance(statement, BatchStatement):
        return "conditional"
    if isinstance(statement, BoundStatement):
        text = statement.prepared_statement.query_string
    else:
        assert isinstance(statement, SimpleStatement)
        text = statement.query_string
    verb = text.split(maxsplit=1)[0].upper()
    if verb in ("CREATE", "DROP", "ALTER"):
        return "ddl"
    if verb in ("INSERT", "UPDATE", "DELETE"):
        return "conditional" if " IF " in text else "write"
    return ""


class UnsureSession(DyingSession):
    """Times out at chosen effects, before they are sent or after the server has carried them out.

    Args:
        at: the numbers of the effects, from 1.
        kinds: only effects of these kinds are counted.
        on_doubt: called when one has timed out.
    """

    def __init__(
        self,
        session: Any,
        at: Container[int],
        side: Side,
        *,
        kinds: tuple[str, ...] = ("conditional", "write", "ddl"),
        on_doubt: Callable[[], object] = lambda: None,
    ) -> None:
        super().__init__(session)
        self._at = at
        self._unsure_side = side
        self._kinds = kinds
        self._on_doubt = on_doubt
        self.doubts = 0

    def _run(self, statement: Any, run: Callable[[], Any]) -> Any:
        effect = _effect(statement)
        if effect not in self._kinds:
            return run()
        self.effects.append(effect)
        if len(self.effects) not in self._at:
            return run()
        if self._unsure_side is Side.AFTER:
            run()
        self.doubts += 1
        self._on_doubt()
        raise OperationTimedOut
