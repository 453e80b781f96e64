"""Reading a project's folder: table files, view files, one value of both."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cassandra_client.errors import Place
from cassandra_client.names import quoted
from cassandra_views.model.data_check import VIEW_MARK, DataCheck, find_query_fault
from cassandra_views.model.definition import (
    DEFAULT_MIN_ROWS_PERCENT,
    BrokenTable,
    BrokenView,
    Project,
    TableDefinition,
    ViewDefinition,
)
from cassandra_views.model.errors import ProjectError
from cassandra_views.model.names import ViewName, keyspace_fault
from cassandra_views.project.cache import FileCache, folder_mark, mark_of, program_mark
from cassandra_views.project.definitions import TemplateUse, check_name, read_table, read_view
from cassandra_views.project.front_matter import SplitFile, load_yaml, read_front_matter, split
from cassandra_views.project.project_folder import FILE_SUFFIX, shown_path
from cassandra_views.project.renames import find_rename_faults
from cassandra_views.project.schemas import FrontMatter, TableFrontMatter, ViewFrontMatter
from cassandra_views.project.settings import Settings

if TYPE_CHECKING:
    from cassandra_views.project.templates import Templates

_NEAR = frozenset({".cql", ".j2", ".jinja", ".jinja2"})
"""How names end that were meant to be those of view files and table files, right or nearly so."""


class ProjectLoader:
    """Reads one folder of templates for one environment.

    Args:
        root: the folder that holds ``views/``, ``tables/`` and ``macros/``.
        keyspaces: logical to physical keyspace names of the environment.
        default_keyspace: for files that name none.
        environment: the environment's name, as templates see it in ``env``.
        reader_cache_seconds: how long readers keep what they know; a view's grace is at least twice that.
        min_rows_percent: of view files that name none.
        cache: what unchanged files said before.
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
        min_rows_percent: int = DEFAULT_MIN_ROWS_PERCENT,
        cache: FileCache | None = None,
    ) -> None:
        self.root = root
        self._keyspaces = dict(keyspaces or {})
        self._default_keyspace = default_keyspace
        self._environment = environment
        self._project = project
        self._reader_cache = timedelta(seconds=reader_cache_seconds)
        self._min_rows_percent = min_rows_percent
        self._cache = FileCache() if cache is None else cache

    @cached_property
    def _templates(self) -> Templates:
        # Where every file is as it was the last time none is rendered, and Jinja is not imported.
        from cassandra_views.project.templates import Templates

        return Templates(self.root)

    @classmethod
    def of(cls, settings: Settings, cache: FileCache | None = None) -> ProjectLoader:
        """Return the loader of the settings' folder and environment."""
        return cls(
            settings.templates,
            keyspaces=settings.env.physical_keyspaces(),
            default_keyspace=settings.env.default_keyspace,
            environment=settings.environment,
            project=settings.project,
            reader_cache_seconds=settings.env.reader_cache_seconds,
            min_rows_percent=settings.env.min_rows_percent,
            cache=cache,
        )

    def load(self, *, skip_broken: bool = False) -> Project:
        """Read every file.

        Args:
            skip_broken: leave files that are wrong out, and list them in ``Project.broken`` and
                ``Project.broken_tables``: one file must not stop the views of all others.

        Raises:
            ProjectError: the folder is missing or empty, a file is wrong, two files have one name.
        """
        if not self.root.is_dir():
            raise ProjectError(
                "there is no such folder of templates",
                on=str(self.root),
                next="Name it with --templates DIR, or write a new project with 'views init'",
            )
        shared = self._shared_mark()
        broken_tables: list[BrokenTable] = []
        table_files = self._table_files(broken_tables)
        tables = self._tables(table_files, shared, broken_tables)
        # Which tables there are matters to a view as much as what its own say: hints name the nearest.
        shared = mark_of(shared, *(part for path, each in table_files.items() for part in (path.name, each)))
        broken: list[BrokenView] = []
        views = self._views(tables, broken_tables, shared, broken)
        if not skip_broken and (broken_tables or broken):
            raise broken_tables[0].error if broken_tables else broken[0].error
        if not views and not tables and not broken and not broken_tables:
            raise ProjectError(
                f"the folder holds no views/*{FILE_SUFFIX} and no tables/*{FILE_SUFFIX}",
                on=str(self.root),
                next="Name the right folder with --templates DIR, or add a view file",
            )
        return Project(
            name=self._project or "default",
            is_named=self._project is not None,
            views=views,
            tables=tuple(tables.values()),
            broken=tuple(broken),
            broken_tables=tuple(broken_tables),
        )

    def _shared_mark(self) -> str:
        """Return the mark of all that each file's meaning depends on beside its own bytes."""
        settings = [
            sorted(self._keyspaces.items()),
            self._default_keyspace,
            self._environment,
            self._reader_cache.total_seconds(),
            self._min_rows_percent,
        ]
        macros = sorted(path for path in (self.root / "macros").rglob("*") if path.is_file())
        return mark_of(program_mark(), self.root.name, json.dumps(settings), folder_mark(macros))

    def _files(self, folder: str) -> list[Path]:
        return sorted(path for path in (self.root / folder).rglob("*") if path.suffix in _NEAR and path.is_file())

    def _name(self, path: Path) -> str:
        """Return what a file's table or view is called.

        Raises: ProjectError: it is named nearly right. To pass over it could retire a view whose file was renamed.
        """
        if not path.name.endswith(FILE_SUFFIX):
            raise ProjectError(
                f"the name of a view file or table file ends in {FILE_SUFFIX}",
                place=Place(file=self._shown(path)),
                next=f"Rename it to {_stem(path)}{FILE_SUFFIX}, or move it out of this folder",
            )
        return _stem(path)

    def _read(self, path: Path) -> bytes:
        try:
            return path.read_bytes()
        except OSError as error:
            raise ProjectError(
                f"the file cannot be read: {error.strerror}",
                place=Place(file=self._shown(path)),
                next="Correct its permissions",
            ) from error

    def _shown(self, path: Path) -> str:
        return shown_path(self.root, path)

    def _split(self, path: Path, content: bytes) -> SplitFile:
        try:
            return split(content.decode("utf-8-sig"), self._shown(path))
        except UnicodeDecodeError as error:
            line = content.count(b"\n", 0, error.start) + 1
            raise ProjectError(
                f"the file is not UTF-8 text (byte 0x{content[error.start]:02x})",
                place=Place(file=self._shown(path), line=line),
                next="Save it as UTF-8",
            ) from error

    def _keyspace(self, named: str | None, file: str) -> str:
        logical = named or self._default_keyspace
        if not logical:
            raise ProjectError(
                "no keyspace is named",
                place=Place(file=file, line=1),
                next="Add 'keyspace:' to the front matter, or default_keyspace to the environment in views.toml",
            )
        keyspace = self._keyspaces.get(logical, logical)
        fault = keyspace_fault(keyspace)
        if fault:
            raise ProjectError(
                fault,
                place=Place(file=file, line=1),
                next="Correct 'keyspace:' in the front matter, or the environment's keyspaces in views.toml",
            )
        return keyspace

    def _names(self, keyspace: str) -> dict[str, Any]:
        return {"env": self._environment, "keyspace": keyspace}

    def _table_files(self, broken: list[BrokenTable]) -> dict[Path, bytes]:
        found: dict[Path, bytes] = {}
        for path in self._files("tables"):
            try:
                found[path] = self._read(path)
            except ProjectError as error:
                broken.append(BrokenTable(table=_stem(path), error=error))
        return found

    def _tables(
        self, files: Mapping[Path, bytes], shared: str, broken: list[BrokenTable]
    ) -> dict[tuple[str, str], TableDefinition]:
        found: dict[tuple[str, str], TableDefinition] = {}
        doubles: set[tuple[str, str]] = set()
        for path, content in files.items():
            mark = mark_of(shared, self._shown(path), content)
            try:
                table = self._cache.find_table(mark)
                if table is None:
                    table = self._table(path, content)
                    self._cache.keep_table(mark, table)
            except ProjectError as error:
                broken.append(
                    BrokenTable(
                        table=_stem(path), error=error, keyspace=self._find_keyspace(path, content, TableFrontMatter)
                    )
                )
                continue
            key = (table.keyspace, table.table)
            if key in found:
                doubles.add(key)
                double = _double(table.table, table.place.file, found[key].place.file)
                broken.append(BrokenTable(table=table.table, error=double, keyspace=table.keyspace))
            else:
                found[key] = table
        # Which of two files is the right one is for a person to say: neither is taken.
        return {key: table for key, table in found.items() if key not in doubles}

    def _table(self, path: Path, content: bytes) -> TableDefinition:
        name = self._name(path)
        parts = self._split(path, content)
        front_matter = read_front_matter(parts, TableFrontMatter)
        keyspace = self._keyspace(front_matter.keyspace, parts.file)
        names = self._names(keyspace) | {"table": f"{quoted(keyspace)}.{quoted(name)}"}
        return read_table(parts, front_matter, self._templates.render(parts.body, parts.file, names), keyspace, name)

    def _views(
        self,
        tables: Mapping[tuple[str, str], TableDefinition],
        broken_tables: Sequence[BrokenTable],
        shared: str,
        broken: list[BrokenView],
    ) -> tuple[ViewDefinition, ...]:
        found: dict[str, ViewDefinition] = {}
        doubles: set[str] = set()
        for path in self._files("views"):
            content, used = b"", list[TemplateUse]()
            try:
                content = self._read(path)
                view = self._known_or_read(path, content, tables, shared, used)
            except ProjectError as error:
                # What hurts a view first where its table's file is wrong says little of that.
                table = _find_broken(broken_tables, used[0].table if used else None)
                broken.append(self._broken_view(path, content, error, table))
                continue
            table = _find_broken(broken_tables, (view.name.keyspace, view.base))
            if table is not None:
                broken.append(self._broken_view(path, content, table.error, table))
                continue
            # Readers may leave the keyspace out, so a view's name is unique in its registry.
            name = view.name.view
            if name in found:
                doubles.add(name)
                double = _double(name, view.place.file, found[name].place.file)
                broken.append(BrokenView(view=name, error=double, keyspace=view.name.keyspace))
            else:
                found[name] = view
        # Which of two files is the right one is for a person to say: neither is taken.
        wrong = {each.view for each in broken}
        for name in [name for name in found if name in wrong and name not in doubles]:
            other = next(each for each in broken if each.view == name)
            place = other.error.place
            double = _double(name, found[name].place.file, place.file if place else "wrong itself")
            broken.append(BrokenView(view=name, error=double, keyspace=found[name].name.keyspace))
        faults = find_rename_faults(found.values(), wrong)
        for name in faults.keys() - wrong:
            keyspace, former_names = found[name].name.keyspace, found[name].renamed_from
            broken.append(BrokenView(view=name, error=faults[name], keyspace=keyspace, renamed_from=former_names))
        wrong |= faults.keys()
        return tuple(view for name, view in found.items() if name not in wrong)

    def _broken_view(self, path: Path, content: bytes, error: ProjectError, table: BrokenTable | None) -> BrokenView:
        return BrokenView(
            view=_stem(path),
            error=error if table is None else _of_table(table, path, self._shown(path)),
            keyspace=self._find_keyspace(path, content, ViewFrontMatter),
            is_of_table=table is not None,
            renamed_from=self._find_former_names(path, content),
        )

    def _find_former_names(self, path: Path, content: bytes) -> tuple[str, ...]:
        """Return the former names that a wrong file gives, as far as it tells: these views are not gone."""
        try:
            found = load_yaml(self._split(path, content))
        except ProjectError:
            return ()
        named = found.get("renamed_from") if isinstance(found, dict) else None
        return tuple(map(str, named)) if isinstance(named, list) else (str(named),) if named else ()

    def _find_keyspace(self, path: Path, content: bytes, kind: type[FrontMatter]) -> str:
        """Return the keyspace that a wrong file names, or its environment's default; empty where neither tells."""
        try:
            parts = self._split(path, content)
            return self._keyspace(read_front_matter(parts, kind).keyspace, parts.file)
        except ProjectError:
            default = self._default_keyspace or ""
            return self._keyspaces.get(default, default)

    def _known_or_read(
        self,
        path: Path,
        content: bytes,
        tables: Mapping[tuple[str, str], TableDefinition],
        shared: str,
        used: list[TemplateUse],
    ) -> ViewDefinition:
        mark = mark_of(shared, self._shown(path), content)
        view = self._cache.find_view(mark)
        if view is None:
            view = self._view(path, content, tables, used)
            self._cache.keep_view(mark, view)
        return view

    def _view(
        self,
        path: Path,
        content: bytes,
        tables: Mapping[tuple[str, str], TableDefinition],
        rendered: list[TemplateUse],
    ) -> ViewDefinition:
        """Return what a view file says; ``rendered`` gets what its template named, also where it is wrong."""
        logical = self._name(path)
        parts = self._split(path, content)
        front_matter = read_front_matter(parts, ViewFrontMatter)
        keyspace = self._keyspace(front_matter.keyspace, parts.file)
        name = ViewName(keyspace=keyspace, view=logical)
        check_name(name, parts.file)
        used = TemplateUse(name, tables)
        rendered.append(used)
        names = self._names(keyspace) | {
            "view": f"{quoted(keyspace)}.{quoted(name.view)}",
            "base": used.base,
            "in_window": used.in_window,
        }
        text = self._templates.render(parts.body, parts.file, names)
        if not text.strip():
            raise ProjectError(
                "the file holds no statement",
                on=str(name),
                place=Place(file=parts.file),
                next="Write CREATE MATERIALIZED VIEW {{ view }} AS ... below the front matter",
            )
        if front_matter.min_rows_percent is None:
            front_matter = front_matter.model_copy(update={"min_rows_percent": self._min_rows_percent})
        view = read_view(parts, front_matter, text, name, used, tables, self._reader_cache)
        return replace(view, checks=self._checks(parts, front_matter, name))

    def _checks(self, parts: SplitFile, front_matter: ViewFrontMatter, name: ViewName) -> tuple[DataCheck, ...]:
        """Return the checks of a view file; their queries are templates, too, in which the view stays open."""
        names = self._names(name.keyspace) | {"view": VIEW_MARK}
        found: list[DataCheck] = []
        for index, each in enumerate(front_matter.checks):
            line = parts.line_of("checks", index, "query")
            query = self._templates.render("\n" * (line - 1) + each.query, parts.file, names).strip()
            fault = find_query_fault(query)
            if each.name in [other.name for other in found]:
                fault = f"two checks have the name '{each.name}'"
            if fault:
                raise ProjectError(
                    f"the check '{each.name}' cannot be asked: {fault}",
                    on=str(name),
                    place=Place(file=parts.file, line=line),
                    next=f"Write it as SELECT ... FROM {VIEW_MARK} WHERE ..., such that no row is right",
                )
            found.append(DataCheck(name=each.name, query=query, timeout=each.timeout))
        return tuple(found)


def _double(name: str, file: str, other: str) -> ProjectError:
    return ProjectError(
        f"two files have the name '{name}': the other is {other}",
        place=Place(file=file),
        next="Rename or remove one of them",
    )


def _find_broken(broken: Sequence[BrokenTable], base: tuple[str, str] | None) -> BrokenTable | None:
    return next((each for each in broken if each.is_of(*base)), None) if base else None


def _of_table(table: BrokenTable, path: Path, shown: str) -> ProjectError:
    place = table.error.place
    return ProjectError(
        f"the file of its base table {table.table} is wrong: {table.error.what}",
        on=_stem(path),
        place=Place(file=shown),
        next=f"Correct {place}" if place else "Correct the table file",
    )


def _stem(path: Path) -> str:
    return path.name.removesuffix(FILE_SUFFIX) if path.name.endswith(FILE_SUFFIX) else path.name.partition(".")[0]
