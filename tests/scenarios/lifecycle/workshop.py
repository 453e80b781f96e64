"""A folder of view files over one keyspace, managers on it, and a look at what readers would see."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cassandra.cluster import Session

from cassandra_views.apply.reports import Listener, Report
from cassandra_views.manager import ViewManager
from cassandra_views.model.generation import State, ViewRecord
from cassandra_views.model.steps import Plan
from cassandra_views.project.settings import Settings
from cassandra_views.registry.lease import DEFAULT_TIMES, LeaseTimes

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)


@dataclass(slots=True, kw_only=True)
class Workshop:
    """One project of one test; ``now`` is the clock that its managers are given.

    Differences of an audit are final after 63 times ``audit_recheck_seconds``.
    """

    session: Session
    keyspace: str
    folder: Path
    registry: str
    now: datetime = NOON
    reports: list[Report] = field(default_factory=list)
    audit_recheck_seconds: float = 0.5
    lease_times: LeaseTimes = DEFAULT_TIMES

    def write_table(self, name: str, time: str, **more: str) -> None:
        self._write("tables", name, {"keyspace": self.keyspace, "time": time, **more}, "")

    def write_view(self, name: str, cql: str, **matter: str) -> None:
        self._write("views", name, {"keyspace": self.keyspace, **matter}, cql)

    def remove_view(self, name: str) -> None:
        (self.folder / "views" / f"{name}.cql.j2").unlink()

    def manager(
        self,
        session: Any = None,
        *,
        run: str | None = None,
        ddl_timeout_seconds: float = 15.0,
        listener: Listener | None = None,
        **more: Any,
    ) -> ViewManager:
        settings = Settings.resolve(start=self.folder, templates=self.folder, variables={})
        env = settings.env.model_copy(update={"ddl_timeout_seconds": ddl_timeout_seconds, **more})
        return ViewManager(
            session or self.session,
            settings=settings.model_copy(update={"env": env}),
            registry=self.registry,
            clock=lambda: self.now,
            author="tests",
            run=run,
            listener=listener or self.reports.append,
            audit_recheck_seconds=self.audit_recheck_seconds,
            lease_times=self.lease_times,
        )

    def apply(self) -> Plan:
        """Apply, and see that planning again finds nothing to do."""
        manager = self.manager()
        plan = manager.plan()
        manager.apply(plan)
        assert self.manager().plan().steps == ()
        return plan

    def end_lease(self) -> None:
        """End the lease of a run that died, as time would."""
        self.session.execute(f"UPDATE {self.registry}.lease SET owner = null WHERE resource = 'cluster' IF EXISTS")

    def full(self, view: str) -> str:
        return f"{self.keyspace}.{view}"

    def record(self, view: str) -> ViewRecord:
        return self.manager().record(self.full(view))

    def serving(self, view: str) -> str:
        """Return the physical view that the registry sends readers to; exactly one generation serves."""
        record = self.record(view)
        (entry,) = record.read_from
        assert [each.physical for each in record.in_state(State.SERVING)] == [entry.name]
        return entry.name

    def physical_views(self) -> set[str]:
        query = "SELECT view_name FROM system_schema.views WHERE keyspace_name = %s"
        return {row[0] for row in self.session.execute(query, (self.keyspace,))}

    def rows(self, table: str) -> list[dict[str, Any]]:
        """Return all rows of a table or view."""
        future = self.session.execute_async(f'SELECT * FROM {self.keyspace}."{table}"')
        found = future.result()
        names = found.column_names
        return [dict(zip(names, row, strict=True)) for row in found]

    def kinds(self, plan: Plan) -> list[str]:
        return [step.kind for step in plan.steps]

    def _write(self, folder: str, name: str, matter: dict[str, str], body: str) -> None:
        path = self.folder / folder / f"{name}.cql.j2"
        path.parent.mkdir(parents=True, exist_ok=True)
        head = "".join(f"{key}: {value}\n" for key, value in matter.items())
        path.write_text(f"---\n{head}---\n{body}\n", encoding="utf-8")


def as_texts(rows: list[dict[str, Any]]) -> list[str]:
    """Return rows in a form that can be compared, whatever their types and order."""
    return sorted(repr(sorted(row.items())) for row in rows)


__all__ = ["NOON", "Workshop", "as_texts"]
