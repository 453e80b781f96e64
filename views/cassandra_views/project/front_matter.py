"""The YAML of a file: its front matter, split from its body, or all of it; checked strictly, with places.

Of a file of tests all is YAML. Its values are texts as they are written: what ``010`` or ``2026-12-01`` means is for
the server to say, by the column's type.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeVar, get_args

from cassandra_client.errors import Place
from cassandra_views.model.errors import ProjectError
from cassandra_views.model.names import nearest

if TYPE_CHECKING:
    from pydantic import BaseModel, ValidationError
    from pydantic_core import ErrorDetails

    from cassandra_views.project.settings import Strict

_FENCE = re.compile(r"---[ \t]*\n(?P<yaml>.*?)^---[ \t]*(?:\n|\Z)", re.DOTALL | re.MULTILINE)


Fields = TypeVar("Fields", bound="Strict")


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitFile:
    """A file's front matter and its body; the body keeps its line numbers by leading empty lines.

    Args:
        is_whole: there is no front matter: all of the file is YAML, and its values are texts.
    """

    file: str
    yaml: str
    body: str = ""
    is_whole: bool = False

    @property
    def noun(self) -> str:
        """What the YAML is called in messages."""
        return "file" if self.is_whole else "front matter"

    def line_of(self, *path: str | int) -> int:
        """Return the file's line of a key, or of the nearest key above it that is there; 1 where none is."""
        return _line_of(self, path) if self.yaml.strip() else 1

    def file_line(self, yaml_line: int) -> int:
        """Return the file's line of a line of the YAML, which counts from 0."""
        return yaml_line + (1 if self.is_whole else 2)


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
            f"the {split_file.noun} is not a mapping",
            place=Place(file=split_file.file, line=split_file.file_line(0)),
            next="Write it as 'key: value' lines",
        )
    try:
        return kind.model_validate(found)
    except ValidationError as error:
        raise _front_matter_error(error, split_file, kind, found) from error


def load_yaml(split_file: SplitFile) -> object:
    """Return what a file's front matter says; only that it is YAML, and gives each key once, is checked.

    Raises:
        ProjectError: with file and line.
    """
    import yaml

    try:
        loader = _text_loader() if split_file.is_whole else _loader()
        node = yaml.compose(split_file.yaml, Loader=loader)
        _refuse_double_keys(node, split_file)
        if split_file.is_whole:
            _refuse_tags(node, split_file)
        found: object = yaml.load(split_file.yaml, Loader=loader)
    except (yaml.YAMLError, ValueError) as error:  # ValueError: a date such as 2026-13-01
        mark = getattr(error, "problem_mark", None)
        line = split_file.file_line(mark.line) if mark else 1
        problem = getattr(error, "problem", None) or "it cannot be read"
        raise ProjectError(
            f"the {split_file.noun} is not YAML: {problem}",
            place=Place(file=split_file.file, line=line, column=mark.column + 1 if mark else 0),
            next="Write it as 'key: value' lines",
        ) from error
    except RecursionError as error:
        raise ProjectError(
            f"the {split_file.noun} is nested too deeply",
            place=Place(file=split_file.file, line=split_file.file_line(0)),
            next="Write it as 'key: value' lines",
        ) from error
    return found


def _loader() -> Any:
    """Return the class that reads YAML; PyYAML is imported where a file has changed since the last run."""
    import yaml

    return getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def _text_loader() -> Any:
    """Return a class that reads YAML as texts, lists and mappings; of plain words only null has a meaning."""
    null = "tag:yaml.org,2002:null"
    resolvers = {
        first: [each for each in found if each[0] == null] for first, found in _loader().yaml_implicit_resolvers.items()
    }
    return type("TextLoader", (_loader(),), {"yaml_implicit_resolvers": resolvers})


@lru_cache(maxsize=4)
def _composed(text: str) -> Any:
    """Return the nodes of a YAML text; they are asked for each row of a file of tests."""
    import yaml

    return yaml.compose(text, Loader=_loader())


def _refuse_double_keys(node: Any, split_file: SplitFile, above: tuple[Any, ...] = ()) -> None:
    """Refuse a key given twice, of which YAML would take the last silently; keys that are no texts; and endless values.

    Args:
        above: the values that this one is part of.
    """
    import yaml

    if not isinstance(node, yaml.MappingNode | yaml.SequenceNode):
        return
    if any(node is each for each in above):
        raise ProjectError(
            f"a value of the {split_file.noun} holds itself",
            place=Place(file=split_file.file, line=split_file.file_line(node.start_mark.line)),
            next="Write the value out, without '&' and '*'",
        )
    if isinstance(node, yaml.SequenceNode):
        for value in node.value:
            _refuse_double_keys(value, split_file, (*above, node))
        return
    seen: dict[str, int] = {}
    for key, value in node.value:
        line = split_file.file_line(key.start_mark.line)
        if not isinstance(key, yaml.ScalarNode):
            raise ProjectError(
                f"a key of the {split_file.noun} is a list or a mapping",
                place=Place(file=split_file.file, line=line),
                next="Write it as 'key: value' lines",
            )
        if key.value in seen:
            raise ProjectError(
                f"'{key.value}' is given twice in the {split_file.noun}, first in line {seen[key.value]}",
                place=Place(file=split_file.file, line=line),
                next="Keep one of them",
            )
        seen[key.value] = line
        _refuse_double_keys(value, split_file, (*above, node))


