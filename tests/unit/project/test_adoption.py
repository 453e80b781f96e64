"""`views adopt --from`: files for what a schema holds, what is changed in them, what cannot be managed."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from cassandra_views.cli.main import main
from cassandra_views.cql.adoption import Adoption, adopt_schema
from cassandra_views.cql.findings import KINDS, Kind, Severity
from cassandra_views.cql.fingerprint import fingerprint
from cassandra_views.cql.lint import lint_view
from cassandra_views.cql.statements import table_shape, view_statement
from cassandra_views.model.definition import Project, ViewDefinition
from cassandra_views.model.errors import ProjectError
from cassandra_views.project.adopted_files import (
    AdoptedFile,
    AdoptionState,
    AdoptionTarget,
    adopted_files,
    choose,
    write_files,
)
from cassandra_views.project.loader import ProjectLoader
from cassandra_views.project.settings import EnvConfig, Settings
from tests.unit.cql.applications import Application, read_applications

BOOKINGS = (Path(__file__).parents[1] / "cql" / "schemas" / "bookings.cql").read_text(encoding="utf-8")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A project without files, and without a views.toml."""
    return Settings(environment="dev", templates=tmp_path / "cql_templates", env=EnvConfig())


def adopt(text: str, settings: Settings, *targets: str) -> tuple[AdoptedFile, ...]:
    """Write the files of a schema; return what became of each table and view."""
    found = choose(adopt_schema(text, file="schema.cql"), [AdoptionTarget.parse(each) for each in targets])
    files = adopted_files(found, settings)
    write_files(files, settings)
    return files


def load(settings: Settings) -> Project:
    return ProjectLoader.of(settings).load()


def named(files: tuple[AdoptedFile, ...], name: str) -> AdoptedFile:
    return next(one for one in files if f"{one.keyspace}.{one.name}" == name)


def text_of(files: tuple[AdoptedFile, ...], name: str) -> str:
    text = named(files, name).text
    assert text is not None
    return text


def view(project: Project, name: str) -> ViewDefinition:
    return next(one for one in project.views if one.name.view == name)


def errors(project: Project) -> list[str]:
    shapes = {(each.keyspace, each.table): table_shape(each) for each in project.tables}
    return [
        str(finding)
        for one in project.views
        for finding in lint_view(view_statement(one), shapes[one.name.keyspace, one.base], file=one.place.file)
        if finding.severity is Severity.ERROR
    ]


def test_what_is_adopted_loads_and_lint_finds_no_error(settings: Settings) -> None:
    files = adopt(BOOKINGS, settings)
    project = load(settings)
    assert errors(project) == []
    assert {str(one.name) for one in project.views} == {
        f"{one.keyspace}.{one.name}" for one in files if one.kind == "view" and one.state is AdoptionState.WRITTEN
    }


def test_each_table_and_view_of_the_schema_is_told_of_once(settings: Settings) -> None:
    files = adopt(BOOKINGS, settings)
    states = {f"{one.keyspace}.{one.name}": one.state for one in files}
    assert len(states) == len(files)
    assert {name for name, state in states.items() if state is AdoptionState.REFUSED} == {
        "bookings.rates",
        "bookings.rates_by_v",
        "bookings.sessions_by_user",
        "bookings.log_by_v",
        "bookings.payments_without_method",
        "bookings.payments_a",
        "archive.payments_by_method",
    }
    assert states["bookings.bookings_by_state__g3"] is AdoptionState.GENERATION
    assert {name for name, state in states.items() if state is AdoptionState.WRITTEN} == {
        "Hotels.hotels",
        "Hotels.hotels_by_stars",
        "Hotels.HotelsByOpening",
        "bookings.Bookings",
        "bookings.OpenBookings",
        "bookings.bookings_by_arrival",
        "bookings.payments",
        "bookings.payments_by_method",
        "bookings.payments_of_card_by_booking_for_the_chief_accountant",
        "bookings.old_log",
        "bookings.page_views",
        "bookings.sessions",
        "archive.payments",
        "archive.by_amount",
    }


