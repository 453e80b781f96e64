"""The steps a plan is made of: a closed union, carried out and explained from the same list.

``physical`` of a step names the physical view where that is not the one of its view and number: a generation keeps the
name under which it was made when its view is renamed.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Literal

from cassandra_client import errors as client_errors
from cassandra_client.errors import Place, ViewsError
from cassandra_views.model import errors
from cassandra_views.model.audit_request import AUDIT_BY_SIZE, AuditRequest
from cassandra_views.model.data_check import DataCheck
from cassandra_views.model.generation import OverrideKind, Serving, Strategy
from cassandra_views.model.names import ViewName
from cassandra_views.model.times import TimeColumn


class Cause(StrEnum):
    """Why a generation is made."""

    CREATE = "create"
    CHANGE = "change"
    SLIDE = "slide"
    REFRESH = "refresh"
    REPAIR = "repair"


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateRegistry:
    """Create the registry's keyspace and tables, where they are missing."""

    keyspace: str
    replication: str
    kind: Literal["create_registry"] = "create_registry"


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateKeyspace:
    """Create a keyspace that views.toml describes and the cluster lacks."""

    keyspace: str
    cql: str
    kind: Literal["create_keyspace"] = "create_keyspace"


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateTable:
    """Create a base table that its file says is ours (``managed: true``) and the cluster lacks."""

    keyspace: str
    table: str
    cql: str
    kind: Literal["create_table"] = "create_table"


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateGeneration:
    """Reserve a number and create its physical view; or finish doing so, where a run was killed."""

    view: ViewName
    number: int
    base: str
    cql: str
    table_id: uuid.UUID
    version: str
    cause: Cause
    reason: str
    window_start: datetime | None = None
    window_end: datetime | None = None
    window_declared: str = ""
    resumes: bool = False
    base_mark: str = ""
    physical: str = ""
    kind: Literal["create_generation"] = "create_generation"


@dataclass(frozen=True, slots=True, kw_only=True)
class AdoptGeneration:
    """Write a physical view that the schema holds and the registry does not know into the registry, as ``building``.

    It is one that a lost registry knew, by its comment, or number 0: the view that people made under the logical name.
    Its build is awaited and its rows are audited as those of any other.
    """

    view: ViewName
    number: int
    cql: str
    table_id: uuid.UUID
    version: str
    reason: str
    window_start: datetime | None = None
    window_end: datetime | None = None
    window_declared: str = ""
    physical: str = ""
    kind: Literal["adopt_generation"] = "adopt_generation"


@dataclass(frozen=True, slots=True, kw_only=True)
class AwaitBuild:
    """Wait until every token-owning member has built the generation and its batches are drained."""

    view: ViewName
    number: int
    physical: str = ""
    kind: Literal["await_build"] = "await_build"


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditGeneration:
    """Compare the generation with its base, and ask it the checks of its file; where one fails it is ``failed``.

    Args:
        is_again: it serves, or has served. The verdict is written down, its state and readers stay; the next plan
            builds another one where it differs.
        is_return: it is retired, and readers are to be sent to it again.
        time: of a generation with a window that does not serve yet: the base's time column.
        checks: of the view's file; none of what serves already, which is compared with its base alone.
    """

    view: ViewName
    number: int
    is_again: bool = False
    is_return: bool = False
    request: AuditRequest = AUDIT_BY_SIZE
    time: TimeColumn | None = None
    checks: tuple[DataCheck, ...] = ()
    physical: str = ""
    kind: Literal["audit_generation"] = "audit_generation"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServeGeneration:
    """Send readers to the generation and retire those that served, in one conditional batch.

    Args:
        rolled_back_from: the generation that served, where a person asked to go back from it.
        override: what the same batch decides over the view's file.
        reason: why a person asked for it.
        min_rows: with fewer rows it waits for a person, if what serves holds more indeed; None serves any number.
        min_rows_percent, time, window_start: by which the rows of what serves are counted then.
    """

    view: ViewName
    number: int
    read_from: tuple[Serving, ...]
    strategy: Strategy
    grace_seconds: int
    next_due: datetime | None = None
    retires: tuple[int, ...] = ()
    needs_audit: bool = True
    rolled_back_from: int | None = None
    override: OverrideKind | None = None
    reason: str = ""
    min_rows: int | None = None
    min_rows_percent: int = 0
    time: TimeColumn | None = None
    window_start: datetime | None = None
    physical: str = ""
    kind: Literal["serve_generation"] = "serve_generation"


