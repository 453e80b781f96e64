"""Schemas as migration scripts left them, version after version: our files reach the same, and readers see no gap."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from cassandra.cluster import Session

from cassandra_client.errors import ViewsError
from cassandra_views.cli.main import main
from cassandra_views.model.steps import Cause, CreateGeneration, Plan, RetireView
from cassandra_views.plan.explain import explain
from cassandra_views.read import ViewReader
from tests.scenarios.lifecycle.workshop import Workshop
from tests.servers import Server
from tests.waiting import wait_until

HISTORIES = sorted(path for path in (Path(__file__).parent / "histories").iterdir() if path.is_dir())
TEXTS = {
    "new": "create: nothing serves yet",
    "changed": "create the changed one: ",
    "dropped": "send readers away: its file is gone",
}


def statements(script: Path, keyspace: str) -> list[str]:
    text = script.read_text(encoding="utf-8").replace("shop.", f"{keyspace}.")
    return [each.strip() for each in text.split(";\n") if each.strip()]


def is_of_view(statement: str) -> bool:
    return "MATERIALIZED VIEW" in statement


def expected(script: Path) -> dict[str, set[str]]:
    """Return the views that a script's first line says are new, changed and dropped."""
    found: dict[str, set[str]] = {word: set() for word in TEXTS}
    line = script.read_text(encoding="utf-8").splitlines()[0].removeprefix("-- plan: ")
    for each in line.split("; "):
        word, _space, view = each.partition(" ")
        if word != "nothing":
            found[word].add(view.strip('"'))
    return found


def told(plan: Plan) -> dict[str, set[str]]:
    """Return the views that a plan says are new, changed and dropped, by its words."""
    found: dict[str, set[str]] = {word: set() for word in TEXTS}
    for step in plan.steps:
        match step:
            case CreateGeneration():
                word = {Cause.CREATE: "new", Cause.CHANGE: "changed"}[step.cause]
            case RetireView():
                word = "dropped"
            case _:
                continue
        assert explain(step)[2].startswith(TEXTS[word])
        found[word].add(step.view.view)
    return found


def shapes(session: Session, keyspace: str) -> dict[str, Any]:
    """Return what the server holds of each view of a keyspace, but for comments."""
    found: dict[str, Any] = {}
    query = (
        "SELECT view_name, base_table_name, include_all_columns, where_clause, gc_grace_seconds, crc_check_chance "
        "FROM system_schema.views WHERE keyspace_name = %s"
    )
    for row in session.execute(query, (keyspace,)):
        where = sorted(row.where_clause.split(" AND "))
        found[row.view_name] = [
            row.base_table_name,
            row.include_all_columns,
            where,
            row.gc_grace_seconds,
            row.crc_check_chance,
        ]
    query = (
        "SELECT table_name, column_name, type, kind, position, clustering_order FROM system_schema.columns "
        "WHERE keyspace_name = %s"
    )
    for row in session.execute(query, (keyspace,)):
        if row.table_name in found:
            found[row.table_name].append(tuple(row[1:]))
    return found


@contextmanager
def always_read(workshop: Workshop, views: set[str]) -> Iterator[None]:
    """Read these views all the time, by their logical names: each read shows all rows."""
    reader = ViewReader(workshop.session, registry=workshop.registry)
    counts = {view: len(reader.select(workshop.full(view)).rows) for view in views}
    assert all(counts.values())
    ends, errors, reads = threading.Event(), list[tuple[str, object]](), [0]

    def read() -> None:
        while not ends.is_set() and not errors:
            for view, count in counts.items():
                try:
                    rows = len(reader.select(workshop.full(view)).rows)
                except ViewsError as error:
                    errors.append((view, error))
                    return
                if rows != count:
                    errors.append((view, rows))
            reads[0] += 1

    thread = threading.Thread(target=read)
    thread.start()
    try:
        yield
    finally:
        ends.set()
        thread.join()
    assert errors == []
    assert reads[0] or not views


@pytest.fixture
def shop(own_registry: Workshop, server: Server, monkeypatch: pytest.MonkeyPatch) -> Workshop:
    """An empty keyspace, and a project without files."""
    (own_registry.folder / "views.toml").write_text(
        f'project = "shop"\ntemplates = "."\n[env.dev]\nregistry = "{own_registry.registry}"\n'
        f'contact_points = ["{server.contact_points[0]}"]\nport = {server.port}\n',
        encoding="utf-8",
    )
    monkeypatch.chdir(own_registry.folder)
    return own_registry


@pytest.fixture
def scripted(session: Session, keyspace: str) -> Iterator[str]:
    """Another keyspace, in which the scripts are played as they are."""
    name = f"{keyspace}_s"
    replication = "{'class': 'SimpleStrategy', 'replication_factor': 1}"
    session.execute(f"CREATE KEYSPACE {name} WITH replication = {replication}")
    yield name
    session.execute(f"DROP KEYSPACE {name}", timeout=60)


def write_files(shop: Workshop, scripts: list[Path], dropped: set[str]) -> None:
    """Write the project's files as the scripts say so far, as somebody does who edits them."""
    every = [each for script in scripts for each in statements(script, shop.keyspace)]
    schema = [each for each in every if not re.match(r"(--.*\n)*(INSERT|UPDATE)", each)]
    (shop.folder / "schema.txt").write_text(";\n".join(schema) + ";\n", encoding="utf-8")
    for view in dropped:
        shop.remove_view(view)
    with pytest.raises(SystemExit) as ended:
        main(["adopt", shop.keyspace, "--from", "schema.txt", "--overwrite"])
    assert ended.value.code == 0


def apply_step(shop: Workshop, scripts: list[Path], known: set[str]) -> set[str]:
    """Take one version over and apply it; return the views that there are then."""
    wanted = expected(scripts[-1])
    for statement in statements(scripts[-1], shop.keyspace):
        if not is_of_view(statement):
            shop.session.execute(statement)
    write_files(shop, scripts, wanted["dropped"])
    plan = shop.manager().plan()
    assert told(plan) == wanted
    with always_read(shop, known - wanted["dropped"]):
        shop.manager().apply(plan)
        shop.now += timedelta(hours=1)
        shop.manager().apply(shop.manager().plan(allow_drop=True))
    assert shop.manager().plan().steps == ()
    return (known | wanted["new"]) - wanted["dropped"]


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("history", HISTORIES, ids=lambda path: path.name)
def test_a_history_of_scripts_reaches_the_same_through_our_files(history: Path, shop: Workshop, scripted: str) -> None:
    session, known = shop.session, set[str]()
    scripts = sorted(history.glob("*.cql"))
    for count, script in enumerate(scripts, start=1):
        for statement in statements(script, scripted):
            session.execute(statement)
        try:
            known = apply_step(shop, scripts[:count], known)
            serving = {view: shop.serving(view) for view in known}
            ours, theirs = shapes(session, shop.keyspace), shapes(session, scripted)
            assert {view: ours[name] for view, name in serving.items()} == theirs
            assert set(ours) == set(serving.values())
            for view, name in serving.items():
                wait_until(partial(same_rows, shop, scripted, view, name))
        except Exception as error:
            raise AssertionError(script.name) from error


def same_rows(shop: Workshop, scripted: str, view: str, physical: str) -> bool:
    """Tell whether both views show the same rows, and any."""
    theirs, ours = (
        sorted(row[0] for row in shop.session.execute(f'SELECT JSON * FROM {keyspace}."{name}"'))
        for keyspace, name in ((scripted, view), (shop.keyspace, physical))
    )
    return bool(theirs) and theirs == ours