def test_what_cannot_be_managed_is_told_with_the_way_out(settings: Settings) -> None:
    files = adopt(BOOKINGS, settings)
    told = {one.name: (one.what, one.next) for one in files if one.state is AdoptionState.REFUSED}
    assert "no_such_type" in told["rates"][0]
    assert "rates cannot be read" in told["rates_by_v"][0]
    assert "static column" in told["log_by_v"][0]
    assert "gc_grace_seconds" in told["sessions_by_user"][0]
    assert "[CV203]" in told["payments_without_method"][0]
    assert "[CV201]" in told["payments_a"][0]
    assert "bookings.payments_by_method" in told["payments_by_method"][0]
    assert "a folder of its own" in told["payments_by_method"][1]
    assert all(fix for _what, fix in told.values())


def test_comments_and_the_writing_stay(settings: Settings) -> None:
    files = adopt(BOOKINGS, settings)
    hotels = text_of(files, "Hotels.hotels")
    assert "// One row a hotel; written by the back office.\nCREATE TABLE {{ table }} (\n" in hotels
    assert "    name text, -- as guests see it\n" in hotels
    assert 'description: "Hotels, {{ not a template }}"\nkeyspace: Hotels\n' in hotels
    stars = text_of(files, "Hotels.hotels_by_stars")
    assert (
        "/* Hotels of a number of stars.\nThe start page reads it. */\nCREATE MATERIALIZED VIEW {{ view }} AS\n"
        in stars
    )
    assert "    FROM {{ base('hotels') }}\n" in stars
    assert "-- newest first" in text_of(files, "bookings.Bookings")
    assert "-- Open bookings only" in text_of(files, "bookings.OpenBookings")
    table = next(each for each in load(settings).tables if each.table == "hotels")
    assert "comment = 'Hotels, {{ not a template }}'" in table.text


def test_options_that_servers_no_longer_know_are_taken_out_and_told(settings: Settings) -> None:
    files = adopt(BOOKINGS, settings)
    hotels = named(files, "Hotels.hotels")
    assert [change.partition(" is taken out")[0] for change in hotels.changes] == [
        "dclocal_read_repair_chance = 0.1",
        "read_repair_chance = 0.0",
    ]
    assert "read_repair" not in text_of(files, "Hotels.hotels")
    assert text_of(files, "Hotels.hotels").endswith(
        "    AND min_index_interval = 128\n    AND speculative_retry = '99PERCENTILE'\n"
    )
    assert text_of(files, "Hotels.hotels_by_stars").endswith(
        "    WITH CLUSTERING ORDER BY (hotel_id ASC)\n    AND comment = 'Hotels by stars'\n"
        "    AND speculative_retry = '99PERCENTILE'\n"
    )
    payments = named(files, "bookings.payments")
    assert any("DateTieredCompactionStrategy" in change for change in payments.changes)
    assert "compaction" not in text_of(files, "bookings.payments")


def test_a_clustering_order_is_completed_as_the_server_reads_it(settings: Settings) -> None:
    files = adopt(BOOKINGS, settings)
    assert "CLUSTERING ORDER BY is completed: (paid_at DESC, booking ASC)" in named(files, "bookings.payments").changes
    open_ = named(files, "bookings.OpenBookings")
    assert open_.changes == ('CLUSTERING ORDER BY is written out: (state ASC, "guestId" ASC, "bookingId" ASC)',)
    assert text_of(files, "bookings.OpenBookings").endswith(
        '\nWITH CLUSTERING ORDER BY (state ASC, "guestId" ASC, "bookingId" ASC)\n'
    )
    of_method = view_statement(view(load(settings), "payments_by_method"))
    assert of_method.clustering_order == (("paid_at", True), ("booking", False))
    by_arrival = view_statement(view(load(settings), "bookings_by_arrival"))
    assert by_arrival.clustering_order == (("bookingId", False), ("state", False), ("guestId", True))


def test_what_later_statements_alter_is_in_the_file(settings: Settings) -> None:
    files = adopt(BOOKINGS, settings)
    assert "    currency text," in text_of(files, "bookings.payments")
    assert any("reprinted" in change for change in named(files, "bookings.payments").changes)
    altered = view_statement(view(load(settings), "payments_by_method"))
    assert {option.name: option.value for option in altered.options} == {
        "gc_grace_seconds": "3600",
        "comment": "of a month",
    }


