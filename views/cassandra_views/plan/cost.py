"""What a plan costs, shown before it is paid (design 5.10), and what of it fits into budgets of base tables. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from cassandra_views.model.definition import ViewDefinition
from cassandra_views.model.errors import PreflightError
from cassandra_views.model.generation import State, ViewRecord
from cassandra_views.model.names import HAND_MADE_NUMBER, ViewName, counted
from cassandra_views.model.schema import Catalog
from cassandra_views.model.steps import (
    Cost,
    CreateGeneration,
    Deferral,
    DropGeneration,
    RefusedView,
    Step,
    SweepOrphan,
    physical_of,
)
from cassandra_views.model.times import instant_text
from cassandra_views.plan.inputs import PlanTarget
from cassandra_views.plan.view_plan import ViewSteps


def costs_of(
    steps: Iterable[Step],
    catalog: Catalog,
    sizes: dict[tuple[str, str], tuple[int, int]],
    *,
    keeps_snapshot: bool,
    records: Iterable[ViewRecord] = (),
) -> tuple[Cost, ...]:
    """Return what the plan's new generations will cost; views on a base are counted step by step, drops included.

    Args:
        sizes: (partitions, bytes) of base tables, by the nodes' estimates; what is absent is "unknown",
            and zero where the table is still to be created.
        keeps_snapshot: the servers have no option that leaves no snapshot on a drop.
        records: what the views' former generations cost is taken from them.
    """
    carried = views_carried(catalog)
    known = {record.name: record for record in records}
    found = []
    for step in steps:
        count_views(carried, step, catalog)
        if isinstance(step, CreateGeneration):
            base = (step.view.keyspace, step.base)
            is_new = base not in catalog.tables
            partitions, size = (0, 0) if is_new else sizes.get(base, (None, None))
            rows, seconds = _former(known.get(step.view))
            found.append(
                Cost(
                    view=step.view,
                    number=step.number,
                    partitions=partitions,
                    size_bytes=size,
                    views_on_base=carried[base],
                    keeps_snapshot=keeps_snapshot,
                    former_rows=rows,
                    former_seconds=seconds,
                )
            )
    return tuple(found)


def _former(record: ViewRecord | None) -> tuple[int | None, float | None]:
    """Return rows and seconds of the newest generation that was built; one that was taken over has no seconds."""
    built = [each for each in record.generations if each.built_at] if record else []
    if not built:
        return None, None
    last = built[-1]
    assert last.built_at is not None
    return last.rows_built, (last.built_at - last.created_at).total_seconds() if last.created_at else None


def views_carried(catalog: Catalog, steps: Iterable[Step] = ()) -> Counter[tuple[str, str]]:
    """Return how many views each base table carries once these steps are done."""
    carried = Counter((live.keyspace, live.base) for live in catalog.views.values())
    for step in steps:
        count_views(carried, step, catalog)
    return carried


def count_views(carried: Counter[tuple[str, str]], step: Step, catalog: Catalog) -> None:
    """Count what a step adds to, or takes from, the views that base tables carry."""
    match step:
        case DropGeneration() | SweepOrphan():
            live = catalog.find_view(step.view.keyspace, physical_of(step))
            if live is not None:
                carried[live.keyspace, live.base] -= 1
        case CreateGeneration():
            carried[step.view.keyspace, step.base] += catalog.find_view(step.view.keyspace, physical_of(step)) is None
        case _:
            pass


_Base = tuple[str, str]
_KEPT = (State.BUILDING, State.BUILT, State.SERVING)


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseLoad:
    """The views that one base table carries, by what becomes of them.

    Args:
        keepers: our views that keep one generation on it for good.
        ends: of generations that go by themselves, when they do, as far as that is known.
        foreign: views that are not generations of ours, which stay as long as their owners want.
    """

    keepers: frozenset[ViewName] = frozenset()
    ends: tuple[datetime, ...] = ()
    foreign: int = 0

    @property
    def lasting(self) -> int:
        """How many stay once what goes by itself is gone."""
        return self.foreign + len(self.keepers)


def find_load(
    base: _Base,
    carried: int,
    records: Mapping[ViewName, ViewRecord],
    catalog: Catalog,
    now: datetime,
    *,
    definitions: Mapping[ViewName, ViewDefinition] | None = None,
    dropped: Collection[tuple[ViewName, int]] = (),
) -> BaseLoad:
    """Return what a base table carries.

    Args:
        carried: how many views in all, without those that are dropped.
        definitions: what files say of graces; without one the record says it.
        dropped: generations that are dropped before anything is made.
    """
    keepers: set[ViewName] = set()
    ends: list[datetime] = []
    passing = 0
    for name, record in records.items():
        definition = (definitions or {}).get(name)
        grace = definition.grace if definition else record.grace
        for each in record.generations:
            live = catalog.find_view(name.keyspace, each.physical)
            if live is None or (live.keyspace, live.base) != base or (name, each.number) in dropped:
                continue
            if each.number == HAND_MADE_NUMBER and each.state not in _KEPT:
                continue  # it stays until somebody approves its drop
            if each.state in _KEPT:
                passing += name in keepers
                keepers.add(name)
            else:
                passing += 1
                ends.append((each.retired_at or now) + grace if each.state is State.RETIRED else now)
    return BaseLoad(keepers=frozenset(keepers), ends=tuple(sorted(ends)), foreign=carried - len(keepers) - passing)


@dataclass(slots=True, kw_only=True)
class Overflow:
    """What of a plan does not fit into budgets: some of it waits, and some of it never fits."""

    deferred: list[Deferral] = field(default_factory=list)
    refused: list[RefusedView] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def limit_to_budgets(
    planned: Sequence[ViewSteps],
    definitions: Mapping[ViewName, ViewDefinition],
    records: Mapping[ViewName, ViewRecord],
    catalog: Catalog,
    target: PlanTarget,
    now: datetime,
) -> Overflow:
    """Hold back the new generations for which their base tables have no room now.

    At no point of the plan does a base table carry more views than its budget, nor than the servers allow. What is
    held back waits where room comes by itself, as generations that were replaced are dropped after their grace; else
    it is refused.

    Args:
        planned: the steps of each view, in the order in which they get room; those held back lose theirs.
    """
    drops = [step for each in planned for step in each.clean]
    carried = views_carried(catalog, drops)
    bases = {(live.keyspace, live.base) for live in catalog.views.values()}
    wanted = {(each.name.keyspace, create.base) for each in planned if (create := _create(each))}
    rooms = {
        base: _BaseBudget(base, planned, definitions, records, catalog, carried[base], target, now)
        for base in bases | wanted
    }
    batch = Overflow()
    for each in planned:
        create = _create(each)
        if create is None:
            continue
        room = rooms[each.name.keyspace, create.base]
        if room.take(each.name):
            continue
        each.hold_back()
        if room.has_prospect(each.name):
            batch.deferred.append(room.wait(each.name))
        else:
            batch.refused.append(RefusedView.of(str(each.name), room.refuse()))
    batch.notes += [room.note() for _base, room in sorted(rooms.items()) if room.waiting]
    return batch


class _BaseBudget:
    """What one base table carries while a plan is carried out, and after it."""

    def __init__(
        self,
        base: _Base,
        planned: Iterable[ViewSteps],
        definitions: Mapping[ViewName, ViewDefinition],
        records: Mapping[ViewName, ViewRecord],
        catalog: Catalog,
        carried: int,
        target: PlanTarget,
        now: datetime,
    ) -> None:
        self._base, self._carried, self._now = base, carried, now
        budget, guardrail = target.view_budget, target.view_guardrail
        self._is_guardrail = guardrail is not None and guardrail < budget
        self._budget = budget if guardrail is None else min(budget, guardrail)
        self._definitions, self._records = definitions, records
        dropped = {
            (step.view, step.number) for each in planned for step in each.clean if isinstance(step, DropGeneration)
        }
        load = find_load(base, carried, records, catalog, now, definitions=definitions, dropped=dropped)
        self._keepers, self._ends, self._foreign = set(load.keepers), list(load.ends), load.foreign
        self._admitted = 0
        self.waiting: list[Deferral] = []

    def take(self, name: ViewName) -> bool:
        """Take room for one more generation of a view; return False where there is none now."""
        if self._carried + 1 > self._budget:
            return False
        self._carried += 1
        self._admitted += 1
        if name in self._keepers:
            self._ends.append(self._now + self._grace(name))
        self._keepers.add(name)
        return True

    def has_prospect(self, name: ViewName) -> bool:
        """Tell whether room for one more generation of a view comes by itself."""
        return self._foreign + len(self._keepers | {name}) + (name in self._keepers) <= self._budget

    def wait(self, name: ViewName) -> Deferral:
        """Put a view among those that wait."""
        place = len(self.waiting)
        found = Deferral(
            view=name,
            table=".".join(self._base),
            until=self._ends[place] if place < len(self._ends) else None,
        )
        self._keepers.add(name)
        self.waiting.append(found)
        return found

    def refuse(self) -> PreflightError:
        """Return the error of a view for which there will be no room."""
        if self._is_guardrail:
            return PreflightError(
                f"it carries {counted(self._carried, 'view')}, and the servers' guardrail "
                f"materialized_views_per_table_fail_threshold allows {self._budget}; "
                "a refresh needs room for two generations",
                on=f"table {'.'.join(self._base)}",
                next="Raise the guardrail on every node, or remove views of this table",
            )
        return PreflightError(
            f"it carries {counted(self._carried, 'view')}, and its budget is {self._budget}: "
            "each write of the base visits every one of them",
            on=f"table {'.'.join(self._base)}",
            next="Remove views of this table, or raise view_budget in views.toml",
        )

    def note(self) -> str:
        """Return how many fit now, and what the others wait for."""
        count = len(self.waiting)
        until = min((each.until for each in self.waiting if each.until), default=None)
        when = f", which is not before {instant_text(until)}" if until else ""
        names = ", ".join(each.view.view for each in self.waiting)
        return (
            f"table {'.'.join(self._base)} {self._limit_text()}: {self._admitted} of "
            f"{self._admitted + count} new generations fit now, and {count} wait{'s' if count == 1 else ''} until "
            f"replaced generations are past their grace and dropped{when}: {names}"
        )

    def _limit_text(self) -> str:
        if self._is_guardrail:
            return f"may carry {counted(self._budget, 'view')} by the servers' guardrail"
        return f"has a budget of {counted(self._budget, 'view')}"

    def _grace(self, name: ViewName) -> timedelta:
        definition = self._definitions.get(name)
        return definition.grace if definition else self._records[name].grace


def _create(each: ViewSteps) -> CreateGeneration | None:
    return next((step for step in each.create if isinstance(step, CreateGeneration)), None)
