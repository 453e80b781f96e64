"""Files that are wrong: left out one by one, with what needs them, and all of their errors told."""

from __future__ import annotations

import json
from pathlib import Path
from textwrap import dedent

import pytest

from cassandra_views.cli.main import main
from cassandra_views.model.errors import ProjectError
from cassandra_views.project.loader import ProjectLoader

TABLE = """\
---
keyspace: shop
managed: true
time: {column: day, type: date, grain: day}
---
CREATE TABLE {{ table }} (customer text, day date, total int, PRIMARY KEY (customer, day))
"""
VIEW = """\
---
keyspace: shop
---
CREATE MATERIALIZED VIEW {{ view }} AS SELECT customer, day, total
FROM {{ base('orders') }} WHERE customer IS NOT NULL AND day IS NOT NULL PRIMARY KEY (day, customer)
"""
WINDOWED = VIEW.replace("keyspace: shop\n", "keyspace: shop\nwindow: {last: 7 days, step: 1 day}\n").replace(
    "customer IS NOT NULL AND day IS NOT NULL", "{{ in_window() }} AND customer IS NOT NULL"
)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name, text in {
        "tables/orders": TABLE,
        "tables/items": TABLE,
        "views/good": VIEW,
        "views/windowed": WINDOWED,
        "views/of_items": WINDOWED.replace("orders", "items"),
    }.items():
        write(tmp_path / "templates", name, text)
    return tmp_path / "templates"


def write(root: Path, name: str, text: str) -> None:
    path = root / f"{name}.cql.j2"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def loaded(root: Path) -> tuple[list[str], list[str], list[str]]:
    """Return the views that are good, those left out, and the files that are wrong."""
    project = ProjectLoader(root).load(skip_broken=True)
    files = [error.place.file.removeprefix("templates/") for error in project.errors if error.place]
    return [each.name.view for each in project.views], [each.view for each in project.broken], files


@pytest.mark.parametrize(
    "text",
    [
        "---\nkeyspace: shop\n---\nCREATE TABEL {{ table }} (a int PRIMARY KEY)",
        "---\nkeyspace: shop\nmanagd: true\n---\n",
        "---\nnot closed",
        "---\nkeyspace: shop\n---\n{{ nothing }}",
        "---\nkeyspace: shop\n---\nCREATE TABLE {{ table }} (a int, b int)",
    ],
)
def test_a_wrong_table_file_hurts_only_the_views_on_it(root: Path, text: str) -> None:
    write(root, "tables/orders", text)
    assert loaded(root) == (["of_items"], ["good", "windowed"], ["tables/orders.cql.j2"])
    project = ProjectLoader(root).load(skip_broken=True)
    assert {each.error.what.partition(":")[0] for each in project.broken} == {
        "the file of its base table orders is wrong"
    }
    assert [each.table for each in project.tables] == ["items"]
    with pytest.raises(ProjectError):
        ProjectLoader(root).load()


def test_a_table_file_that_cannot_be_read_hurts_only_the_views_on_it(root: Path) -> None:
    path = root / "tables" / "orders.cql.j2"
    path.write_bytes(TABLE.encode() + b"\xff")
    assert loaded(root) == (["of_items"], ["good", "windowed"], ["tables/orders.cql.j2"])


@pytest.mark.parametrize(
    "macro", ["{% macro columns() %}customer, day, total{% endmacro", "{% macro other() %}{% endmacro %}"]
)
def test_a_wrong_macro_hurts_only_the_views_that_use_it_and_is_told_once(root: Path, macro: str) -> None:
    write(root, "macros/shared", macro)
    using = "{% from 'macros/shared.cql.j2' import columns %}" + VIEW.partition("---\n")[2].partition("---\n")[2]
    for name in ("one", "two"):
        write(
            root,
            f"views/{name}",
            "---\nkeyspace: shop\n---\n" + using.replace("customer, day, total", "{{ columns() }}"),
        )
    good, broken, files = loaded(root)
    assert (good, broken) == (["good", "of_items", "windowed"], ["one", "two"])
    assert files


def test_of_two_files_with_one_name_neither_is_taken(root: Path) -> None:
    write(root, "views/copies/good", VIEW)
    good, broken, files = loaded(root)
    assert (good, set(broken)) == (["of_items", "windowed"], {"good"})
    write(root, "views/copies/good", VIEW.replace("SELECT", "SELEC"))
    good, broken, files = loaded(root)
    assert (good, set(broken)) == (["of_items", "windowed"], {"good"})
    assert files == ["views/copies/good.cql.j2", "views/good.cql.j2"]
    write(root, "tables/copies/items", TABLE)
    assert loaded(root)[0] == ["windowed"]


def test_lint_tells_all_errors_of_all_files(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(root, "views/front", VIEW.replace("keyspace: shop", "keyspace: shop\ngrac: 1 day\nowner: [1]"))
    write(root, "views/body", VIEW.replace("SELECT", "SELEC"))
    write(
        root,
        "views/rules",
        dedent("""\
        ---
        keyspace: shop
        ---
        CREATE MATERIALIZED VIEW {{ view }} AS SELECT customer, day, total
        FROM {{ base('orders') }} WHERE customer IS NOT NULL AND total > 5 AND total > 6
        PRIMARY KEY (day, customer, customer)
        """),
    )
    with pytest.raises(SystemExit) as ended:
        main(["--templates", str(root), "lint", "--format", "json"])
    assert ended.value.code == 1
    found = json.loads(capsys.readouterr().out)
    assert found["views"] == 3
    lines = [(each["file"].rpartition("/")[2].partition(".")[0], each["line"]) for each in found["errors"]]
    assert [place for place in lines if place[0] in ("front", "body")] == [("body", 4), ("front", 3), ("front", 4)]
    assert len([place for place in lines if place[0] == "rules"]) > 1
    assert all(each["message"] and each["next"] for each in found["errors"])
    with pytest.raises(SystemExit):
        main(["--templates", str(root), "lint"])
    told = capsys.readouterr()
    assert told.err.count("Error:") == len(lines)
    assert f"3 views and 2 tables: {len(lines)} errors, 0 warnings." in told.out


def test_lint_in_json_where_nothing_can_be_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--templates", str(tmp_path / "nowhere"), "lint", "--format", "json"])
    (error,) = json.loads(capsys.readouterr().out)["errors"]
    assert error["message"] == "there is no such folder of templates"


def test_render_of_a_good_view_works_beside_a_wrong_file(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(root, "views/wrong", VIEW.replace("SELECT", "SELEC"))
    with pytest.raises(SystemExit) as ended:
        main(["--templates", str(root), "render", "good"])
    told = capsys.readouterr()
    assert ended.value.code == 0
    assert "CREATE MATERIALIZED VIEW shop.good" in told.out
    assert "left out templates/views/wrong.cql.j2:4" in told.err
    with pytest.raises(SystemExit) as ended:
        main(["--templates", str(root), "render", "wrong"])
    assert ended.value.code == 1
