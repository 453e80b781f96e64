"""What a view file says, as a value."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from cassandra_client.errors import Place
from cassandra_views.model.errors import ProjectError
from cassandra_views.model.generation import Serving, Strategy
from cassandra_views.model.names import ViewName
from cassandra_views.model.times import TimeColumn
from cassandra_views.model.window import Window

DEFAULT_GRACE = timedelta(minutes=15)
DEFAULT_MIN_ROWS_PERCENT = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewDefinition:
    """One file under ``views/``: the statement, and how the view is kept.

    Args:
        text: the rendered statement, on the lines of its file (``cql.statements`` parses it).
        version: the fingerprint of the statement without window bounds (docs/formats.md).
        inherited_order: pairs of clustering column and whether it is descending, as the base gives them; empty
            where the statement states its order itself.
        time: the base table's time column; None where its file names none.
        max_lag: how late a slide of the window may be; None promises nothing.
        min_rows_percent: how many percent of the rows that serve the next generation needs to be served without a
            person; 0 needs none.
    """

    name: ViewName
    base: str
    text: str
    version: str
    place: Place
    inherited_order: tuple[tuple[str, bool], ...] = ()
    window: Window | None = None
    time: TimeColumn | None = None
    strategy: Strategy = Strategy.REBUILD
    grace: timedelta = DEFAULT_GRACE
    max_lag: timedelta | None = None
    min_rows_percent: int = DEFAULT_MIN_ROWS_PERCENT
    description: str = ""
    owner: str = ""
    tags: tuple[str, ...] = ()

    def window_start(self, now: datetime) -> datetime | None:
        """Return the lower bound that should serve now, None for a view over its whole base."""
        return self.window.start(now) if self.window else None

    def serving(self, physical: str, start: datetime | None, end: datetime | None = None) -> Serving:
        """Return the ``read_from`` entry of a generation of this definition."""
        return Serving(name=physical, time=self.time if start or end else None, start=start, end=end)


@dataclass(frozen=True, slots=True, kw_only=True)
class TableDefinition:
    """One file under ``tables/``: a base table's time column and, where we own it, its statement.

    Args:
        text: the rendered statement, on the lines of its file; empty where the file holds none.
        cql: the statement as it is sent.
    """

    keyspace: str
    table: str
    place: Place
    managed: bool = False
    time: TimeColumn | None = None
    text: str = ""
    cql: str = ""
    description: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokenView:
    """A view file that says nothing usable: its view is left as it is, and is not taken for one without a file.

    Args:
        keyspace: as far as the file tells; empty where it does not.
        is_of_table: the file of its base table is wrong, and not its own.
    """

    view: str
    error: ProjectError
    keyspace: str = ""
    is_of_table: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokenTable:
    """A table file that says nothing usable: the views on that table are left as they are.

    Args:
        keyspace: as far as the file tells; empty where it does not.
    """

    table: str
    error: ProjectError
    keyspace: str = ""

    def is_of(self, keyspace: str, table: str) -> bool:
        """Tell whether it may be the file of this table."""
        return self.table == table and self.keyspace in ("", keyspace)


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """Everything the files of a project say, read at one moment.

    Args:
        broken: view files that are wrong, and those whose table files are, where the reader was asked to skip them.
        broken_tables: table files that are wrong, likewise.
    """

    name: str
    is_named: bool = True
    views: tuple[ViewDefinition, ...] = ()
    tables: tuple[TableDefinition, ...] = ()
    broken: tuple[BrokenView, ...] = ()
    broken_tables: tuple[BrokenTable, ...] = ()

    @property
    def errors(self) -> tuple[ProjectError, ...]:
        """What is wrong with files, each error once."""
        own = [each.error for each in self.broken if not each.is_of_table]
        found = [*(each.error for each in self.broken_tables), *own]
        # A macro that is wrong is told once, and not for each view that uses it.
        known = {(each.place, each.what): each for error in found for each in (error.details or (error,))}
        return tuple(known.values())

    @property
    def keyspaces(self) -> tuple[str, ...]:
        """The keyspaces the files speak of, in order."""
        return tuple(sorted({view.name.keyspace for view in self.views} | {table.keyspace for table in self.tables}))
