"""Registry records and the set of physical views as plain values, and what each step makes of them.

Knows nothing of Cassandra: only what planning sees before and after a step was carried out.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, assert_never

from cassandra_client.errors import Place
from cassandra_client.names import table_id
from cassandra_views.cql.fingerprint import fingerprint
from cassandra_views.cql.parse import parse_table, parse_view
from cassandra_views.cql.printing import where_cql
from cassandra_views.model.definition import Project, TableDefinition, ViewDefinition, Window
from cassandra_views.model.generation import (
    MOVES,
    Audit,
    Generation,
    Override,
    OverrideKind,
    Serving,
    State,
    ViewRecord,
)
from cassandra_views.model.names import HAND_MADE_NUMBER, ViewName, parse_physical
from cassandra_views.model.schema import Catalog, Column, ColumnKind, LiveView, SchemaComment, TableShape
from cassandra_views.model.steps import (
    AdoptGeneration,
    AuditGeneration,
    AwaitBuild,
    CreateGeneration,
    CreateKeyspace,
    CreateRegistry,
    CreateTable,
    DropGeneration,
    DropRegistry,
    FailGeneration,
    Plan,
    ReleaseGeneration,
    RetireView,
    ServeGeneration,
    Step,
    SweepOrphan,
)
from cassandra_views.model.times import TimeColumn, TimeKind, parse_duration, parse_instant, parse_time_of_day
from cassandra_views.plan.inputs import Observed, PlanRequest, PlanTarget
from cassandra_views.plan.project_plan import make_plan

KEYSPACE = "shop"
REGISTRY = "views_registry"
RUN = "this run"
"""The run that carries plans out."""
BASE_CQL = "CREATE TABLE orders (customer text, day date, total int, note text, PRIMARY KEY (customer, day))"
TIME = TimeColumn(name="day", kind=TimeKind.DATE, grain=timedelta(days=1))
TEXT_TIME = TimeColumn(name="day", kind=TimeKind.TEXT, format="%Y-%m-%d_%H")


@lru_cache
def base_shape(table: str = "orders") -> TableShape:
    return parse_table(BASE_CQL.replace("orders", table)).shape(KEYSPACE)


def table_file(table: str = "orders", *, managed: bool = True) -> TableDefinition:
    text = BASE_CQL.replace("orders", table)
    place = Place(file=f"cql_templates/tables/{table}.cql.j2")
    return TableDefinition(keyspace=KEYSPACE, table=table, place=place, managed=managed, text=text, cql=text)


def definition(
    name: str = "by_day",
    *,
    base: str = "orders",
    window: dict[str, str] | None = None,
    columns: str = "customer, day, total, note",
    grace: str = "15 minutes",
    time: TimeColumn = TIME,
    max_lag: str | None = None,
) -> ViewDefinition:
    bound = "day >= :window_start" if window else "day IS NOT NULL"
    text = (
        f"CREATE MATERIALIZED VIEW {name} AS SELECT {columns} FROM {base} "
        f"WHERE {bound} AND customer IS NOT NULL PRIMARY KEY (day, customer)"
    )
    moving = None
    if window:
        moving = Window(
            last=parse_duration(window["last"]),
            step=parse_duration(window["step"]),
            at=parse_time_of_day(window["at"]) if "at" in window else None,
        )
    return ViewDefinition(
        name=ViewName(keyspace=KEYSPACE, view=name),
        base=base,
        text=text,
        version=fingerprint(KEYSPACE, parse_view(text)),
        place=Place(file=f"cql_templates/views/{name}.cql.j2", line=1),
        window=moving,
        time=time if window else None,
        grace=parse_duration(grace),
        max_lag=parse_duration(max_lag) if max_lag else None,
    )


def live_view(
    name: str,
    base: str = "orders",
    *,
    registry: str | None = REGISTRY,
    other_id: bool = False,
    version: str = "f1:x",
    start: str = "",
) -> LiveView:
    parsed = parse_physical(name)
    view = f"{KEYSPACE}.{parsed[0]}" if parsed else name
    mark = SchemaComment(registry=registry, view=view, version=version, start=start) if registry else "made by hand"
    live = as_made(definition(name, base=base))
    own = uuid.UUID(int=7) if other_id else table_id(KEYSPACE, name)
    return replace(live, table_id=own, comment=str(mark))


def as_made(view: ViewDefinition) -> LiveView:
    """Return the view that somebody made of a file's statement, under its logical name."""
    statement = parse_view(view.text)
    positions = {name: (ColumnKind.PARTITION_KEY, at) for at, name in enumerate(statement.partition_key)}
    positions |= {name: (ColumnKind.CLUSTERING, at) for at, name in enumerate(statement.clustering)}
    types = {column.name: column.type for column in base_shape(view.base)}
    columns = []
    for name in statement.columns:
        kind, position = positions.get(name, (ColumnKind.REGULAR, -1))
        columns.append(Column(name=name, type=types[name], kind=kind, position=position))
    return LiveView(
        keyspace=KEYSPACE,
        name=view.name.view,
        base=view.base,
        table_id=uuid.UUID(int=19),
        where_clause=where_cql(statement.where),
        include_all_columns=False,
        comment="ours since 2019",
        shape=TableShape(keyspace=KEYSPACE, name=view.name.view, columns=tuple(columns)),
    )