@dataclass(frozen=True, slots=True, kw_only=True)
class RetireView:
    """Send readers to none of the view's generations; they are kept for their grace period.

    Args:
        override: what the same batch decides over the view's file.
    """

    view: ViewName
    retires: tuple[int, ...]
    reason: str
    override: OverrideKind | None = None
    kind: Literal["retire_view"] = "retire_view"


@dataclass(frozen=True, slots=True, kw_only=True)
class FailGeneration:
    """Give up a generation that never served; the drop that follows frees its write cost."""

    view: ViewName
    number: int
    reason: str
    physical: str = ""
    kind: Literal["fail_generation"] = "fail_generation"


@dataclass(frozen=True, slots=True, kw_only=True)
class DropGeneration:
    """Drop a physical view that does not serve and leave it to the history."""

    view: ViewName
    number: int
    reason: str
    needs_approval: bool = False
    physical: str = ""
    kind: Literal["drop_generation"] = "drop_generation"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseGeneration:
    """Take number 0, the view that people made, out of the registry again; the view itself stays as it is."""

    view: ViewName
    number: int
    reason: str
    physical: str = ""
    kind: Literal["release_generation"] = "release_generation"


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepOrphan:
    """Drop a physical view that carries this registry's comment and that the registry does not know."""

    view: ViewName
    number: int
    reason: str
    physical: str = ""
    kind: Literal["sweep_orphan"] = "sweep_orphan"


@dataclass(frozen=True, slots=True, kw_only=True)
class DropRegistry:
    """Drop the registry's tables, and its keyspace where this program made it and nothing else is in it.

    Args:
        tables: those that exist.
        drops_keyspace: the keyspace goes, too, unless something else is in it by then.
    """

    keyspace: str
    tables: tuple[str, ...]
    drops_keyspace: bool = False
    kind: Literal["drop_registry"] = "drop_registry"


@dataclass(frozen=True, slots=True, kw_only=True)
class RenameView:
    """Give a view another name; the former one is served as well, by the same generations."""

    view: ViewName
    former: str
    kind: Literal["rename_view"] = "rename_view"


@dataclass(frozen=True, slots=True, kw_only=True)
class GiveUpName:
    """Serve a former name of a view no longer; its readers get an error that says the name that the view has."""

    view: ViewName
    former: str
    kind: Literal["give_up_name"] = "give_up_name"


GenerationStep = (
    CreateGeneration
    | AdoptGeneration
    | AwaitBuild
    | AuditGeneration
    | ServeGeneration
    | FailGeneration
    | DropGeneration
    | ReleaseGeneration
    | SweepOrphan
)
"""Steps of one generation."""

Step = (
    CreateRegistry
    | CreateKeyspace
    | CreateTable
    | CreateGeneration
    | AdoptGeneration
    | AwaitBuild
    | AuditGeneration
    | ServeGeneration
    | RetireView
    | FailGeneration
    | DropGeneration
    | ReleaseGeneration
    | SweepOrphan
    | DropRegistry
    | RenameView
    | GiveUpName
)


def physical_of(step: GenerationStep) -> str:
    """Return the name of the physical view that a step is about."""
    return step.physical or step.view.physical(step.number)


def former_names(steps: Iterable[Step]) -> tuple[ViewName, ...]:
    """Return the names that steps rename or give up."""
    found = (step for step in steps if isinstance(step, RenameView | GiveUpName))
    return tuple(ViewName(keyspace=step.view.keyspace, view=step.former) for step in found)


def find_step_view(step: Step) -> ViewName | None:
    """Return the view that a step is for; None for the registry, keyspaces and base tables."""
    match step:
        case CreateRegistry() | CreateKeyspace() | CreateTable() | DropRegistry():
            return None
        case _:
            return step.view


