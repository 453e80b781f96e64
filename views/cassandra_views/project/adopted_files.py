"""The files of adopted tables and views: where each one goes and what it says; no file is overwritten unasked."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

from cassandra_client.errors import Place
from cassandra_views.cql.adoption import AdoptedStatement, Adoption, NotAdopted
from cassandra_views.cql.statement_source import template_comments
from cassandra_views.model.definition import Project
from cassandra_views.model.errors import ProjectError
from cassandra_views.model.names import nearest
from cassandra_views.project.front_matter import SplitFile, split
from cassandra_views.project.loader import ProjectLoader
from cassandra_views.project.project_folder import CONFIG_NAME, FILE_SUFFIX, shown_path
from cassandra_views.project.scaffold import config_text, write_texts
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
        what: why it cannot be managed, and ``next`` the way out; or why its file is left though all are written again.
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

    @property
    def full_name(self) -> str:
        """The name with its keyspace; without one where the statement names none."""
        return f"{self.keyspace}.{self.name}" if self.keyspace else self.name


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


def choose(adoption: Adoption, targets: Iterable[AdoptionTarget], *, registry: str = "") -> Adoption:
    """Return the part of an adoption that is asked for; without targets it is all but the registry's keyspace.

    A table brings the views on it, and a view its base table.

    Raises:
        ProjectError: the schema holds no such keyspace, table or view.
    """
    adoption = _part(adoption, lambda keyspace, _name: keyspace != registry)
    wanted = list(targets)
    if not wanted:
        return adoption
    refused = [one for one in adoption.refused if one.kind != "statement"]
    views = {(one.keyspace, one.name): one.base for one in adoption.adopted if one.kind == "view"}
    views |= {(one.keyspace, one.name): one.base for one in refused if one.kind == "view"}
    known = {(one.keyspace, one.name) for one in adoption.adopted} | {(one.keyspace, one.name) for one in refused}
    known |= set(adoption.generations)
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
    chosen |= {(one.keyspace, one.base) for one in adoption.adopted if (one.keyspace, one.name) in chosen and one.base}
    whole = {target.keyspace for target in wanted if target.name is None}
    return _part(adoption, lambda keyspace, name: (keyspace, name) in chosen if name else keyspace in {"", *whole})


def _part(adoption: Adoption, is_wanted: Callable[[str, str], bool]) -> Adoption:
    """Return what is wanted, by the keyspace and the name of a table or view; without a name of anything else."""
    return Adoption(
        adopted=tuple(one for one in adoption.adopted if is_wanted(one.keyspace, one.name)),
        refused=tuple(
            one for one in adoption.refused if is_wanted(one.keyspace, "" if one.kind == "statement" else one.name)
        ),
        generations=tuple(one for one in adoption.generations if is_wanted(*one)),
        unmanaged=tuple(one for one in adoption.unmanaged if is_wanted(one.keyspace, "")),
        comments=tuple(one for one in adoption.comments if is_wanted(one.keyspace, "")),
    )


def adopted_files(
    adoption: Adoption, settings: Settings, *, is_managed: bool = False, overwrites: bool = False
) -> tuple[AdoptedFile, ...]:
    """Return what becomes of each table and view; writes nothing.

    Args:
        is_managed: table files say ``managed: true``: this project creates the tables where they are missing.
        overwrites: files of the same tables and views are written again; their front matter and comments stay.
    """
    locations = _FileLocations(settings, {one.keyspace for one in adoption.adopted}, overwrites=overwrites)
    found = [locations.file_of(one, is_managed=is_managed) for one in adoption.adopted]
    found += [_not_managed(one) for one in adoption.refused]
    found += [
        AdoptedFile(kind="view", keyspace=keyspace, name=name, state=AdoptionState.GENERATION)
        for keyspace, name in adoption.generations
    ]
    return tuple(found)


def write_files(files: Iterable[AdoptedFile], settings: Settings) -> list[Path]:
    """Write the files, and a views.toml where the project has none; return their paths.

    Raises:
        ProjectError: one cannot be written. What was written before is named.
    """
    files = list(files)
    texts = {one.path: one.text for one in files if one.path is not None and one.text is not None}
    config = settings.templates.parent / CONFIG_NAME
    if texts and settings.folder is None and not os.path.lexists(config):
        keyspaces = sorted({one.keyspace for one in files if one.path in texts})
        project = config.absolute().parent.name
        texts = {config: config_text(project, templates=settings.templates.name, keyspaces=keyspaces), **texts}
    return write_texts(
        texts, next="Make it writable, then run the command again: files that exist are left as they are"
    )


class _FileLocations:
    """Where the files of a project are and go."""

    def __init__(self, settings: Settings, keyspaces: set[str], *, overwrites: bool) -> None:
        self._root = settings.templates
        self._logical = {physical: logical for logical, physical in settings.env.physical_keyspaces().items()}
        self._has_several = len(keyspaces) > 1
        self._overwrites = overwrites
        project = _load(settings)
        self._windowed = {view.name.view for view in project.views if view.window is not None}
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
                return _not_managed(_duplicate_name(one, f"{keyspace}.{one.name}"))
        path = self._root.parent / file if file else self._free_path(one)
        found = AdoptedFile(
            kind=one.kind, keyspace=one.keyspace, name=one.name, state=AdoptionState.KEPT, place=one.place, path=path
        )
        if file and not self._overwrites:
            return found
        if file and one.name in self._windowed and one.kind == "view":
            return replace(found, what="its file has a window, which no statement of a schema holds")
        front_matter, body = self._front_matter(one, is_managed=is_managed), one.body
        if file:
            try:
                former = split(path.read_text(encoding="utf-8-sig"), file)
            except (ProjectError, OSError, ValueError) as error:
                return replace(found, what=f"its file cannot be read: {getattr(error, 'what', error)}")
            front_matter, body = _with_former(front_matter, body, former)
        text = f"---\n{front_matter}---\n{body}"
        if file and path.read_bytes() == text.encode():
            return found
        self._taken.add(str(path).lower())
        if one.kind == "view":
            self._views[one.name] = (one.keyspace, shown_path(self._root, path))
        return replace(found, state=AdoptionState.WRITTEN, text=text, changes=one.changes)

    def _free_path(self, one: AdoptedStatement) -> Path:
        """Return a path that no file has, also where a file system does not tell Orders from orders."""
        folder = self._root / f"{one.kind}s"
        folders = [folder / one.keyspace, *(folder / f"{one.keyspace}_{number}" for number in range(2, 99))]
        if not self._has_several:
            folders.insert(0, folder)
        paths = (each / f"{one.name}{FILE_SUFFIX}" for each in folders)
        return next(path for path in paths if str(path).lower() not in self._taken)

    def _front_matter(self, one: AdoptedStatement, *, is_managed: bool) -> str:
        lines = [f"description: {_yaml(one.description)}"] if one.description else []
        lines.append(f"keyspace: {_yaml(self._logical.get(one.keyspace, one.keyspace))}")
        if is_managed and one.kind == "table":
            lines.append(_MANAGED)
        return "\n".join([*lines, ""])


_MANAGED = "managed: true"


def _with_former(front_matter: str, body: str, former: SplitFile) -> tuple[str, str]:
    """Return front matter and body of a file that is written again: its own front matter and comments stay."""
    if former.yaml.strip():
        lines = front_matter.splitlines()
        is_lacking = _MANAGED in lines and not re.search(r"(?m)^managed[ \t]*:", former.yaml)
        front_matter = former.yaml + (f"{_MANAGED}\n" if is_lacking else "")
    own = [comment for comment in template_comments(former.body) if comment.strip() not in body]
    return front_matter, "".join(f"{comment}\n" for comment in own) + body


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


def _duplicate_name(one: AdoptedStatement, other: str) -> NotAdopted:
    return NotAdopted(
        kind="view",
        keyspace=one.keyspace,
        name=one.name,
        base=one.base,
        what=f"the project has the view {other}, and readers find a view by its name alone",
        fix=f"Adopt {one.keyspace} in a folder of its own, whose views.toml names another registry",
        place=one.place,
    )


_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_YAML_WORDS = frozenset(("y", "n", "yes", "no", "on", "off", "true", "false", "null"))


def _yaml(text: str) -> str:
    if _PLAIN.fullmatch(text) and text.lower() not in _YAML_WORDS:
        return text
    return json.dumps(text, ensure_ascii=not text.isprintable())