@dataclass
class World:
    """What registry and schema hold; ``numbers`` remembers every number a view ever had."""

    records: dict[ViewName, ViewRecord] = field(default_factory=dict)
    views: dict[str, LiveView] = field(default_factory=dict)
    tables: set[str] = field(default_factory=lambda: {"orders"})
    keyspaces: set[str] = field(default_factory=lambda: {KEYSPACE})
    has_registry: bool = True
    numbers: dict[ViewName, set[int]] = field(default_factory=dict)

    def observed(self) -> Observed:
        catalog = Catalog(
            keyspaces=frozenset(self.keyspaces),
            tables={(KEYSPACE, table): base_shape(table) for table in self.tables},
            views={(KEYSPACE, name): live for name, live in self.views.items()},
        )
        return Observed(catalog=catalog, records=tuple(self.records.values()), has_registry=self.has_registry)

    def plan(self, project: Project, now: datetime, request: PlanRequest | None = None, **target: Any) -> Plan:
        known = {"cluster": "c", "registry": REGISTRY, "environment": "dev", "project": project.name, "line": "c"}
        return make_plan(project, self.observed(), PlanTarget(**{**known, **target}), request or PlanRequest(), now)

    def apply(self, plan: Plan, now: datetime) -> None:
        for step in plan.steps:
            self._do(step, plan, now)

    def _do(self, step: Step, plan: Plan, now: datetime) -> None:
        match step:
            case CreateRegistry():
                self.has_registry = True
            case CreateKeyspace():
                self.keyspaces.add(step.keyspace)
            case CreateTable():
                self.tables.add(step.table)
            case CreateGeneration():
                self._create(step, plan, now)
            case AdoptGeneration():
                assert step.view.physical(step.number) in self.views, "takes over what is not there"
                self._reserve(step, plan)
            case AwaitBuild():
                assert step.view.physical(step.number) in self.views, "awaits what is not there"
                self._move(step.view, step.number, State.BUILT, built_at=now)
            case AuditGeneration():
                state = State.SERVING if step.is_again else State.BUILT
                assert self._get(step.view, step.number).state is (State.RETIRED if step.is_return else state)
                self._change(step.view, step.number, audit=Audit.PASSED, audited_at=now)
            case ServeGeneration():
                self._serve(step, now)
            case RetireView():
                for number in step.retires:
                    self._move(step.view, number, State.RETIRED, retired_at=now)
                record = self.records.get(step.view, ViewRecord(name=step.view, project=plan.project))
                self.records[step.view] = replace(
                    record, read_from=(), rolled_back_from=None, override=_decided(step) or record.override
                )
            case FailGeneration():
                self._move(step.view, step.number, State.FAILED)
            case DropGeneration():
                self._drop(step)
            case ReleaseGeneration():
                self._release(step)
            case SweepOrphan():
                assert self.records.get(step.view) is None or self._find(step.view, step.number) is None
                self._remove(step.view, step.number)
            case DropRegistry():
                assert not any(each.is_live for each in self.records.values()), "forgets what it manages"
                self.records.clear()
                self.has_registry = False
            case _:
                assert_never(step)

    def _create(self, step: CreateGeneration, plan: Plan, now: datetime) -> None:
        physical = step.view.physical(step.number)
        if not step.resumes:
            self._reserve(step, plan, created_at=now)
        assert physical not in self.views, f"{physical} is there already"
        self.views[physical] = live_view(physical, step.base)

    def _reserve(self, step: CreateGeneration | AdoptGeneration, plan: Plan, **facts: Any) -> None:
        record = self.records.get(step.view, ViewRecord(name=step.view))
        used = self.numbers.setdefault(step.view, set())
        assert step.number not in used, f"number {step.number} is used again"
        assert step.number >= record.next_number or (step.number == HAND_MADE_NUMBER and not used)
        used.add(step.number)
        made = Generation(
            number=step.number,
            physical=step.view.physical(step.number),
            table_id=step.table_id,
            version=step.version,
            state=State.BUILDING,
            window_start=step.window_start,
            run=RUN,
            cql=step.cql,
            **facts,
        )
        self.records[step.view] = replace(
            record,
            generations=(*record.generations, made),
            next_number=step.number + 1,
            project=plan.project,
        )

    def _serve(self, step: ServeGeneration, now: datetime) -> None:
        each = self._get(step.view, step.number)
        assert each.audit is Audit.PASSED, "serves unaudited"
        assert each.physical in self.views, "serves what is not there"
        for number in step.retires:
            if number != step.number:
                self._move(step.view, number, State.RETIRED, retired_at=now)
        self._move(step.view, step.number, State.SERVING, served_at=now, retired_at=None)
        self.records[step.view] = replace(
            self.records[step.view],
            read_from=step.read_from,
            grace=timedelta(seconds=step.grace_seconds),
            next_due=step.next_due,
            rolled_back_from=step.rolled_back_from,
            override=_decided(step) or self.records[step.view].override,
        )

    def _drop(self, step: DropGeneration) -> None:
        record = self.records[step.view]
        each = self._get(step.view, step.number)
        assert each.physical not in {entry.name for entry in record.read_from}, "drops what serves"
        assert each.state is not State.SERVING, "drops what serves"
        if each.state is not State.DROPPING:
            self._move(step.view, step.number, State.DROPPING)
        live = self.views.get(each.physical)
        # Of a view that people made again under its name the executor drops the row alone.
        if step.number != HAND_MADE_NUMBER or live is None or live.table_id == each.table_id:
            self._remove(step.view, step.number)
        left = tuple(one for one in self.records[step.view].generations if one.number != step.number)
        self.records[step.view] = replace(self.records[step.view], generations=left)

    def _release(self, step: ReleaseGeneration) -> None:
        self._get(step.view, step.number)
        assert step.number == HAND_MADE_NUMBER, "releases what this program made"
        left = tuple(one for one in self.records[step.view].generations if one.number != step.number)
        self.records[step.view] = replace(self.records[step.view], generations=left)
        self.numbers[step.view].discard(step.number)

    def _remove(self, view: ViewName, number: int) -> None:
        record = self.records.get(view)
        name = view.physical(number)
        assert record is None or name not in {entry.name for entry in record.read_from}, "drops what serves"
        self.views.pop(name, None)

    def _find(self, view: ViewName, number: int) -> Generation | None:
        return self.records[view].find(number)

    def _get(self, view: ViewName, number: int) -> Generation:
        found = self._find(view, number)
        assert found is not None, f"{view} generation {number} is unknown"
        return found

    def _move(self, view: ViewName, number: int, state: State, **facts: Any) -> None:
        before = self._get(view, number).state
        assert state is before or state in MOVES[before], f"{before} to {state}"
        self._change(view, number, state=state, **facts)

    def _change(self, view: ViewName, number: int, **facts: Any) -> None:
        record = self.records[view]
        changed = tuple(replace(one, **facts) if one.number == number else one for one in record.generations)
        self.records[view] = replace(record, generations=changed)


