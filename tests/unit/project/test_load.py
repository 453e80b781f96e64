"""Folders of files into definitions: forms of files, macros, environments, and the cache of what they said."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cassandra_client.errors import ConfigurationError
from cassandra_views.model.definition import Project
from cassandra_views.model.errors import ProjectError
from cassandra_views.project.cache import FileCache
from cassandra_views.project.checked_file import read_checked, write_checked
from cassandra_views.project.loader import ProjectLoader
from cassandra_views.project.settings import Settings

TABLE = (
    "---\nkeyspace: shop\nmanaged: true\ntime: {column: day, type: date, grain: day}\n---\n"
    "CREATE TABLE {{ table }} (customer text, day date, total int, PRIMARY KEY (customer, day))\n"
)
VIEW = (
    "---\nkeyspace: shop\nwindow: {last: 7 days, step: 1 day}\n---\n"
    "CREATE MATERIALIZED VIEW {{ view }} AS SELECT customer, day, total FROM {{ base('orders') }}\n"
    "WHERE {{ in_window() }} AND customer IS NOT NULL PRIMARY KEY (day, customer)\n"
)
MACRO_VIEW = VIEW.replace("PRIMARY KEY (day, customer)", "{{ key() }}").replace(
    "---\nCREATE", "---\n{% from 'keys.j2' import key %}\nCREATE"
)
MACRO = "{% macro key() %}PRIMARY KEY (day, customer){% endmacro %}\n"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name, text in (("tables/orders", TABLE), ("views/by_day", VIEW)):
        path = tmp_path / "templates" / f"{name}.cql.j2"
        path.parent.mkdir(parents=True)
        path.write_text(text, encoding="utf-8")
    (tmp_path / "templates" / "macros").mkdir()
    return tmp_path / "templates"


def _view(root: Path) -> Path:
    return root / "views" / "by_day.cql.j2"


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace("\n", "\r\n"),
        lambda text: "\ufeff" + text,
        lambda text: text.replace("---\n", "---  \n"),
        lambda text: text.rstrip("\n"),
        lambda text: text + "\n-- a remark\n;\n",
        lambda text: text.replace("SELECT customer, day, total", "select day ,  total,customer  /* all */"),
    ],
    ids=["crlf", "bom", "blanks after fences", "no last newline", "remark", "layout"],
)  # fmt: skip
def test_how_a_file_is_written_changes_nothing(root: Path, change: Callable[[str], str]) -> None:
    before = ProjectLoader(root).load()
    _view(root).write_bytes(change(VIEW).encode())
    after = ProjectLoader(root).load()
    assert [view.version for view in after.views] == [view.version for view in before.views]
    assert after.views[0].window == before.views[0].window


def test_errors_of_files_with_crlf_have_their_lines(root: Path) -> None:
    _view(root).write_bytes(VIEW.replace("base(", "bse(").replace("\n", "\r\n").encode())
    with pytest.raises(ProjectError) as caught:
        ProjectLoader(root).load()
    assert str(caught.value.place) == "templates/views/by_day.cql.j2:5"


def test_files_that_are_no_text_are_refused_with_their_line(root: Path) -> None:
    _view(root).write_bytes(VIEW.encode() + b"-- \xff\n")
    with pytest.raises(ProjectError, match=r"not UTF-8 text \(byte 0xff\)") as caught:
        ProjectLoader(root).load()
    assert caught.value.place is not None
    assert caught.value.place.line == 7


def test_folders_may_be_nested_and_other_files_are_left_alone(root: Path) -> None:
    deep = root / "views" / "a" / "b"
    deep.mkdir(parents=True)
    _view(root).rename(deep / "by_day.cql.j2")
    (root / "views" / "notes.md").write_text("x", encoding="utf-8")
    (root / "views" / "dir.cql.j2").mkdir()
    assert [view.place.file for view in ProjectLoader(root).load().views] == ["templates/views/a/b/by_day.cql.j2"]


@pytest.mark.parametrize("name", ["By_Day", "select", "x" * 38, "_1", "2024_sales"])
def test_unusual_names(root: Path, name: str) -> None:
    _view(root).rename(root / "views" / f"{name}.cql.j2")
    assert ProjectLoader(root).load().views[0].name.view == name


def test_a_reserved_key_meets_the_constant_conditions_of_its_view(root: Path) -> None:
    probe = "lag: {probe: {key: {day: '2999-12-31', customer: __canary__}}}"
    view = VIEW.replace("window: {last: 7 days, step: 1 day}", probe).replace(
        "{{ in_window() }}", "day >= '2026-01-01'"
    )
    _view(root).write_text(view, encoding="utf-8")
    assert dict(ProjectLoader(root).load().views[0].lag.probe) == {"day": "2999-12-31", "customer": "__canary__"}
    _view(root).write_text(view.replace("2999-12-31", "1970-01-01"), encoding="utf-8")
    with pytest.raises(ProjectError, match="does not meet 'day >= '2026-01-01'', so the view never shows it") as caught:
        ProjectLoader(root).load()
    assert str(caught.value.place) == "templates/views/by_day.cql.j2:3"


def test_keyspaces_are_those_of_the_environment(root: Path) -> None:
    project = ProjectLoader(root, keyspaces={"shop": "shop_test"}).load()
    assert str(project.views[0].name) == "shop_test.by_day"
    assert project.tables[0].cql.startswith("CREATE TABLE shop_test.orders")


@pytest.mark.parametrize(
    "body",
    [
        "{{ ''.__class__.__mro__ }}",
        "{{ view.__class__ }}",
        "{% include '/etc/passwd' %}",
        "{% include '../../secret' %}",
        "{% include 'views/by_day.cql.j2' %}",
        "{{ [1, 2] | random }}",
        "{{ lipsum() }}",
        "{% macro again() %}{{ again() }}{% endmacro %}{{ again() }}",
        "{{ 1 / 0 }}",
        "{{ range(10000000) }}",
        "{{ base() }}",
        "{{ base('a') }}{{ base('b') }}",
        "{{ base(5) }}",
        "{{ view.nothing }}",
        "{{ in_window(1) }}",
    ],
)
def test_templates_that_fail_are_told_with_their_place(root: Path, body: str) -> None:
    _view(root).write_text(f"---\nkeyspace: shop\n---\n{body}\n", encoding="utf-8")
    with pytest.raises(ProjectError) as caught:
        ProjectLoader(root).load()
    assert str(caught.value.place).startswith("templates/views/by_day.cql.j2:4")


def test_a_table_of_another_name_than_its_file(root: Path) -> None:
    (root / "tables" / "orders.cql.j2").write_text(TABLE.replace("{{ table }}", "ordres"), encoding="utf-8")
    with pytest.raises(ProjectError, match=r"the statement creates shop\.ordres, and the file is that of shop\.orders"):
        ProjectLoader(root).load()


def _load(root: Path, folder: Path, **given: str) -> Project:
    """Load with the cache kept in a folder, and check that it says what a fresh reading does."""
    cache = FileCache(folder)
    found = ProjectLoader(root, cache=cache, **given).load()  # type: ignore[arg-type]
    cache.save()
    assert found == ProjectLoader(root, **given).load()  # type: ignore[arg-type]
    return found


def _former(folder: Path, change: Callable[[list[dict[str, Any]]], object]) -> None:
    """Rewrite the cache as another program would have left it."""
    path = folder / "files.json"
    content = read_checked(path)
    assert content is not None
    assert write_checked(path, json.dumps(change(json.loads(content))).encode())


def _marked_otherwise(entries: dict[str, Any]) -> dict[str, Any]:
    return {mark[::-1]: {**each, "text": "what an older program read"} for mark, each in entries.items()}


@pytest.mark.parametrize(
    "change",
    [
        lambda kinds: kinds[:2],
        lambda kinds: {"views": kinds[0], "tables": kinds[1]},
        lambda kinds: [{mark: {"name": "by_day"} for mark in kinds[0]}, *kinds[1:]],
        lambda kinds: [*map(_marked_otherwise, kinds[:2]), kinds[2]],
    ],
    ids=["without the planner's marks", "another form", "without what came later", "of an older program"],
)
def test_a_cache_of_an_older_program_is_done_without(
    root: Path, tmp_path: Path, change: Callable[[list[dict[str, Any]]], object]
) -> None:
    folder = tmp_path / "cache"
    first = _load(root, folder)
    _former(folder, change)
    assert _load(root, folder) == first
    assert _load(root, folder) == first, "it is written again"


def test_no_edit_is_hidden_by_the_cache(root: Path, tmp_path: Path) -> None:
    folder = tmp_path / "cache"
    macro = root / "macros" / "keys.j2"
    macro.write_text(MACRO, encoding="utf-8")
    _view(root).write_text(MACRO_VIEW, encoding="utf-8")
    first = _load(root, folder).views[0]
    assert _load(root, folder).views[0] == first

    macro.write_text(MACRO.replace("(day, customer)", "((day), customer) WITH gc_grace_seconds = 5"), encoding="utf-8")
    changed = _load(root, folder).views[0]
    assert changed.version != first.version

    table = root / "tables" / "orders.cql.j2"
    table.write_text(
        TABLE.replace("type: date, grain: day", "type: timestamp").replace("day date", "day timestamp"),
        encoding="utf-8",
    )
    time = _load(root, folder).views[0].time
    assert time is not None
    assert time.grain is None

    assert str(_load(root, folder, default_keyspace="x").views[0].name) == "shop.by_day"
    _view(root).write_text(MACRO_VIEW.replace("keyspace: shop", "description: '{}'"), encoding="utf-8")
    table.write_text(TABLE.replace("keyspace: shop\n", ""), encoding="utf-8")
    assert str(_load(root, folder, default_keyspace="x").views[0].name) == "x.by_day"
    assert str(_load(root, folder, default_keyspace="y").views[0].name) == "y.by_day"

    _view(root).unlink()
    assert _load(root, folder, default_keyspace="y").views == ()


def test_an_error_is_never_kept(root: Path, tmp_path: Path) -> None:
    _load(root, tmp_path / "cache")
    (root / "tables" / "orders.cql.j2").write_text(TABLE.replace("day date", "day text"), encoding="utf-8")
    for _ in range(2):
        with pytest.raises(ProjectError, match="the time column 'day' has the type text"):
            _load(root, tmp_path / "cache")


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: b"",
        lambda content: b"\xff\x00 nonsense",
        lambda content: content[:-10],
        lambda content: content.replace(b"by_day", b"by_dey"),
        lambda content: b"[]",
    ],
    ids=["empty", "bytes", "cut", "changed", "foreign"],
)
def test_a_damaged_cache_is_done_without(root: Path, tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    _load(root, tmp_path / "cache")
    (kept,) = (tmp_path / "cache").iterdir()
    kept.write_bytes(damage(kept.read_bytes()))
    assert len(_load(root, tmp_path / "cache").views) == 1


def test_a_cache_that_cannot_be_written_is_done_without(root: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x", encoding="utf-8")
    assert len(_load(root, tmp_path / "file" / "cache").views) == 1


def test_unchanged_files_are_not_parsed_again(root: Path, tmp_path: Path) -> None:
    _load(root, tmp_path / "cache")
    (kept,) = (tmp_path / "cache").iterdir()
    digest, content = kept.read_bytes().split(b"\n", 1)
    views, tables, passed = json.loads(content)
    assert (len(views), len(tables), passed, len(digest)) == (1, 1, [], 32)
    before = kept.stat().st_mtime_ns
    _load(root, tmp_path / "cache")
    assert kept.stat().st_mtime_ns == before


def _settings(folder: Path, text: str, **given: object) -> Settings:
    (folder / "views.toml").write_text(text, encoding="utf-8")
    return Settings.resolve(start=folder, variables={}, **given)  # type: ignore[arg-type]


def test_another_folder_does_not_speak_in_this_projects_name(root: Path, tmp_path: Path) -> None:
    text = 'project = "own"\ntemplates = "templates"\n[env.dev]\nregistry = "r"\n'
    assert _settings(tmp_path, text).project == "own"
    assert _settings(tmp_path, text, templates=root).project == "own"
    other = tmp_path / "other"
    other.mkdir()
    found = _settings(tmp_path, text, templates=other)
    assert (found.project, found.env.registry) == (None, "r")
    (other / "views.toml").write_text('project = "theirs"\ntemplates = "."\n', encoding="utf-8")
    assert Settings.resolve(start=tmp_path, templates=other, variables={}).project == "theirs"


def test_flag_over_variable_over_file(tmp_path: Path) -> None:
    text = 'default_env = "a"\n[env.a]\ncontact_points = ["1"]\n[env.b]\nport = 1\n[env.c]\n'
    (tmp_path / "views.toml").write_text(text, encoding="utf-8")
    named = Settings.resolve(start=tmp_path, environment="c", variables={"VIEWS_ENV": "b"})
    assert named.environment == "c"
    by_variable = Settings.resolve(start=tmp_path, variables={"VIEWS_ENV": "b", "CASSANDRA_PORT": "7"})
    assert (by_variable.environment, by_variable.env.port) == ("b", 7)
    points = Settings.resolve(start=tmp_path, variables={"CASSANDRA_CONTACT_POINTS": "x, y"})
    assert (points.env.contact_points, points.source) == (("x", "y"), "CASSANDRA_CONTACT_POINTS")


def test_what_a_person_is_asked_for_differs_by_environment(tmp_path: Path) -> None:
    text = "[env.dev]\napprove_drops = false\nfreeze_after = 0\n[env.prod]\n"
    dev, prod = _settings(tmp_path, text).env, _settings(tmp_path, text, environment="prod").env
    assert (dev.approve_drops, dev.freeze_after) == (False, 0)
    assert (prod.approve_drops, prod.freeze_after) == (True, 5)


def test_a_password_stays_out_of_a_repr(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("hunter2\n", encoding="utf-8")
    found = _settings(tmp_path, '[env.dev]\nusername = "ann"\npassword_file = "secret"\n')
    assert found.password == "hunter2"
    assert "hunter2" not in repr(found)


@pytest.mark.parametrize(
    ("text", "place", "message"),
    [
        ("[env.dev]\nprot = 1\n", "views.toml:2", "unknown key 'env.dev.prot'; did you mean 'port'?"),
        ("projct = 'x'\n", "views.toml:1", "unknown key 'projct'; did you mean 'project'?"),
        ("[env.dev.tls]\nc = 'x'\n", "views.toml:2", "unknown key 'env.dev.tls.c'"),
        (
            "[env.dev]\n\n[env.dev.keyspaces.shop]\nnam = 'x'\n",
            "views.toml:4",
            "unknown key 'env.dev.keyspaces.shop.nam'",
        ),
        ("env = 5\n", "views.toml:1", "'env'"),
        ("a = = 1\n", "views.toml:1:5", "it is not TOML"),
        (
            "[env.dev]\nfreeze_after = -1\n",
            "views.toml:2",
            "'env.dev.freeze_after' is -1, and it must be",
        ),
        ("[env.dev]\napprove_drops = 'no'\n", "views.toml:2", "'env.dev.approve_drops': it must be a valid boolean"),
    ],
)
def test_errors_of_views_toml_have_their_line(tmp_path: Path, text: str, place: str, message: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        _settings(tmp_path, text)
    assert str(caught.value.place) == place
    assert caught.value.what.startswith(message)


@pytest.mark.parametrize("name", ["by_day.cql", "by_day.j2", "by_day.cql.jinja2"])
def test_a_view_file_under_a_name_that_is_nearly_right_is_broken_and_not_gone(root: Path, name: str) -> None:
    _view(root).rename(root / "views" / name)
    with pytest.raises(ProjectError, match=rf"{name}.*ends in .cql.j2.*Rename it to by_day.cql.j2"):
        ProjectLoader(root).load()
    (broken,) = ProjectLoader(root).load(skip_broken=True).broken
    assert broken.view == "by_day"


def test_other_files_beside_views_are_passed_over(root: Path) -> None:
    for name in ("README.md", "by_day.cql.j2.bak", "by_day.cql.j2~", ".by_day.cql.j2.swp"):
        (root / "views" / name).write_text("x", encoding="utf-8")
    assert [str(each.name) for each in ProjectLoader(root).load().views] == ["shop.by_day"]
