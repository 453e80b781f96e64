"""The schema that a text's statements leave, and one of these statements while it is read."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from cassandra_client.names import quoted
from cassandra_views.cql.findings import Finding, Findings
from cassandra_views.cql.options import lint_options
from cassandra_views.cql.parse import parse_options
from cassandra_views.cql.token_reader import TokenReader, is_keyword
from cassandra_views.cql.types import CqlType
from cassandra_views.model.names import is_word
from cassandra_views.model.schema import Column, TableShape
from cassandra_views.model.statement import At, Option, ViewStatement


@dataclass(frozen=True, slots=True, kw_only=True)
class SchemaIndex:
    """A secondary index; two that differ in their names alone cannot be.

    Args:
        targets: each a column with how it is indexed, such as ``keys(c)``; empty where an index names none.
        class_name: as it is written, empty for the server's own kind.
    """

    table: str
    columns: tuple[str, ...]
    targets: tuple[str, ...]
    class_name: str
    options: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SchemaFunction:
    """A function or an aggregate of a user's.

    Args:
        types: all those that it names.
    """

    is_aggregate: bool
    types: tuple[CqlType, ...]


@dataclass(slots=True)
class SchemaKeyspace:
    """What a keyspace holds.

    Args:
        has_transient_replicas: whether its replication says ``'3/1'`` or the like.
        functions: and aggregates, by their names and the types of their arguments.
        dropped_columns: those that a table had, by (table, column): what takes their place must fit them.
    """

    has_transient_replicas: bool = False
    tables: dict[str, TableShape] = field(default_factory=dict)
    views: dict[str, ViewStatement] = field(default_factory=dict)
    types: dict[str, tuple[tuple[str, CqlType], ...]] = field(default_factory=dict)
    functions: dict[tuple[str, tuple[CqlType, ...]], SchemaFunction] = field(default_factory=dict)
    indexes: dict[str, SchemaIndex] = field(default_factory=dict)
    dropped_columns: dict[tuple[str, str], Column] = field(default_factory=dict)

    def views_of(self, table: str) -> list[ViewStatement]:
        """Return the views on a table."""
        return [view for view in self.views.values() if view.base == table]

    def indexes_of(self, table: str, column: str) -> list[str]:
        """Return the names of the indexes that a column of a table has, or may have."""
        return [
            name
            for name, index in self.indexes.items()
            if index.table == table and (column in index.columns or not index.columns)
        ]


@dataclass(slots=True)
class Schema:
    """Keyspaces by their names, those that were dropped, and the one that unqualified names are read in.

    Args:
        views_per_table: how many views a table may have; none where negative.
    """

    keyspaces: dict[str, SchemaKeyspace] = field(default_factory=dict)
    dropped_keyspaces: set[str] = field(default_factory=set)
    session: str | None = None
    views_per_table: int = -1

    def find_keyspace(self, name: str) -> SchemaKeyspace | None:
        """Return the keyspace, which is taken to exist where a statement names it; None where it was dropped."""
        return None if name in self.dropped_keyspaces else self.keyspaces.setdefault(name, SchemaKeyspace())

    def get_keyspace(self, name: str) -> SchemaKeyspace:
        """Return the keyspace as ``find_keyspace``.

        Raises:
            RefusedStatement: it was dropped.
        """
        found = self.find_keyspace(name)
        if found is None:
            raise RefusedStatement(f"Keyspace '{name}' doesn't exist")
        return found


class RefusedStatement(Exception):
    """The server's words about a statement; ours where it has none that are its own."""

    def __init__(self, message: str, *, has_words: bool = True) -> None:
        super().__init__(message)
        self.server = message if has_words else None


NO_KEYSPACE = "No keyspace has been specified. USE a keyspace, or explicitly specify keyspace.tablename"


