"""Questions about one view's generations: which is fit, which serves, which are orphans, what is next. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta

from cassandra_client.names import table_id
from cassandra_views.cql.drift import view_drift
from cassandra_views.cql.printing import view_cql
from cassandra_views.cql.statements import view_statement
from cassandra_views.model.audit_request import AUDIT_BY_SIZE, FULL_AUDIT, AuditRequest
from cassandra_views.model.definition import ViewDefinition
from cassandra_views.model.generation import Audit, Generation, State, ViewRecord
from cassandra_views.model.names import HAND_MADE_NUMBER, ViewName, parse_physical
from cassandra_views.model.schema import Catalog, LiveView, SchemaComment
from cassandra_views.model.steps import AdoptGeneration, Cause, SweepOrphan, physical_of
from cassandra_views.model.times import instant_text, parse_instant
from cassandra_views.plan.diff import reason_of_change, window_changes
from cassandra_views.plan.inputs import PlanContext

_SKEW = timedelta(minutes=5)
"""Clocks that differ by less are as good as one."""


def is_there(name: ViewName, each: Generation, catalog: Catalog) -> bool:
    """Tell whether the schema holds the very view that the registry speaks of, and not a namesake."""
    live = catalog.find_view(name.keyspace, each.physical)
    return live is not None and live.table_id == each.table_id


def find_serving(record: ViewRecord, context: PlanContext) -> Generation | None:
    """Return the newest generation that serves and that the schema still holds."""
    serving = record.in_state(State.SERVING)
    return next((each for each in reversed(serving) if is_there(record.name, each, context.catalog)), None)


def vanished(record: ViewRecord, context: PlanContext) -> list[str]:
    """Return a sentence for each generation that serves and that the schema lacks."""
    found = []
    for each in record.in_state(State.SERVING):
        if not is_there(record.name, each, context.catalog):
            live = context.catalog.find_view(record.name.keyspace, each.physical)
            what = "is not in the schema" if live is None else "was dropped and created again by somebody else"
            reads = "fail until a new one serves"
            if live is not None and each.number == HAND_MADE_NUMBER:
                reads = "may lack rows until what serves is audited again"  # the name is the same
            found.append(f"generation {each.number} serves, and {what}: reads of it {reads}")
    return found


def made_later(record: ViewRecord, now: datetime) -> list[str]:
    """Return a sentence where the newest generation was made well after now: a clock is wrong, and so are windows."""
    last = record.generations[-1] if record.generations else None
    if last is None or last.created_at is None or last.created_at <= now + _SKEW:
        return []
    return [
        f"generation {last.number} was made at {instant_text(last.created_at)}, and by this clock it is "
        f"{instant_text(now)}: one of the two clocks is wrong, or --now was given"
    ]


def agrees(each: Generation, definition: ViewDefinition, now: datetime) -> bool:
    """Tell whether a generation is just what the file asks for now."""
    return (
        each.version == definition.version
        and each.window_start == definition.window_start(now)
        and _has_literal(each, definition)
    )


def is_resumable(each: Generation, definition: ViewDefinition, record: ViewRecord, context: PlanContext) -> bool:
    """Tell whether a generation that never served is worth going on with.

    It must be newer than what serves, hold at least what the file promises now, and be in the schema;
    one that is still ``building`` may be missing there, since its CREATE may not have arrived.
    """
    serving = find_serving(record, context)
    start = definition.window_start(context.now)
    if serving is not None and each.number < serving.number:
        return False
    if each.number == HAND_MADE_NUMBER and not is_there(record.name, each, context.catalog):
        return False  # this program never creates it
    if each.version != definition.version or not _has_literal(each, definition):
        return False
    if (start is None) != (each.window_start is None):
        return False
    if start is not None and each.window_start is not None and each.window_start > start:
        return False
    is_missing = context.catalog.find_view(record.name.keyspace, each.physical) is None
    return is_there(record.name, each, context.catalog) or (is_missing and each.state is State.BUILDING)


def find_former(definition: ViewDefinition, record: ViewRecord, context: PlanContext) -> Generation | None:
    """Return a retired generation that is what the file asks for: it is still fed, so it can serve at once.

    A view that people made stays after its grace, until somebody approves its drop.
    """
    for each in reversed(record.in_state(State.RETIRED)):
        is_in_grace = each.retired_at is not None and each.retired_at + definition.grace > context.now
        is_in_grace = is_in_grace or each.number == HAND_MADE_NUMBER
        is_fit = agrees(each, definition, context.now) and each.audit is Audit.PASSED
        if is_fit and is_in_grace and is_there(record.name, each, context.catalog):
            return each
    return None


def needs_audit(each: Generation, context: PlanContext) -> bool:
    """Tell whether a generation must be audited before readers are sent to it."""
    return (
        each.audit is not Audit.PASSED
        or each.suspicion is not None
        or not _is_fresh(each.audited_at, context.now, context)
    )


def is_audit_due(each: Generation, context: PlanContext) -> bool:
    """Tell whether a generation that serves is to be audited now.

    It is suspect, or was sent readers to on the word of an old audit: by a rollback, which is instant.
    """
    if each.state is not State.SERVING or each.audit is not Audit.PASSED:
        return False
    is_old = each.served_at is not None and not _is_fresh(each.audited_at, each.served_at, context)
    return is_old or each.suspicion is not None


def audit_request(each: Generation) -> AuditRequest:
    """Return how much an audit of a generation compares: of one that is suspect everything, which alone ends that."""
    return FULL_AUDIT if each.suspicion is not None else AUDIT_BY_SIZE


def _is_fresh(audited_at: datetime | None, moment: datetime, context: PlanContext) -> bool:
    return audited_at is not None and moment - audited_at <= context.target.audit_fresh


def _has_literal(each: Generation, definition: ViewDefinition) -> bool:
    """Tell whether the generation's bound is written as its table's file says time is written now."""
    if not each.cql or each.window_start is None or definition.time is None:
        return True
    return definition.time.literal(each.window_start) in each.cql


def next_number(record: ViewRecord, context: PlanContext) -> int:
    """Return a number that no generation of the view ever had, as far as registry and schema know."""
    lives = context.catalog.generations_of(record.name)
    taken = [parsed[1] for live in lives if (parsed := parse_physical(live.name))]
    return max([record.next_number, *(number + 1 for number in taken)])


def cause_of(
    serving: Generation | None, definition: ViewDefinition, record: ViewRecord, context: PlanContext
) -> tuple[Cause, str]:
    """Return why a new generation is made."""
    start = definition.window_start(context.now)
    if serving is None:
        lost = record.in_state(State.SERVING)
        return Cause.CREATE, f"generation {lost[-1].number} is gone from the schema" if lost else "nothing serves yet"
    if serving.audit is Audit.FAILED:
        when = f" at {instant_text(serving.audited_at)}" if serving.audited_at else ""
        found = f": {serving.verdict}" if serving.verdict else ""
        return (
            Cause.REPAIR,
            f"the audit of generation {serving.number}{when} found that it differs from its base{found}",
        )
    if serving.version != definition.version:
        return Cause.CHANGE, reason_of_change(serving, definition, record)
    if serving.window_start != start and (changes := window_changes(serving, definition)):
        return Cause.CHANGE, "; ".join(changes)
    if serving.window_start != start:
        was = instant_text(serving.window_start) if serving.window_start else "the whole base"
        to = instant_text(start) if start else "the whole base"
        return Cause.SLIDE, f"the window moved from {was} to {to}"
    if not _has_literal(serving, definition):
        return Cause.CHANGE, f"the file of {definition.base} says now that its time is held in another form"
    return Cause.REFRESH, "a person or a schedule asked for it"


def generation_cql(definition: ViewDefinition, physical: str, start: datetime | None, context: PlanContext) -> str:
    """Return the whole CREATE of a generation: literals only, our id and comment, no snapshot on drop."""
    name = definition.name
    statement = view_statement(definition)
    mark = SchemaComment(
        registry=context.target.registry,
        view=str(name),
        version=definition.version,
        start=instant_text(start) if start else "",
    )
    own = statement.find_option("comment")
    text = f"{own.value} {mark}" if own is not None and own.value else str(mark)
    options = [("comment", text), ("id", str(table_id(name.keyspace, physical)))]
    named = {option.name for option in statement.options}
    if context.target.has_snapshot_option:
        options += [(each, "false") for each in ("allow_auto_snapshot", "incremental_backups") if each not in named]
    return view_cql(
        statement,
        keyspace=name.keyspace,
        physical=physical,
        window_start=definition.time.literal(start) if definition.time and start else None,
        window_end=None,
        options=tuple(options),
    )


def find_orphans(record: ViewRecord, context: PlanContext) -> list[LiveView]:
    """Return the physical views that carry this view's and registry's comment and stand in no registry row.

    Those of former names that the view still has are among them.
    """
    known = {each.physical for each in record.generations} | {entry.name for entry in record.read_from}
    keyspace = record.name.keyspace
    names = [record.name, *(ViewName(keyspace=keyspace, view=former) for former in record.kept_names)]
    return [
        live
        for name in names
        for live in context.catalog.generations_of(name)
        if live.name not in known and not context.is_of_another(live, record.name) and is_ours(live, name, context)
    ]


def number_of(live: LiveView) -> int:
    """Return the number of a physical view that has the name of a generation."""
    parsed = parse_physical(live.name)
    assert parsed is not None  # Catalog.generations_of returns no other names
    return parsed[1]


def sweep(live: LiveView, name: ViewName) -> SweepOrphan:
    """Return the step that drops it."""
    return SweepOrphan(
        view=name,
        number=number_of(live),
        reason="it carries our comment and the registry does not know it",
        physical=other_name(name, number_of(live), live.name),
    )


def other_name(name: ViewName, number: int, physical: str) -> str:
    """Return the name of a physical view where it is not the one of the view and its number; else an empty text."""
    return physical if physical != name.physical(number) else ""


def find_lost(definition: ViewDefinition, record: ViewRecord, context: PlanContext) -> AdoptGeneration | None:
    """Return the step that takes the newest generation over which a lost registry knew, where it is fit to serve.

    Fit is one of the file's version that holds at least what the file promises now. Its number must be one that
    the registry never gave: a lower one is a reservation that was given up, and is swept.
    """
    found = [live for live in find_orphans(record, context) if number_of(live) >= record.next_number]
    for live in sorted(found, key=number_of, reverse=True):
        mark = live.mark()
        if mark is not None and mark.version == definition.version and live.base == definition.base:
            lost = _adoption(live, mark, definition, context)
            if _is_fit(lost, definition, record, context):
                return lost
    return None


def find_hand_made(definition: ViewDefinition, record: ViewRecord, context: PlanContext) -> AdoptGeneration | None:
    """Return the step that takes over the view that people made under the logical name, where it is what the file says.

    Only where nothing of the view was ever managed: what was given up once is not taken again.
    """
    live = find_unmanaged(record, context)
    if live is None or record.was_made or record.generations or hand_made_drift(live, definition, context):
        return None
    return AdoptGeneration(
        view=definition.name,
        number=HAND_MADE_NUMBER,
        cql=view_cql(
            view_statement(definition),
            keyspace=definition.name.keyspace,
            physical=live.name,
            window_start=None,
            window_end=None,
        ),
        table_id=live.table_id,
        version=definition.version,
        reason="it is what the file says",
    )


def find_unmanaged(record: ViewRecord, context: PlanContext) -> LiveView | None:
    """Return the view that people made under the logical name and that the registry does not know."""
    live = context.catalog.find_view(record.name.keyspace, record.name.view)
    if live is None or live.mark() is not None or context.is_of_another(live, record.name):
        return None
    return live if record.find(HAND_MADE_NUMBER) is None else None


def hand_made_drift(live: LiveView, definition: ViewDefinition, context: PlanContext) -> tuple[str, ...]:
    """Return in words what a view that was made by hand has otherwise than the file says; options do not count."""
    base = context.catalog.find_table(live.keyspace, live.base)
    if definition.window is not None:
        return ("it covers its whole base, and the file has a window",)
    if base is None:
        return ("its base table is not there",)
    return view_drift(
        view_statement(definition),
        base,
        live.shape,
        where_clause=live.where_clause,
        include_all_columns=live.include_all_columns,
        base_name=live.base,
    )


def is_ours(live: LiveView, name: ViewName, context: PlanContext) -> bool:
    """Tell whether the comment of a physical view says that it is of this view and of the registry of the plan."""
    mark = live.mark()
    return mark is not None and (mark.registry, mark.view) == (context.target.registry, str(name))


def _adoption(live: LiveView, mark: SchemaComment, definition: ViewDefinition, context: PlanContext) -> AdoptGeneration:
    number, start = number_of(live), parse_instant(mark.start) if mark.start else None
    return AdoptGeneration(
        view=definition.name,
        number=number,
        cql=generation_cql(definition, live.name, start, context),
        table_id=table_id(live.keyspace, live.name),
        physical=other_name(definition.name, number, live.name),
        version=mark.version,
        reason="the schema holds it and the registry does not know it",
        window_start=start,
        window_declared=definition.window.declared if definition.window else "",
    )


def _is_fit(lost: AdoptGeneration, definition: ViewDefinition, record: ViewRecord, context: PlanContext) -> bool:
    as_row = Generation(
        number=lost.number,
        physical=physical_of(lost),
        table_id=lost.table_id,
        version=lost.version,
        state=State.BUILT,  # so that it must be in the schema
        window_start=lost.window_start,
        cql=lost.cql,
    )
    return is_resumable(as_row, definition, record, context)
