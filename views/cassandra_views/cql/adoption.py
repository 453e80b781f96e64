"""What the tables and views of a schema say in files of their own, each with what had to be changed; pure.

The text of a statement stays as it was written, comments included, where nothing after it alters what it made. A view
that breaks a rule is told of with the way out, and the others are adopted.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from cassandra_client.errors import Place
from cassandra_client.names import quoted
from cassandra_views.cql.findings import Finding, Findings, Kind, Severity, doubled
from cassandra_views.cql.lint import lint_view
from cassandra_views.cql.options import lint_options
from cassandra_views.cql.parse import parse_table, parse_view
from cassandra_views.cql.printing import option_cql, table_cql, view_cql
from cassandra_views.cql.schema_state import Schema
from cassandra_views.cql.schema_text import read_schema
from cassandra_views.cql.schema_views import user_names
from cassandra_views.cql.statement_source import StatementSource, comments_between, escaped
from cassandra_views.cql.token_reader import split_statements
from cassandra_views.model.errors import StatementError
from cassandra_views.model.schema import Column, ColumnKind, SchemaComment, TableShape
from cassandra_views.model.statement import Call, ColumnDeclaration, Option, TableStatement, ViewStatement, order_from

_COMMENT_LIMIT = 500
_LONG_NAME = (
    "Write a view file of the same statement under a shorter name; drop this view when nobody reads it any longer"
)
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
    """

    kind: str
    keyspace: str
    name: str
    what: str
    fix: str
    place: Place | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Adoption:
    """All that a schema holds, in the order of its text.

    Args:
        generations: views that are generations of ours, which need no adoption.
    """

    adopted: tuple[AdoptedStatement, ...]
    refused: tuple[NotAdopted, ...]
    generations: tuple[tuple[str, str], ...] = ()


@dataclass(slots=True)
class _ReadStatement:
    """One statement of the text, and what is found about it."""

    source: StatementSource
    keyspace: str
    padded: str
    comments: list[str] = field(default_factory=list)
    parsed: TableStatement | ViewStatement | None = None
    changes: list[str] = field(default_factory=list)

    @property
    def line(self) -> tuple[int, int]:
        token = self.source.tokens[0]
        return token.line or 0, token.column or 0

    @property
    def name(self) -> str:
        if self.source.kind:
            return self.source.written_name[1]
        return " ".join(map(str, self.source.tokens[:4]))


def adopt_schema(text: str, *, file: str, session: str | None = None) -> Adoption:
    """Return what the files of a schema's tables and views say.

    Args:
        text: statements, each ended by ``;``.
        file: for the places of what is refused.
        session: the keyspace of names that stand without one before any USE.
    """
    text = text.replace("\r\n", "\n")
    statements = _read_statements(text, file, session)
    for one in statements:
        _repair(one, file)
    schema, _findings = read_schema(_edited(text, statements), file=file, session=session)
    for one in statements:
        _complete_order(one, schema)
    schema, findings = read_schema(_edited(text, statements), file=file, session=session)
    refused = _refusals(statements, findings, file)
    adopted: list[AdoptedStatement] = []
    generations: list[tuple[str, str]] = []
    for one in _last_of_each(statements, schema):
        comment = _text_of(one.parsed.options if one.parsed else (), "comment")
        if isinstance(one.parsed, ViewStatement):
            if SchemaComment.parse(comment):
                generations.append((one.keyspace, one.name))
                continue
            broken = _lint(one, schema, file)
            if broken is not None:
                refused.append(broken)
                continue
        adopted.append(_adopt(one, schema, file, " ".join(comment.split())))
    ours = set(generations)
    told = {
        (one.kind, one.keyspace, one.name): one for one in reversed(refused) if (one.keyspace, one.name) not in ours
    }
    ordered = sorted(told.values(), key=lambda one: (one.place.line, one.place.column) if one.place else (0, 0))
    return Adoption(adopted=tuple(adopted), refused=tuple(ordered), generations=tuple(generations))


def _read_statements(text: str, file: str, session: str | None) -> list[_ReadStatement]:
    found: list[_ReadStatement] = []
    end = 0
    for tokens, padded in split_statements(text):
        source = StatementSource(text, tokens)
        own, before = comments_between(text, end, source.start)
        if found:
            found[-1].comments += own
        if str(tokens[0]).lower() == "use" and len(tokens) > 1:
            session = str(tokens[1])
        one = _ReadStatement(source, session or "", padded, before)
        try:
            if source.kind:
                one.keyspace = source.written_name[0] or one.keyspace
                one.parsed = (parse_table if source.kind == "table" else parse_view)(padded, file=file)
        except (StatementError, RecursionError, ArithmeticError, ValueError):
            one.parsed = None  # read_schema tells of it
        found.append(one)
        end = source.end
    if found:
        found[-1].comments += comments_between(text, end, len(text))[0]
    return found


