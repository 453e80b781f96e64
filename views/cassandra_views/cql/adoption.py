"""What the tables and views of a schema say in files of their own, each with what had to be changed; pure.

The text of a statement stays as it was written, comments included, where nothing after it alters what it made. A view
that breaks a rule is reported with the way out, and the others are adopted.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from cassandra_client.errors import Place
from cassandra_client.names import quoted
from cassandra_views.cql.adopted_options import repair_options, repaired
from cassandra_views.cql.adopted_text import altered_cql, template_of
from cassandra_views.cql.findings import Finding, Kind, Severity, doubled
from cassandra_views.cql.lint import lint_view
from cassandra_views.cql.parse import parse_table, parse_view
from cassandra_views.cql.printing import option_cql, view_cql
from cassandra_views.cql.schema_state import Schema
from cassandra_views.cql.schema_text import read_statement
from cassandra_views.cql.schema_views import user_names
from cassandra_views.cql.statement_source import StatementSource, find_comments
from cassandra_views.cql.token_reader import SplitStatement, split_statements
from cassandra_views.model.errors import StatementError
from cassandra_views.model.schema import SchemaComment, TableShape
from cassandra_views.model.statement import TableStatement, ViewStatement, order_from

SYSTEM_KEYSPACES = frozenset(
    ("system", "system_auth", "system_cluster_metadata", "system_distributed", "system_schema", "system_traces")
)


@dataclass(frozen=True, slots=True, kw_only=True)
class AdoptedStatement:
    """A table or view of a schema as its file says it.

    Args:
        kind: ``table`` or ``view``.
        base: of a view.
        body: the template of its CREATE statement.
        description: of its comment option, on one line.
        changes: what the file says otherwise than the schema does, a clause each.
    """

    kind: str
    keyspace: str
    name: str
    base: str = ""
    body: str
    description: str
    changes: tuple[str, ...]
    place: Place | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NotAdopted:
    """What cannot be managed, and the way out.

    Args:
        kind: ``table``, ``view`` or ``statement``, which is any other.
        name: of a statement its first words.
        base: of a view.
    """

    kind: str
    keyspace: str
    name: str
    what: str
    fix: str
    base: str = ""
    place: Place | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UnmanagedObject:
    """An object of the schema that no file holds: an index, a type, a grant and so on.

    Args:
        keyspace: and ``name``: empty where a statement names neither.
    """

    kind: str
    keyspace: str = ""
    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class UnplacedComment:
    """A comment that stands at no adopted table or view, so that no file holds it.

    Args:
        keyspace: of the statement where it stands; empty where that names none.
    """

    keyspace: str
    text: str
    place: Place


@dataclass(frozen=True, slots=True, kw_only=True)
class Adoption:
    """All that a schema holds, in the order of its text.

    Args:
        generations: views that are generations of ours, which need no adoption.
        unmanaged: of a text alone; a catalog does not hold them.
        comments: those of a text that no file holds.
    """

    adopted: tuple[AdoptedStatement, ...] = ()
    refused: tuple[NotAdopted, ...] = ()
    generations: tuple[tuple[str, str], ...] = ()
    unmanaged: tuple[UnmanagedObject, ...] = ()
    comments: tuple[UnplacedComment, ...] = ()


_Key = tuple[str, str, str]
"""Of a table or view: its kind, keyspace and name."""


@dataclass(slots=True)
class _ReadStatement:
    """One statement of the text, and what is found about it.

    Args:
        comments: those before and behind it, each with its place in the text.
        altered_by: the statements that changed what it created.
    """

    source: StatementSource
    keyspace: str
    comments: list[tuple[int, str]] = field(default_factory=list)
    parsed: TableStatement | ViewStatement | None = None
    changes: list[str] = field(default_factory=list)
    altered_by: list[_ReadStatement] = field(default_factory=list)
    refusal: NotAdopted | None = None

    @property
    def kind(self) -> str:
        return self.source.kind or "statement"

    @property
    def name(self) -> str:
        if self.source.kind:
            return self.source.written_name[1]
        return " ".join(map(str, self.source.tokens[:4]))

    @property
    def words(self) -> list[str]:
        return [str(token).lower() for token in self.source.tokens[:8]]

    @property
    def all_comments(self) -> list[tuple[int, str]]:
        return sorted((*self.comments, *self.source.comments()))


def adopt_schema(text: str, *, file: str, session: str | None = None) -> Adoption:
    """Return what the files of a schema's tables and views say.

    Args:
        text: statements, each ended by ``;``.
        file: for the places of what is refused.
        session: the keyspace of names that stand without one before any USE.

    Raises:
        StatementError: the text holds no CREATE statement.
    """
    return _TextReader(text.replace("\r\n", "\n").replace("\r", "\n"), file, session).read()


class _TextReader:
    """Reads a text statement by statement, each into the schema that those before it left."""

    def __init__(self, text: str, file: str, session: str | None) -> None:
        self._text = text
        self._file = file
        self._schema = Schema(session=session)
        self._statements: list[_ReadStatement] = []
        self._objects: dict[_Key, TableShape | ViewStatement] = {}
        self._makers: dict[_Key, _ReadStatement] = {}
        self._last_comments: list[tuple[int, str]] = []

    def read(self) -> Adoption:
        end = 0
        for split in split_statements(self._text):
            source = StatementSource(self._text, split.tokens)
            one = _ReadStatement(source, self._keyspace_of(source))
            one.comments += self._comments_before(source.start, end)
            one.comments += find_comments(self._text, source.end, split.end)
            self._statements.append(one)
            self._read(one, split)
            end = split.end
        self._last_comments += self._comments_before(len(self._text), end)
        if all(one.words[0] != "create" for one in self._statements):
            raise StatementError(
                "the text holds no CREATE statement",
                on=self._file,
                next="Give the statements of a schema, such as cqlsh -e 'DESCRIBE SCHEMA' prints them",
            )
        return self._adoption()

    def _comments_before(self, start: int, former_end: int) -> list[tuple[int, str]]:
        """Return the comments before a statement; those on the line where the former one ends are that one's."""
        found = find_comments(self._text, former_end, start)
        if not self._statements:
            return found
        line_end = self._text.find("\n", former_end)
        line_end = len(self._text) if line_end < 0 else line_end
        self._statements[-1].comments += [each for each in found if each[0] < line_end]
        return [each for each in found if each[0] >= line_end]

    def _keyspace_of(self, source: StatementSource) -> str:
        """Return the keyspace that a statement is about, as far as it can be told."""
        if source.kind:
            return source.written_name[0] or self._schema.session or ""
        tokens = source.tokens
        words = [str(token).lower() for token in tokens[:2]]
        if words[1:] == ["keyspace"]:
            return _name_after(source, 2)
        dots = (position for position, token in enumerate(tokens) if token.type == "DOT")
        position = next(dots, 0)
        return str(tokens[position - 1]) if position else self._schema.session or ""

    def _read(self, one: _ReadStatement, split: SplitStatement) -> None:
        """Repair a statement and read it; note what it creates and alters."""
        try:
            if one.source.kind:
                parse = parse_table if one.source.kind == "table" else parse_view
                one.parsed = parse(split.text, file=self._file)
        except (StatementError, RecursionError, ArithmeticError, ValueError):
            one.parsed = None  # read_statement reports it
        if one.parsed is not None:
            self._repair(one, one.parsed)
            split = SplitStatement.edited(one.source.edited(), split)
        findings = read_statement(split, self._schema, file=self._file)
        before, after = self._objects, self._read_objects()
        self._objects = after
        for key in before.keys() - after.keys():
            self._makers.pop(key, None)
        for key, made in after.items():
            if key not in before:
                self._makers[key] = one
            elif made is not before[key]:
                self._makers[key].altered_by.append(one)
        for finding in findings:
            if finding.kind in (Kind.REFUSED, Kind.HARMFUL) or finding.code == "CV003":
                self._refuse(one, finding)

    def _read_objects(self) -> dict[_Key, TableShape | ViewStatement]:
        keyspaces = self._schema.keyspaces.items()
        tables = {("table", name, each): table for name, home in keyspaces for each, table in home.tables.items()}
        views = {("view", name, each): view for name, home in keyspaces for each, view in home.views.items()}
        return {**tables, **views}

    def _repair(self, one: _ReadStatement, parsed: TableStatement | ViewStatement) -> None:
        """Change the options that no server takes as they are, and complete the clustering order."""
        is_view = isinstance(parsed, ViewStatement)
        values, changes = repair_options(parsed.options, of_view=is_view, file=self._file)
        for name, value in values.items():
            if value is None:
                one.source.cut_options([name])
            else:
                one.source.write_option(name, option_cql(value))
        one.changes += changes
        if isinstance(parsed, TableStatement):
            if parsed.clustering_order:
                _write_order(one, parsed, tuple((name, False) for name in parsed.clustering))
            return
        home = self._schema.keyspaces.get(one.keyspace)
        base = home.tables.get(parsed.base) if home else None
        if base is not None and not doubled(parsed.clustering):
            _write_order(one, parsed, order_from(base, parsed.clustering))

    def _refuse(self, one: _ReadStatement, finding: Finding) -> None:
        """Note why a statement cannot be managed, unless that is known."""
        if one.refusal is None:
            base = one.source.written_base if one.kind == "view" else ""
            one.refusal = not_adopted(one.kind, one.keyspace, one.name, finding, base=base, place=finding.place)

    def _adoption(self) -> Adoption:
        self._report_unread_bases()
        adopted: list[AdoptedStatement] = []
        generations: list[tuple[str, str]] = []
        placed: set[int] = set()
        for (kind, keyspace, name), one in self._makers.items():
            if keyspace in SYSTEM_KEYSPACES:
                continue
            if kind == "view" and SchemaComment.parse(self._comment(one)):
                generations.append((keyspace, name))
            elif (found := self._adopt(one)) is not None:
                adopted.append(found)
                placed |= {id(each) for each in (one, *one.altered_by)}
        refused = (one.refusal for one in self._statements if one.refusal is not None)
        return Adoption(
            adopted=tuple(adopted),
            refused=tuple(one for one in refused if (one.keyspace, one.name) not in generations),
            generations=tuple(generations),
            unmanaged=self._unmanaged(),
            comments=self._unplaced(placed),
        )

    def _report_unread_bases(self) -> None:
        """Say of a view whose base is refused that it is, and not that there is none."""
        tables = {(one.keyspace, one.name) for one in self._statements if one.refusal and one.kind == "table"}
        for one in self._statements:
            refusal = one.refusal
            if refusal and (one.keyspace, refusal.base) in tables and "doesn't exist" in refusal.what:
                what = f"its base table {one.keyspace}.{refusal.base} cannot be read"
                one.refusal = replace(refusal, what=what, fix="Correct the table's statement first")

    def _comment(self, one: _ReadStatement) -> str:
        """Return the comment that a table or view has in the end, also where its file cannot keep it."""
        home = self._schema.keyspaces[one.keyspace]
        options = (
            {option.name: option.value for option in home.views[one.name].options}
            if isinstance(one.parsed, ViewStatement)
            else dict(home.tables[one.name].options)
        )
        written = {option.name: option.value for option in one.parsed.options} if one.parsed else {}
        comment = options.get("comment", written.get("comment"))
        return comment if isinstance(comment, str) else ""

    def _adopt(self, one: _ReadStatement) -> AdoptedStatement | None:
        """Return what the file says; None where lint refuses the view, which is noted."""
        home = self._schema.keyspaces[one.keyspace]
        source, changes, base = one.source, list(one.changes), ""
        if isinstance(one.parsed, ViewStatement):
            view, base = home.views[one.name], home.views[one.name].base
            if one.altered_by:
                values, more = repair_options(view.options, of_view=True, file=self._file)
                view = replace(view, options=repaired(view.options, values))
                changes += more
            findings = lint_view(view, home.tables.get(base), file=self._file, user_names=user_names(home))
            error = next((finding for finding in findings if finding.severity is Severity.ERROR), None)
            if error is not None:
                self._refuse(one, error)
                return None
            made = parse_view(source.edited(), file=self._file)
            printed = (
                ""
                if view == made
                else view_cql(view, keyspace=one.keyspace, physical=one.name, window_start=None, window_end=None)
            )
            if made.if_not_exists:
                changes.append("IF NOT EXISTS is taken out")
        else:
            table = parse_table(source.edited(), file=self._file)
            shape = home.tables[one.name]
            printed = "" if shape == table.shape(one.keyspace) else altered_cql(shape, table)
        comments = list(one.comments)
        if printed:
            comments += source.comments()
            changes.append("reprinted with later ALTERs applied; its comments moved to the top")
        comments += [comment for each in one.altered_by for comment in each.all_comments]
        at = one.source.tokens[0]
        return AdoptedStatement(
            kind=one.kind,
            keyspace=one.keyspace,
            name=one.name,
            base=base,
            body=template_of(
                StatementSource.of(printed) if printed else source,
                base=base,
                comments=(text for _at, text in sorted(comments)),
            ),
            description=" ".join(self._comment(one).split()),
            changes=tuple(changes),
            place=Place(file=self._file, line=at.line or 0, column=at.column or 0),
        )

    def _unmanaged(self) -> tuple[UnmanagedObject, ...]:
        found: list[UnmanagedObject] = []
        for keyspace, home in self._schema.keyspaces.items():
            if keyspace not in SYSTEM_KEYSPACES:
                names = [("index", name) for name in home.indexes] + [("type", name) for name in home.types]
                names += [
                    ("aggregate" if function.is_aggregate else "function", name)
                    for (name, _types), function in home.functions.items()
                ]
                found += [UnmanagedObject(kind=kind, keyspace=keyspace, name=name) for kind, name in names]
        others: dict[tuple[str, str, str], UnmanagedObject] = {}
        for position, one in enumerate(self._statements):
            verb, noun = [*one.words, "", ""][:2]
            key = (noun, one.keyspace if noun == "trigger" else "", _name_after(one.source, 2))
            if one.refusal is None and verb == "grant":
                others["grant", "", str(position)] = UnmanagedObject(kind="grant")
            elif one.refusal is None and verb == "create" and noun in ("trigger", "role", "user"):
                others[key] = UnmanagedObject(
                    kind="trigger" if noun == "trigger" else "role", keyspace=key[1], name=key[2]
                )
            elif verb == "drop":
                others.pop(key, None)
        return (*found, *others.values())

    def _unplaced(self, placed: set[int]) -> tuple[UnplacedComment, ...]:
        found = [
            (at, text, one.keyspace)
            for one in self._statements
            if id(one) not in placed
            for at, text in one.all_comments
        ]
        found += [(at, text, "") for at, text in self._last_comments]
        return tuple(
            UnplacedComment(
                keyspace=keyspace,
                text=text,
                place=Place(file=self._file, line=self._text.count("\n", 0, at) + 1),
            )
            for at, text, keyspace in sorted(found)
        )