def generation(name: str, number: int, wanted: ViewDefinition, now: datetime, **facts: Any) -> Generation:
    """Return a generation of a definition as a run would have written it, with some facts otherwise."""
    physical = f"{name}__g{number}"
    start = wanted.window_start(now)
    known: dict[str, Any] = {
        "number": number,
        "physical": physical,
        "table_id": table_id(KEYSPACE, physical),
        "version": wanted.version,
        "window_start": start,
        "cql": wanted.time.literal(start) if wanted.time and start else "",
    }
    return Generation(**(known | facts))


def world_of(observed: dict[str, Any], wanted: dict[str, ViewDefinition], now: datetime) -> World:
    """Return the world that a golden case's ``observed`` describes."""
    world = World(
        tables=set(observed.get("tables", ["orders"])),
        keyspaces=set(observed.get("keyspaces", [KEYSPACE])),
        has_registry=observed.get("registry", True),
    )
    for name, record in (observed.get("records") or {}).items():
        model = wanted.get(name) or definition(name)
        made = tuple(
            _generation(name, int(number), facts, model, now, world)
            for number, facts in (record.get("generations") or {}).items()
        )
        override = record.get("override")
        found = ViewRecord(
            name=ViewName(keyspace=KEYSPACE, view=name),
            fence=1,
            next_number=record.get("next_number", max([each.number for each in made], default=0) + 1),
            read_from=tuple(
                Serving(name=each.physical, start=each.window_start) for each in made if each.state is State.SERVING
            ),
            project=record.get("project", "shop"),
            override=_override(override) if override else None,
            generations=made,
        )
        world.records[found.name] = found
        world.numbers[found.name] = {each.number for each in made}
    for name, facts in (observed.get("extra_views") or {}).items():
        known = dict(facts or {})
        if known.get("version") == "of its file":
            parsed = parse_physical(name)
            known["version"] = wanted[parsed[0] if parsed else name].version
        world.views[name] = live_view(name, **known)
    return world


