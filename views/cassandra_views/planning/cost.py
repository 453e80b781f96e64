"""What a plan costs, said before it is paid (design 5.10), and how many views a table carries. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from cassandra_views.model.generation import ViewRecord
from cassandra_views.model.schema import Catalog
from cassandra_views.model.steps import Cost, CreateGeneration, DropGeneration, Step, SweepOrphan


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
        keeps_snapshot: the servers cannot be told to leave no snapshot on a drop.
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
            live = catalog.find_view(step.view, step.number)
            if live is not None:
                carried[live.keyspace, live.base] -= 1
        case CreateGeneration():
            carried[step.view.keyspace, step.base] += catalog.find_view(step.view, step.number) is None
        case _:
            pass