def _name_after(source: StatementSource, position: int) -> str:
    """Return the name in a statement from a token on, behind IF [NOT] EXISTS."""
    tokens = [token for token in source.tokens[position:] if str(token).lower() not in ("if", "not", "exists")]
    return str(tokens[0]) if tokens else ""


def _write_order(
    one: _ReadStatement, parsed: TableStatement | ViewStatement, inherited: tuple[tuple[str, bool], ...]
) -> None:
    """Complete a clustering order that names some of the columns, or names them in another order."""
    given, clustering = parsed.clustering_order, parsed.clustering
    names = [name for name, _is_descending in given]
    if not clustering or names == list(clustering) or doubled(names) or not set(names) <= set(clustering):
        return
    order = tuple((name, dict(given).get(name, is_descending)) for name, is_descending in inherited)
    one.source.write_order(order)
    shown = ", ".join(f"{quoted(name)} {'DESC' if is_descending else 'ASC'}" for name, is_descending in order)
    one.changes.append(f"CLUSTERING ORDER BY is {'completed' if given else 'written out'}: ({shown})")


def not_adopted(
    kind: str, keyspace: str, name: str, finding: Finding, *, base: str = "", place: Place | None
) -> NotAdopted:
    """Return what cannot be managed, with the way out."""
    what = f"{finding.message} [{finding.code}]"
    return NotAdopted(kind=kind, keyspace=keyspace, name=name, base=base, what=what, fix=finding.fix, place=place)