def _decided(step: ServeGeneration | RetireView) -> Override | None:
    return Override(kind=step.override, by="ann", reason=step.reason) if step.override else None


def _override(found: dict[str, str]) -> Override:
    until = parse_instant(found["until"]) if "until" in found else None
    return Override(kind=OverrideKind(found["kind"]), by="ann", reason="sale week", until=until)


def _generation(
    name: str, number: int, facts: dict[str, Any], model: ViewDefinition, now: datetime, world: World
) -> Generation:
    known: dict[str, Any] = {"state": State(facts["state"])}
    if known["state"] in (State.SERVING, State.RETIRED) or facts.get("audit"):
        known |= {"audit": Audit(facts.get("audit", "passed")), "audited_at": now}
    if "audited" in facts:
        known["audited_at"] = parse_instant(facts["audited"])
    if "version" in facts:
        known["version"] = facts["version"]
    if "start" in facts:
        start = parse_instant(facts["start"])
        known |= {"window_start": start, "cql": model.time.literal(start) if model.time else ""}
    if "cql" in facts:
        known["cql"] = facts["cql"]
    if "created" in facts:
        known["created_at"] = parse_instant(facts["created"])
    if "retired" in facts:
        known["retired_at"] = now - parse_duration(facts["retired"])
    if "served" in facts:
        known["served_at"] = parse_instant(facts["served"])
    known |= {key: facts[key] for key in ("reason", "run") if key in facts}
    made = generation(name, number, model, now, **known)
    if facts.get("physical", True):
        world.views[made.physical] = live_view(made.physical, other_id=facts.get("other_id", False))
    return made


def short(step: Step) -> str:
    """Return a step as golden cases write it."""
    match step:
        case CreateRegistry():
            return "registry"
        case CreateKeyspace():
            return f"keyspace {step.keyspace}"
        case CreateTable():
            return f"table {step.table}"
        case CreateGeneration():
            return f"{'resume' if step.resumes else step.cause.value} {step.view.view} {step.number}"
        case AdoptGeneration():
            return f"adopt {step.view.view} {step.number}"
        case AwaitBuild():
            return f"await {step.view.view} {step.number}"
        case AuditGeneration():
            return f"audit {step.view.view} {step.number}{' again' if step.is_again else ''}"
        case ServeGeneration():
            retires = [str(number) for number in step.retires if number != step.number]
            return f"serve {step.view.view} {step.number}" + (f" retire {','.join(retires)}" if retires else "")
        case RetireView():
            return f"leave {step.view.view}{f' {step.override.value}' if step.override else ''}"
        case FailGeneration():
            return f"fail {step.view.view} {step.number}"
        case DropGeneration():
            return f"drop {step.view.view} {step.number}"
        case ReleaseGeneration():
            return f"release {step.view.view} {step.number}"
        case SweepOrphan():
            return f"sweep {step.view.view} {step.number}"
        case DropRegistry():
            return f"drop registry {step.keyspace}"
        case _:
            assert_never(step)
