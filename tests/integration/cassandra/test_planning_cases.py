"""The planning cases of tests/unit/plan/cases, planned from real files, a real registry and a real schema."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from cassandra.cluster import Session

from cassandra_client.connect import connected
from cassandra_client.names import table_id
from cassandra_views.manager import ViewManager
from cassandra_views.model.generation import Generation, ViewRecord
from cassandra_views.model.schema import LiveView
from cassandra_views.model.steps import Plan
from cassandra_views.project.settings import Settings
from cassandra_views.registry.rows import stored
from cassandra_views.registry.schema import SCHEMA_NUMBER, table_statements
from tests.servers import Server
from tests.unit.plan.planning_cases import cases, check_plan, moment, request_of
from tests.unit.plan.world import BASE_CQL, KEYSPACE, REGISTRY, World, world_of

REPLICATION = "{'class': 'SimpleStrategy', 'replication_factor': 1}"


def order(case: dict[str, Any]) -> int:
    """Begin with what needs no keyspace and end with what needs no registry, so that none is made and dropped often."""
    has_keyspace, has_registry = case["observed"].get("keyspaces") != [], case["observed"].get("registry", True)
    return [(False, False), (False, True), (True, True), (True, False)].index((has_keyspace, has_registry))


CASES = cases(order)
FILE_KEYS = ("window", "grace", "max_lag", "renamed_from")


@dataclass(kw_only=True)
class Cluster:
    """The one keyspace and the one registry of all cases; each case finds and leaves what it needs."""

    session: Session
    keyspaces: set[str] = field(default_factory=set)
    tables: set[str] = field(default_factory=set)
    views: dict[str, LiveView] = field(default_factory=dict)
    records: set[str] = field(default_factory=set)

    def become(self, world: World) -> None:
        """Bring registry and schema to what a world holds."""
        self._keyspace(KEYSPACE, is_wanted=KEYSPACE in world.keyspaces)
        self._registry(world)
        for name in [name for name, live in self.views.items() if world.views.get(name) != live]:
            self.session.execute(f"DROP MATERIALIZED VIEW {KEYSPACE}.{name}")
            del self.views[name]
        for table in self.tables - world.tables:
            self.session.execute(f"DROP TABLE {KEYSPACE}.{table}")
        for table in world.tables - self.tables:
            self.session.execute(BASE_CQL.replace("orders", f"{KEYSPACE}.{table}"))
        self.tables = set(world.tables)
        for name in world.views.keys() - self.views.keys():
            self.session.execute(create_cql(world.views[name]))
            self.views[name] = world.views[name]

    def drop(self) -> None:
        for name in (KEYSPACE, REGISTRY):
            self.session.execute(f"DROP KEYSPACE IF EXISTS {name}")

    def _keyspace(self, name: str, *, is_wanted: bool) -> bool:
        """Create or drop a keyspace; return whether it was created."""
        if is_wanted is (name in self.keyspaces):
            return False
        if is_wanted:
            self.session.execute(f"CREATE KEYSPACE {name} WITH replication = {REPLICATION}")
            self.keyspaces.add(name)
            return True
        self.session.execute(f"DROP KEYSPACE {name}")
        self.keyspaces.remove(name)
        if name == KEYSPACE:
            self.tables, self.views = set(), {}
        else:
            self.records = set()
        return False

    def _registry(self, world: World) -> None:
        if self._keyspace(REGISTRY, is_wanted=world.has_registry):
            for _table, cql in table_statements(REGISTRY):
                self.session.execute(cql)
            self.session.execute(f"INSERT INTO {REGISTRY}.about (name, value) VALUES ('schema', '{SCHEMA_NUMBER}')")
        for view in self.records:
            where = "keyspace_name = %s AND view_name = %s"
            self.session.execute(f"DELETE FROM {REGISTRY}.views WHERE {where}", (KEYSPACE, view))
        self.records = {name.view for name in world.records}
        for record in world.records.values():
            self._write(record, {})
            for each in record.generations:
                self._write(record, generation_columns(each))

    def _write(self, record: ViewRecord, generation: dict[str, Any]) -> None:
        override = record.override
        columns = {
            "keyspace_name": record.name.keyspace,
            "view_name": record.name.view,
            "fence": record.fence,
            "next_number": record.next_number,
            "read_from": record.read_from,
            "override": override.kind if override else None,
            "override_by": override.by if override else None,
            "override_why": override.reason if override else None,
            "override_until": override.until if override else None,
            "project": record.project,
            "renamed_to": record.renamed_to or None,
            "kept_names": record.kept_names or None,
            "former_names": dict(record.former_names) or None,
            **generation,
        }
        marks = ", ".join("?" for _ in columns)
        insert = self.session.prepare(f"INSERT INTO {REGISTRY}.views ({', '.join(columns)}) VALUES ({marks})")
        self.session.execute(insert, [stored(value) for value in columns.values()])


def generation_columns(each: Generation) -> dict[str, Any]:
    return {
        "number": each.number,
        "physical_name": each.physical,
        "table_id": each.table_id,
        "version": each.version,
        "state": each.state,
        "window_start": each.window_start,
        "audit": each.audit,
        "audited_at": each.audited_at,
        "created_at": each.created_at,
        "served_at": each.served_at,
        "retired_at": each.retired_at,
        "run": each.run,
        "cql": each.cql,
        "reason": each.reason,
    }


def create_cql(live: LiveView) -> str:
    text = (
        f"CREATE MATERIALIZED VIEW {KEYSPACE}.{live.name} AS SELECT customer, day, total, note "
        f"FROM {KEYSPACE}.{live.base} WHERE day IS NOT NULL AND customer IS NOT NULL PRIMARY KEY (day, customer) "
        f"WITH comment = '{live.comment}'"
    )
    is_ours = live.table_id == table_id(KEYSPACE, live.name)  # else the server chooses its id
    return f"{text} AND id = {live.table_id}" if is_ours else text


def write_project(case: dict[str, Any], folder: Path) -> None:
    """Write views.toml and the files that a case wishes for."""
    desired, target = case["desired"], case.get("target", {})
    toml = ['project = "shop"', "[env.dev]", f'registry = "{REGISTRY}"']
    if "view_budget" in target:
        toml.append(f"view_budget = {target['view_budget']}")
    for name, replication in target.get("keyspaces", {}).items():
        pairs = ", ".join(f"{key} = {json.dumps(value)}" for key, value in replication.items())
        toml += [f"[env.dev.keyspaces.{name}]", f"replication = {{{pairs}}}"]
    write(folder / "views.toml", "\n".join(toml))
    templates = folder / "cql_templates"
    views = {name: given or {} for name, given in desired["views"].items()}
    windowed = {given.get("base", "orders") for given in views.values() if "window" in given}
    for name in windowed | set(desired.get("tables", [])):
        matter: dict[str, Any] = {"keyspace": KEYSPACE}
        if name in windowed:
            matter["time"] = {"column": "day", "type": "date", "grain": "day"}
        is_file = name in desired.get("tables", [])
        if is_file and desired.get("managed", True):
            matter["managed"] = True
        body = desired.get("table_cql", BASE_CQL.replace("orders", name)) if is_file else ""
        write_file(templates / "tables" / f"{name}.cql.j2", matter, body)
    for name, given in views.items():
        base, columns = given.get("base", "orders"), given.get("columns", "customer, day, total, note")
        bound = "{{ in_window() }}" if "window" in given else "day IS NOT NULL"
        matter = {"keyspace": KEYSPACE, **{key: given[key] for key in FILE_KEYS if key in given}}
        body = (
            f"CREATE MATERIALIZED VIEW {{{{ view }}}} AS SELECT {columns} FROM {{{{ base('{base}') }}}} "
            f"WHERE {bound} AND customer IS NOT NULL PRIMARY KEY (day, customer)"
        )
        write_file(templates / "views" / f"{name}.cql.j2", matter, body)


def write_file(path: Path, matter: dict[str, Any], body: str) -> None:
    head = "".join(f"{key}: {json.dumps(value)}\n" for key, value in matter.items())
    write(path, f"---\n{head}---\n{body}\n")


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def plan_by(manager: ViewManager, case: dict[str, Any]) -> Plan:
    """Ask the manager what the case's request asks of the planner."""
    request = request_of(case)
    if request.drop or request.abort:
        (view,) = request.drop | request.abort
        return manager.plan_drop(str(view)) if request.drop else manager.plan_abort(str(view))
    if request.refresh:
        return manager.plan_refresh(map(str, request.refresh), unless_run=request.unless_run)
    return manager.plan(only=request.only, allow_drop=request.is_drop_allowed)


