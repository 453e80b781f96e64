"""Reading a project's folder: table files, view files, one value of both."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

from cassandra_views.cql.fingerprint import fingerprint
from cassandra_views.cql.lint import lint_table, lint_view, raise_on_errors
from cassandra_views.cql.parse import parse_table, parse_view
from cassandra_views.cql.printing import table_cql
from cassandra_views.model.definition import Project, TableDefinition, ViewDefinition
from cassandra_views.model.errors import Place, ProjectError
from cassandra_views.model.generation import Strategy
from cassandra_views.model.names import ViewName, nearest, quoted
from cassandra_views.model.times import duration_text
from cassandra_views.project.frontmatter import SplitFile, TableMatter, ViewMatter, read_matter, split
from cassandra_views.project.templates import Templates

SUFFIX = ".cql.j2"


class Loader:
    """Reads one folder of templates for one environment.

    Args:
        root: the folder that holds ``views/``, ``tables/`` and ``macros/``.
        keyspaces: logical to physical keyspace names of the environment.
        default_keyspace: for files that name none.
        environment: the environment's name, as templates see it in ``env``.
        reader_cache_seconds: how long readers keep what they know; a view's grace is at least twice that.
    """

    def __init__(
        self,
        root: Path,
        *,
        keyspaces: Mapping[str, str] | None = None,
        default_keyspace: str | None = None,
        environment: str = "",
        project: str | None = None,
        reader_cache_seconds: float = 5.0,
    ) -> None:
        self.root = root
        self._keyspaces = dict(keyspaces or {})
        self._default_keyspace = default_keyspace
        self._environment = environment
        self._project = project
        self._reader_cache = timedelta(seconds=reader_cache_seconds)
        self._templates = Templates(root)

    def load(self) -> Project:
        """Read every file.

        Raises:
            ProjectError: the folder is missing or empty, a file is wrong, two files have one name.
        """
        if not self.root.is_dir():
            raise ProjectError(
                "there is no such folder of templates",
                on=str(self.root),
                next="Name it with --templates DIR, or write a new project with 'views init'",
            )
        tables = self._tables()
        views = self._views(tables)
        if not views and not tables:
            raise ProjectError(
                f"the folder holds no views/*{SUFFIX} and no tables/*{SUFFIX}",
                on=str(self.root),
                next="Name the right folder with --templates DIR, or add a view file",
            )
        return Project(
            name=self._project or "default",
            is_named=self._project is not None,
            views=views,
            tables=tuple(tables.values()),
        )

    def _files(self, folder: str) -> list[Path]:
        return sorted((self.root / folder).rglob(f"*{SUFFIX}"))

    def _views(self, tables: Mapping[tuple[str, str], TableDefinition]) -> tuple[ViewDefinition, ...]:
        found: dict[str, ViewDefinition] = {}
        for path in self._files("views"):
            view = self._view(path, tables)
            # Readers may leave the keyspace out, so a view's name is unique in its registry.
            _refuse_double(view.name.view, found.get(view.name.view), view.place)
            found[view.name.view] = view
        return tuple(found.values())

    def _shown(self, path: Path) -> str:
        return f"{self.root.name}/{path.relative_to(self.root).as_posix()}"

    def _split(self, path: Path) -> SplitFile:
        try:
            return split(path.read_text(encoding="utf-8"), self._shown(path))
        except (OSError, UnicodeDecodeError) as error:
            raise ProjectError(
                f"the file cannot be read: {error}",
                place=Place(file=self._shown(path)),
                next="Save it as UTF-8 text",
            ) from error

    def _keyspace(self, named: str | None, file: str) -> str:
        logical = named or self._default_keyspace
        if not logical:
            raise ProjectError(
                "no keyspace is named",
                place=Place(file=file, line=1),
                next="Add 'keyspace:' to the front matter, or default_keyspace to the environment in views.toml",
            )
        return self._keyspaces.get(logical, logical)

    def _names(self, keyspace: str) -> dict[str, Any]:
        return {"env": self._environment, "keyspace": keyspace}

    def _tables(self) -> dict[tuple[str, str], TableDefinition]:
        found: dict[tuple[str, str], TableDefinition] = {}
        for path in self._files("tables"):
            table = self._table(path)
            _refuse_double(table.table, found.get((table.keyspace, table.table)), table.place)
            found[table.keyspace, table.table] = table
        return found

    def _table(self, path: Path) -> TableDefinition:
        parts = self._split(path)
        matter = read_matter(parts, TableMatter)
        keyspace = self._keyspace(matter.keyspace, parts.file)
        name = path.name.removesuffix(SUFFIX)
        place = Place(file=parts.file, line=1)
        text = self._templates.render(
            parts.body, parts.file, self._names(keyspace) | {"table": f"{quoted(keyspace)}.{quoted(name)}"}
        )
        statement = parse_table(text, file=parts.file) if text.strip() else None
        if statement is not None:
            raise_on_errors(lint_table(statement, file=parts.file), on=f"{keyspace}.{name}")
        elif matter.managed:
            raise ProjectError(
                "a managed table needs its CREATE TABLE statement",
                place=place,
                next="Add the statement, or remove 'managed: true'",
            )
        time = matter.time.time_column() if matter.time else None
        if time and statement is not None:
            column = statement.shape(keyspace).find_column(time.name)
            if column is None or column.type not in time.kind.cql_types:
                what = f"has the type {column.type}" if column else "is not in the table"
                known = [each.name for each in statement.shape(keyspace).columns]
                raise ProjectError(
                    f"the time column '{time.name}' {what}{'' if column else nearest(time.name, known)}",
                    place=place,
                    next=f"Time held as {time.kind.value} needs a column of type {' or '.join(time.kind.cql_types)}",
                )
        return TableDefinition(
            keyspace=keyspace,
            table=name,
            place=place,
            managed=matter.managed,
            time=time,
            statement=statement,
            cql=table_cql(statement, keyspace=keyspace, name=name) if statement else "",
            description=matter.description,
        )

    def _view(self, path: Path, tables: Mapping[tuple[str, str], TableDefinition]) -> ViewDefinition:
        parts = self._split(path)
        matter = read_matter(parts, ViewMatter)
        keyspace = self._keyspace(matter.keyspace, parts.file)
        name = ViewName(keyspace=keyspace, view=path.name.removesuffix(SUFFIX))
        place = Place(file=parts.file, line=1)
        used = _Used(name, parts.file, tables)
        text = self._templates.render(
            parts.body,
            parts.file,
            self._names(keyspace)
            | {
                "view": f"{quoted(keyspace)}.{quoted(name.view)}",
                "base": used.base,
                "in_window": used.in_window,
            },
        )
        statement = parse_view(text, file=parts.file)
        raise_on_errors(lint_view(statement, None, file=parts.file), on=str(name))
        self._check_names(name, statement, place)
        table = tables.get((keyspace, statement.base))
        window = matter.window.window() if matter.window else None
        if (window is None) == used.is_windowed:
            has, lacks = ("in_window()", "a window") if used.is_windowed else ("a window", "in_window()")
            raise ProjectError(
                f"the file has {has} and lacks {lacks}",
                on=str(name),
                place=place,
                next="Give both, or neither for a view over its whole base table",
            )
        time = table.time if table else None
        if window and time and time.grain and window.step % time.grain:
            raise ProjectError(
                f"the step ({duration_text(window.step)}) is no multiple of the grain of {statement.base} "
                f"({duration_text(time.grain)})",
                on=str(name),
                place=place,
                next="Choose a step that is",
            )
        if matter.grace < 2 * self._reader_cache:
            raise ProjectError(
                f"its grace ({duration_text(matter.grace)}) is less than twice the time readers keep what they know "
                f"({duration_text(self._reader_cache)})",
                on=str(name),
                place=place,
                next="Choose a longer grace, or a shorter reader_cache_seconds in views.toml",
            )
        if matter.strategy is not Strategy.REBUILD:
            raise ProjectError(
                f"the strategy '{matter.strategy.value}' is not built yet",
                on=str(name),
                place=place,
                next="Use strategy: rebuild",
            )
        return ViewDefinition(
            name=name,
            base=statement.base,
            statement=statement,
            version=fingerprint(keyspace, statement),
            place=place,
            window=window,
            time=time,
            strategy=matter.strategy,
            grace=matter.grace,
            description=matter.description,
            owner=matter.owner,
            tags=matter.tags,
        )

    def _check_names(self, name: ViewName, statement: Any, place: Place) -> None:
        if statement.view != name.view or (statement.keyspace or name.keyspace) != name.keyspace:
            raise ProjectError(
                f"the statement creates {statement.view}, and the file is called {name.view}",
                on=str(name),
                place=place,
                next="Write CREATE MATERIALIZED VIEW {{ view }}",
            )
        if (statement.base_keyspace or name.keyspace) != name.keyspace:
            raise ProjectError(
                f"the base table is in the keyspace {statement.base_keyspace}; the server takes a view and its "
                "base only in one",
                on=str(name),
                place=place,
                next="Write FROM {{ base('table') }}",
            )


class _Used:
    """What one view's template named: its base table and its window."""

    def __init__(self, name: ViewName, file: str, tables: Mapping[tuple[str, str], TableDefinition]) -> None:
        self._name, self._file, self._tables = name, file, tables
        self._base: str | None = None
        self.is_windowed = False

    def base(self, table: str) -> str:
        """Name the base table: its quoted name in the view's keyspace."""
        self._base = table
        return f"{quoted(self._name.keyspace)}.{quoted(table)}"

    def in_window(self) -> str:
        """Stand for the view's window: the time column at or after its start."""
        if self._base is None:
            raise ValueError("in_window() needs to know the base table: write FROM {{ base('table') }} before it")
        table = self._tables.get((self._name.keyspace, self._base))
        if table is None or table.time is None:
            known = [name for space, name in self._tables if space == self._name.keyspace]
            hint = nearest(self._base, known) if table is None else ""
            raise ValueError(
                f"in_window() needs the time column of {self._base}: name it under 'time:' in "
                f"tables/{self._base}{SUFFIX}{hint}"
            )
        self.is_windowed = True
        return f"{quoted(table.time.name)} >= :window_start"


def _refuse_double(name: str, other: ViewDefinition | TableDefinition | None, place: Place) -> None:
    if other is not None:
        raise ProjectError(
            f"two files have the name '{name}': the other is {other.place.file}",
            place=Place(file=place.file),
            next="Rename or remove one of them",
        )