def _edited(text: str, statements: Iterable[_ReadStatement]) -> str:
    """Return the text with the edits of its statements, each on its place."""
    parts, position = [], 0
    for one in statements:
        if one.parsed is not None:
            parts += [text[position : one.source.start], one.source.edited()]
            position = one.source.end
    return "".join([*parts, text[position:]])


def _repair(one: _ReadStatement, file: str) -> None:
    """Take out the options that no server takes any longer, and complete a table's clustering order."""
    parsed = one.parsed
    if parsed is None:
        return
    options = list(parsed.options)
    while refused := refused_options(options, file):
        options = [option for option in options if option.name not in refused]
        for name, reason in refused.items():
            _cut(one, name, reason)
    for option in options:
        if option.name == "id":
            _cut(one, "id", "each CREATE gives its own")
        elif isinstance(parsed, ViewStatement) and option.name == "comment" and not _can_be_followed(option):
            _cut(one, "comment", f"ours follows it, so it must be one line of at most {_COMMENT_LIMIT} characters")
    if isinstance(parsed, TableStatement) and parsed.clustering_order:
        _write_order(one, parsed.clustering, tuple((name, False) for name in parsed.clustering))


def refused_options(options: Sequence[Option], file: str) -> dict[str, str]:
    """Return why no server takes some of the options, by their names; each option has a place of its own."""
    findings = Findings(file)
    lint_options(tuple(options), findings, unknown="CV120", twice="CV121", kind="CV122")
    names = {(option.at.line, option.at.column): option.name for option in options}
    twice = doubled(option.name for option in options)
    found = {names[one.place.line, one.place.column]: one.message for one in findings.sorted() if one.code != "CV121"}
    return {name: reason.rstrip(".") for name, reason in found.items() if name not in twice}


def _can_be_followed(option: Option) -> bool:
    return isinstance(option.value, str) and len(option.value) <= _COMMENT_LIMIT and option.value.isprintable()


def _cut(one: _ReadStatement, name: str, reason: str) -> None:
    one.source.cut_options([name])
    given = one.parsed.options if one.parsed else ()
    value = next(option_cql(option.value) for option in given if option.name == name)
    one.changes.append(f"{name} = {value} is taken out: {reason}")


def _write_order(one: _ReadStatement, clustering: tuple[str, ...], inherited: tuple[tuple[str, bool], ...]) -> None:
    """Complete a clustering order that names some of the columns, or names them in another order."""
    assert one.parsed is not None
    given = one.parsed.clustering_order
    names = [name for name, _is_descending in given]
    if not clustering or names == list(clustering) or doubled(names) or not set(names) <= set(clustering):
        return
    order = tuple((name, dict(given).get(name, is_descending)) for name, is_descending in inherited)
    one.source.write_order(order)
    shown = ", ".join(f"{quoted(name)} {'DESC' if is_descending else 'ASC'}" for name, is_descending in order)
    one.changes.append(f"CLUSTERING ORDER BY is {'completed' if given else 'written out'}: ({shown})")


def _complete_order(one: _ReadStatement, schema: Schema) -> None:
    """Write a view's whole clustering order: what its statement leaves out is as in its base."""
    view = one.parsed
    home = schema.keyspaces.get(one.keyspace)
    base = home.tables.get(view.base) if isinstance(view, ViewStatement) and home else None
    if isinstance(view, ViewStatement) and base is not None and not doubled(view.clustering):
        _write_order(one, view.clustering, order_from(base, view.clustering))


def _refusals(statements: list[_ReadStatement], findings: Iterable[Finding], file: str) -> list[NotAdopted]:
    """Return the first finding of each statement that a server refuses or is harmed by."""
    found: dict[int, NotAdopted] = {}
    for finding in findings:
        if finding.kind not in (Kind.REFUSED, Kind.HARMFUL) and finding.code != "CV003":
            continue
        place = (finding.place.line, finding.place.column)
        position = max((at for at, one in enumerate(statements) if one.line <= place), default=0)
        if position not in found:
            found[position] = _refusal(statements[position], finding)
    for position, one in enumerate(statements):
        if position in found and isinstance(one.parsed, ViewStatement):
            base = (one.keyspace, one.parsed.base)
            is_of_base = any((each.keyspace, each.name) == base for each in found.values() if each.kind == "table")
            if is_of_base and "doesn't exist" in found[position].what:
                what = f"its base table {one.keyspace}.{one.parsed.base} cannot be read"
                found[position] = replace(found[position], what=what, fix="Correct the table's statement first")
    return list(found.values())


def _refusal(one: _ReadStatement, finding: Finding) -> NotAdopted:
    return not_adopted(one.source.kind or "statement", one.keyspace, one.name, finding, place=finding.place)


