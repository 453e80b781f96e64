"""The steps of one view: what its file wishes, against what the registry and the schema hold."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from cassandra_views.cql.printing import view_cql
from cassandra_views.model.catalog import Catalog, LiveView, Mark
from cassandra_views.model.definition import ViewDefinition
from cassandra_views.model.generation import Audit, Generation, OverrideKind, State, ViewRecord
from cassandra_views.model.names import ViewName, parse_physical, table_id
from cassandra_views.model.steps import (
    AuditGeneration,
    AwaitBuild,
    Cause,
    CreateGeneration,
    DropGeneration,
    FailGeneration,
    RetireView,
    ServeGeneration,
    Step,
    SweepOrphan,
)
from cassandra_views.model.times import instant_text


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What planning one view needs beside the view itself.

    Args:
        refresh, drop, abort: views for which a person asked this, whatever their files say.
        is_drop_allowed: whole views may be dropped (``--allow-drop``).
        has_snapshot_option: the servers know ``allow_auto_snapshot`` (5.0 and newer).
    """

    now: datetime
    catalog: Catalog
    registry: str
    refresh: frozenset[ViewName] = frozenset()
    drop: frozenset[ViewName] = frozenset()
    abort: frozenset[ViewName] = frozenset()
    is_drop_allowed: bool = False
    has_snapshot_option: bool = True


@dataclass(slots=True)
class ViewSteps:
    """The steps of one view, by the phase of the plan they belong to."""

    name: ViewName
    clean: list[Step] = field(default_factory=list)
    create: list[Step] = field(default_factory=list)
    finish: list[Step] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    withheld: list[DropGeneration] = field(default_factory=list)

    @property
    def has_steps(self) -> bool:
        """Tell whether anything is to be done."""
        return bool(self.clean or self.create or self.finish)

    def drop(self, number: int, reason: str) -> None:
        """Add the drop of one generation."""
        self.clean.append(DropGeneration(view=self.name, number=number, reason=reason))

    def abandon(self, each: Generation, reason: str) -> None:
        """Give up a generation that never served, and drop it."""
        self.clean.append(FailGeneration(view=self.name, number=each.number, reason=reason))
        self.drop(each.number, reason)


def plan_view(
    name: ViewName, definition: ViewDefinition | None, record: ViewRecord | None, context: Context
) -> ViewSteps:
    """Return what must be done for one view; nothing, where file, registry and schema agree."""
    record = record or ViewRecord(name=name)
    steps = ViewSteps(name)
    override = record.override if record.override and record.override.holds(context.now) else None
    if override:
        steps.notes.append(f"{name} is {override}")

    for each in record.in_state(State.DROPPING):
        steps.drop(each.number, "a drop that was begun is finished")
    for each in record.in_state(State.FAILED):
        steps.drop(each.number, f"it failed: {each.reason or 'reason unknown'}")

    if name in context.abort:
        for each in record.in_state(State.BUILDING, State.BUILT):
            steps.abandon(each, "given up by a person")
    elif name in context.drop:
        _leave(record, context, steps, "a person asked for it", is_approved=True)
    elif override and override.kind is OverrideKind.OFF:
        _leave(record, context, steps, f"override {override}", is_approved=context.is_drop_allowed)
    elif definition is None:
        _leave(record, context, steps, "its file is gone", is_approved=context.is_drop_allowed)
    else:
        if record.read_from:
            _drop_superseded(record, context, steps)
        if not (override and override.kind is OverrideKind.FROZEN):
            _converge(definition, record, context, steps)
    return steps


def _leave(record: ViewRecord, context: Context, steps: ViewSteps, why: str, *, is_approved: bool) -> None:
    """Retire a whole view; drop its generations where that is approved."""
    serving = record.in_state(State.SERVING)
    if serving or record.read_from:
        retires = tuple(each.number for each in serving)
        steps.clean.append(RetireView(view=record.name, retires=retires, reason=why))
    for each in record.in_state(State.BUILDING, State.BUILT):
        steps.abandon(each, why)
    is_asked = record.name in context.drop
    for each in record.in_state(State.RETIRED, State.SERVING):
        drop = DropGeneration(view=record.name, number=each.number, reason=why, needs_approval=True)
        has_grace = each.retired_at is None or each.retired_at + record.grace > context.now
        if is_approved and (is_asked or not has_grace):
            steps.clean.append(drop)
        elif not is_approved:
            steps.withheld.append(drop)
        else:
            steps.notes.append(f"{record.name} generation {each.number} is dropped when its grace has ended")
    if is_approved and is_asked:
        for live in orphans(record, context):
            _sweep(live, steps)


