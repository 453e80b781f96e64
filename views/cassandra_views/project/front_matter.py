"""The front matter of a file: split from its body, checked strictly, with the places of what is wrong."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from cassandra_client.errors import Place
from cassandra_views.model.errors import ProjectError
from cassandra_views.model.names import nearest

if TYPE_CHECKING:
    from pydantic import BaseModel, ValidationError
    from pydantic_core import ErrorDetails

    from cassandra_views.project.schemas import FrontMatter

_FENCE = re.compile(r"---[ \t]*\n(?P<yaml>.*?)^---[ \t]*(?:\n|\Z)", re.DOTALL | re.MULTILINE)


Fields = TypeVar("Fields", bound="FrontMatter")


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitFile:
    """A file's front matter and its body; the body keeps its line numbers by leading empty lines."""

    file: str
    yaml: str
    body: str

    def line_of(self, *path: str) -> int:
        """Return the file's line of a key, or of the nearest key above it that is there; 1 where none is."""
        return _line_of(self.yaml, list(path)) if self.yaml.strip() else 1


def split(text: str, file: str) -> SplitFile:
    """Split a file at its front matter; lines may end in any way.

    Raises:
        ProjectError: the front matter does not end.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    match = _FENCE.match(text)
    if match is None:
        if text.startswith("---"):
            raise ProjectError(
                "the front matter has no end",
                place=Place(file=file, line=1),
                next="Close it with a line that holds only ---",
            )
        return SplitFile(file=file, yaml="", body=text)
    return SplitFile(file=file, yaml=match["yaml"], body="\n" * text.count("\n", 0, match.end()) + text[match.end() :])


def read_front_matter(split_file: SplitFile, kind: type[Fields]) -> Fields:
    """Check a file's front matter.

    Raises:
        ProjectError: with file, line and the nearest known name.
    """
    from pydantic import ValidationError

    found = load_yaml(split_file)
    found = {} if found is None else found
    if not isinstance(found, dict):
        raise ProjectError(
            "the front matter is not a mapping",
            place=Place(file=split_file.file, line=2),
            next="Write it as 'key: value' lines",
        )
    try:
        return kind.model_validate(found)
    except ValidationError as error:
        raise _front_matter_error(error, split_file, kind) from error


def load_yaml(split_file: SplitFile) -> object:
    """Return what a file's front matter says; only that it is YAML, and gives each key once, is checked.

    Raises:
        ProjectError: with file and line.
    """
    import yaml

    try:
        node = yaml.compose(split_file.yaml, Loader=_loader())
        _refuse_double_keys(node, split_file.file)
        found: object = yaml.load(split_file.yaml, Loader=_loader())
    except (yaml.YAMLError, ValueError) as error:  # ValueError: a date such as 2026-13-01
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 2 if mark else 1
        problem = getattr(error, "problem", None) or "it cannot be read"
        raise ProjectError(
            f"the front matter is not YAML: {problem}",
            place=Place(file=split_file.file, line=line, column=mark.column + 1 if mark else 0),
            next="Write it as 'key: value' lines",
        ) from error
    except RecursionError as error:
        raise ProjectError(
            "the front matter is nested too deeply",
            place=Place(file=split_file.file, line=2),
            next="Write it as 'key: value' lines",
        ) from error
    return found


def _loader() -> Any:
    """Return the class that reads YAML; PyYAML is imported where a file has changed since the last run."""
    import yaml

    return getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def _refuse_double_keys(node: Any, file: str, above: tuple[Any, ...] = ()) -> None:
    """Refuse a key given twice, of which YAML would take the last silently; keys that are no texts; and endless values.

    Args:
        above: the values that this one is part of.
    """
    import yaml

    if not isinstance(node, yaml.MappingNode):
        return
    if any(node is each for each in above):
        raise ProjectError(
            "a value of the front matter holds itself",
            place=Place(file=file, line=node.start_mark.line + 2),
            next="Write the value out, without '&' and '*'",
        )
    seen: dict[str, int] = {}
    for key, value in node.value:
        line = key.start_mark.line + 2
        if not isinstance(key, yaml.ScalarNode):
            raise ProjectError(
                "a key of the front matter is a list or a mapping",
                place=Place(file=file, line=line),
                next="Write it as 'key: value' lines",
            )
        if key.value in seen:
            raise ProjectError(
                f"'{key.value}' is given twice in the front matter, first in line {seen[key.value]}",
                place=Place(file=file, line=line),
                next="Keep one of them",
            )
        seen[key.value] = line
        _refuse_double_keys(value, file, (*above, node))


def _front_matter_error(error: ValidationError, split_file: SplitFile, kind: type[BaseModel]) -> ProjectError:
    # A misspelt key is also a missing one: the misspelling is what to tell first.
    found = sorted(error.errors(include_url=False), key=lambda each: each["type"] != "extra_forbidden")
    wrong = {each["loc"][:-1] for each in found if each["type"] == "extra_forbidden"}
    found = [each for each in found if each["type"] != "missing" or each["loc"][:-1] not in wrong]
    errors = [_error_of(each, split_file, kind) for each in found]
    errors[0].details = tuple(errors) if len(errors) > 1 else ()
    return errors[0]


def _error_of(first: ErrorDetails, split_file: SplitFile, kind: type[BaseModel]) -> ProjectError:
    path = [str(part) for part in first["loc"]]
    where = ".".join(path) or "front matter"
    line = _line_of(split_file.yaml, path)
    place = Place(file=split_file.file, line=line)
    if first["type"] == "extra_forbidden":
        known = _keys_at(kind, path[:-1])
        return ProjectError(
            f"unknown key '{where}' in the front matter{nearest(path[-1], known)}",
            place=place,
            next=f"Known keys here: {', '.join(known)}",
        )
    if first["type"] == "missing":
        return ProjectError(f"the front matter lacks '{where}'", place=place, next=f"Add '{path[-1]}'")
    reason = str(first["msg"]).removeprefix("Value error, ").replace("Input should be", "it must be")
    return ProjectError(f"'{where}' in the front matter: {reason}", place=place, next="Correct the value")


def _keys_at(kind: type[BaseModel], path: list[str]) -> list[str]:
    from cassandra_views.project.schemas import LagFields, ProbeFields, TimeFields, WindowFields

    nested: dict[str, type[BaseModel]] = {
        "window": WindowFields,
        "time": TimeFields,
        "lag": LagFields,
        "lag.probe": ProbeFields,
    }
    return list(nested.get(".".join(path), kind).model_fields)


def _line_of(text: str, path: list[str]) -> int:
    """Return the file's line of a key, or of the nearest key above it that is there."""
    import yaml

    node, line = yaml.compose(text, Loader=_loader()), 2
    for part in path:
        if not isinstance(node, yaml.MappingNode):
            break
        for key, value in node.value:
            if key.value == part:
                node, line = value, key.start_mark.line + 2
                break
        else:
            break
    return line