def test_files_of_several_keyspaces_stand_in_folders(settings: Settings) -> None:
    adopt(BOOKINGS, settings)
    root = settings.templates
    assert (root / "tables" / "archive" / "payments.cql.j2").is_file()
    assert (root / "tables" / "bookings" / "payments.cql.j2").is_file()
    config = (root.parent / "views.toml").read_text(encoding="utf-8")
    assert "[env.dev.keyspaces.Hotels]" in config


def test_no_file_is_overwritten_unless_that_is_asked_for(settings: Settings) -> None:
    adopt(BOOKINGS, settings, "bookings.Bookings")
    path = settings.templates / "views" / "OpenBookings.cql.j2"
    mine = path.read_text(encoding="utf-8") + "-- mine\n"
    path.write_text(mine, encoding="utf-8")
    again = adopt(BOOKINGS, settings, "bookings.Bookings")
    assert {one.state for one in again} == {AdoptionState.KEPT}
    assert path.read_text(encoding="utf-8") == mine
    asked = adopted_files(adopt_schema(BOOKINGS, file="x"), settings, overwrites=True)
    assert named(asked, "bookings.OpenBookings").path == path
    write_files(asked, settings)
    assert path.read_text(encoding="utf-8") != mine


SHOP = "CREATE TABLE s.t (k int PRIMARY KEY, v int);"
BY_V = (
    "CREATE MATERIALIZED VIEW s.by_v AS SELECT v, k FROM s.t WHERE v IS NOT NULL AND k IS NOT NULL PRIMARY KEY (v, k);"
)


def overwrite(text: str, settings: Settings, *, is_managed: bool = False) -> tuple[AdoptedFile, ...]:
    files = adopted_files(adopt_schema(text, file="x"), settings, overwrites=True, is_managed=is_managed)
    write_files(files, settings)
    return files


def test_what_is_overwritten_keeps_its_front_matter_and_comments(settings: Settings) -> None:
    adopt(f"{SHOP}{BY_V}", settings)
    path = settings.templates / "views" / "by_v.cql.j2"
    front_matter = "---\nkeyspace: s\nowner: shop team  # ask them\ngrace: 3 hours\n---\n"
    body = path.read_text(encoding="utf-8").split("---\n")[2]
    path.write_text(
        f"{front_matter}-- don't drop\n{{# a note #}}\n{body.replace('SELECT', '/* few */ SELECT')}", encoding="utf-8"
    )
    changed = BY_V.replace("SELECT v, k", "SELECT k, v")
    overwrite(f"{SHOP}{changed}", settings)
    text = path.read_text(encoding="utf-8")
    assert text.startswith(f"{front_matter}-- don't drop\n{{# a note #}}\n/* few */\nCREATE")
    assert "SELECT k, v FROM {{ base('t') }}" in text
    assert load(settings).views[0].owner == "shop team"
    assert {one.state for one in overwrite(f"{SHOP}{changed}", settings)} == {AdoptionState.KEPT}
    overwrite(f"{SHOP}{changed}", settings, is_managed=True)
    overwrite(f"{SHOP}{changed}", settings, is_managed=True)
    table = (settings.templates / "tables" / "t.cql.j2").read_text(encoding="utf-8")
    assert table.count("managed: true\n") == 1


