"""The schema that a text's statements leave, and one of these statements while it is read."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from cassandra_client.names import quoted
from cassandra_views.cql.findings import Finding, Findings
from cassandra_views.cql.options import lint_options
from cassandra_views.cql.parse import parse_options
from cassandra_views.cql.token_reader import TokenReader
from cassandra_views.cql.types import CqlType
from cassandra_views.model.schema import Column, TableShape
from cassandra_views.model.statement import At, Option, ViewStatement


@dataclass(frozen=True, slots=True, kw_only=True)
class SchemaIndex:
    """A secondary index; two that differ in their names alone cannot be.

    Args:
        targets: each a column with how it is indexed, such as ``keys(c)``; empty where an index names none.
    """

    table: str
    columns: tuple[str, ...]
    targets: tuple[str, ...]
    implementation: str


@dataclass(slots=True)
class SchemaKeyspace:
    """What a keyspace holds.

    Args:
        has_transient_replicas: whether its replication says ``'3/1'`` or the like.
        functions: the types of the arguments of each.
        dropped: columns that a table had, by (table, column): what takes their place must fit them.
    """

    has_transient_replicas: bool = False
    tables: dict[str, TableShape] = field(default_factory=dict)
    views: dict[str, ViewStatement] = field(default_factory=dict)
    types: dict[str, tuple[tuple[str, CqlType], ...]] = field(default_factory=dict)
    functions: dict[str, tuple[CqlType, ...]] = field(default_factory=dict)
    indexes: dict[str, SchemaIndex] = field(default_factory=dict)
    dropped: dict[tuple[str, str], Column] = field(default_factory=dict)

    def views_of(self, table: str) -> list[ViewStatement]:
        """Return the views on a table."""
        return [view for view in self.views.values() if view.base == table]

    def is_counter(self, table: TableShape) -> bool:
        """Tell whether a table was made for counters; it stays one where they are dropped."""
        dropped = [column for (name, _column), column in self.dropped.items() if name == table.name]
        return table.is_counter or any(column.type == "counter" for column in dropped)

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
    dropped: set[str] = field(default_factory=set)
    session: str | None = None
    views_per_table: int = -1

    def keyspace(self, name: str) -> SchemaKeyspace:
        """Return the keyspace, which is taken to exist where a statement names it.

        Raises:
            RefusedStatement: it was dropped.
        """
        if name in self.dropped:
            raise RefusedStatement(f"Keyspace '{name}' doesn't exist")
        return self.keyspaces.setdefault(name, SchemaKeyspace())


class RefusedStatement(Exception):
    """The server's words about a statement."""


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

    def place(self, name: tuple[str | None, str]) -> tuple[SchemaKeyspace, str, str]:
        """Return the keyspace of a name, that one's own name, and the name in it."""
        keyspace = name[0] or self.schema.session
        if keyspace is None:
            raise RefusedStatement(NO_KEYSPACE)
        return self.schema.keyspace(keyspace), keyspace, name[1]

    def named(self) -> tuple[SchemaKeyspace, str, str]:
        """Read a qualified name; return as ``place``."""
        return self.place(self.words.qualified())

    def takes_existence(self) -> bool:
        """Read IF EXISTS or IF NOT EXISTS; tell whether it stands there."""
        return self.words.take("if", "not", "exists") or self.words.take("if", "exists")

    def options(self) -> tuple[Option, ...]:
        """Read the options that end the statement."""
        text, _at = self.words.rest()
        self.words.skip()
        return parse_options(text, file=self.file)

    def table_options(self) -> tuple[Option, ...]:
        """Read the options of a table or view that end the statement; none where a server refuses one."""
        findings = Findings(self.file)
        options = self.options()
        lint_options(options, findings, unknown="CV412", twice="CV413", kind="CV414")
        told = findings.sorted()
        self.found += told
        return () if told else options

    def check_type_keyspaces(self, keyspace: str, start: int = 0) -> None:
        """Refuse a user-defined type that is named in another keyspace, from a token on.

        Raises:
            RefusedStatement: there is one.
        """
        tokens = self.words.tokens
        for position in range(start, len(tokens) - 2):
            first, dot, _name = tokens[position : position + 3]
            is_of_mask = position > 0 and tokens[position - 1].lower() == "with"
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


def full_name(keyspace: str, name: str) -> str:
    """Return a name as servers print that of a type."""
    return f"{quoted(keyspace)}.{quoted(name)}"
