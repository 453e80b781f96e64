"""A view is renamed on a real cluster: readers of both names find rows at every moment, and nothing is built for it."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest

from cassandra_client.errors import ViewsError
from cassandra_views.apply.reports import Notice
from cassandra_views.model.errors import ViewNotFound
from cassandra_views.model.generation import State
from cassandra_views.read import ViewReader
from cassandra_views.registry.lease import LeaseTimes
from tests.scenarios.lifecycle.dying import Died, DyingSession, Side
from tests.scenarios.lifecycle.test_commands_killed import CQL, OTHER_CQL
from tests.scenarios.lifecycle.workshop import Workshop

OLD, NEW = "marked", "noted"
FROZEN_READ = (
    "SELECT DISTINCT keyspace_name, view_name, read_from FROM {}.views WHERE keyspace_name = %s AND view_name = %s"
)


@pytest.fixture
def shop(workshop: Workshop) -> Iterator[Workshop]:
    """A view that serves, in a registry of its own."""
    workshop.lease_times = LeaseTimes(cooldown_seconds=0.0)
    workshop.registry = f"{workshop.keyspace}_r"
    make_base(workshop)
    workshop.write_view(OLD, CQL, grace="365 days")
    workshop.apply()
    yield workshop
    workshop.session.execute(f"DROP KEYSPACE IF EXISTS {workshop.registry}")


def make_base(workshop: Workshop) -> None:
    workshop.session.execute(
        f"CREATE TABLE {workshop.keyspace}.marks (who text, day date, n int, PRIMARY KEY (who, day))"
    )
    for day in range(1, 6):
        workshop.session.execute(
            f"INSERT INTO {workshop.keyspace}.marks (who, day, n) VALUES ('a', '2026-03-{day:02}', {day})"
        )


def rename(workshop: Workshop, former: str, name: str, *, cql: str = CQL, kept: str | None = None) -> None:
    """Write the file under its new name, as ``views rename --files-only`` does."""
    workshop.write_view(name, cql, grace="365 days", renamed_from=kept or former)
    with suppress(FileNotFoundError):
        workshop.remove_view(former)


def served(workshop: Workshop, name: str) -> list[str]:
    """Return what a reader of any language is sent to."""
    query = FROZEN_READ.format(workshop.registry)
    row = workshop.session.execute(query, (workshop.keyspace, name)).one()
    return [entry["name"] for entry in (row.read_from if row else None) or []]


def rows_read(workshop: Workshop, name: str) -> int:
    reader = ViewReader(workshop.session, registry=workshop.registry, keyspace=workshop.keyspace, cache_seconds=0.0)
    return len(reader.select(name, day="2026-03-03").rows)


def test_both_names_are_served_until_the_old_one_is_given_up(shop: Workshop) -> None:
    rename(shop, OLD, NEW)
    plan = shop.apply()
    assert shop.kinds(plan) == ["rename_view"]
    assert served(shop, OLD) == served(shop, NEW) == [f"{OLD}__g1"]
    assert rows_read(shop, OLD) == rows_read(shop, NEW) == 1

    rename(shop, OLD, NEW, cql=OTHER_CQL)
    shop.apply()
    assert served(shop, OLD) == served(shop, NEW) == [f"{NEW}__g2"], "numbers continue"
    shop.manager().rollback(shop.full(NEW), reason="totals look wrong")
    assert served(shop, OLD) == served(shop, NEW) == [f"{OLD}__g1"]
    shop.manager().audit(shop.full(NEW))

    events = [each.event for each in shop.manager().history(shop.full(NEW), limit=100)]
    assert events[-1] == "create (create)", "what was before the rename is told, too"
    assert {"rename", "renamed", "roll back"} <= set(events)

    shop.write_view(NEW, OTHER_CQL, grace="365 days")
    shop.manager().override(shop.full(NEW), None, reason="the file rules again")
    shop.apply()
    assert served(shop, OLD) == []
    with pytest.raises(ViewNotFound, match=f"it was renamed to {shop.full(NEW)}"):
        rows_read(shop, OLD)
    assert rows_read(shop, NEW) == 1

    shop.write_view(OLD, CQL, grace="365 days")
    shop.apply()
    assert served(shop, OLD) == [f"{OLD}__g2"], "another view has the name now, and its numbers continue as well"
    assert {f"{OLD}__g1", f"{NEW}__g2"} & shop.physical_views()


@pytest.mark.parametrize("side", list(Side))
def test_a_rename_that_dies_at_any_effect_is_finished_by_the_next_run(shop: Workshop, side: Side) -> None:
    """To and fro, so that each round begins where the one before has ended."""
    former, name, number = OLD, NEW, 1
    dies_at = 0
    while True:
        dies_at += 1
        rename(shop, former, name)

        def look(former: str = former) -> None:
            assert set(served(shop, former)) <= shop.physical_views()
            assert served(shop, former), "readers of the name that was there before always find something"

        dying = DyingSession(shop.session, dies_at, side, look)
        with suppress(Died):
            shop.manager(dying).apply()
        shop.end_lease()
        look()
        shop.manager(DyingSession(shop.session, on_effect=look)).apply()
        assert shop.manager().plan().steps == ()
        assert served(shop, former) == served(shop, name) == [f"{OLD}__g{number}"]
        record = shop.record(name)
        assert [(each.physical, each.state) for each in record.generations] == [(f"{OLD}__g1", State.SERVING)]
        assert shop.record(former).generations == ()
        assert {each for each in shop.physical_views() if "__g" in each} == {f"{OLD}__g1"}, "nothing was built"
        former, name = name, former
        if len(dying.effects) < dies_at:
            break
    assert "conditional" in dying.effects


def test_a_switch_that_dies_reaches_both_names_before_anything_is_dropped(shop: Workshop) -> None:
    rename(shop, OLD, NEW)
    shop.apply()
    texts, dies_at = (OTHER_CQL, CQL), 0
    for dies_at in range(1, 40, 2):
        shop.write_view(NEW, texts[dies_at // 2 % 2], grace="10 seconds", renamed_from=OLD)

        def look() -> None:
            for name in (OLD, NEW):
                assert served(shop, name)
                assert set(served(shop, name)) <= shop.physical_views()

        dying = DyingSession(shop.session, dies_at, Side.AFTER, look)
        with suppress(Died):
            shop.manager(dying).apply()
        shop.end_lease()
        look()
        shop.manager(DyingSession(shop.session, on_effect=look)).apply()
        assert served(shop, OLD) == served(shop, NEW)
        if len(dying.effects) < dies_at:
            break
    assert dies_at > 1


def test_of_two_renames_at_once_one_is_done(shop: Workshop) -> None:
    plans = []
    for name in (NEW, "written"):
        rename(shop, OLD, name)
        plans.append(shop.manager().plan())
        (shop.folder / "views" / f"{name}.cql.j2").unlink()
    plans = [plan.part(plan.steps) for plan in plans]

    def carry_out(plan: object) -> bool:
        manager = shop.manager()
        try:
            return not manager._executor.carry_out(plan).errors  # type: ignore[arg-type]
        except ViewsError:
            return False

    with ThreadPoolExecutor(2) as pool:
        done = list(pool.map(carry_out, plans))
    assert sorted(done) == [False, True]
    winner = (NEW, "written")[done.index(True)]
    assert served(shop, OLD) == served(shop, winner) == [f"{OLD}__g1"]
    rename(shop, OLD, winner)
    assert shop.manager().plan().steps == ()


def test_a_registry_of_the_version_before_renames_is_upgraded_and_its_view_renamed(workshop: Workshop) -> None:
    """Its tables are made by the statements that version 5 sent, and hold a view of generation 0."""
    session, keyspace = workshop.session, workshop.keyspace
    workshop.registry = f"{keyspace}_r5"
    make_base(workshop)
    session.execute(
        f"CREATE MATERIALIZED VIEW {keyspace}.{OLD} AS SELECT day, who, n FROM {keyspace}.marks "
        "WHERE day IS NOT NULL AND who IS NOT NULL PRIMARY KEY (day, who)"
    )
    session.execute(
        f"CREATE KEYSPACE {workshop.registry} WITH replication = {{'class': 'SimpleStrategy', 'replication_factor': 1}}"
    )
    text = (Path(__file__).parent / "registry_5.cql").read_text(encoding="utf-8").replace("REGISTRY", workshop.registry)
    for statement in text.partition("\n")[2].split(";\n"):
        if statement:
            session.execute(statement)
    session.execute(f"INSERT INTO {workshop.registry}.about (name, value) VALUES ('schema', '5') IF NOT EXISTS")
    workshop.write_view(OLD, CQL, grace="365 days")
    (view,) = workshop.manager().project().views
    table_id = session.execute(
        "SELECT id FROM system_schema.views WHERE keyspace_name = %s AND view_name = %s", (keyspace, OLD)
    ).one()[0]
    session.execute(
        f"INSERT INTO {workshop.registry}.views (keyspace_name, view_name, number, fence, next_number, read_from, "
        "project, physical_name, table_id, version, state, audit, audited_at) "
        "VALUES (%s, %s, 0, 3, 1, %s, 'default', %s, %s, %s, 'serving', 'passed', %s)",
        (keyspace, OLD, [{"name": OLD}], OLD, table_id, view.version, workshop.now),
    )
    try:
        assert workshop.manager().plan().steps == (), "it is read as it is"
        rename(workshop, OLD, NEW)
        workshop.apply()
        told = [each.text for each in workshop.reports if isinstance(each, Notice)]
        assert f"the registry {workshop.registry} had schema 5 and has 6 now" in told
        assert served(workshop, OLD) == served(workshop, NEW) == [OLD]
        assert rows_read(workshop, NEW) == 1
    finally:
        session.execute(f"DROP KEYSPACE {workshop.registry}")
