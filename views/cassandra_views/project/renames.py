"""Renames of view files: what their ``renamed_from`` must not say, and the files as they are under another name."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

from cassandra_client.errors import Place
from cassandra_views.model.definition import ViewDefinition
from cassandra_views.model.errors import ProjectError
from cassandra_views.model.names import is_word, nearest
from cassandra_views.project.front_matter import load_yaml, split
from cassandra_views.project.project_folder import FILE_SUFFIX, shown_path
from cassandra_views.project.view_tests import TEST_SUFFIX

_KEY = "renamed_from"
_LINES = re.compile(rf"^{_KEY}:.*\n(?:[ \t-].*\n)*", re.MULTILINE)


def find_rename_faults(views: Iterable[ViewDefinition], broken: Collection[str]) -> dict[str, ProjectError]:
    """Return what is wrong with the former names that files give, by view.

    Args:
        broken: names of views whose files are wrong.
    """
    found: dict[str, ProjectError] = {}
    files = {view.name.view: view.place.file for view in views}
    claims: dict[str, str] = {}
    for view in views:
        for former in view.renamed_from:
            other = claims.setdefault(former, view.name.view)
            if former == view.name.view:
                found[former] = _fault(view, "names the view itself", "Take it out")
            elif not is_word(former):
                next = "Names have letters, digits and underscores alone: correct it"
                found[view.name.view] = _fault(view, f"names '{former}', which no view can be called", next)
            elif former in files or former in broken:
                file = files.get(former, f"views/{former}{FILE_SUFFIX}")
                next = f"Remove {file}, or take '{former}' out of 'renamed_from'"
                found[view.name.view] = _fault(view, f"names {former}, which still has a file, {file}", next)
            elif other != view.name.view:
                names = ", ".join(sorted((other, view.name.view)))
                for each in (view.name.view, other):
                    found[each] = _double(files[each], former, names)
    return found


def _fault(view: ViewDefinition, what: str, next: str) -> ProjectError:
    return ProjectError(
        f"its 'renamed_from' {what}",
        on=str(view.name),
        place=Place(file=view.place.file),
        remains="Nothing was changed",
        next=next,
    )


def _double(file: str, former: str, names: str) -> ProjectError:
    return ProjectError(
        f"two files say 'renamed_from: {former}': {names}",
        place=Place(file=file),
        remains="Nothing was changed",
        next="Take it out of one of them: a view has one new name",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class RenamedFile:
    """A view's file under its new name, and what was there before.

    Args:
        former_path: the file that is gone; None where the file kept its name.
        former_bytes: what the files held, by path; None where there was no such file.
        text: what was done, as a clause.
    """

    path: Path
    text: str
    former_path: Path | None = None
    former_bytes: tuple[tuple[Path, bytes | None], ...] = ()

    def undo(self) -> None:
        """Put everything back as it was."""
        for path, content in self.former_bytes:
            if content is not None:
                path.write_bytes(content)
        for path, content in self.former_bytes:
            if content is None:
                path.unlink(missing_ok=True)


def rename_file(root: Path, former: str, name: str) -> RenamedFile:
    """Move the file of a view, and that of its tests, to another name; the new file says what it was renamed from.

    Killed in between, the next call finishes it: until the former file is gone, the new one is refused.

    Raises:
        ProjectError: there is no such file, the other name is none, or has a file that says something else.
    """
    if not is_word(name):
        raise ProjectError(
            f"'{name}' cannot be a view's name: servers take only letters, digits and underscores",
            remains="Nothing was changed",
            next="Choose another name",
        )
    source, target = _find(root, former), _find(root, name)
    if source is None and target is None:
        known = [path.name.removesuffix(FILE_SUFFIX) for path in (root / "views").rglob(f"*{FILE_SUFFIX}")]
        raise ProjectError(
            f"there is no file of a view {former}{nearest(former, known)}",
            remains="Nothing was changed",
            next="'views list' shows the views there are",
        )
    if source is None and target is not None:  # somebody has moved the file alone
        return _rewritten(root, target, [*former_names(target), former])
    assert source is not None
    path = source.with_name(f"{name}{FILE_SUFFIX}")
    names = [each for each in (*former_names(source), former) if each != name]
    text = _with_statement(_with_names(source.read_text(encoding="utf-8-sig"), names), former, name)
    if target is not None and (target != path or target.read_text(encoding="utf-8") != text):
        raise ProjectError(
            f"there is a file of a view {name} already",
            place=Place(file=shown_path(root, target)),
            remains="Nothing was changed",
            next=f"Choose another name, or remove one of the two: {shown_path(root, source)} is the other",
        )
    moved = [(source, path)]
    tests, new_tests = source.with_name(f"{former}{TEST_SUFFIX}"), source.with_name(f"{name}{TEST_SUFFIX}")
    if tests.is_file() and not new_tests.exists():
        moved.append((tests, new_tests))
    before = tuple((one, one.read_bytes() if one.is_file() else None) for pair in moved for one in pair)
    path.write_text(text, encoding="utf-8", newline=_line_end(source))
    if len(moved) > 1:
        tests.rename(new_tests)
    source.unlink()
    done = f"{shown_path(root, source)} is {path.name} now"
    return RenamedFile(path=path, former_path=source, former_bytes=before, text=done)


def finish_file(root: Path, former: str, name: str) -> RenamedFile:
    """Take a former name out of the file of a view.

    Raises:
        ProjectError: there is no such file, or the former name still has one.
    """
    path, other = _find(root, name), _find(root, former)
    if path is None or other is not None:
        what = f"there is no file of a view {name}" if path is None else f"{former} still has a file"
        raise ProjectError(
            what, remains="Nothing was changed", next=f"Rename the view first: 'views rename {former} {name}'"
        )
    return _rewritten(root, path, [each for each in former_names(path) if each != former])


def former_names(path: Path) -> tuple[str, ...]:
    """Return the former names that a view's file gives."""
    found = load_yaml(split(path.read_text(encoding="utf-8-sig"), path.name))
    named = found.get(_KEY) if isinstance(found, dict) else None
    return tuple(map(str, named)) if isinstance(named, list) else (str(named),) if named else ()