def test_a_file_with_a_window_and_one_that_cannot_be_read_are_not_overwritten(settings: Settings) -> None:
    text = "CREATE TABLE s.t (day date, k int, PRIMARY KEY (k, day));"
    view = (
        "CREATE MATERIALIZED VIEW s.by_day AS SELECT * FROM s.t "
        "WHERE day IS NOT NULL AND k IS NOT NULL PRIMARY KEY (day, k);"
    )
    adopt(f"{text}{view}", settings)
    path = settings.templates / "views" / "by_day.cql.j2"
    table = settings.templates / "tables" / "t.cql.j2"
    windowed = "---\nkeyspace: s\nwindow: {last: 7 days, step: 1 day}\n---\n" + path.read_text(encoding="utf-8").split(
        "---\n"
    )[2].replace("day IS NOT NULL", "{{ in_window() }}")
    timed = table.read_text(encoding="utf-8").replace(
        "keyspace: s\n", "keyspace: s\ntime: {column: day, type: date, grain: day}\n"
    )
    path.write_text(windowed, encoding="utf-8")
    table.write_text(timed, encoding="utf-8")
    found = named(overwrite(f"{text}{view}", settings), "s.by_day")
    assert (found.state, "window" in found.what) == (AdoptionState.KEPT, True)
    assert path.read_text(encoding="utf-8") == windowed
    path.write_text("---\nkeyspace: s\n", encoding="utf-8")
    found = named(overwrite(f"{text}{view}", settings), "s.by_day")
    assert (found.state, "has no end" in found.what) == (AdoptionState.KEPT, True)


@pytest.mark.parametrize("schema", [BOOKINGS, *(f"{one.schema}\n;{one.view}" for one in read_applications("ks"))])
def test_adopting_what_adopt_wrote_changes_nothing(schema: str, settings: Settings) -> None:
    files = adopt(schema, settings)
    if not any(one.text for one in files):
        return
    project = load(settings)
    types = "".join(f"{each};\n" for each in re.findall(r"CREATE (?:TYPE|FUNCTION)[^;]*", schema))
    texts = [*(table.text for table in project.tables), *(view.text for view in project.views)]
    again = overwrite(types + "\n;\n".join(texts), settings)
    # What was altered later is printed with the type's keyspace.
    assert [one for one in again if one.state is not AdoptionState.KEPT] == []
    assert [one.changes for one in again if one.changes] == []


def test_a_broken_file_of_the_user_is_left(settings: Settings) -> None:
    path = settings.templates / "views" / "OpenBookings.cql.j2"
    path.parent.mkdir(parents=True)
    path.write_text("---\nkeyspace: bookings\nowne: me\n---\nx", encoding="utf-8")
    files = adopt(BOOKINGS, settings, "bookings")
    assert named(files, "bookings.OpenBookings").state is AdoptionState.KEPT
    assert "owne: me" in path.read_text(encoding="utf-8")


def test_a_view_brings_its_base_and_a_table_its_views() -> None:
    found = adopt_schema(BOOKINGS, file="x")

    def names(target: str) -> set[str]:
        chosen: Adoption = choose(found, [AdoptionTarget.parse(target)])
        return {one.name for one in chosen.adopted}

    assert names('bookings."OpenBookings"') == {"OpenBookings", "Bookings"}
    assert names("bookings.Bookings") == {"Bookings", "OpenBookings", "bookings_by_arrival"}
    assert names("archive") == {"payments", "payments_by_method", "by_amount"}
    with pytest.raises(ProjectError, match="did you mean 'OpenBookings'"):
        names("bookings.OpenBooking")
    with pytest.raises(ProjectError, match="names neither"):
        names("a.b.c")


def test_a_table_brings_the_views_on_it_that_cannot_be_managed() -> None:
    found = adopt_schema(BOOKINGS, file="x")
    chosen = choose(found, [AdoptionTarget.parse("bookings.payments")])
    assert [one.name for one in chosen.refused] == ["payments_without_method", "payments_a"]
    assert [one.name for one in choose(found, [AdoptionTarget.parse("bookings.rates")]).refused] == [
        "rates",
        "rates_by_v",
    ]


def test_other_objects_and_comments_are_those_of_the_keyspace_that_is_asked_for() -> None:
    found = adopt_schema(BOOKINGS, file="x")

    def others(*targets: str) -> tuple[list[str], list[str]]:
        chosen = choose(found, [AdoptionTarget.parse(each) for each in targets])
        return [one.name for one in chosen.unmanaged], [one.text for one in chosen.comments]

    header = "-- Schema of the booking service, as `DESCRIBE SCHEMA` of several versions and a few hands left it."
    assert others("Hotels") == (["hotels_by_tag", "address"], [header])
    assert others("archive") == ([], [])
    assert others("Hotels.hotels") == ([], [])


