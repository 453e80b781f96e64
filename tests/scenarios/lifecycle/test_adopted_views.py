"""A team with hand-made views starts: files for what the cluster holds; views are taken over, changed, given up."""

from __future__ import annotations

from datetime import timedelta

import pytest

from cassandra_views.cli.main import main
from cassandra_views.model.generation import Audit
from cassandra_views.model.names import HAND_MADE_NUMBER, ViewName
from cassandra_views.read import ViewReader
from tests.scenarios.lifecycle.workshop import Workshop
from tests.servers import Server

LONG = "marks_of_everybody_by_count_for_the_head_office"
BY_DAY = (
    "CREATE MATERIALIZED VIEW {{ view }} AS SELECT day, who FROM {{ base('Marks') }} "
    "WHERE day IS NOT NULL AND who IS NOT NULL PRIMARY KEY (day, who)"
)


@pytest.fixture
def shop(workshop: Workshop, server: Server, monkeypatch: pytest.MonkeyPatch) -> Workshop:
    """A keyspace with a table and two views that people made, and a project without files."""
    session, keyspace = workshop.session, workshop.keyspace
    session.execute(
        f'CREATE TABLE {keyspace}."Marks" (who text, day date, n int, PRIMARY KEY (who, day)) '
        "WITH CLUSTERING ORDER BY (day DESC) AND comment = 'Marks of pupils'"
    )
    session.execute(
        f'CREATE MATERIALIZED VIEW {keyspace}."ByDay" AS SELECT day, who, n FROM {keyspace}."Marks" '
        "WHERE day IS NOT NULL AND who IS NOT NULL PRIMARY KEY (day, who)"
    )
    session.execute(
        f'CREATE MATERIALIZED VIEW {keyspace}.{LONG} AS SELECT * FROM {keyspace}."Marks" '
        "WHERE n IS NOT NULL AND day > '2020-01-01' AND who IS NOT NULL PRIMARY KEY (n, who, day)"
    )
    for day in range(1, 11):
        session.execute(f"INSERT INTO {keyspace}.\"Marks\" (who, day, n) VALUES ('a', '2026-03-{day:02}', {day})")
    (workshop.folder / "views.toml").write_text(
        f'templates = "."\n[env.dev]\nregistry = "{workshop.registry}"\n'
        f'contact_points = ["{server.contact_points[0]}"]\nport = {server.port}\n',
        encoding="utf-8",
    )
    monkeypatch.chdir(workshop.folder)
    with pytest.raises(SystemExit) as ended:
        main(["adopt", keyspace, "--detailed-exitcode"])
    assert ended.value.code == 0
    return workshop


@pytest.mark.slow
def test_hand_made_views_are_taken_over_changed_and_given_up(shop: Workshop) -> None:
    session = shop.session
    query = "SELECT id FROM system_schema.views WHERE keyspace_name = %s AND view_name = %s"
    ids = {name: session.execute(query, (shop.keyspace, name)).one()[0] for name in ("ByDay", LONG)}
    plan = shop.apply()
    assert [kind for kind in shop.kinds(plan) if kind != "create_registry"] == [
        *["adopt_generation"] * 2,
        *["await_build", "audit_generation", "serve_generation"] * 2,
    ]
    assert plan.notes == ()
    assert {view: shop.serving(view) for view in ids} == {view: view for view in ids}
    assert ids == {name: session.execute(query, (shop.keyspace, name)).one()[0] for name in ids}
    (taken,) = shop.record("ByDay").generations
    assert (taken.number, taken.audit) == (HAND_MADE_NUMBER, Audit.PASSED)
    rows = ViewReader(session, registry=shop.registry).select(shop.full("ByDay"), day="2026-03-10").rows
    assert [row.n for row in rows] == [10]

    shop.write_view("ByDay", BY_DAY)
    shop.manager().apply(shop.manager().plan())
    assert shop.serving("ByDay") == "ByDay__g1"
    shop.manager().refresh(shop.full(LONG))
    assert shop.serving(LONG) == ViewName(keyspace=shop.keyspace, view=LONG).physical(1)
    shop.now += timedelta(hours=1)
    with pytest.raises(SystemExit) as ended:
        main(["adopt", shop.keyspace, "--overwrite"])  # the originals say nothing about the files any longer
    assert ended.value.code == 0
    kept = shop.manager().plan()
    assert kept.steps == ()
    assert {drop.view.view: drop.number for drop in kept.withheld} == dict.fromkeys(ids, HAND_MADE_NUMBER)
    assert set(ids) < shop.physical_views()

    shop.manager().apply(shop.manager().plan(allow_drop=True))
    assert shop.physical_views() == {shop.serving("ByDay"), shop.serving(LONG)}
    assert shop.manager().plan().steps == ()
