"""What front matter may say: the models that check it, and the published JSON Schemas, by which editors complete."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StrictBool, WithJsonSchema, model_validator
from pydantic.json_schema import GenerateJsonSchema

from cassandra_views.model.data_check import DEFAULT_TIMEOUT
from cassandra_views.model.definition import DEFAULT_GRACE, Window
from cassandra_views.model.errors import ProjectError
from cassandra_views.model.generation import Strategy
from cassandra_views.model.lag import LagPolicy
from cassandra_views.model.names import nearest
from cassandra_views.model.times import (
    DURATION_PATTERN,
    FORMAT_PATTERN,
    GRAINS,
    TIME_OF_DAY_PATTERN,
    TimeColumn,
    TimeKind,
    check_format,
    duration_text,
    format_grain,
    parse_duration,
    parse_instant,
    parse_time_of_day,
)
from cassandra_views.project.settings import ProjectConfig, Strict


def _duration(value: object) -> object:
    if isinstance(value, timedelta):
        return value
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is not a duration: write it with its unit, such as 28 days")
    return parse_duration(value)


def _time_of_day(value: object) -> object:
    if value is None or isinstance(value, timedelta):
        return value
    if not isinstance(value, str):
        raise ValueError('write the time of day in quotes, as "00:10" (YAML reads 10:30 as a number)')
    return parse_time_of_day(value)


Duration = Annotated[
    timedelta,
    BeforeValidator(_duration),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": DURATION_PATTERN,
            "examples": ["28 days", "1 day 12 hours", "10 minutes", "90s"],
        }
    ),
]
TimeOfDay = Annotated[
    timedelta,
    BeforeValidator(_time_of_day),
    WithJsonSchema({"type": "string", "pattern": TIME_OF_DAY_PATTERN, "examples": ["00:10"]}),
]


class WindowFields(Strict):
    """How far back the view sees, and how its window moves."""

    last: Duration
    """What readers are promised to see, back from now."""
    step: Duration
    """By how much the window moves at a time; a reader may see up to one step more than `last`."""
    at: TimeOfDay | None = None
    """When in each step the window moves, in UTC; without it, as soon as it can."""
    slide_on: Literal["time", "base"] = "time"
    """Under Airflow: `time` moves the window when it is due; `base` when its base table's asset has an event."""

    @model_validator(mode="after")
    def _check(self) -> WindowFields:
        self.window()
        return self

    def window(self) -> Window:
        """Return the model's value."""
        return Window(
            last=self.last,
            step=self.step,
            at=self.at,
            slides_on_base=self.slide_on == "base",
        )


class ProbeFields(Strict):
    """The canary row with which the lag is measured."""

    key: dict[str, str | int | float | bool] = Field(min_length=1)
    """The columns of the view's key and the values that are reserved for the canary row."""


class LagFields(Strict):
    """How late the view may show a write of its base, and how that is measured."""

    promise: Duration | None = None
    """How late it may be; `views lag` measures it, and ends with 1 where it is later."""
    probe: ProbeFields | None = None
    """Measure with a canary row instead of a sample of what applications wrote."""

    def policy(self) -> LagPolicy:
        """Return the model's value."""
        return LagPolicy(promise=self.promise, probe=tuple(self.probe.key.items()) if self.probe else ())


class CheckFields(Strict):
    """A SELECT that must return nothing, or a generation does not serve."""

    name: str = Field(min_length=1)
    """What is checked, in a few words; each check of a view has its own."""
    query: str
    """The SELECT; `{{ view }}` stands for the generation that is checked."""
    timeout: Duration = DEFAULT_TIMEOUT
    """How long the query may take; where it takes longer, nothing new serves."""


class FrontMatter(Strict):
    """What the front matter of views and tables has in common."""

    description: str = ""
    """What the view is for, or what the table holds, in one sentence."""
    keyspace: str | None = None
    """The keyspace of the table or view, which is also that of a view's base; else the environment's default."""


FormerNames = Annotated[
    tuple[str, ...],
    BeforeValidator(lambda value: [value] if isinstance(value, str) else value),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}),
]


class ViewFrontMatter(FrontMatter):
    """The front matter of a file under views/."""

    model_config = ConfigDict(title="cassandra-views: front matter of a view file")

    window: WindowFields | None = None
    """Without a window the view covers its whole base table."""
    strategy: Strategy = Strategy.REBUILD
    """How the window slides: rebuild the view beside the serving one, then switch readers."""
    grace: Duration = DEFAULT_GRACE
    """How long a replaced generation is kept; a rollback is possible that long."""
    max_lag: Duration | None = None
    """How late a slide of the window may be; `views status` says whether that is kept."""
    lag: LagFields | None = None
    """How late the view may show a write of its base, and how that is measured."""
    min_rows_percent: int | None = Field(default=None, ge=0, le=100, strict=True)
    """How many percent of the rows that serve the next generation must hold to be served without a person; 0 asks
    never. Else that of views.toml."""
    checks: tuple[CheckFields, ...] = ()
    """What each generation is asked before it serves."""
    renamed_from: FormerNames = ()
    """Names that the view had before; readers of these are served as well, until they are taken out here."""
    owner: str = ""
    """Who answers for the view."""
    tags: tuple[str, ...] = ()
    """Free words to find the view by."""