def test_the_registry_is_not_adopted() -> None:
    found = adopt_schema(f"{SHOP}CREATE TABLE views_registry.views (k int PRIMARY KEY);", file="x")
    assert [one.keyspace for one in choose(found, [], registry="views_registry").adopted] == ["s"]
    with pytest.raises(ProjectError, match="holds no views_registry"):
        choose(found, [AdoptionTarget.parse("views_registry")], registry="views_registry")


def test_names_without_a_keyspace_are_those_of_the_keyspace_that_is_asked_for() -> None:
    text = "CREATE TABLE t (k int PRIMARY KEY, v int);"
    assert [one.keyspace for one in adopt_schema(text, file="x", session="shop").adopted] == ["shop"]
    assert "No keyspace" in adopt_schema(text, file="x").refused[0].what


@pytest.mark.parametrize("application", read_applications("ks"), ids=lambda each: each.name)
def test_a_view_of_an_application_is_adopted_as_it_is(application: Application, settings: Settings) -> None:
    """What a server makes without harm is adopted, and the file's view is the one that the server made."""
    files = adopt(f"{application.schema}\n;{application.view}", settings)
    if application.refused == "view" or application.harm:
        return
    project = load(settings) if any(one.text for one in files) else Project(name="")
    for one in project.views:
        base = next(table_shape(each) for each in project.tables if each.table == one.base)
        statement = view_statement(one)
        assert one.version == fingerprint(one.name.keyspace, statement.ordered_like(base))
    assert errors(project) == []
    if not application.refused:
        states = {one.state for one in files if one.kind == "view"}
        policy = [one.what.rpartition("[")[2].rstrip("]") for one in files if one.kind == "view" and one.what]
        assert all(KINDS[code] is Kind.POLICY for code in policy)
        assert states == {AdoptionState.REFUSED if policy else AdoptionState.WRITTEN}


def test_the_command_tells_and_writes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("views.toml").write_text('project = "hotels"\n', encoding="utf-8")
    Path("schema.cql").write_text(BOOKINGS, encoding="utf-8")

    def run(*arguments: str) -> tuple[int, str]:
        with pytest.raises(SystemExit) as ended:
            main(["adopt", *arguments])
        return int(ended.value.code or 0), capsys.readouterr().out

    code, told = run("--all", "--from", "schema.cql", "--dry-run", "--detailed-exitcode")
    assert code == 2
    assert "7 tables and 7 views would be written; 1 generation of managed views left out; 7 cannot be managed." in told
    told_as_text = told
    assert not Path("cql_templates").exists()
    code, told = run("Hotels", "--from", "schema.cql", "--managed", "--format", "json", "--detailed-exitcode")
    assert code == 0
    content = json.loads(told)
    assert [(one["name"], one["state"]) for one in content["adoption"]] == [
        ("hotels", "written"),
        ("hotels_by_stars", "written"),
        ("HotelsByOpening", "written"),
    ]
    assert content["adoption"][0]["file"] == "cql_templates/tables/hotels.cql.j2"
    assert "managed: true" in Path("cql_templates/tables/hotels.cql.j2").read_text(encoding="utf-8")
    assert run("--from", "schema.cql")[0] == 1
    assert run("--all")[0] == 1
    assert run("--all", "--from", "missing.cql")[0] == 1
    assert "Left out, since files hold tables and views only: 1 index (Hotels.hotels_by_tag), 1 type" in told_as_text
    assert (
        "No file holds 2 comments of other statements:\n  schema.cql:1: -- Schema of the booking service"
        in told_as_text
    )
    Path("empty.cql").write_text("-- nothing\n", encoding="utf-8")
    assert run("--all", "--from", "empty.cql")[0] == 1
    Path("registry.cql").write_text(f"{SHOP}CREATE TABLE views_registry.views (k int PRIMARY KEY);", encoding="utf-8")
    assert "1 table and 0 views would be written." in run("--all", "--from", "registry.cql", "--dry-run")[1]
