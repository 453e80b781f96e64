"""What view files and table files say, as values: definitions, and the moving window of a view."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from cassandra_client.errors import Place
from cassandra_views.model.data_check import DataCheck
from cassandra_views.model.errors import ProjectError
from cassandra_views.model.generation import Serving, Strategy
from cassandra_views.model.lag import LagPolicy
from cassandra_views.model.names import ViewName
from cassandra_views.model.times import LONGEST, TimeColumn, duration_text, floor


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """``{last, step, at}`` of a view file; all bounds are half-open and in UTC.

    The lower bound is at most ``last``, one ``step`` and ``at`` before now.

    Args:
        last: what readers are promised to see, back from now.
        step: by how much the window moves at a time.
        at: when in each step it moves, as an offset from the step's begin; None: as soon as it can.
        slides_on_base: under Airflow, it moves when the base table is told to be written, not at its time.
    """

    last: timedelta
    step: timedelta
    at: timedelta | None = None
    slides_on_base: bool = False

    def __post_init__(self) -> None:
        if self.step <= timedelta() or self.last <= timedelta():
            raise ValueError("last and step must be longer than zero")
        if self.last > LONGEST:
            raise ValueError("the window is longer than a century; without one the view covers its whole base")
        if self.step > self.last:
            raise ValueError(
                f"the step ({duration_text(self.step)}) is longer than the window ({duration_text(self.last)})"
            )
        if self.at is not None and self.at >= self.step:
            raise ValueError(
                f"'at' ({duration_text(self.at)} after midnight) lies outside the step ({duration_text(self.step)})"
            )

    def start(self, now: datetime) -> datetime:
        """Return the lower bound that should serve now: never later than ``now - last``."""
        if self.at is None:
            return floor(now - self.last, self.step)
        slid_at = floor(now - self.at, self.step) + self.at
        return floor(slid_at - self.last, self.step)

    def next_slide(self, now: datetime) -> datetime:
        """Return when the window moves next."""
        if self.at is None:
            return floor(now - self.last, self.step) + self.step + self.last
        return floor(now - self.at, self.step) + self.at + self.step

    def outgrown(self, start: datetime) -> datetime:
        """Return since when a lower bound is earlier than the one that should serve: when a slide from it is due."""
        passes = floor(start, self.step) + self.step + self.last
        if self.at is None:
            return passes
        slid_at = floor(passes - self.at, self.step) + self.at
        return slid_at if slid_at >= passes else slid_at + self.step

    @property
    def declared(self) -> str:
        """The window as a file's front matter says it: equal for windows that keep the same rows at any time."""
        at = f', at: "{_time_of_day(self.at)}"' if self.at is not None else ""
        return f"{{last: {duration_text(self.last)}, step: {duration_text(self.step)}{at}}}"

    def __str__(self) -> str:
        return f"last {duration_text(self.last)}, step {duration_text(self.step)}"


def _time_of_day(at: timedelta) -> str:
    minutes = int(at.total_seconds()) // 60
    return f"{minutes // 60:02}:{minutes % 60:02}"


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
        lag: how late it may show a write, and how that is measured.
        min_rows_percent: how many percent of the rows that serve the next generation needs to be served without a
            person; 0 needs none.
        checks: what a generation is asked before it serves.
        renamed_from: names that the view had before and that are served as well.
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
    lag: LagPolicy = field(default_factory=LagPolicy)
    min_rows_percent: int = DEFAULT_MIN_ROWS_PERCENT
    checks: tuple[DataCheck, ...] = ()
    renamed_from: tuple[str, ...] = ()
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
        renamed_from: as far as the file tells.
    """

    view: str
    error: ProjectError
    keyspace: str = ""
    is_of_table: bool = False
    renamed_from: tuple[str, ...] = ()


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