def _grain_name(grain: timedelta) -> str:
    return next(name for name, each in GRAINS.items() if each == grain)


class TimeFields(Strict):
    """Which column of a base table holds its time, and how: by ``format`` (texts) or ``type`` (the rest)."""

    model_config = ConfigDict(
        json_schema_extra={
            "oneOf": [{"required": [one], "properties": {one: {"type": "string"}}} for one in ("format", "type")]
        }
    )

    column: str
    """The column's name; it must be part of the table's primary key for a view's window."""
    type: Literal["timestamp", "date", "timeuuid", "seconds", "milliseconds"] | None = None
    """How the column holds time, where it is not text; seconds and milliseconds count from 1970."""
    format: Annotated[str, WithJsonSchema({"type": "string", "pattern": FORMAT_PATTERN})] | None = None
    """The strftime format of a text column; it must sort as time does, such as %Y-%m-%d_%H-%M."""
    grain: Literal["second", "minute", "hour", "day", "week"] | None = None
    """The step between two values of the column."""

    @model_validator(mode="after")
    def _check(self) -> TimeFields:
        if (self.type is None) == (self.format is None):
            raise ValueError("name either 'format' (a text column) or 'type' (any other column)")
        if self.format is not None:
            check_format(self.format)
        own, named = self._own_grain(), GRAINS[self.grain] if self.grain else None
        # A month and a year have no fixed length, so nothing is said against a grain below them.
        if own is not None and named is not None and named < own <= GRAINS["day"]:
            what = f"the format {self.format}" if self.format else f"a {self.type}"
            raise ValueError(f"{what} cannot tell one {self.grain} from the next: its grain is {_grain_name(own)}")
        return self

    def _own_grain(self) -> timedelta | None:
        """Return the smallest step of time that the column's form can tell apart, where that limits windows."""
        if self.format is not None:
            return format_grain(self.format)
        return GRAINS["day"] if self.type == "date" else None

    def time_column(self) -> TimeColumn:
        """Return the model's value."""
        kind = TimeKind(self.type) if self.type else TimeKind.TEXT
        grain = GRAINS[self.grain] if self.grain else self._own_grain()
        return TimeColumn(name=self.column, kind=kind, format=self.format or "", grain=grain)


class TableFrontMatter(FrontMatter):
    """The front matter of a file under tables/."""

    model_config = ConfigDict(title="cassandra-views: front matter of a base table's file")

    managed: StrictBool = False
    """True where this project creates the table; otherwise its shape is only read."""
    time: TimeFields | None = Field(default=None)
    """The column that holds the table's time, for windows."""


def _moment(value: object) -> object:
    if value is None or isinstance(value, datetime):
        return value
    try:
        return parse_instant(str(value))
    except (ValueError, OverflowError) as error:
        raise ValueError(f"'{value}' is no time: write it as 2026-12-01T06:00:00Z") from error


Moment = Annotated[
    datetime, BeforeValidator(_moment), WithJsonSchema({"type": "string", "examples": ["2026-12-01T06:00:00Z"]})
]
RowFields = dict[str, Any]


class ViewTestFields(Strict):
    """One test: rows that are written to the base, and the rows that the view must show then."""

    name: str = Field(min_length=1)
    """What the test shows, in a few words; each test of a file has its own."""
    now: Moment | None = None
    """At which time the window is that of the test; a view with a window needs it."""
    rows: tuple[RowFields, ...] = Field(min_length=1)
    """The rows that are written to the base, one after another, by column; a key that comes again is an update."""
    expect: tuple[RowFields, ...]
    """The rows that the view must show, and no others; columns that are left out are not compared. ``[]`` is none."""


class ViewTestsFields(Strict):
    """The tests of one view, in a file beside the view's."""

    model_config = ConfigDict(title="cassandra-views: tests of a view")

    tests: tuple[ViewTestFields, ...] = Field(min_length=1)
    """The tests, each by itself: it begins with an empty base."""


KINDS: dict[str, type[BaseModel]] = {
    "view": ViewFrontMatter,
    "table": TableFrontMatter,
    "test": ViewTestsFields,
    "toml": ProjectConfig,
}


class _Schema(GenerateJsonSchema):
    """Durations stand in schemas as people write them."""

    def encode_default(self, dft: Any) -> Any:
        return duration_text(dft) if isinstance(dft, timedelta) else super().encode_default(dft)


def schema_text(kind: str) -> str:
    """Return a published JSON Schema as text.

    Raises:
        ProjectError: there is none of that name.
    """
    if kind not in KINDS:
        raise ProjectError(
            f"there is no schema '{kind}'{nearest(kind, list(KINDS))}", next=f"Name one of: {', '.join(KINDS)}"
        )
    found = KINDS[kind].model_json_schema(schema_generator=_Schema)
    return json.dumps({"$schema": "https://json-schema.org/draft/2020-12/schema", **found}, indent=2)