def _drop_superseded(record: ViewRecord, context: Context, steps: ViewSteps) -> None:
    """Drop what was replaced and whose grace has ended, and what nobody knows of."""
    for each in record.in_state(State.RETIRED):
        ends = (each.retired_at or context.now) + record.grace
        if ends <= context.now:
            steps.drop(each.number, f"replaced, and its grace ended {instant_text(ends)}")
    for live in orphans(record, context):
        _sweep(live, steps)


def _sweep(live: LiveView, steps: ViewSteps) -> None:
    parsed = parse_physical(live.name)
    if parsed:
        reason = "it carries our comment and the registry does not know it"
        steps.clean.append(SweepOrphan(view=steps.name, number=parsed[1], reason=reason))


def orphans(record: ViewRecord, context: Context) -> list[LiveView]:
    """Return the physical views of this view that carry our comment and stand in no registry row."""
    known = {each.physical for each in record.generations}
    found = []
    for live in context.catalog.generations_of(record.name):
        mark = live.mark()
        if mark and mark.registry == context.registry and live.name not in known:
            found.append(live)
    return found


def _converge(definition: ViewDefinition, record: ViewRecord, context: Context, steps: ViewSteps) -> None:
    """Bring the view to what its file says: nothing, or one new generation, or one that was begun."""
    start = definition.window_start(context.now)
    serving = _serving(record, context, steps)
    is_refresh = definition.name in context.refresh
    for each in record.in_state(State.BUILDING, State.BUILT):
        is_fit = each.version == definition.version and _covers(each, definition, context)
        is_news = is_refresh or serving is None or not _agrees(serving, definition, context)
        if is_fit and is_news and not steps.finish:
            if each.window_start != start:
                steps.notes.append(f"{record.name}: the window has moved on meanwhile; the next run slides again")
            _resume(each, definition, record, context, steps)
        else:
            steps.abandon(each, "the view's file asks for something else now")
    if steps.finish:
        return
    if serving is not None and _agrees(serving, definition, context) and not is_refresh:
        return
    former = None if is_refresh else _find_former(definition, record, context)
    if former is not None:
        _finish(former.number, definition, record, context, steps, start, needs_build=False, needs_audit=False)
        return
    cause, reason = _cause(serving, definition, context, is_refresh=is_refresh)
    taken = [parsed[1] for live in context.catalog.generations_of(record.name) if (parsed := parse_physical(live.name))]
    number = max([record.next_number, *(each + 1 for each in taken)])
    physical = record.name.physical(number)
    create = CreateGeneration(
        view=record.name,
        number=number,
        base=definition.base,
        cql=generation_cql(definition, number, start, context),
        table_id=table_id(record.name.keyspace, physical),
        version=definition.version,
        cause=cause,
        reason=reason,
        window_start=start,
    )
    steps.create.append(create)
    _finish(number, definition, record, context, steps, start, needs_build=True, needs_audit=True)


def _serving(record: ViewRecord, context: Context, steps: ViewSteps) -> Generation | None:
    """Return the generation that serves, unless the schema says that it is gone."""
    for each in reversed(record.in_state(State.SERVING)):
        live = context.catalog.find_view(record.name, each.number)
        if live is not None and live.table_id == each.table_id:
            return each
        what = "is not in the schema" if live is None else "was dropped and created again by somebody else"
        steps.notes.append(
            f"{record.name} generation {each.number} serves, and {what}: reads of it fail until a new one serves"
        )
    return None


