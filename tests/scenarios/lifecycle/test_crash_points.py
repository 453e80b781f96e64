"""A process that dies at any effect on the cluster, just before or just after it: the next run goes on.

The cases wait most of the time (for the server), so several run at once, each group on a keyspace and a registry of
its own. A dead run's lease is ended as time would end it (test_lease.py waits for that).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest
from cassandra.cluster import Session

from cassandra_views.model.generation import State
from cassandra_views.registry.lease import LeaseTimes
from tests.scenarios.lifecycle.dying import Died, DyingSession, Side
from tests.scenarios.lifecycle.workshop import Workshop

GROUPS = 3
SLIDER = "slider"
CQL = (
    "CREATE MATERIALIZED VIEW {{ view }} AS SELECT day, who, n FROM {{ base('marks') }} "
    "WHERE {{ in_window() }} AND who IS NOT NULL PRIMARY KEY (day, who)"
)


@pytest.fixture
def groups(session: Session, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[list[Workshop]]:
    digest = hashlib.blake2b(request.node.nodeid.encode(), digest_size=4).hexdigest()
    found = []
    replication = "{'class': 'SimpleStrategy', 'replication_factor': 1}"
    for number in range(GROUPS):
        keyspace = f"c_{digest}_{number}"
        session.execute(f"DROP KEYSPACE IF EXISTS {keyspace}")
        session.execute(f"CREATE KEYSPACE {keyspace} WITH replication = {replication}")
        session.execute(f"CREATE TABLE {keyspace}.marks (who text, day date, n int, PRIMARY KEY (who, day))")
        for day in range(1, 11):
            session.execute(f"INSERT INTO {keyspace}.marks (who, day, n) VALUES ('a', '2026-03-{day:02}', {day})")
        workshop = Workshop(
            session=session,
            keyspace=keyspace,
            folder=tmp_path / str(number),
            registry=f"r_{digest}_{number}",
            lease_times=LeaseTimes(cooldown_seconds=0.0),
        )
        workshop.write_table("marks", "{column: day, type: date}")
        found.append(workshop)
    yield found
    for workshop in found:
        session.execute(f"DROP KEYSPACE {workshop.keyspace}")
        session.execute(f"DROP KEYSPACE IF EXISTS {workshop.registry}")


def begin(workshop: Workshop, view: str, *, generations: int) -> None:
    """Give the view a file and as many generations, the last of which serves."""
    workshop.write_view(view, CQL, window="{last: 3 days, step: 1 day}", grace="10 seconds")
    for _ in range(generations):
        workshop.manager().apply()
        workshop.now += timedelta(days=1)


def act(workshop: Workshop, view: str, what: str, session: object) -> None:
    manager = workshop.manager(session)
    if what == "drop":
        manager.drop(workshop.full(view))
    else:
        manager.apply()


def check_serves(workshop: Workshop, view: str, *, may_be_none: bool) -> None:
    """What the registry sends readers to is there, at every moment; asked as a reader does."""
    row = workshop.session.execute(
        f"SELECT read_from FROM {workshop.registry}.views WHERE keyspace_name = %s AND view_name = %s LIMIT 1",
        (workshop.keyspace, view),
    ).one()
    entries = (row.read_from if row else None) or []
    assert may_be_none or len(entries) == 1
    assert {entry["name"] for entry in entries} <= workshop.physical_views()


def crash(workshop: Workshop, view: str, what: str, dies_at: int, side: Side) -> list[str]:
    """Let one run die, and a plain apply follow; return the effects up to the death."""

    def look() -> None:
        if what != "create":
            check_serves(workshop, view, may_be_none=what == "drop")

    dying = DyingSession(workshop.session, dies_at, side, look)
    with suppress(Died):
        act(workshop, view, what, dying)
    workshop.end_lease()
    look()
    act(workshop, view, "apply", DyingSession(workshop.session, on_effect=look))
    assert workshop.manager().plan().steps == ()
    record = workshop.record(view)
    assert {each.physical for each in record.generations} == {
        each for each in workshop.physical_views() if each.startswith(f"{view}__g")
    }
    if what != "drop":
        assert workshop.serving(view) in workshop.physical_views()
        assert {each.state for each in record.generations} <= {State.SERVING, State.RETIRED}
        assert len(record.generations) == (1 if what == "create" else 2)
    return dying.effects


def is_tried(what: str, effect: str, k: int, side: Side) -> bool:
    """Choose: a slide holds a create, a switch and a drop, so all of its effects; fewer of the others."""
    is_turn = side is tuple(Side)[k % 2]
    return (is_turn or effect == "ddl") if what == "slide" else (is_turn and k % 3 == 1)


def run_cases(
    workshop: Workshop, cases: list[tuple[int, Side]], effects: dict[str, list[str]], seen: set[tuple[str, Side]]
) -> None:
    """Let runs die one after the other: creates and drops of a view of their own, slides of one view."""
    begin(workshop, SLIDER, generations=2)
    workshop.now -= timedelta(days=1)  # where the slider has nothing to do
    for k, side in cases:
        view = f"other{k}{side.value}"
        for what, undisturbed in effects.items():
            if k > len(undisturbed) or not is_tried(what, undisturbed[k - 1], k, side):
                continue
            if what == "slide":
                workshop.now += timedelta(days=1)
            elif what == "create":
                begin(workshop, view, generations=0)
            elif k > len(effects["create"]):
                begin(workshop, view, generations=0)
                act(workshop, view, "apply", workshop.session)
            told = f"{what}, {side.value} effect {k} ({undisturbed[k - 1]})"
            try:
                died_at = crash(workshop, SLIDER if what == "slide" else view, what, k, side)
            except Exception as error:
                raise AssertionError(told) from error
            # A wait for a build adds effects, so the kind is that of this run.
            assert len(died_at) == k, told
            seen.add((died_at[-1], side))
            if what == "drop":
                act(workshop, view, "drop", workshop.session)
                workshop.remove_view(view)


@pytest.mark.slow
def test_a_run_that_dies_at_any_effect_is_finished_by_the_next(groups: list[Workshop]) -> None:
    workshop = groups[0]
    begin(workshop, SLIDER, generations=2)
    # The effects of undisturbed runs. "other" is gone before the slide, or it would slide with it.
    workshop.now -= timedelta(days=1)
    begin(workshop, "other", generations=0)
    effects = {what: crash(workshop, "other", what, 0, Side.BEFORE) for what in ("create", "drop")}
    workshop.remove_view("other")
    workshop.now += timedelta(days=1)
    effects["slide"] = crash(workshop, SLIDER, "slide", 0, Side.BEFORE)
    assert all({"conditional", "write", "ddl"} <= set(found) for found in effects.values())
    cases = [(k, side) for k in range(1, max(map(len, effects.values())) + 1) for side in Side]
    seen: set[tuple[str, Side]] = set()
    with ThreadPoolExecutor(GROUPS) as pool:
        futures = [
            pool.submit(run_cases, group, cases[number::GROUPS], effects, seen) for number, group in enumerate(groups)
        ]
        for future in futures:
            future.result()
    assert seen == {(kind, side) for kind in ("conditional", "write", "ddl") for side in Side}
