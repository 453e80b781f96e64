"""What a plan costs, said before it is paid (design 5.10), and the budget of views on one table. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from cassandra_views.model.catalog import Catalog
from cassandra_views.model.errors import PreflightError
from cassandra_views.model.generation import ViewRecord
from cassandra_views.model.steps import Cost, CreateGeneration, DropGeneration, Step, SweepOrphan


def costs_of(
    steps: Iterable[Step],
    catalog: Catalog,
    sizes: dict[tuple[str, str], tuple[int, int]],
    *,
    keeps_snapshot: bool,
    records: Iterable[ViewRecord] = (),
) -> tuple[Cost, ...]:
    """Return what the plan's new generations will cost.

    Args:
        sizes: (partitions, bytes) of base tables, by the nodes' estimates; what is absent is "unknown",
            and zero where the table is still to be created.
        keeps_snapshot: the servers cannot be told to leave no snapshot on a drop.
        records: what the views' former generations cost is taken from them.
    """
    carried = _carried(catalog)
    known = {record.name: record for record in records}
    found = []
    for step in steps:
        if isinstance(step, CreateGeneration):
            base = (step.view.keyspace, step.base)
            carried[base] += 1
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


def refuse_over_budget(steps: Iterable[Step], catalog: Catalog, budget: int) -> None:
    """Refuse a plan at any point of which a base table would carry more views than the budget allows.

    Raises:
        PreflightError: names the table.
    """
    carried = _carried(catalog)
    for step in steps:
        match step:
            case DropGeneration() | SweepOrphan():
                live = catalog.find_view(step.view, step.number)
                if live is not None:
                    carried[live.keyspace, live.base] -= 1
            case CreateGeneration():
                base = (step.view.keyspace, step.base)
                carried[base] += 1
                if carried[base] > budget:
                    raise _over(base, steps, catalog, budget)
            case _:
                pass


def _over(base: tuple[str, str], steps: Iterable[Step], catalog: Catalog, budget: int) -> PreflightError:
    new = sum(isinstance(step, CreateGeneration) and (step.view.keyspace, step.base) == base for step in steps)
    return PreflightError(
        f"it carries {_carried(catalog)[base]} views and would get {new} more, and the budget is {budget}: "
        "each write of the base visits every one of them",
        on=f"table {'.'.join(base)}",
        next="Wait until generations past their grace are dropped, remove views, apply fewer at a time, or raise "
        "view_budget in views.toml",
    )


def _carried(catalog: Catalog) -> Counter[tuple[str, str]]:
    return Counter((live.keyspace, live.base) for live in catalog.views.values())
