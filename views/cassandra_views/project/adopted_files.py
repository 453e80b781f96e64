"""The files of adopted tables and views: where each one goes and what it says; no file is overwritten unasked."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from cassandra_client.errors import Place
from cassandra_client.names import quoted
from cassandra_views.cql.adoption import AdoptedStatement, Adoption, NotAdopted
from cassandra_views.model.definition import Project
from cassandra_views.model.errors import ProjectError
from cassandra_views.model.names import nearest
from cassandra_views.project.loader import ProjectLoader
from cassandra_views.project.project_folder import CONFIG_NAME, DEFAULT_TEMPLATES, FILE_SUFFIX
from cassandra_views.project.settings import Settings


class AdoptionState(StrEnum):
    """What becomes of a table or view of the schema."""

    WRITTEN = "written"
    KEPT = "kept"
    """It has a file, which is left as it is."""
    REFUSED = "cannot be managed"
    GENERATION = "generation"
    """It is a generation of a view that is managed already."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AdoptedFile:
    """One table or view of the schema, and its file.

    Args:
        text: of the file; None where none is written.
        what: why it cannot be managed, and ``next`` the way out.
    """

    kind: str
    keyspace: str
    name: str
    state: AdoptionState
    place: Place | None = None
    path: Path | None = None
    text: str | None = None
    changes: tuple[str, ...] = ()
    what: str = ""
    next: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AdoptionTarget:
    """Which part of a schema is asked for: a keyspace, or one table or view of it."""

    keyspace: str
    name: str | None = None

    @classmethod
    def parse(cls, text: str) -> AdoptionTarget:
        """Read ``KEYSPACE`` or ``KEYSPACE.NAME``; names are taken as they are, or in CQL's double quotes.

        Raises:
            ProjectError: it is neither.
        """
        match = _TARGET.fullmatch(text)
        if match is None:
            raise ProjectError(
                f"'{text}' names neither a keyspace nor a table or view of one",
                next="Write KEYSPACE, KEYSPACE.VIEW or KEYSPACE.TABLE",
            )
        keyspace, name = (part and part.strip('"').replace('""', '"') for part in match.groups())
        return cls(keyspace=keyspace, name=name)

    def __str__(self) -> str:
        return self.keyspace if self.name is None else f"{self.keyspace}.{self.name}"


_TARGET = re.compile(r'("(?:[^"]|"")+"|[^".]+)(?:\.("(?:[^"]|"")+"|[^".]+))?')


def choose(adoption: Adoption, targets: Iterable[AdoptionTarget]) -> Adoption:
    """Return the part of an adoption that is asked for; without targets it is all.

    A table brings the views on it, and a view its base table.

    Raises:
        ProjectError: the schema holds no such keyspace, table or view.
    """
    wanted = list(targets)
    if not wanted:
        return adoption
    views = {(one.keyspace, one.name): one.base for one in adoption.adopted if one.kind == "view"}
    known = {(one.keyspace, one.name) for one in adoption.adopted}
    known |= {(one.keyspace, one.name) for one in adoption.refused} | set(adoption.generations)
    chosen: set[tuple[str, str]] = set()
    for target in wanted:
        here = {one for one in known if one[0] == target.keyspace and target.name in (None, one[1])}
        if not here:
            of_keyspace = {name for keyspace, name in known if keyspace == target.keyspace}
            names = sorted({keyspace for keyspace, _name in known if keyspace} if target.name is None else of_keyspace)
            hint = nearest(target.name or target.keyspace, names)
            raise ProjectError(
                f"the schema holds no {target}{hint}",
                on=str(target),
                next=f"It holds {', '.join(names[:12])}" if names else "Give a schema with CREATE statements",
            )
        chosen |= here
        if target.name is not None:
            chosen |= {one for one, base in views.items() if (one[0], base) in here}
    chosen |= {(one[0], views[one]) for one in chosen if one in views}
    return Adoption(
        adopted=tuple(one for one in adoption.adopted if (one.keyspace, one.name) in chosen),
        refused=tuple(one for one in adoption.refused if (one.keyspace, one.name) in chosen),
        generations=tuple(one for one in adoption.generations if one in chosen),
    )


def adopted_files(
    adoption: Adoption, settings: Settings, *, is_managed: bool = False, overwrites: bool = False
) -> tuple[AdoptedFile, ...]:
    """Return what becomes of each table and view; writes nothing.

    Args:
        is_managed: table files say ``managed: true``: this project creates the tables where they are missing.
        overwrites: files of the same tables and views are written again.
    """
    places = _Places(settings, {one.keyspace for one in adoption.adopted}, overwrites=overwrites)
    found = [places.file_of(one, is_managed=is_managed) for one in adoption.adopted]
    found += [_not_managed(one) for one in adoption.refused]
    found += [
        AdoptedFile(kind="view", keyspace=keyspace, name=name, state=AdoptionState.GENERATION)
        for keyspace, name in adoption.generations
    ]
    return tuple(found)


def write_files(files: Iterable[AdoptedFile], settings: Settings) -> tuple[Path, ...]:
    """Write the files, and a views.toml where the project has none; return their paths.

    Raises:
        ProjectError: one cannot be written. What was written before is named.
    """
    files = [one for one in files if one.path is not None and one.text is not None]
    texts = {one.path: one.text for one in files if one.path is not None and one.text is not None}
    config = settings.templates.parent / CONFIG_NAME
    if files and settings.folder is None and not os.path.lexists(config):
        texts = {config: _config_text(config, settings, sorted({one.keyspace for one in files})), **texts}
    written: list[Path] = []
    for path, text in texts.items():
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
            raise ProjectError(
                f"the file cannot be written: {reason}",
                on=str(path),
                remains=f"Written before: {', '.join(map(str, written))}" if written else "Nothing was written",
                next="Make it writable, then run the command again: files that exist are left as they are",
            ) from error
        written.append(path)
    return tuple(written)