@pytest.fixture(scope="module")
def cluster(server: Server) -> Iterator[Cluster]:
    with connected(tuple(server.contact_points), port=server.port) as session:
        found = Cluster(session=session)
        found.drop()
        yield found
        found.drop()


@pytest.mark.parametrize("case", [each for each in CASES if "only_on_paper" not in each.values[0]])
def test_case(case: dict[str, Any], cluster: Cluster, tmp_path: Path) -> None:
    now = moment(case)
    write_project(case, tmp_path)
    settings = Settings.resolve(start=tmp_path, variables={})
    manager = ViewManager(cluster.session, settings=settings, clock=lambda: now, author="ann")
    wanted = {view.name.view: view for view in manager.project().views}
    assert {*wanted, *(each.view for each in manager.project().broken)} == case["desired"]["views"].keys()
    world = world_of(case["observed"], wanted, now)
    cluster.become(world)
    for name, record in world.records.items():
        assert manager.record(str(name)) == record, "the registry holds what the case says"

    check_plan(case, plan_by(manager, case))


def test_few_cases_are_only_on_paper() -> None:
    assert [each.id for each in CASES if "only_on_paper" in each.values[0]] == [
        "batches: the servers' guardrail counts where it is below the budget, and holds up no other table",
        "batches: a view waits for room under the guardrail as it does under the budget",
    ]