def _rewritten(root: Path, path: Path, names: list[str]) -> RenamedFile:
    before = path.read_bytes()
    kept = list(dict.fromkeys(each for each in names if each != path.name.removesuffix(FILE_SUFFIX)))
    text = _with_names(path.read_text(encoding="utf-8-sig"), kept)
    path.write_text(text, encoding="utf-8", newline=_line_end(path))
    done = f"{shown_path(root, path)} {'names ' + ', '.join(kept) if kept else 'names no former name any longer'}"
    return RenamedFile(path=path, former_bytes=((path, before),), text=done)


def _find(root: Path, name: str) -> Path | None:
    return next(iter(sorted((root / "views").rglob(f"{name}{FILE_SUFFIX}"))), None)


def _line_end(path: Path) -> str:
    return "\r\n" if b"\r\n" in path.read_bytes() else "\n"


def _with_names(text: str, names: list[str]) -> str:
    """Return a file's text with these former names in its front matter, and no others."""
    parts = split(text, "")
    yaml = _LINES.sub("", parts.yaml)
    value = names[0] if len(names) == 1 else f"[{', '.join(names)}]"
    yaml += f"{_KEY}: {value}\n" if names else ""
    head = f"---\n{yaml}---\n" if yaml.strip() else ""
    return head + (parts.body.lstrip("\n") if text.startswith("---") else text)


def _with_statement(text: str, former: str, name: str) -> str:
    """Return a file's text with the new name in a statement that spells the view's name out."""
    pattern = rf'(MATERIALIZED\s+VIEW\s+(?:IF\s+NOT\s+EXISTS\s+)?(?:"?\w+"?\s*\.\s*)?"?){re.escape(former)}("?\s)'
    return re.sub(pattern, rf"\g<1>{name}\g<2>", text, flags=re.IGNORECASE)