@dataclass(frozen=True, slots=True, kw_only=True)
class Precondition:
    """What a view's registry rows must still be when the plan is applied (``ViewRecord.revision``)."""

    view: ViewName
    revision: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FilePrecondition:
    """What a file must still say when the plan is applied.

    Args:
        subject: ``view KEYSPACE.NAME``, ``table KEYSPACE.NAME``, or ``keyspace NAME`` (of views.toml).
        mark: of what the file says; empty where there is none.
    """

    subject: str
    mark: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What the steps of one view will cost: said before it is paid (design 5.10).

    ``None`` stands for "unknown", and 0 partitions for a base that the plan itself creates. Estimates come
    from the nodes' own size estimates, which they renew every five minutes.

    Args:
        former_rows, former_seconds: how many rows the view's newest built generation had at its audit, and how
            long its build took on this cluster.
    """

    view: ViewName
    number: int
    partitions: int | None = None
    size_bytes: int | None = None
    views_on_base: int = 0
    keeps_snapshot: bool = False
    former_rows: int | None = None
    former_seconds: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedView:
    """A view that cannot be planned, and why; it is left as it is, and the other views are planned all the same.

    Args:
        view: ``keyspace.view``; the name alone where its file does not tell its keyspace; ``table NAME`` for a table
            file that is wrong.
        error: the error's class, by name.
    """

    view: str
    error: str
    what: str
    next: str
    on: str = ""
    remains: str = ""
    file: str = ""
    line: int = 0
    column: int = 0

    @classmethod
    def of(cls, view: str, error: ViewsError) -> RefusedView:
        """Return the refusal that an error stands for."""
        place = error.place or Place(file="")
        return cls(
            view=view,
            error=type(error).__name__,
            what=error.what,
            next=error.next,
            on=error.on,
            remains=error.remains,
            file=place.file,
            line=place.line,
            column=place.column,
        )

    def as_error(self) -> ViewsError:
        """Return the error again."""
        module = errors if hasattr(errors, self.error) else client_errors
        kind = getattr(module, self.error, ViewsError)
        place = Place(file=self.file, line=self.line, column=self.column) if self.file else None
        found: ViewsError = kind(self.what, on=self.on, remains=self.remains, next=self.next, place=place)
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Deferral:
    """A new generation that waits, since its base table carries as many views as its budget allows.

    Args:
        until: the earliest moment at which there is room; None where that depends on others that wait before it.
    """

    view: ViewName
    table: str
    until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The list of what would be done, as values, with what must still hold when it is done.

    Args:
        target: cluster, registry and environment, in one line of text.
        notes: what a person should know and no step does: drift, overrides, drops that wait.
        withheld: drops that need an approval nobody gave.
        refused: views that cannot be planned; they are left as they are.
        files: what the files must still say, as ``preconditions`` for the registry.
        deferred: views whose next generation waits for room on its base table; a later plan makes it.
    """

    made_at: datetime
    target: str
    cluster: str
    registry: str
    environment: str
    project: str
    steps: tuple[Step, ...] = ()
    preconditions: tuple[Precondition, ...] = ()
    notes: tuple[str, ...] = ()
    withheld: tuple[DropGeneration, ...] = ()
    costs: tuple[Cost, ...] = field(default=())
    refused: tuple[RefusedView, ...] = ()
    deferred: tuple[Deferral, ...] = ()
    files: tuple[FilePrecondition, ...] = ()
    format_version: int = 1

    @property
    def has_changes(self) -> bool:
        """Tell whether applying the plan would do anything."""
        return bool(self.steps)

    @property
    def views(self) -> tuple[ViewName, ...]:
        """The views that steps speak of, each once, in the order of the steps."""
        return tuple(dict.fromkeys(view for step in self.steps if (view := find_step_view(step)) is not None))

    @property
    def former_names(self) -> tuple[ViewName, ...]:
        """The names that steps rename or give up."""
        return former_names(self.steps)

    def part(self, steps: Iterable[Step]) -> Plan:
        """Return the same plan with only these of its steps, in its own order.

        Preconditions and costs are those of what the steps speak of, so that views can be carried out one
        by one. Two parts for one view need two plans: the first changes what the second depends on.

        Raises:
            ValueError: a step is not of this plan.
        """
        chosen = list(steps)
        foreign = next((step for step in chosen if step not in self.steps), None)
        if foreign is not None:
            raise ValueError(f"the plan has no such step: {foreign}")
        part = replace(self, steps=tuple(step for step in self.steps if step in chosen))
        views = {f"view {view}" for view in (*part.views, *part.former_names)}
        made = {(step.view, step.number) for step in part.steps if isinstance(step, CreateGeneration)}
        return replace(
            part,
            preconditions=tuple(each for each in self.preconditions if each.view in (*part.views, *part.former_names)),
            costs=tuple(cost for cost in self.costs if (cost.view, cost.number) in made),
            files=tuple(each for each in self.files if each.subject in views or not each.subject.startswith("view ")),
            refused=(),
            deferred=(),
        )
