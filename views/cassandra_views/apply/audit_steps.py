"""Carries out audits of what serves or has served: the verdict is written down, and nothing else is touched."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from cassandra_client.database import Database
from cassandra_views.apply.audit import Standing, compare, look_up
from cassandra_views.apply.ledger import Ledger
from cassandra_views.apply.reports import Listener
from cassandra_views.model.errors import AuditFailed
from cassandra_views.model.generation import Audit, State
from cassandra_views.model.steps import AuditGeneration

_REMAINS = {
    State.SERVING: "It still serves, since readers are better off with it than with none",
    State.RETIRED: "It is retired, and readers are where they were",
}


class AuditSteps:
    """Audits of generations that serve; takes no fence and no lease, so that nobody is stopped by it."""

    def __init__(
        self,
        database: Database,
        ledger: Ledger,
        *,
        clock: Callable[[], datetime],
        listener: Listener,
        audit_recheck_seconds: float,
    ) -> None:
        self._database = database
        self._ledger = ledger
        self._clock = clock
        self._listener = listener
        self._recheck_seconds = audit_recheck_seconds

    def audit_again(self, step: AuditGeneration) -> str:
        """Compare a generation that serves, or is to serve again, with its base, and write the verdict down.

        Raises:
            AuditFailed: it differs, or is not in the schema as it was asked for; readers are where they were.
            ClusterError: it cannot be read.
        """
        view, number = step.view, step.number
        record = self._ledger.registry.read(view)
        each = record.find(number)
        if each is None or each.state is not (State.RETIRED if step.is_return else State.SERVING):
            return "it is retired no longer" if step.is_return else "it serves no longer"
        found = look_up(self._database, view, each)
        rows = each.rows_built
        facts: dict[str, Any] = {}
        if isinstance(found, Standing):
            verdict = compare(
                self._database,
                self._listener,
                view,
                each,
                found,
                remains="Its state is as before, unaudited this time",
                time=next((entry.time for entry in record.read_from if entry.name == each.physical), None),
                recheck_seconds=self._recheck_seconds,
            )
            text, rows, is_passed, facts = str(verdict), verdict.view_rows, verdict.is_passed, verdict.facts
        else:
            text, is_passed = found, False
        audit = Audit.PASSED if is_passed else Audit.FAILED
        if not self._ledger.registry.write_verdict(
            view, number, audit, at=self._clock(), rows=rows, facts=facts, state=each.state
        ):
            return f"it is {each.state.value} no longer"
        self._ledger.tell(view, "audit passed" if is_passed else "audit failed", number=number, detail=text)
        if not is_passed:
            raise AuditFailed(
                f"it differs from its base: {text}",
                on=f"{view} generation {number}",
                remains=_REMAINS[each.state],
                next="Run apply: it builds the next generation beside it. If that differs, too, repair the base table "
                "first ('nodetool repair')",
            )
        return text