def _find_former(definition: ViewDefinition, record: ViewRecord, context: Context) -> Generation | None:
    """Return a retired generation that is just what is wanted: it is still fed, so it can serve at once."""
    start = definition.window_start(context.now)
    for each in reversed(record.in_state(State.RETIRED)):
        live = context.catalog.find_view(record.name, each.number)
        is_wanted = (each.version, each.window_start, each.audit) == (definition.version, start, Audit.PASSED)
        is_in_grace = each.retired_at is not None and each.retired_at + record.grace > context.now
        if is_wanted and is_in_grace and live is not None and live.table_id == each.table_id:
            return each
    return None


def _covers(each: Generation, definition: ViewDefinition, context: Context) -> bool:
    """Tell whether a generation holds at least what its file promises now, and is bounded like it."""
    start = definition.window_start(context.now)
    if start is None or each.window_start is None:
        return start is each.window_start
    return each.window_start <= start


def _agrees(serving: Generation, definition: ViewDefinition, context: Context) -> bool:
    start = definition.window_start(context.now)
    return serving.version == definition.version and serving.window_start == start


def _cause(
    serving: Generation | None, definition: ViewDefinition, context: Context, *, is_refresh: bool
) -> tuple[Cause, str]:
    start = definition.window_start(context.now)
    if serving is None:
        return Cause.CREATE, "nothing serves yet"
    if serving.version != definition.version:
        return Cause.CHANGE, f"the definition changed ({serving.version[:11]} to {definition.version[:11]})"
    if serving.window_start != start:
        was = instant_text(serving.window_start) if serving.window_start else "the whole base"
        to = instant_text(start) if start else "the whole base"
        return Cause.SLIDE, f"the window moved from {was} to {to}"
    return Cause.REFRESH, "a person or a schedule asked for it" if is_refresh else "refresh"


def _resume(
    each: Generation, definition: ViewDefinition, record: ViewRecord, context: Context, steps: ViewSteps
) -> None:
    if context.catalog.find_view(record.name, each.number) is None and each.state is State.BUILDING:
        create = CreateGeneration(
            view=record.name,
            number=each.number,
            base=definition.base,
            cql=each.cql,
            table_id=each.table_id,
            version=each.version,
            cause=Cause.CREATE,
            reason="a run was stopped before its CREATE was known to have arrived",
            window_start=each.window_start,
            window_end=each.window_end,
            resumes=True,
        )
        steps.create.append(create)
    _finish(
        each.number,
        definition,
        record,
        context,
        steps,
        each.window_start,
        needs_build=each.state is State.BUILDING,
        needs_audit=each.audit is not Audit.PASSED,
    )


def _finish(
    number: int,
    definition: ViewDefinition,
    record: ViewRecord,
    context: Context,
    steps: ViewSteps,
    start: datetime | None,
    *,
    needs_build: bool,
    needs_audit: bool,
) -> None:
    name = record.name
    if needs_build:
        steps.finish.append(AwaitBuild(view=name, number=number))
    if needs_audit:
        steps.finish.append(AuditGeneration(view=name, number=number))
    steps.finish.append(
        ServeGeneration(
            view=name,
            number=number,
            read_from=(definition.serving(name.physical(number), start),),
            strategy=definition.strategy,
            grace_seconds=int(definition.grace.total_seconds()),
            next_due=definition.window.next_slide(context.now) if definition.window else None,
            retires=tuple(each.number for each in record.in_state(State.SERVING)),
        )
    )


def generation_cql(definition: ViewDefinition, number: int, start: datetime | None, context: Context) -> str:
    """Return the whole CREATE of a generation: literals only, our id and comment, no snapshot on drop."""
    name = definition.name
    physical = name.physical(number)
    mark = Mark(
        registry=context.registry,
        view=str(name),
        version=definition.version,
        start=instant_text(start) if start else "",
    )
    options = [("comment", str(mark)), ("id", str(table_id(name.keyspace, physical)))]
    named = {option.name for option in definition.statement.options}
    if context.has_snapshot_option:
        options += [(each, "false") for each in ("allow_auto_snapshot", "incremental_backups") if each not in named]
    return view_cql(
        definition.statement,
        keyspace=name.keyspace,
        physical=physical,
        window_start=definition.time.literal(start) if definition.time and start else None,
        window_end=None,
        options=tuple(options),
    )
