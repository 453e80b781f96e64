"""The front matter of view and table files: schema, strict checks, places of what is wrong."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any, Literal, TypeVar

import yaml
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    WithJsonSchema,
    model_validator,
)

from cassandra_views.model.definition import DEFAULT_GRACE
from cassandra_views.model.errors import Place, ProjectError
from cassandra_views.model.generation import Strategy
from cassandra_views.model.names import nearest
from cassandra_views.model.times import (
    GRAINS,
    TimeColumn,
    TimeKind,
    check_format,
    format_grain,
    parse_duration,
    parse_time_of_day,
)
from cassandra_views.model.window import Window

_FENCE = re.compile(r"---[ \t]*\r?\n(?P<yaml>.*?)(?:^|\n)---[ \t]*(?:\r?\n|\Z)", re.DOTALL | re.MULTILINE)
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def _duration(value: object) -> object:
    return parse_duration(value) if isinstance(value, str) else value


def _time_of_day(value: object) -> object:
    if isinstance(value, int):
        raise ValueError('write the time of day in quotes, as "00:10" (YAML reads 10:30 as a number)')
    return parse_time_of_day(value) if isinstance(value, str) else value


Duration = Annotated[
    timedelta,
    BeforeValidator(_duration),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": r"^\s*\d+\s*[A-Za-z]+(\s+\d+\s*[A-Za-z]+)*\s*$",
            "examples": ["28 days", "1 day 12 hours", "10 minutes", "90s"],
        }
    ),
]
TimeOfDay = Annotated[
    timedelta,
    BeforeValidator(_time_of_day),
    WithJsonSchema({"type": "string", "pattern": r"^([01]?\d|2[0-3]):[0-5]\d$", "examples": ["00:10"]}),
]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=False, use_attribute_docstrings=True)


class WindowMatter(_Strict):
    """How far back the view sees, and how its window moves."""

    last: Duration
    """What readers are promised to see, back from now."""
    step: Duration
    """By how much the window moves at a time; a reader may see up to one step more than `last`."""
    at: TimeOfDay | None = None
    """When in each step the window moves, in UTC; without it, as soon as it can."""
    lateness: Duration = timedelta()
    """How late rows may still arrive in the base table."""

    @model_validator(mode="after")
    def _check(self) -> WindowMatter:
        self.window()
        return self

    def window(self) -> Window:
        """Return the model's value."""
        return Window(last=self.last, step=self.step, at=self.at, lateness=self.lateness)


class ViewMatter(_Strict):
    """The front matter of a file under views/."""

    model_config = ConfigDict(title="cassandra-views: front matter of a view file")

    description: str = ""
    """What the view is for, in one sentence."""
    keyspace: str | None = None
    """The keyspace of the view and its base table; else the environment's default."""
    window: WindowMatter | None = None
    """Without a window the view covers its whole base table."""
    strategy: Strategy = Strategy.REBUILD
    """How the window slides: rebuild the view beside the serving one, or rotate one generation per step."""
    grace: Duration = DEFAULT_GRACE
    """How long a replaced generation is kept; a rollback is possible that long."""
    owner: str = ""
    """Who answers for the view."""
    tags: tuple[str, ...] = ()
    """Free words to find the view by."""


class TimeMatter(_Strict):
    """Which column of a base table holds its time, and how."""

    column: str
    """The column's name; it must be part of the table's primary key for a view's window."""
    type: Literal["timestamp", "date", "timeuuid", "seconds", "milliseconds"] | None = None
    """How the column holds time, where it is not text; seconds and milliseconds count from 1970."""
    format: str | None = None
    """The strftime format of a text column; it must sort as time does, such as %Y-%m-%d_%H-%M."""
    grain: Literal["second", "minute", "hour", "day", "week"] | None = None
    """The step between two values of the column."""

    @model_validator(mode="after")
    def _check(self) -> TimeMatter:
        if (self.type is None) == (self.format is None):
            raise ValueError("name either 'format' (a text column) or 'type' (any other column)")
        if self.format is not None:
            check_format(self.format)
        return self

    def time_column(self) -> TimeColumn:
        """Return the model's value."""
        kind = TimeKind(self.type) if self.type else TimeKind.TEXT
        grain = GRAINS[self.grain] if self.grain else None
        if grain is None and self.format:
            grain = format_grain(self.format)
        return TimeColumn(name=self.column, kind=kind, format=self.format or "", grain=grain)


class TableMatter(_Strict):
    """The front matter of a file under tables/."""

    model_config = ConfigDict(title="cassandra-views: front matter of a base table's file")

    description: str = ""
    """What the table holds, in one sentence."""
    keyspace: str | None = None
    """The table's keyspace; else the environment's default."""
    managed: bool = False
    """True where this project creates the table; otherwise its shape is only read."""
    time: TimeMatter | None = Field(default=None)
    """The column that holds the table's time, for windows."""


Matter = TypeVar("Matter", ViewMatter, TableMatter)


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitFile:
    """A file's front matter and its body; the body keeps its line numbers by leading empty lines."""

    file: str
    yaml: str
    body: str


def split(text: str, file: str) -> SplitFile:
    """Split a file at its front matter.

    Raises:
        ProjectError: the front matter does not end.
    """
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


def read_matter(split_file: SplitFile, kind: type[Matter]) -> Matter:
    """Check a file's front matter.

    Raises:
        ProjectError: with file, line and the nearest known name.
    """
    try:
        found = yaml.load(split_file.yaml, Loader=_Loader) or {}
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 2 if mark else 1
        problem = getattr(error, "problem", None) or "it cannot be read"
        raise ProjectError(
            f"the front matter is not YAML: {problem}",
            place=Place(file=split_file.file, line=line, column=mark.column + 1 if mark else 0),
            next="Write it as 'key: value' lines",
        ) from error
    if not isinstance(found, dict):
        raise ProjectError(
            "the front matter is not a mapping",
            place=Place(file=split_file.file, line=2),
            next="Write it as 'key: value' lines",
        )
    try:
        return kind.model_validate(found)
    except ValidationError as error:
        raise _explained(error, split_file, kind) from error


def _explained(error: ValidationError, split_file: SplitFile, kind: type[BaseModel]) -> ProjectError:
    first = error.errors(include_url=False)[0]
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
    reason = str(first["msg"]).removeprefix("Value error, ")
    return ProjectError(f"'{where}' in the front matter: {reason}", place=place, next="Correct the value")


def _keys_at(kind: type[BaseModel], path: list[str]) -> list[str]:
    nested: dict[str, type[BaseModel]] = {"window": WindowMatter, "time": TimeMatter}
    return list((nested[path[0]] if path and path[0] in nested else kind).model_fields)


def _line_of(text: str, path: list[str]) -> int:
    """Return the file's line of a key, or of the nearest key above it that is there."""
    node, line = yaml.compose(text, Loader=_Loader), 2
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