@dataclass(slots=True, kw_only=True)
class SchemaStatement:
    """One statement while it is read.

    Args:
        words: its tokens.
        text: the statement alone, on the lines where it stands in the whole text.
        found: what is wrong with it.
    """

    schema: Schema
    words: TokenReader
    text: str
    file: str
    found: list[Finding]

    def resolve(self, name: tuple[str | None, str]) -> tuple[SchemaKeyspace, str, str]:
        """Return the keyspace of a name, that one's own name, and the name in it; for what is to be made there.

        Raises:
            RefusedStatement: the keyspace was dropped, or there is none in use.
        """
        keyspace = self.keyspace_of(name)
        check_keyspace_name(keyspace)
        return self.schema.get_keyspace(keyspace), keyspace, name[1]

    def resolve_existing(self, name: tuple[str | None, str]) -> tuple[SchemaKeyspace, str, str]:
        """Return as ``resolve``; a keyspace that was dropped is an empty one, as for what ALTER and DROP name."""
        keyspace = self.keyspace_of(name)
        check_keyspace_name(keyspace)
        return self.schema.find_keyspace(keyspace) or SchemaKeyspace(), keyspace, name[1]

    def keyspace_of(self, name: tuple[str | None, str]) -> str:
        """Return the keyspace that a name is read in."""
        keyspace = name[0] or self.schema.session
        if keyspace is None:
            raise RefusedStatement(NO_KEYSPACE)
        return keyspace

    def takes_if_exists(self) -> bool:
        """Read IF EXISTS; tell whether it stands there."""
        return self.words.take("if", "exists")

    def takes_if_not_exists(self) -> bool:
        """Read IF NOT EXISTS; tell whether it stands there."""
        return self.words.take("if", "not", "exists")

    def options(self) -> tuple[Option, ...]:
        """Read the options that end the statement."""
        text, _at = self.words.rest()
        self.words.skip()
        return parse_options(text, file=self.file)

    def valid_options(self, options: tuple[Option, ...]) -> tuple[Option, ...]:
        """Return options of a table or view; report what a server refuses of them, and return none then."""
        findings = Findings(self.file)
        lint_options(options, findings, unknown="CV412", twice="CV413", kind="CV414")
        found = findings.sorted()
        self.found += found
        return () if found else options

    def check_type_keyspaces(self, keyspace: str, start: int = 0) -> None:
        """Refuse a user-defined type that is named in another keyspace, from a token on.

        Raises:
            RefusedStatement: there is one.
        """
        tokens = self.words.tokens
        for position in range(start, len(tokens) - 2):
            first, dot, _name = tokens[position : position + 3]
            is_of_mask = position > 0 and is_keyword(tokens[position - 1], "with")
            if dot.type == "DOT" and first.type != "INTEGER" and not is_of_mask and str(first) != keyspace:
                what = f"Statement on keyspace {keyspace} cannot refer to a user type in keyspace {first}"
                raise RefusedStatement(f"{what}; user types can only be used in the keyspace they are defined in")


@contextmanager
def limits_reported(findings: Findings, at: At) -> Iterator[None]:
    """Report what is too deep or too large for us: what a server says of it is not known."""
    try:
        yield
    except RecursionError:
        findings.add("CV003", "the statement is nested too deeply for us", at, "Write it in fewer levels")
    except (ArithmeticError, ValueError) as error:
        findings.add("CV003", f"a value is beyond what we read: {error}", at, "Write a smaller one")


_KEYSPACE_NAME_LIMIT = 48
_SYSTEM = frozenset(("system", "system_schema", "system_views", "system_virtual_schema"))


def keyspace_refusal(name: str) -> str:
    """Return why a server changes nothing in a keyspace of this name, "" where it may."""
    if name.lower() in _SYSTEM:
        return f"System keyspace '{name}' is not user-modifiable"
    if not is_word(name):
        what = "Keyspace name must not be empty and must contain alphanumeric or underscore characters only"
        return f'{what} (got "{name}")'
    if len(name) > _KEYSPACE_NAME_LIMIT:
        what = f"Keyspace name must not be more than {_KEYSPACE_NAME_LIMIT} characters long"
        return f'{what} (got {len(name)} characters for "{name}")'
    return ""


def check_keyspace_name(name: str) -> None:
    """Refuse a keyspace in which a server changes nothing, whether it exists or not.

    Raises:
        RefusedStatement: with the server's words.
    """
    if refusal := keyspace_refusal(name):
        raise RefusedStatement(refusal)


def full_name(keyspace: str, name: str) -> str:
    """Return a name as servers print that of a type."""
    return f"{quoted(keyspace)}.{quoted(name)}"
