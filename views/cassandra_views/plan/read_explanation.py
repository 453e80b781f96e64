"""Which table, view or generation answers a SELECT, why others do not, and what view or index would. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum

from cassandra_views.cql.parse import parse_view
from cassandra_views.cql.printing import relation_cql
from cassandra_views.cql.select_rules import SelectAssessment, assess_select
from cassandra_views.cql.select_text import SelectStatement
from cassandra_views.cql.statements import view_statement
from cassandra_views.model.definition import Project, ViewDefinition
from cassandra_views.model.errors import ProjectError, StatementError
from cassandra_views.model.generation import Generation, OverrideKind, State, ViewRecord
from cassandra_views.model.names import nearest
from cassandra_views.model.schema import Catalog, TableIndex, TableShape
from cassandra_views.model.times import instant_text
from cassandra_views.plan.read_proposals import ReadProposal, propose_indexes, propose_view, view_shape
from cassandra_views.plan.view_coverage import Coverage, ViewCoverage, find_coverage, limit_notes


class ReadVerdict(StrEnum):
    """Whether a table or view answers a SELECT; the best first."""

    ANSWERS = "answers"
    PART = "answers in part"
    """By its key, and it holds only part of the rows that are asked for, or may hold only part of them."""
    FILTERING = "answers by filtering"
    """Only with ALLOW FILTERING, whether the SELECT says that or not."""
    UNKNOWN = "unknown"
    CANNOT = "cannot"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadCandidate:
    """A table or view that might answer.

    Args:
        name: ``keyspace.name``; of a managed view its logical name.
        kind: table, view, or unmanaged view.
        faults: why it does not answer; empty where it does.
        serving: the generations that serve, with their windows; of a managed view that serves nothing, none.
        notes: what to know of its answer.
    """

    name: str
    kind: str
    verdict: ReadVerdict
    faults: tuple[str, ...] = ()
    serving: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadExplanation:
    """What answers a SELECT.

    Args:
        asked: ``keyspace.name`` of what it reads from.
        verdict: the best of the candidates.
        candidates: what was looked at, first what it reads from.
        proposals: what would answer, where nothing does.
        unproposed: why no view is proposed, where none is.
    """

    asked: str
    verdict: ReadVerdict
    candidates: tuple[ReadCandidate, ...]
    proposals: tuple[ReadProposal, ...] = ()
    unproposed: str = ""

    @property
    def answering(self) -> tuple[ReadCandidate, ...]:
        """Those that answer in full and without filtering."""
        return tuple(each for each in self.candidates if each.verdict is ReadVerdict.ANSWERS)


def explain_read(
    statement: SelectStatement,
    catalog: Catalog,
    records: Iterable[ViewRecord],
    project: Project,
    *,
    indexes: Iterable[TableIndex],
    has_sai: bool,
) -> ReadExplanation:
    """Return what answers a SELECT.

    Args:
        project: its view files, as far as they can be read.
        indexes: those of the base table.
        has_sai: whether the nodes have storage-attached indexes.

    Raises:
        ProjectError: there is no such table or view, or several keyspaces have one, or its file is wrong.
    """
    question = _Question(statement, catalog, tuple(records), project, tuple(indexes))
    candidates = tuple(sorted(question.candidates(), key=question.order_of))
    best = list(ReadVerdict)
    verdict = min((each.verdict for each in candidates), key=best.index)
    if verdict is ReadVerdict.ANSWERS or question.base is None:
        return ReadExplanation(asked=question.asked, verdict=verdict, candidates=candidates)
    wanted = question.on_base()
    view: ReadProposal | str
    if question.promised:
        view = f"{question.promised[0]} answers once it serves"
    else:
        view = propose_view(wanted, question.base)
    index = propose_indexes(wanted, question.base, question.indexes, has_sai=has_sai)
    return ReadExplanation(
        asked=question.asked,
        verdict=verdict,
        candidates=candidates,
        proposals=tuple(each for each in (view, index) if isinstance(each, ReadProposal)),
        unproposed=view if isinstance(view, str) else "",
    )


def find_base_of(
    statement: SelectStatement, catalog: Catalog, records: Iterable[ViewRecord], project: Project
) -> tuple[str, str, str]:
    """Return keyspace and base table of what a SELECT reads from, and the name of that.

    The base is empty where nothing is known of it any more.

    Raises:
        ProjectError: as ``explain_read``.
    """
    wanted, name = statement.keyspace, statement.table
    files = {each.name: each for each in project.views}
    found: dict[str, tuple[str, str]] = {}
    for record in records:
        if name in (record.name.view, *(each.physical for each in record.generations)):
            found[record.name.keyspace] = _base_of(record, catalog, files.get(record.name)), str(record.name)
    for each in project.views:
        if each.name.view == name:
            found.setdefault(each.name.keyspace, (each.base, str(each.name)))
    for keyspace, table in catalog.tables:
        if table == name:
            found[keyspace] = table, f"{keyspace}.{table}"
    for live in catalog.views.values():
        if live.name == name:
            found.setdefault(live.keyspace, (live.base, f"{live.keyspace}.{name}"))
    found = {keyspace: each for keyspace, each in found.items() if wanted in (None, keyspace)}
    if len(found) == 1:
        ((keyspace, (base, asked)),) = found.items()
        return keyspace, base, asked
    for broken in project.broken if not found else ():
        if broken.view == name and (wanted is None or broken.keyspace in ("", wanted)):
            raise broken.error
    known = [each for _keyspace, each in (*catalog.tables, *catalog.views)]
    raise ProjectError(
        f"{len(found)} keyspaces have it" if found else f"there is no such table or view{nearest(name, known)}",
        on=f"{wanted}.{name}" if wanted else name,
        next="Write keyspace.name after FROM; keyspaces with views or files of this project are looked at",
    )


def _base_of(record: ViewRecord, catalog: Catalog, file: ViewDefinition | None) -> str:
    """Return the base of a managed view: as the schema has it, else as it was made, else as its file says."""
    for each in reversed(record.generations):
        live = catalog.views.get((record.name.keyspace, each.physical))
        if live is not None:
            return live.base
    for live in catalog.generations_of(record.name) if record.error is not None else ():
        return live.base
    for each in reversed(record.generations):
        if each.cql:
            try:
                return parse_view(each.cql).base
            except StatementError:
                continue
    return file.base if file is not None else ""


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


class _Question:
    """One SELECT on what there is."""

    def __init__(
        self,
        statement: SelectStatement,
        catalog: Catalog,
        records: tuple[ViewRecord, ...],
        project: Project,
        indexes: tuple[TableIndex, ...],
    ) -> None:
        self._statement = statement
        self._catalog = catalog
        self._records = records
        self._files = {each.name: each for each in project.views}
        self.indexes = indexes
        self.keyspace, self._base_name, self.asked = find_base_of(statement, catalog, records, project)
        self.base = catalog.find_table(self.keyspace, self._base_name)
        self.promised: list[str] = []
        """The views that answer once they serve."""

    def order_of(self, candidate: ReadCandidate) -> tuple[bool, bool, str]:
        """Return by what candidates are sorted: what is asked for first, then the table."""
        return candidate.name != self.asked, candidate.kind != "table", candidate.name

    def on_base(self) -> SelectStatement:
        """Return the SELECT as it is asked of the base: ``*`` of a view means the columns of that view."""
        asked = self._asked_shape()
        if not self._statement.selects_all or asked is None or asked is self.base:
            return self._statement
        return replace(self._statement, selects_all=False, columns=tuple(column.name for column in asked))

    def candidates(self) -> Iterator[ReadCandidate]:
        """Yield everything that might answer."""
        if self.base is not None:
            yield self._of_base(self.base)
        managed: set[str] = set()
        for record in self._records:
            if record.name.keyspace != self.keyspace:
                continue
            managed |= {each.physical for each in record.generations}
            if record.error is not None:
                managed |= {live.name for live in self._catalog.generations_of(record.name)}
            file = self._files.get(record.name)
            if str(record.name) == self.asked or _base_of(record, self._catalog, file) == self._base_name:
                yield self._of_view(record, file)
        recorded = {record.name for record in self._records}
        for file in self._files.values():
            if file.name not in recorded and (file.name.keyspace, file.base) == (self.keyspace, self._base_name):
                yield self._of_file(file)
        for live in self._catalog.views.values():
            is_of_base = (live.keyspace, live.base) == (self.keyspace, self._base_name)
            if is_of_base and live.name not in managed and self.base is not None:
                name = f"{live.keyspace}.{live.name}"
                verdict, faults, notes = self._assess(name, live.shape, live.where_clause, self.base)
                yield ReadCandidate(name=name, kind="unmanaged view", verdict=verdict, faults=faults, notes=notes)

    def _asked_shape(self) -> TableShape | None:
        """Return the shape of what the SELECT reads from, None where it is not in the schema."""
        if self.base is not None and str(self.base) == self.asked:
            return self.base
        names = [self._statement.table]
        names += [each.name for record in self._records if str(record.name) == self.asked for each in record.read_from]
        found = (self._catalog.views.get((self.keyspace, name)) for name in reversed(names))
        return next((live.shape for live in found if live is not None), None)

    def _asked_coverage(self, base: TableShape) -> ViewCoverage | None:
        shape = self._asked_shape()
        live = self._catalog.views.get((self.keyspace, shape.name)) if shape is not None else None
        return find_coverage(self._statement, live.shape, live.where_clause, base) if live is not None else None

    def _of_base(self, shape: TableShape) -> ReadCandidate:
        answer = assess_select(self.on_base(), shape, self.indexes, has_hints=True)
        verdict, faults = _verdict(answer)
        notes = []
        if verdict is ReadVerdict.ANSWERS and answer.indexes:
            named = ", ".join(each.name for each in answer.indexes)
            notes.append(f"by the index {named}{'' if answer.is_whole_partition else ', which asks every node'}")
        if verdict is ReadVerdict.ANSWERS and not self._statement.where:
            notes.append("it reads the whole table")
        if verdict is ReadVerdict.FILTERING:
            notes.append(_filtering_note(self._statement, answer))
        coverage = self._asked_coverage(shape)
        if coverage is not None and coverage.coverage is not Coverage.ALL and self.asked != str(shape):
            notes.append(f"it holds rows, too, that {self.asked} does not")
        return ReadCandidate(name=str(shape), kind="table", verdict=verdict, faults=faults, notes=tuple(notes))

    def _assess(
        self, name: str, shape: TableShape, where_clause: str, base: TableShape
    ) -> tuple[ReadVerdict, tuple[str, ...], tuple[str, ...]]:
        """Return verdict, faults and notes of a view that may be read."""
        is_asked = name == self.asked
        own = {column.name for column in shape}
        asked = self._asked_shape() or base
        lacking = sorted(column.name for column in asked if column.name not in own)
        if self._statement.selects_all and lacking and not is_asked:
            fault = f"it lacks {', '.join(lacking)}, and SELECT * asks for all columns of {self.asked}"
            return ReadVerdict.CANNOT, (fault,), ()
        answer = assess_select(self._statement, shape, base=base, has_hints=is_asked)
        verdict, faults = _verdict(answer)
        found = find_coverage(self._statement, shape, where_clause, base)
        notes = found.notes
        if verdict is ReadVerdict.FILTERING:
            notes = (*notes, _filtering_note(self._statement, answer))
        if is_asked:
            return verdict, faults, notes
        notes = (*notes, *limit_notes(self._statement))
        if found.coverage is Coverage.NONE:
            return ReadVerdict.CANNOT, (*faults, "it holds none of the rows that are asked for"), notes
        if verdict is ReadVerdict.ANSWERS and found.coverage is Coverage.PART:
            verdict = ReadVerdict.PART
        if verdict is ReadVerdict.ANSWERS and found.coverage is Coverage.UNKNOWN:
            verdict = ReadVerdict.UNKNOWN
        return verdict, faults, notes

    def _of_view(self, record: ViewRecord, file: ViewDefinition | None) -> ReadCandidate:
        name = str(record.name)
        if record.error is not None:
            unread = f"what serves it is not known: {record.error.what}"
            return ReadCandidate(name=name, kind="view", verdict=ReadVerdict.UNKNOWN, faults=(unread,))
        verdicts, serving = [ReadVerdict.CANNOT] * (not record.read_from), []
        found: list[str] = []
        notes: list[str] = []
        for entry in record.read_from:
            window = f" from {instant_text(entry.start)}" if entry.start else ""
            serving.append(f"{entry.name}{window}{f' to {instant_text(entry.end)}' if entry.end else ''}")
            live = self._catalog.views.get((self.keyspace, entry.name))
            if live is None or self.base is None:
                missing = f"{entry.name}, which serves," if live is None else "its base table"
                found.append(f"{missing} is missing in the schema")
                verdicts.append(ReadVerdict.CANNOT)
                continue
            verdict, faults, said = self._assess(name, live.shape, live.where_clause, self.base)
            verdicts.append(verdict)
            found += faults
            notes += said
        if not record.read_from:
            found.append(f"nothing of it serves: {record.absence() or '; '.join(unserved_texts(record))}")
            found += self._promise(record, file)
        if record.override is not None:
            notes.append(f"it is {record.override}")
        return ReadCandidate(
            name=name,
            kind="view",
            verdict=max(verdicts, key=list(ReadVerdict).index),
            faults=tuple(dict.fromkeys(found)),
            serving=tuple(serving),
            notes=tuple(dict.fromkeys(notes)),
        )

    def _of_file(self, file: ViewDefinition) -> ReadCandidate:
        faults = ["nothing of it serves: no generation of its file was made yet", *self._promise_of_file(file)]
        return ReadCandidate(name=str(file.name), kind="view", verdict=ReadVerdict.CANNOT, faults=tuple(faults))

    def _promise(self, record: ViewRecord, file: ViewDefinition | None) -> Iterator[str]:
        """Yield that a view answers, once what is being made of it serves."""
        is_off = record.override is not None and record.override.kind is OverrideKind.OFF
        newest: Generation | None = (record.in_state(State.BUILDING, State.BUILT) or (None,))[-1]
        live = self._catalog.views.get((self.keyspace, newest.physical)) if newest else None
        if newest is not None and live is not None and self.base is not None:
            verdict, _faults, _notes = self._assess(str(record.name), live.shape, live.where_clause, self.base)
            if verdict is ReadVerdict.ANSWERS:
                self.promised.append(str(record.name))
                yield f"its key answers, once generation {newest.number} serves"
        elif not record.generations and file is not None and not is_off:
            yield from self._promise_of_file(file)

    def _promise_of_file(self, file: ViewDefinition) -> Iterator[str]:
        if self.base is None:
            return
        statement = view_statement(file)
        shape = view_shape(
            self.base,
            columns=[column.name for column in self.base] if statement.selects_all else statement.columns,
            partition=statement.partition_key,
            clustering=statement.clustering,
            descending=statement.descending,
        )
        where = " AND ".join(map(relation_cql, statement.where))
        verdict, _faults, _notes = self._assess(str(file.name), shape, where, self.base)
        if verdict is ReadVerdict.ANSWERS:
            self.promised.append(str(file.name))
            yield "its key answers, once 'views apply' has made a generation of its file and serves it"


def _verdict(answer: SelectAssessment) -> tuple[ReadVerdict, tuple[str, ...]]:
    """Return the verdict of what a server says, and why it does not answer."""
    faults = (*answer.refusals, *answer.filtering, *(f"not judged here: {each}" for each in answer.unjudged))
    if answer.unjudged:
        return ReadVerdict.UNKNOWN, faults
    if answer.refusals:
        return ReadVerdict.CANNOT, faults
    return (ReadVerdict.FILTERING if answer.filtering else ReadVerdict.ANSWERS), faults


def _filtering_note(statement: SelectStatement, answer: SelectAssessment) -> str:
    if statement.allows_filtering:
        return f"ALLOW FILTERING makes it answer by reading {answer.filtered_rows}"
    return f"servers refuse it without ALLOW FILTERING, which makes it answer by reading {answer.filtered_rows}"


__all__ = ["ReadCandidate", "ReadExplanation", "ReadVerdict", "explain_read", "find_base_of", "unserved_texts"]