def not_adopted(kind: str, keyspace: str, name: str, finding: Finding, *, place: Place | None) -> NotAdopted:
    """Return what cannot be managed, with the way out for what exists already."""
    fix = _LONG_NAME if finding.code == "CV126" else finding.fix
    what = f"{finding.message} [{finding.code}]"
    return NotAdopted(kind=kind, keyspace=keyspace, name=name, what=what, fix=fix, place=place)


def _last_of_each(statements: list[_ReadStatement], schema: Schema) -> list[_ReadStatement]:
    """Return the statement of each table and view that is there at the end."""
    found: dict[tuple[str, str, str], _ReadStatement] = {}
    for one in statements:
        home = schema.keyspaces.get(one.keyspace)
        if one.parsed is None or home is None or one.keyspace in SYSTEM_KEYSPACES:
            continue
        there = home.tables if isinstance(one.parsed, TableStatement) else home.views
        key = (one.source.kind, one.keyspace, one.name)
        # A second CREATE IF NOT EXISTS does nothing.
        if one.name in there and (key not in found or not one.parsed.if_not_exists):
            found[key] = one
    return list(found.values())


def _lint(one: _ReadStatement, schema: Schema, file: str) -> NotAdopted | None:
    home = schema.keyspaces[one.keyspace]
    view = home.views[one.name]
    findings = lint_view(view, home.tables.get(view.base), file=file, user_names=user_names(home))
    error = next((finding for finding in findings if finding.severity is Severity.ERROR), None)
    return _refusal(one, error) if error is not None else None


def _adopt(one: _ReadStatement, schema: Schema, file: str, description: str) -> AdoptedStatement:
    home = schema.keyspaces[one.keyspace]
    source, comments, changes = one.source, list(one.comments), list(one.changes)
    repaired = parse_view if isinstance(one.parsed, ViewStatement) else parse_table
    made = repaired(source.edited(), file=file)
    base = ""
    if isinstance(made, ViewStatement):
        view = home.views[one.name]
        base = view.base
        printed = (
            ""
            if view == made
            else view_cql(view, keyspace=one.keyspace, physical=one.name, window_start=None, window_end=None)
        )
        if made.if_not_exists:
            changes.append("IF NOT EXISTS is taken out")
    else:
        shape = home.tables[one.name]
        printed = "" if shape == made.shape(one.keyspace) else _altered_cql(shape, made)
    if printed:
        comments += source.comments()
        changes.append("written anew, since later statements alter it; its comments stand above")
        source = StatementSource.of(printed)
    body = _template(source, base, comments)
    return AdoptedStatement(
        kind=one.source.kind,
        keyspace=one.keyspace,
        name=one.name,
        base=base,
        body=body,
        description=description,
        changes=tuple(changes),
        place=Place(file=file, line=one.line[0], column=one.line[1]),
    )


def _altered_cql(shape: TableShape, made: TableStatement) -> str:
    """Return the statement that creates a table as later statements left it."""
    statement = statement_of_shape(
        shape,
        columns=shape.columns,
        options=(Option(name=name, value=value) for name, value in shape.options),
        masks={column.name: column.mask for column in made.columns},
        if_not_exists=made.if_not_exists,
        is_compact=made.is_compact,
    )
    return table_cql(statement, keyspace=shape.keyspace)


def template_of(printed: str, *, base: str = "") -> str:
    """Return the template of a statement that was printed; of a view with its base."""
    return _template(StatementSource.of(printed), base, ())


def _template(source: StatementSource, base: str, comments: Iterable[str]) -> str:
    source.rename("{{ view }}", f"{{{{ base('{base}') }}}}") if base else source.rename("{{ table }}")
    return "\n".join([*map(escaped, comments), source.edited(is_template=True)]) + "\n"


def statement_of_shape(
    shape: TableShape,
    *,
    columns: Iterable[Column],
    options: Iterable[Option],
    masks: Mapping[str, Call | None] = MappingProxyType({}),
    if_not_exists: bool = False,
    is_compact: bool = False,
) -> TableStatement:
    """Return the statement that creates a table, with its columns in this order."""
    clustering = shape.clustering
    descending = any(column.is_descending for column in clustering)
    return TableStatement(
        table=shape.name,
        columns=tuple(
            ColumnDeclaration(
                name=column.name,
                type=column.type,
                # The columns of a compact table are static to the server, and not in its statement.
                is_static=column.kind is ColumnKind.STATIC and not is_compact,
                mask=masks.get(column.name),
            )
            for column in columns
        ),
        partition_key=tuple(column.name for column in shape.partition_key),
        clustering=tuple(column.name for column in clustering),
        clustering_order=tuple((one.name, one.is_descending) for one in clustering) if descending else (),
        options=tuple(options),
        keyspace=shape.keyspace,
        if_not_exists=if_not_exists,
        is_compact=is_compact,
    )


def _text_of(options: Iterable[Option], name: str) -> str:
    return next((option.value for option in options if option.name == name and isinstance(option.value, str)), "")
