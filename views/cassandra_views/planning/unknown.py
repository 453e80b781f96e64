"""Physical views that carry our comment and that the registry does not know: left over, or all it lost. Pure."""

from __future__ import annotations

from cassandra_client.names import table_id
from cassandra_views.model.definition import ViewDefinition
from cassandra_views.model.generation import Generation, State, ViewRecord
from cassandra_views.model.names import ViewName, parse_physical
from cassandra_views.model.schema import LiveView, SchemaComment
from cassandra_views.model.steps import AdoptGeneration, SweepOrphan
from cassandra_views.model.times import parse_instant
from cassandra_views.planning.generations import Context, generation_cql, is_resumable


def orphans(record: ViewRecord, context: Context) -> list[LiveView]:
    """Return the physical views that carry this view's and registry's comment and stand in no registry row."""
    known = {each.physical for each in record.generations} | {entry.name for entry in record.read_from}
    return [
        live
        for live in context.catalog.generations_of(record.name)
        if live.name not in known and _is_ours(live, record.name, context)
    ]


def number_of(live: LiveView) -> int:
    """Return the number of a physical view that has the name of a generation."""
    parsed = parse_physical(live.name)
    assert parsed is not None  # Catalog.generations_of returns no other names
    return parsed[1]


def sweep(live: LiveView, name: ViewName) -> SweepOrphan:
    """Return the step that drops it."""
    return SweepOrphan(
        view=name, number=number_of(live), reason="it carries our comment and the registry does not know it"
    )


def find_lost(definition: ViewDefinition, record: ViewRecord, context: Context) -> AdoptGeneration | None:
    """Return the step that takes the newest generation over which a lost registry knew, where it is fit to serve.

    Fit is one of the file's version that holds at least what the file promises now. Its number must be one that
    the registry never gave: a lower one is a reservation that was given up, and is swept.
    """
    found = [live for live in orphans(record, context) if number_of(live) >= record.next_number]
    for live in sorted(found, key=number_of, reverse=True):
        mark = live.mark()
        if mark is not None and mark.version == definition.version and live.base == definition.base:
            lost = _adoption(live, mark, definition, context)
            if _is_fit(lost, definition, record, context):
                return lost
    return None


def _is_ours(live: LiveView, name: ViewName, context: Context) -> bool:
    mark = live.mark()
    return mark is not None and (mark.registry, mark.view) == (context.registry, str(name))


def _adoption(live: LiveView, mark: SchemaComment, definition: ViewDefinition, context: Context) -> AdoptGeneration:
    number, start = number_of(live), parse_instant(mark.start) if mark.start else None
    return AdoptGeneration(
        view=definition.name,
        number=number,
        cql=generation_cql(definition, number, start, context),
        table_id=table_id(live.keyspace, live.name),
        version=mark.version,
        reason="the schema holds it and the registry does not know it",
        window_start=start,
        window_declared=definition.window.declared if definition.window else "",
    )


def _is_fit(lost: AdoptGeneration, definition: ViewDefinition, record: ViewRecord, context: Context) -> bool:
    as_row = Generation(
        number=lost.number,
        physical=lost.view.physical(lost.number),
        table_id=lost.table_id,
        version=lost.version,
        state=State.BUILT,  # so that it must be in the schema
        window_start=lost.window_start,
        cql=lost.cql,
    )
    return is_resumable(as_row, definition, record, context)
