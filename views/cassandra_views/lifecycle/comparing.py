"""A generation as it was asked for, beside what the schema holds of it, and its rows beside those of its base."""

from __future__ import annotations

from dataclasses import dataclass, replace

from cassandra_client.database import Database
from cassandra_views.cluster.catalog import find_view_and_base
from cassandra_views.cluster.first_time import find_first_time, time_text
from cassandra_views.cql.drift import view_drift
from cassandra_views.cql.options import option_differences
from cassandra_views.cql.parse import parse_view
from cassandra_views.lifecycle.audit import RECHECK_SECONDS, Audit, AuditResult
from cassandra_views.lifecycle.reports import Listener, Progress
from cassandra_views.model.generation import Generation
from cassandra_views.model.names import ViewName
from cassandra_views.model.schema import LiveView, TableShape
from cassandra_views.model.times import TimeColumn


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """A generation that stands in the schema just as it was asked for, with its base.

    Args:
        notes: options that the server has otherwise than they were asked for, in words.
    """

    live: LiveView
    base: TableShape
    notes: tuple[str, ...] = ()


def look_up(database: Database, view: ViewName, each: Generation) -> Standing | str:
    """Return what the schema holds of a generation, or why that is not what was asked for: a name proves nothing."""
    found = find_view_and_base(database, view.keyspace, each.physical)
    if found is None:
        return "it is gone from the schema"
    live, base = found
    if live.table_id != each.table_id:
        return "it was dropped and created again by somebody else"
    statement = parse_view(each.cql)
    differences = view_drift(
        statement,
        base,
        live.shape,
        where_clause=live.where_clause,
        include_all_columns=live.include_all_columns,
        base_name=live.base,
    )
    if differences:
        return f"the server made something else of it: {'; '.join(differences)}"
    return Standing(live=live, base=base, notes=option_differences(statement.options, live.shape))


def compare(
    database: Database,
    listener: Listener,
    view: ViewName,
    each: Generation,
    standing: Standing,
    *,
    remains: str,
    time: TimeColumn | None = None,
    recheck_seconds: float = RECHECK_SECONDS,
) -> AuditResult:
    """Compare the rows of a generation with its base; reads only.

    Args:
        remains: what an error says of the generation's state.
        time: the base's time column, where the generation has a window: of a window without rows it is told what time
            the base's first row has.
        recheck_seconds: the pause before a difference is looked at again; it doubles with each further look.

    Raises:
        ClusterError: base or view cannot be read.
    """
    verdict = Audit(
        database,
        standing.base,
        standing.live.shape,
        parse_view(each.cql).where,
        on_progress=lambda text, share: listener(Progress(view=view, number=each.number, text=text, share=share)),
        on=f"{view} generation {each.number}",
        remains=remains,
        recheck_seconds=recheck_seconds,
    ).run()
    if time is None or verdict.base_rows or not verdict.is_passed:
        return verdict
    first = find_first_time(database, view.keyspace, standing.base.name, time)
    return verdict if first is None else replace(verdict, first_time=time_text(time, first))
