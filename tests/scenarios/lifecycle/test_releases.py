"""The registry of each former release, as tests/releases keeps it: read as it is, then upgraded, without loss."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from cassandra.cluster import Session

from cassandra_views.model.errors import RegistryError
from cassandra_views.model.generation import State
from cassandra_views.read import ViewReader
from cassandra_views.registry.schema import SCHEMA_NUMBER
from tests.paths import ROOT
from tests.scenarios.lifecycle.old_registry import columns, schema_number
from tests.scenarios.lifecycle.workshop import Workshop

FILES = sorted((ROOT / "tests" / "releases").glob("schema_*.cql"))
SELECT = (
    "CREATE MATERIALIZED VIEW {{{{ view }}}} AS SELECT {columns} FROM {{{{ base('orders') }}}} "
    "WHERE day IS NOT NULL AND customer IS NOT NULL PRIMARY KEY (day, customer) "
    "WITH CLUSTERING ORDER BY (customer ASC)"
)
GUIDE = ROOT / "docs" / "guides" / "other-languages.md"


@dataclass(frozen=True, kw_only=True)
class Release:
    """A project as a former program left it."""

    number: str
    workshop: Workshop

    def ask(self) -> list[str]:
        """Return what serves, by the frozen read of docs/guides/other-languages.md."""
        (cql,) = re.findall(r"^SELECT DISTINCT .*", GUIDE.read_text(encoding="utf-8"), re.MULTILINE)
        ask = self.workshop.session.prepare(cql.replace("views_registry", self.workshop.registry))
        (row,) = self.workshop.session.execute(ask, (self.workshop.keyspace, "orders_by_day"))
        return [dict(entry)["name"] for entry in row.read_from]

    def rows(self, table: str) -> list[dict[str, Any]]:
        """Return all rows of a table of the registry, without what is empty."""
        future = self.workshop.session.execute_async(f"SELECT * FROM {self.workshop.registry}.{table}")
        found = future.result()
        return [
            {name: value for name, value in zip(found.column_names, row, strict=True) if value is not None}
            for row in found
        ]


@pytest.fixture(params=FILES, ids=lambda path: path.stem)
def release(request: pytest.FixtureRequest, session: Session, tmp_path: Path) -> Iterator[Release]:
    text = request.param.read_text(encoding="utf-8")
    number = request.param.stem.removeprefix("schema_")
    keyspace, registry = f"release_{number}", f"release_{number}_registry"
    for name in (keyspace, registry):
        session.execute(f"DROP KEYSPACE IF EXISTS {name}")
    for statement in text.split(";\n"):
        if statement.strip():
            session.execute(statement)
    workshop = Workshop(
        session=session,
        keyspace=keyspace,
        folder=tmp_path,
        registry=registry,
        now=datetime(2026, 11, 28, 12, tzinfo=UTC),
    )
    workshop.write_view("orders_by_day", SELECT.format(columns="customer, day, total, note"), grace="1 day")
    workshop.write_view("orders_by_customer", SELECT.format(columns="customer, day"))
    yield Release(number=number, workshop=workshop)
    for name in (keyspace, registry):
        session.execute(f"DROP KEYSPACE IF EXISTS {name}")


def is_held(before: dict[str, Any], after: list[dict[str, Any]]) -> bool:
    """Tell whether a row is there as it was, with whatever was added."""
    return any(before.items() <= {key: row.get(key) for key in before}.items() for row in after)


def hashable(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{key: repr(value) for key, value in row.items()} for row in rows]


def test_a_release_is_read_as_it_is_then_upgraded_and_nothing_is_lost(release: Release) -> None:
    workshop, day = release.workshop, date(2026, 11, 26)
    reader = ViewReader(workshop.session, registry=workshop.registry, cache_seconds=0)
    former_columns = columns(workshop.session, workshop.registry)
    rows = {table: hashable(release.rows(table)) for table in ("views", "history")}

    # Read by today's programs as it is; that changes nothing.
    assert [row.total for row in reader.select(workshop.full("orders_by_day"), day=day).rows] == [3, 5]
    assert release.ask() == ["orders_by_day__g2"]
    states = [each.state for each in workshop.record("orders_by_day").generations]
    assert states == [State.RETIRED, State.SERVING]
    assert [each.condition for each in workshop.manager().status()] == ["building", "serving"]
    assert columns(workshop.session, workshop.registry) == former_columns

    # After the upgrade: what serves is what its file says, so only what was being built is finished.
    manager = workshop.manager()
    plan = manager.plan()
    assert [(step.kind, str(step.view.view)) for step in plan.steps] == [  # type: ignore[union-attr]
        (kind, "orders_by_customer") for kind in ("await_build", "audit_generation", "serve_generation")
    ]
    manager.apply(plan)
    assert schema_number(workshop.session, workshop.registry) == str(SCHEMA_NUMBER)
    assert workshop.manager().plan().steps == ()
    after = {table: hashable(release.rows(table)) for table in rows}
    kept = [each for each in rows["views"] if each["view_name"] == repr("orders_by_day")]
    assert len(kept) == 2
    assert [each for each in kept if not is_held(each, after["views"])] == []
    assert [each for each in rows["history"] if not is_held(each, after["history"])] == []

    # Readers that know nothing of the upgrade read on, also those of another language.
    assert release.ask() == ["orders_by_day__g2"]
    assert [row.note for row in reader.select(workshop.full("orders_by_day"), day=day).rows] == ["by post", "by post"]
    workshop.manager().rollback(workshop.full("orders_by_day"))
    assert release.ask() == ["orders_by_day__g1"]
    assert [row.total for row in reader.select(workshop.full("orders_by_day"), day=day).rows] == [3, 5]

    check_newer_is_refused(release, reader)

    workshop.manager().drop_all(with_registry=True)
    query = "SELECT table_name FROM system_schema.tables WHERE keyspace_name = %s"
    assert list(workshop.session.execute(query, (workshop.registry,))) == [], "tables of former programs are ours, too"
    assert workshop.physical_views() == set()


def check_newer_is_refused(release: Release, reader: ViewReader) -> None:
    """A program that is older than the registry changes nothing, and readers read on."""
    workshop = release.workshop
    set_number = f"UPDATE {workshop.registry}.about SET value = %s WHERE name = 'schema'"
    workshop.session.execute(set_number, (str(SCHEMA_NUMBER + 1),))
    before = hashable(release.rows("views"))
    manager, refused = workshop.manager(), f"has schema {SCHEMA_NUMBER + 1}.*Upgrade cassandra-views"
    for act in (manager.apply, manager.status, partial(manager.drop_all, with_registry=True)):
        with pytest.raises(RegistryError, match=refused):
            act()
    assert hashable(release.rows("views")) == before
    assert reader.select(workshop.full("orders_by_day"), day=date(2026, 11, 27)).rows
    workshop.session.execute(set_number, (str(SCHEMA_NUMBER),))