def _refuse_tags(node: Any, split_file: SplitFile) -> None:
    """Refuse a tag such as !!set: its value would be none of the texts, lists and mappings that tests are made of."""
    import yaml

    if node is None:
        return
    if node.tag.rpartition(":")[2] not in ("str", "null", "seq", "map"):
        raise ProjectError(
            f"the {split_file.noun} has the tag {node.tag.replace('tag:yaml.org,2002:', '!!')}",
            place=Place(file=split_file.file, line=split_file.file_line(node.start_mark.line)),
            next="Take the tag out: the server reads each value by its column's type",
        )
    if isinstance(node, yaml.MappingNode):
        for pair in node.value:
            for part in pair:
                _refuse_tags(part, split_file)
    elif isinstance(node, yaml.SequenceNode):
        for value in node.value:
            _refuse_tags(value, split_file)


def _front_matter_error(
    error: ValidationError, split_file: SplitFile, kind: type[BaseModel], read: dict[str, Any]
) -> ProjectError:
    # A misspelt key is also a missing one: the misspelling is what to tell first.
    found = sorted(error.errors(include_url=False), key=lambda each: each["type"] != "extra_forbidden")
    wrong = {each["loc"][:-1] for each in found if each["type"] == "extra_forbidden"}
    found = [each for each in found if each["type"] != "missing" or each["loc"][:-1] not in wrong]
    # A list whose entries are wrong has none that is right, and counts as empty.
    found = [each for each in found if each["type"] != "too_short" or not each["input"]]
    errors = [_error_of(each, split_file, kind) for each in found]
    for one, each in zip(errors, found, strict=True):
        one.on = _entry_name(read, each["loc"])
    errors[0].details = tuple(errors) if len(errors) > 1 else ()
    return errors[0]


def _entry_name(read: dict[str, Any], path: Sequence[str | int]) -> str:
    """Return the name of the test or check that a path leads into; empty where it has none."""
    match path:
        case (str(key), int(index), *_) if isinstance(entries := read.get(key), list) and index < len(entries):
            name = entries[index].get("name") if isinstance(entries[index], dict) else None
            return f"{key.removesuffix('s')} '{name}'" if isinstance(name, str) and name else ""
    return ""


def _error_of(first: ErrorDetails, split_file: SplitFile, kind: type[BaseModel]) -> ProjectError:
    path = [str(part) for part in first["loc"]]
    where = ".".join(path) or split_file.noun
    place = Place(file=split_file.file, line=_line_of(split_file, first["loc"]))
    if first["type"] == "extra_forbidden":
        known = _keys_at(kind, path[:-1])
        return ProjectError(
            f"unknown key '{where}' in the {split_file.noun}{nearest(path[-1], known)}",
            place=place,
            next=f"Known keys here: {', '.join(known)}",
        )
    if first["type"] == "missing":
        return ProjectError(f"the {split_file.noun} lacks '{where}'", place=place, next=f"Add '{path[-1]}'")
    reason = str(first["msg"]).removeprefix("Value error, ").replace("Input should be", "it must be")
    reason = reason.replace("a valid tuple", "a list")
    if first["type"] == "too_short":
        reason = "it must have at least one entry"
    return ProjectError(f"'{where}' in the {split_file.noun}: {reason}", place=place, next="Correct the value")


def _keys_at(kind: type[BaseModel], path: list[str]) -> list[str]:
    """Return the keys that the model below a path knows; numbers in it stand for any place in a list."""
    for part in path:
        field = kind.model_fields.get(part)
        inner = next(_models_in(field.annotation), None) if field is not None else None
        kind = inner or kind
    return list(kind.model_fields)


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    from pydantic import BaseModel

    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for each in get_args(annotation):
        yield from _models_in(each)


def _line_of(split_file: SplitFile, path: Sequence[str | int]) -> int:
    """Return the file's line of a key or of an entry in a list, or of the nearest above it that is there."""
    import yaml

    node, line = _composed(split_file.yaml), split_file.file_line(0)
    for part in path:
        if isinstance(node, yaml.MappingNode):
            found = next(((key, value) for key, value in node.value if key.value == part), None)
            if found is None:
                break
            key, node = found
            line = split_file.file_line(key.start_mark.line)
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            node = node.value[part]
            line = split_file.file_line(node.start_mark.line)
        else:
            break
    return line
