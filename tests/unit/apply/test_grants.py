"""`views grants`: each role's permissions follow from the project, and are no more than the program needs."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

import cassandra_client
import cassandra_healing
import cassandra_views
from cassandra_client.names import quoted
from cassandra_healing.storage.tables import healer_grants
from cassandra_views.apply.grants import STATUS_TABLES, RoleKind, base_grants, common_grants, standing_grants
from cassandra_views.cli.main import main
from cassandra_views.cql.parse import parse_table
from cassandra_views.model.definition import Project
from cassandra_views.model.generation import Generation, State, ViewRecord
from cassandra_views.model.names import ViewName
from cassandra_views.model.schema import Catalog
from cassandra_views.model.steps import DropGeneration, DropRegistry
from cassandra_views.registry.schema import SCHEMA_NUMBER, upgrade_statements
from tests.unit.plan.world import KEYSPACE, base_shape, definition, live_view, table_file

TABLE = "---\nkeyspace: shop\n{}---\nCREATE TABLE {{{{ table }}}} (id text, day date, n int, PRIMARY KEY (id, day))\n"
VIEW = (
    "---\nkeyspace: shop\n---\nCREATE MATERIALIZED VIEW {{{{ view }}}} AS SELECT * FROM {{{{ base('{}') }}}} "
    "WHERE day IS NOT NULL AND id IS NOT NULL PRIMARY KEY (day, id)\n"
)
SETTINGS = """
[env.dev]
registry = "shop_registry"
[env.dev.healing]
keyspace = "shop_health"
[env.prod.keyspaces.shop]
name = "shop_prod"
replication = { class = "NetworkTopologyStrategy", dc1 = 3 }
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "cql_templates"
    files = {
        "tables/orders": TABLE.format(""),
        "tables/returns": TABLE.format("managed: true\n"),
        "views/orders_by_day": VIEW.format("orders"),
        "views/returns_by_day": VIEW.format("returns"),
    }
    for name, text in files.items():
        path = folder / f"{name}.cql.j2"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    (tmp_path / "views.toml").write_text(SETTINGS, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def told(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> str:
    with pytest.raises(SystemExit) as ended:
        main(list(arguments))
    found = capsys.readouterr()
    assert ended.value.code == code, found
    return found.err if code else found.out


def roles(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    found = json.loads(told(capsys, *arguments, "--format", "json"))
    return {role["kind"]: role for role in found["roles"]}


def pairs(role: dict[str, Any]) -> set[str]:
    return {f"{each['permission']} {each['resource']}" for each in role["grants"]}


def test_each_role_gets_what_its_part_needs(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = roles(capsys, "grants")
    status = {f"SELECT TABLE {keyspace}.{table}" for keyspace, table in STATUS_TABLES}
    registry = {f"SELECT TABLE shop_registry.{table}" for table in ("about", "views", "history", "lease")}
    written = {f"MODIFY TABLE shop_registry.{table}" for table in ("views", "history", "lease")}
    bases = {f"SELECT TABLE shop.{table}" for table in ("orders", "returns")}
    altered = {f"ALTER TABLE shop.{table}" for table in ("orders", "returns")}
    assert pairs(found["manager"]) == status | registry | written | bases | altered
    assert pairs(found["reader"]) == bases | {"SELECT TABLE shop_registry.views"}
    health = {f"{each} TABLE shop_health.{name}" for each in ("SELECT", "MODIFY") for name in HEALTH_TABLES}
    nodes = {f"SELECT TABLE system_views.{name}" for name in ("gossip_info", "settings", "streaming", "repairs")}
    assert pairs(found["healer"]) == health | nodes
    assert pairs(roles(capsys, "grants", "manager", "--base", "Shop.Old")["manager"]) == pairs(found["manager"]) | {
        'ALTER TABLE "Shop"."Old"',
        'SELECT TABLE "Shop"."Old"',
    }
    with_pages = roles(capsys, "grants", "reader", "--pages")
    assert list(with_pages) == ["reader"]
    assert pairs(with_pages["reader"]) == bases | status | registry | {
        f"SELECT TABLE shop_health.{n}" for n in HEALTH_TABLES
    }
    assert not any("MODIFY" in each or "ALTER" in each for each in pairs(with_pages["reader"]))


HEALTH_TABLES = ("checks", "journal", "control")


def test_what_an_administrator_makes_leaves_nothing_for_the_roles_to_create(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    manager = roles(capsys, "--env", "prod", "grants", "manager", "--replicas", "2")["manager"]
    keyspaces = [each for each in manager["setup"] if "KEYSPACE" in each]
    assert keyspaces == [
        "CREATE KEYSPACE IF NOT EXISTS shop_prod WITH replication = {'class': 'NetworkTopologyStrategy', 'dc1': '3'}",
        "CREATE KEYSPACE IF NOT EXISTS views_registry WITH replication = "
        "{'class': 'NetworkTopologyStrategy', 'replication_factor': '2'}",
    ]
    tables = [parse_table(each) for each in manager["setup"] if each.startswith("CREATE TABLE")]
    assert all(each.if_not_exists for each in tables)
    names = [f"{each.keyspace}.{each.table}" for each in tables]
    registry = [f"views_registry.{table}" for table in ("about", "views", "history", "lease")]
    assert names == ["shop_prod.returns", *registry], "a table that is not managed is somebody else's to make"
    assert manager["statements"] == [
        *manager["setup"],
        "CREATE ROLE IF NOT EXISTS views_manager WITH LOGIN = false",
        *(each["cql"] for each in manager["grants"]),
    ]


def test_a_registry_of_an_older_version_is_upgraded_by_who_runs_it(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    setup = roles(capsys, "grants", "manager")["manager"]["setup"]
    altered = [each for each in setup if each.startswith("ALTER TABLE")]
    assert altered == [cql for _table, cql in upgrade_statements("shop_registry", 1)]
    assert all("ADD IF NOT EXISTS" in each for each in altered)
    older = ", ".join(f"'{number}'" for number in range(1, SCHEMA_NUMBER))
    assert setup[-1].endswith(f"SET value = '{SCHEMA_NUMBER}' WHERE name = 'schema' IF value IN ({older})")


def test_the_text_is_cql_that_holds_no_password(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = told(capsys, "grants", "--manager", "Keeper of 'views'", "--reader", "app", "--healer", "h")
    assert "CREATE ROLE IF NOT EXISTS \"Keeper of 'views'\" WITH LOGIN = false;" in text
    assert "GRANT SELECT ON TABLE shop_registry.views TO app;  -- what serves" in text
    assert "PASSWORD" not in text.upper()
    assert "CREATE ON" not in text
    statements = [line.partition(";")[0] for line in text.splitlines() if line.startswith("GRANT")]
    assert len(statements) == len(set(statements)) > 30


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["managr"], "there is no role 'managr'; did you mean 'manager'?"),
        (["--reader", ""], "the names of roles"),
        (["--reader", "a\nb"], "the names of roles"),
        (["--reader", "views_manager"], "the names of roles"),
        (["--replicas", "0"], "greater than or equal to 1"),
        (["--base", "orders"], "'--base orders' names no table"),
    ],
)
def test_what_makes_no_sense_is_refused(
    project: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    assert said in told(capsys, "grants", *arguments, code=1)


def test_a_wrong_file_is_an_error_since_its_tables_lack(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (project / "cql_templates/views/orders_by_day.cql.j2").write_text("---\n", encoding="utf-8")
    assert "orders_by_day.cql.j2" in told(capsys, "grants", code=1)


def sources(*packages: Any) -> str:
    """Return the code of packages, but for the list that is tested."""
    folders = [Path(str(each.__file__)).parent for each in packages]
    files = [path for folder in folders for path in folder.rglob("*.py") if path.name != "grants.py"]
    text = "\n".join(path.read_text(encoding="utf-8") for path in files)
    return re.sub(r'"\s*\n\s*f?"', "", text)  # a query over several lines


@pytest.mark.parametrize("table", [".".join(each) for each in STATUS_TABLES])
def test_each_table_of_the_servers_that_is_granted_is_read(table: str) -> None:
    assert f"FROM {table}" in sources(cassandra_views, cassandra_client)


def test_each_table_of_the_servers_that_is_read_is_granted() -> None:
    text = sources(cassandra_views, cassandra_client)
    read = {tuple(each) for each in re.findall(r"FROM (system_views|system_distributed|system)\.(\w+)", text)}
    free = {("system", "local"), ("system", "peers"), ("system", "peers_v2")}
    assert read - free == set(STATUS_TABLES)
    healed = set(re.findall(r"FROM (system_views\.\w+)", sources(cassandra_healing)))
    nodes = {f"{each.keyspace}.{each.table}" for each in healer_grants("h") if each.keyspace != "h"}
    assert healed == nodes


def test_a_run_demands_no_right_that_only_a_warning_needs() -> None:
    demanded = {(each.keyspace, each.table) for each in common_grants((), "r", None, Catalog())}
    histories = {("system_distributed", "repair_history"), ("system_distributed", "parent_repair_history")}
    of_doctor = {("system_views", "thread_pools"), ("system_views", "coordinator_read_latency")}
    assert set(STATUS_TABLES) - demanded == histories | of_doctor


def test_every_kind_of_role_has_a_name_that_stands_bare() -> None:
    assert [quoted(f"views_{each.value}") for each in RoleKind] == [f"views_{each.value}" for each in RoleKind]


def test_what_stands_needs_what_its_steps_will_need() -> None:
    """The doctor's list is that of the preflight: no more than a run asks for, and no less."""
    name = ViewName(keyspace=KEYSPACE, view="by_day")
    live = live_view("by_day__g1")
    there = Catalog(
        keyspaces=frozenset({KEYSPACE, "r"}),
        tables={(KEYSPACE, "orders"): base_shape()},
        views={(KEYSPACE, live.name): live},
    )
    one = Generation(number=1, physical=live.name, table_id=live.table_id, version="v", state=State.SERVING)
    record = ViewRecord(name=name, generations=(one,))
    nothing, lacking = Project(name=""), Catalog(keyspaces=frozenset({KEYSPACE}))

    def texts(*needed: Any) -> set[str]:
        return {str(each) for each in needed}

    common = texts(*common_grants((), "r", SCHEMA_NUMBER, there))
    bases = {f"ALTER ON TABLE {KEYSPACE}.orders", f"SELECT ON TABLE {KEYSPACE}.orders"}
    # A view whose file is gone, and that still exists.
    assert texts(*standing_grants(nothing, (record,), "r", SCHEMA_NUMBER, there)) == common | bases
    assert texts(*base_grants(DropGeneration(view=name, number=1, reason=""), there)) <= bases
    # An older registry is upgraded by the next run.
    older = texts(*standing_grants(nothing, (), "r", SCHEMA_NUMBER - 1, there))
    assert "ALTER ON TABLE r.views" in older | texts(*standing_grants(nothing, (), "r", 1, there))
    assert "MODIFY ON TABLE r.about" in older
    # What is not there is made.
    managed = Project(name="", tables=(table_file(),), views=(definition(),))
    assert f"CREATE ON KEYSPACE {KEYSPACE}" in texts(*standing_grants(managed, (), "r", SCHEMA_NUMBER, lacking))
    assert "CREATE ON ALL KEYSPACES" in texts(*standing_grants(nothing, (), "r", None, lacking))
    assert not bases & texts(*standing_grants(managed, (), "r", SCHEMA_NUMBER, lacking)), (
        "who makes a table has all of it"
    )


def test_dropping_the_registry_needs_drop_on_what_is_dropped_alone() -> None:
    for drops_keyspace, more in ((False, set()), (True, {"DROP ON KEYSPACE r"})):
        step = DropRegistry(keyspace="r", tables=("views", "lease"), drops_keyspace=drops_keyspace)
        needed = {str(each) for each in common_grants((step,), "r", SCHEMA_NUMBER, Catalog())}
        assert needed - {str(each) for each in common_grants((), "r", SCHEMA_NUMBER, Catalog())} == {
            "DROP ON TABLE r.views",
            "DROP ON TABLE r.lease",
            *more,
        }
