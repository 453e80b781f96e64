"""Which table, view or generation answers a SELECT, why others do not, and what view or index would. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from cassandra_client.names import quoted
from cassandra_views.cql.parse import parse_where
from cassandra_views.cql.printing import relation_cql
from cassandra_views.cql.select_text import SelectStatement
from cassandra_views.model.errors import ProjectError, StatementError
from cassandra_views.model.generation import State, ViewRecord
from cassandra_views.model.names import nearest
from cassandra_views.model.schema import Catalog, Column, ColumnKind, LiveView, TableShape
from cassandra_views.model.statement import Operator, Relation, Subject
from cassandra_views.model.times import instant_text

_POINTS = (Operator.EQUAL, Operator.IN)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadCandidate:
    """A table or view that might answer.

    Args:
        name: ``keyspace.name``; of a managed view its logical name.
        kind: table, view, or unmanaged view.
        faults: why its key cannot answer; empty where it can.
        serving: the generations that serve, with their windows; of a managed view that serves nothing, none.
        notes: what to know of its answer.
    """

    name: str
    kind: str
    faults: tuple[str, ...] = ()
    serving: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def answers(self) -> bool:
        """Tell whether it answers now."""
        return not self.faults


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadProposal:
    """Something that would answer.

    Args:
        kind: view or index.
        text: the view's file, or the statement.
        note: what it costs.
    """

    kind: str
    text: str
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadExplanation:
    """What answers a SELECT.

    Args:
        asked: ``keyspace.name`` of what it reads from.
        candidates: what was looked at, first what it reads from.
        proposals: what would answer, where nothing does.
        unproposed: why no view is proposed, where none is.
    """

    asked: str
    candidates: tuple[ReadCandidate, ...]
    proposals: tuple[ReadProposal, ...] = ()
    unproposed: str = ""

    @property
    def answering(self) -> tuple[ReadCandidate, ...]:
        """Those that answer."""
        return tuple(each for each in self.candidates if each.answers)


def explain_read(
    statement: SelectStatement,
    catalog: Catalog,
    records: Iterable[ViewRecord],
    *,
    indexes: Mapping[str, str],
    has_sai: bool,
) -> ReadExplanation:
    """Return what answers a SELECT.

    Args:
        indexes: of the base table, the index of each column that has one.
        has_sai: whether the nodes have storage-attached indexes.

    Raises:
        ProjectError: there is no such table or view, or several keyspaces have one.
    """
    records = tuple(records)
    keyspace, base, asked = find_base_of(statement, catalog, records)
    shape = catalog.tables[keyspace, base]
    candidates = [_of_base(statement, shape, indexes)]
    managed: set[str] = set()
    for record in sorted(records, key=lambda each: each.name):
        lives = [live for each in record.generations if (live := catalog.find_view(record.name, each.number))]
        managed |= {live.name for live in lives if live.keyspace == keyspace}
        if lives and (lives[0].keyspace, lives[-1].base) == (keyspace, base):
            candidates.append(_of_view(statement, record, catalog, shape))
    for live in catalog.views.values():
        if (live.keyspace, live.base) == (keyspace, base) and live.name not in managed:
            faults, notes = _faults(statement, live.shape), _filter_notes(live)
            candidates.append(
                ReadCandidate(name=f"{keyspace}.{live.name}", kind="unmanaged view", faults=faults, notes=notes)
            )
    candidates.sort(key=lambda each: (each.name != asked, each.kind != "table", each.name))
    if any(each.answers for each in candidates):
        return ReadExplanation(asked=asked, candidates=tuple(candidates))
    fault = _why_no_view(statement, shape)
    proposals = [] if fault else [_view_proposal(statement, shape)]
    proposals += _index_proposals(statement, shape, has_sai=has_sai)
    return ReadExplanation(asked=asked, candidates=tuple(candidates), proposals=tuple(proposals), unproposed=fault)


def find_base_of(statement: SelectStatement, catalog: Catalog, records: Iterable[ViewRecord]) -> tuple[str, str, str]:
    """Return keyspace and base table of what a SELECT reads from, and the name of that.

    Raises:
        ProjectError: as ``explain_read``.
    """
    wanted, name = statement.keyspace, statement.table
    found: dict[tuple[str, str], str] = {}
    for record in records:
        generations = [each.number for each in record.generations]
        live = next((one for number in generations if (one := catalog.find_view(record.name, number))), None)
        if live is not None and name in (record.name.view, *(each.physical for each in record.generations)):
            found[record.name.keyspace, live.base] = str(record.name)
    for keyspace, table in catalog.tables:
        if table == name:
            found[keyspace, table] = f"{keyspace}.{table}"
    for live in catalog.views.values():
        if live.name == name:
            found.setdefault((live.keyspace, live.base), f"{live.keyspace}.{name}")
    found = {key: asked for key, asked in found.items() if wanted in (None, key[0])}
    if len(found) == 1:
        ((keyspace, base), asked) = next(iter(found.items()))
        return keyspace, base, asked
    known = [table for _keyspace, table in catalog.tables]
    raise ProjectError(
        f"{len(found)} keyspaces have it" if found else f"there is no such table or view{nearest(name, known)}",
        on=f"{wanted}.{name}" if wanted else name,
        next="Write keyspace.name after FROM; keyspaces with views or files of this project are looked at",
    )


def _of_base(statement: SelectStatement, shape: TableShape, indexes: Mapping[str, str]) -> ReadCandidate:
    faults = _faults(statement, shape)
    notes: list[str] = []
    unkeyed = [name for name in _asked(statement) if (column := shape.find_column(name)) and not column.is_key]
    points = {name for each in statement.where if each.operator in _POINTS for name in each.columns}
    if faults and unkeyed and not statement.order and set(unkeyed) <= indexes.keys() and set(unkeyed) <= points:
        rest = [each for each in statement.where if not set(each.columns) <= set(unkeyed)]
        if all(each.columns[0] in {key.name for key in shape.partition_key} for each in rest):
            faults = ()
            named = ", ".join(indexes[name] for name in unkeyed)
            is_whole = {each.columns[0] for each in rest} == {key.name for key in shape.partition_key}
            notes.append(f"by the index {named}" + ("" if is_whole else ", which asks every node"))
    if not faults and not statement.where:
        notes.append("it reads the whole table")
    if faults and statement.allows_filtering:
        notes.append("ALLOW FILTERING makes it answer by reading every row")
    return ReadCandidate(name=str(shape), kind="table", faults=faults, notes=tuple(notes))


def _of_view(statement: SelectStatement, record: ViewRecord, catalog: Catalog, base: TableShape) -> ReadCandidate:
    serving: list[str] = []
    faults: list[str] = []
    notes: list[str] = []
    for entry in record.read_from:
        live = catalog.views.get((record.name.keyspace, entry.name))
        if live is None:
            faults.append(f"{entry.name}, which serves, is missing in the schema")
            continue
        faults += _faults(statement, live.shape, base)
        notes += _filter_notes(live, has_window=entry.start is not None)
        window = f" from {instant_text(entry.start)}" if entry.start else ""
        serving.append(f"{entry.name}{window}{f' to {instant_text(entry.end)}' if entry.end else ''}")
    if not record.read_from:
        faults.append(f"nothing of it serves: {record.absence() or '; '.join(unserved_texts(record))}")
        newest = (record.in_state(State.BUILDING, State.BUILT) or (None,))[-1]
        live = catalog.find_view(record.name, newest.number) if newest else None
        if newest is not None and live is not None and not _faults(statement, live.shape, base):
            faults.append(f"its key answers, once generation {newest.number} serves")
    if record.override is not None:
        notes.append(f"it is {record.override}")
    return ReadCandidate(
        name=str(record.name),
        kind="view",
        faults=tuple(dict.fromkeys(faults)),
        serving=tuple(serving),
        notes=tuple(dict.fromkeys(notes)),
    )


_UNSERVED = {
    State.BUILDING: "is building: it serves once it is built on every node and audited",
    State.BUILT: "is built: it serves once it is audited, and where it holds far fewer rows once a person allows that",
    State.RETIRED: "is retired: readers were sent away from it; 'views rollback' returns to it while its grace lasts",
    State.FAILED: "failed: the next apply drops it",
    State.DROPPING: "is being dropped",
}


def unserved_texts(record: ViewRecord) -> tuple[str, ...]:
    """Return why each generation that readers are not sent to does not answer."""
    serving = {entry.name for entry in record.read_from}
    return tuple(
        f"generation {each.number} {_UNSERVED[each.state]}"
        for each in record.generations
        if each.physical not in serving and each.state in _UNSERVED
    )


def _filter_notes(live: LiveView, *, has_window: bool = False) -> tuple[str, ...]:
    try:
        relations = parse_where(live.where_clause)
    except StatementError:
        return ("its WHERE cannot be read here, so which rows it holds is not known",)
    kept = [each for each in relations if each.operator is not Operator.IS_NOT_NULL]
    if not kept:
        return ()
    text = "its window" if has_window and all(each.operator.is_range for each in kept) else "rows that meet "
    return (f"it holds {text}{'' if text == 'its window' else ' AND '.join(map(relation_cql, kept))} alone",)


def _asked(statement: SelectStatement) -> list[str]:
    return [name for each in statement.where for name in each.columns]


def _faults(statement: SelectStatement, shape: TableShape, base: TableShape | None = None) -> tuple[str, ...]:
    """Return why a key cannot answer."""
    own = [column.name for column in shape]
    found = []
    for name in dict.fromkeys([*statement.columns, *_asked(statement), *(name for name, _ in statement.order)]):
        if name not in own:
            found.append(f"it has no column '{name}'{nearest(name, own) if base is None else ''}")
    if base is not None and not statement.columns and len(own) < len(base.columns):
        lacking = ", ".join(sorted(column.name for column in base if column.name not in own))
        found.append(f"it lacks {lacking}, and SELECT * asks for all columns of {base}")
    if any(each.subject is not Subject.COLUMN for each in statement.where):
        found.append("only conditions on plain columns are judged here")
    if found:
        return tuple(found)
    return tuple(_key_faults(statement, shape))


def _key_faults(statement: SelectStatement, shape: TableShape) -> Iterator[str]:
    by_column: dict[str, list[Relation]] = {}
    for each in statement.where:
        by_column.setdefault(each.columns[0], []).append(each)
    points = {name for name, each in by_column.items() if all(one.operator in _POINTS for one in each)}
    ranges = {name for name, each in by_column.items() if all(_is_range(one) for one in each)}
    for name in by_column:
        column = shape.find_column(name)
        if column is not None and not column.is_key:
            yield f"'{name}' is not part of its key"
        elif name not in points | ranges:
            yield f"'{name}' is asked for by {by_column[name][0].operator.value}, which no key answers"
    partition = [column.name for column in shape.partition_key]
    if not by_column and not statement.order:
        return
    for name in partition:
        if name in ranges:
            yield f"'{name}' is part of its partition key, which is asked for by = or IN alone"
        elif name not in points:
            yield f"'{name}' of its partition key is not given"
    open_at = ""
    for column in shape.clustering:
        if column.name in by_column and open_at:
            yield f"'{column.name}' stands after '{open_at}' in its key, which is not given by ="
            break
        if column.name not in points and not open_at:
            open_at = column.name
    yield from _order_faults(statement, shape, points)


def _is_range(relation: Relation) -> bool:
    return relation.operator.is_range or relation.operator is Operator.BETWEEN


def _order_faults(statement: SelectStatement, shape: TableShape, points: set[str]) -> Iterator[str]:
    if not statement.order:
        return
    rows = [column for column in shape.clustering if column.name not in points]
    wanted = [each for each in statement.order if each[0] not in points]
    names = [column.name for column in rows]
    if [name for name, _ in wanted] != names[: len(wanted)]:
        yield f"its rows are sorted by {', '.join(names) or 'nothing'}, not by {', '.join(n for n, _ in wanted)}"
        return
    turns = {is_descending != column.is_descending for (_, is_descending), column in zip(wanted, rows, strict=False)}
    if len(turns) > 1:
        yield "its rows are sorted in another mix of ASC and DESC"


def _parts(statement: SelectStatement) -> tuple[list[str], list[str]]:
    """Return the columns that a key needs first: those of its partition, then those of its order."""
    points = [each.columns[0] for each in statement.where if each.operator in _POINTS]
    ranges = [each.columns[0] for each in statement.where if _is_range(each)]
    order = [name for name, _ in statement.order if name not in points]
    sorted_by = order if not ranges or set(ranges) <= set(order[:1]) else [*ranges, *order]
    return list(dict.fromkeys(points)), list(dict.fromkeys(each for each in sorted_by if each not in points))


def _why_no_view(statement: SelectStatement, base: TableShape) -> str:
    """Return why no view of this base can answer; empty where one can."""
    partition, order = _parts(statement)
    known = {column.name: column for column in base}
    unknown = [name for name in (*statement.columns, *partition, *order) if name not in known]
    if unknown:
        return f"{base} has no column '{unknown[0]}'"
    if any(each.subject is not Subject.COLUMN for each in statement.where):
        return "only conditions on plain columns are judged here"
    hard = [each for each in statement.where if each.operator not in _POINTS and not _is_range(each)]
    if hard:
        return f"no key answers {hard[0].operator.value}"
    if not partition:
        return "no column is given by = or IN, so there is no partition to read"
    ranges = {each.columns[0] for each in statement.where if _is_range(each)}
    if len(ranges) > 1:
        return f"{', '.join(sorted(ranges))} are each asked for by a range, and a key answers one"
    if ranges and statement.order and statement.order[0][0] not in {*ranges, *partition}:
        return "rows are sorted by another column than the one that is asked for by a range"
    added = [name for name in (*partition, *order) if not known[name].is_key]
    if len(added) > 1:
        return f"a view's key may hold one column that is not in its base's key, and this needs {', '.join(added)}"
    bad = next((known[name] for name in added if _is_unfit(known[name])), None)
    if bad is not None:
        return f"'{bad.name}' is {bad.type if bad.kind is not ColumnKind.STATIC else 'static'}, which no key can hold"
    if base.is_counter:
        return "its base holds counters, which no view can show"
    return ""


def _is_unfit(column: Column) -> bool:
    return column.kind is ColumnKind.STATIC or column.type.startswith(("list<", "set<", "map<", "duration"))


def _view_proposal(statement: SelectStatement, base: TableShape) -> ReadProposal:
    partition, order = _parts(statement)
    rest = [column.name for column in base.key_columns if column.name not in (*partition, *order)]
    key = [*partition, *order, *rest]
    shown = statement.columns or tuple(column.name for column in base if column.kind is not ColumnKind.STATIC)
    columns = list(dict.fromkeys([*key, *shown]))
    directions = dict(statement.order)
    sorting = ", ".join(f"{quoted(name)} {'DESC' if directions.get(name) else 'ASC'}" for name in (*order, *rest))
    first = ", ".join(map(quoted, partition))
    lines = [
        "---",
        f"keyspace: {base.keyspace}",
        "---",
        "CREATE MATERIALIZED VIEW {{ view }} AS",
        f"SELECT {', '.join(map(quoted, columns))}",
        f"FROM {{{{ base('{base.name}') }}}}",
        f"WHERE {' AND '.join(f'{quoted(name)} IS NOT NULL' for name in key)}",
        f"PRIMARY KEY ({', '.join([f'({first})', *map(quoted, [*order, *rest])])})",
    ]
    if sorting:
        lines.append(f"WITH CLUSTERING ORDER BY ({sorting})")
    note = (
        f"A file such as cql_templates/views/{base.name}_by_{'_'.join(partition)}.cql.j2; 'views plan' says what it "
        "costs. Each write of the table then writes it, too"
    )
    return ReadProposal(kind="view", text="\n".join(lines), note=note)


def _index_proposals(statement: SelectStatement, base: TableShape, *, has_sai: bool) -> list[ReadProposal]:
    asked = [base.find_column(name) for name in dict.fromkeys(_asked(statement))]
    unkeyed = [column for column in asked if column is not None and not column.is_key]
    if not has_sai or statement.order or not unkeyed or None in asked:
        return []
    if any(column.type.startswith(("list<", "set<", "map<")) for column in unkeyed):
        return []
    table = f"{quoted(base.keyspace)}.{quoted(base.name)}"
    text = "\n".join(f"CREATE INDEX ON {table} ({quoted(column.name)}) USING 'sai';" for column in unkeyed)
    given = {each.columns[0] for each in statement.where if each.operator in _POINTS}
    is_whole = {column.name for column in base.partition_key} <= given
    note = "It asks the replicas of one partition" if is_whole else "It asks every node at each read: for few reads"
    return [ReadProposal(kind="index", text=text, note=f"{note}. Writes cost less than with a view")]


__all__ = ["ReadCandidate", "ReadExplanation", "ReadProposal", "explain_read", "find_base_of", "unserved_texts"]