class _Places:
    """Where the files of a project are and go."""

    def __init__(self, settings: Settings, keyspaces: set[str], *, overwrites: bool) -> None:
        self._root = settings.templates
        self._logical = {physical: logical for logical, physical in settings.env.physical_keyspaces().items()}
        self._has_several = len(keyspaces) > 1
        self._overwrites = overwrites
        project = _load(settings)
        self._views = {view.name.view: (view.name.keyspace, view.place.file) for view in project.views}
        self._views |= {
            each.view: (each.keyspace, each.error.place.file) for each in project.broken if each.error.place
        }
        self._tables = {(table.keyspace, table.table): table.place.file for table in project.tables}
        self._tables |= {
            (each.keyspace, each.table): each.error.place.file for each in project.broken_tables if each.error.place
        }
        existing = (path for path in self._root.rglob("*") if path.is_file()) if self._root.is_dir() else ()
        self._taken = {str(path).lower() for path in existing}

    def file_of(self, one: AdoptedStatement, *, is_managed: bool) -> AdoptedFile:
        file = self._tables.get((one.keyspace, one.name)) if one.kind == "table" else None
        if one.kind == "view" and one.name in self._views:
            keyspace, file = self._views[one.name]
            if keyspace not in ("", one.keyspace):
                return _double(one, f"{keyspace}.{one.name}")
        path = self._root.parent / file if file else self._free_path(one)
        if file and not self._overwrites:
            return AdoptedFile(
                kind=one.kind,
                keyspace=one.keyspace,
                name=one.name,
                state=AdoptionState.KEPT,
                place=one.place,
                path=path,
            )
        self._taken.add(str(path).lower())
        if one.kind == "view":
            self._views[one.name] = (one.keyspace, f"{self._root.name}/{path.relative_to(self._root).as_posix()}")
        return AdoptedFile(
            kind=one.kind,
            keyspace=one.keyspace,
            name=one.name,
            state=AdoptionState.WRITTEN,
            place=one.place,
            path=path,
            text=self._text(one, is_managed=is_managed),
            changes=one.changes,
        )

    def _free_path(self, one: AdoptedStatement) -> Path:
        """Return a path that no file has, also where a file system does not tell Orders from orders."""
        folder = self._root / f"{one.kind}s"
        folders = [folder / one.keyspace, *(folder / f"{one.keyspace}_{number}" for number in range(2, 99))]
        if not self._has_several:
            folders.insert(0, folder)
        paths = (each / f"{one.name}{FILE_SUFFIX}" for each in folders)
        return next(path for path in paths if str(path).lower() not in self._taken)

    def _text(self, one: AdoptedStatement, *, is_managed: bool) -> str:
        lines = [f"description: {_yaml(one.description)}"] if one.description else []
        lines.append(f"keyspace: {_yaml(self._logical.get(one.keyspace, one.keyspace))}")
        if is_managed and one.kind == "table":
            lines.append("managed: true")
        return "\n".join(["---", *lines, "---", one.body])


def _load(settings: Settings) -> Project:
    """Return what the files say now; nothing where there are none."""
    root = settings.templates
    if not any(root.glob("views/**/*")) and not any(root.glob("tables/**/*")):
        return Project(name="")
    return ProjectLoader.of(settings).load(skip_broken=True)


def _not_managed(one: NotAdopted) -> AdoptedFile:
    return AdoptedFile(
        kind=one.kind,
        keyspace=one.keyspace,
        name=one.name,
        state=AdoptionState.REFUSED,
        place=one.place,
        what=one.what,
        next=one.fix,
    )


def _double(one: AdoptedStatement, other: str) -> AdoptedFile:
    refused = NotAdopted(
        kind="view",
        keyspace=one.keyspace,
        name=one.name,
        what=f"the project has the view {other}, and readers find a view by its name alone",
        fix=f"Adopt {one.keyspace} in a folder of its own, whose views.toml names another registry",
        place=one.place,
    )
    return _not_managed(refused)


_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_YAML_WORDS = frozenset(("y", "n", "yes", "no", "on", "off", "true", "false", "null"))


def _yaml(text: str) -> str:
    if _PLAIN.fullmatch(text) and text.lower() not in _YAML_WORDS:
        return text
    return json.dumps(text, ensure_ascii=not text.isprintable())


def _config_text(path: Path, settings: Settings, keyspaces: list[str]) -> str:
    """Return a views.toml of one environment, in which ``views up`` can make the keyspaces."""
    name = json.dumps(path.absolute().parent.name or "project", ensure_ascii=False)
    folder = json.dumps(settings.templates.name, ensure_ascii=False)
    lines = [
        "# Which clusters there are, and how views are kept on them: docs/reference/configuration.md",
        f"project = {name}",
        f"templates = {folder}" if settings.templates.name != str(DEFAULT_TEMPLATES) else "",
        'default_env = "dev"',
        "",
        "# dev: no contact points; the server that 'views up' starts here is found by itself.",
    ]
    lines = [line for place, line in enumerate(lines) if line or place == 4]
    for keyspace in keyspaces:
        lines.append(f"[env.dev.keyspaces.{quoted(keyspace) if _PLAIN.fullmatch(keyspace) is None else keyspace}]")
        lines += ['replication = { class = "SimpleStrategy", replication_factor = 1 }', ""]
    lines += ["# [env.prod]", '# contact_points = ["10.0.0.1", "10.0.0.2"]', '# local_dc = "dc1"', ""]
    return "\n".join(lines)
