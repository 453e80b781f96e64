"""The operations pages as the reader sees them: views in all states, and a cluster that is away."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from cassandra_views.model.generation import State
from tests.integration.web.clock import clock
from tests.integration.web.conftest import MakeApp, by_wire
from tests.integration.web.place import PARKS, STRANGER, STRANGER_PASSWORD, WHY, Place
from tests.wire import Wire

pytestmark = pytest.mark.cassandra

LIST = "/views/"
VIEW = "/views/view/top_parks_by_day"
PAGES = (LIST, VIEW, "/views/timeline", "/views/plan", "/views/cluster")


def plain(html: str) -> str:
    """Return a page's text without its tags."""
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())


def four_parts(answer: TestResponse, status: int) -> str:
    """Return what an error's page says: what failed and on what, what remains, what to do."""
    assert answer.status_code == status
    assert answer.headers.get("Retry-After") == ("10" if status == 503 else None)
    box = re.search(r'<section class="error".*?</section>', answer.text, re.DOTALL)
    assert box is not None
    assert box[0].count("<p>") == 2
    assert "Traceback" not in answer.text
    return plain(box[0])


def row_of(text: str, view: str) -> str:
    (body,) = [body for body in re.findall(r"<tbody.*?</tbody>", text, re.DOTALL) if f"{view}</a>" in body]
    return plain(body)


def test_every_answer_has_the_headers_and_no_cookie(client: FlaskClient) -> None:
    paths = [*PAGES, "/views/style.css", "/views/live.js", "/views/view/nothing", "/views/nothing", "/views/a/b/c"]
    answers = [client.get(path) for path in paths]
    assert [answer.status_code for answer in answers] == [200] * 7 + [404] * 3
    for answer in answers:
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert "*" not in policy
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["X-Frame-Options"] == "DENY"
        assert "Set-Cookie" not in answer.headers
        if answer.content_type.startswith("text/html"):
            assert answer.headers["Cache-Control"] == "no-store"
            assert not re.search(r"<style|<script(?! src=)|\sstyle=|\son\w+=", answer.text)
            assert not re.search(r"(?:src|href)=\"(?:https?:)?//", answer.text)


def test_there_is_an_icon_and_a_way_back_to_the_app(client: FlaskClient, make_app: MakeApp) -> None:
    assert "Back to" not in client.get(LIST).text  # this app has no page of its own
    app = make_app()
    app.add_url_rule("/", "home", lambda: "home")
    text = app.test_client().get(LIST).text
    assert '<a class="home" href="/">Back to parks</a>' in text
    (icon,) = re.findall(r'<link rel="icon" href="([^"]+)"', text)
    answer = app.test_client().get(icon)
    assert (answer.status_code, answer.mimetype) == (200, "image/svg+xml")


def test_what_is_frozen_has_no_next_slide(client: FlaskClient) -> None:
    assert "not while frozen" in row_of(client.get(LIST).text, "parks_by_city")
    assert "not while frozen" in plain(client.get("/views/view/parks_by_city").text)


def test_each_state_of_a_generation_has_a_colour_of_its_own(client: FlaskClient) -> None:
    with client.get("/views/style.css") as answer:
        style = answer.text
    tones = {
        name: tone
        for names, tone in re.findall(r"^(\.is-[^{]+) \{ --tone: var\((--\w+)\)", style, re.MULTILINE)
        for name in re.findall(r"is-(\w+)", names)
    }
    assert len({tones[name] for name in ("building", "built", "serving", "failed", "frozen")}) == 5


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
def test_the_pages_only_read(client: FlaskClient, method: str) -> None:
    for path in PAGES:
        assert getattr(client, method)(path).status_code == 405


def test_the_list_says_what_the_registry_and_the_files_hold(client: FlaskClient, reader_server: Place) -> None:
    text = client.get(LIST).text
    top = row_of(text, "top_parks_by_day")
    assert re.search(r"serving top_parks_by_day__g2 \d{4}-\d\d-\d\d to now \d+ \w+ ago promise kept", top)
    assert f"{PARKS * 8:,} passed" in top
    assert "pending nothing" in row_of(text, "never_made")
    assert "2 runs in a row failed" in row_of(text, "never_made")
    frozen = row_of(text, "parks_by_city")
    assert "frozen parks_by_city__g1 whole base" in frozen
    assert "frozen by a keeper: the &lt;script&gt;alert(1)&lt;/script&gt; audit of Monday" in frozen
    assert "building nothing" in row_of(text, "days_of_all_parks")
    assert WHY not in text
    # What needs a person most comes first.
    assert text.index("never_made</a>") < text.index("parks_by_city</a>") < text.index("top_parks_by_day</a>")
    cluster = reader_server.session.execute("SELECT cluster_name FROM system.local").one()[0]
    assert f"cluster {cluster} , registry {reader_server.registry} , as of" in plain(text)


def test_a_window_that_should_have_moved_is_told(make_app: MakeApp, reader_server: Place) -> None:
    matter = "window: {last: 3 days, step: 1 day}\nmax_lag: 6 hours"
    where = "{{ in_window() }} AND park IS NOT NULL"
    select = f"SELECT * FROM {{{{ base('visits_day') }}}} WHERE {where} PRIMARY KEY (day, park)"
    with reader_server.more_view("days_of_then", matter, select, clock=lambda: clock() - timedelta(days=2)):
        client = make_app().test_client()
        text = client.get(LIST).text
        row = row_of(text, "days_of_then")
        assert "stale days_of_then__g1" in row
        assert "promise broken" in row
        assert text.index("days_of_then</a>") < text.index("parks_by_city</a>")  # it needs a person
        assert "promise broken" in plain(client.get("/views/view/days_of_then").text)
        described = client.get("/api/views/days_of_then").get_json()
        assert described["is_ready"]
        assert described["freshness"]["promise"] == "broken"
        assert described["freshness"]["late_seconds"] > 0
        assert re.search(r'promise_broken{keyspace="parks",view="days_of_then"} 1.0', client.get("/metrics").text)


def test_without_files_nothing_is_said_of_promises_and_there_is_no_plan(make_app: MakeApp, tmp_path: Path) -> None:
    client = make_app(VIEWS_TEMPLATES=tmp_path / "none").test_client()
    text = client.get(LIST).text
    assert "serving top_parks_by_day__g2" in row_of(text, "top_parks_by_day")
    assert "promise" not in row_of(text, "top_parks_by_day")
    assert "is known where the files are" in text
    said = four_parts(client.get("/views/plan"), 503)
    assert "no view files where this app runs" in said
    assert "VIEWS_TEMPLATES" in said


def test_a_file_that_is_wrong_hides_no_view(make_app: MakeApp, reader_server: Place) -> None:
    table = reader_server.templates / "tables" / "broken.cql.j2"
    view = reader_server.templates / "views" / "unclear.cql.j2"
    client = make_app().test_client()
    try:
        view.write_text("---\nwindow: {last: never}\n---\n")
        assert "top_parks_by_day__g2" in client.get(LIST).text
        plan = plain(client.get("/views/plan").text)
        assert "unclear is left as it is: " in plan
        assert "unclear.cql.j2" in plan
        table.write_text("---\ntime: {colunm: day}\n---\n")
        time.sleep(1.6)
        text = client.get(LIST).text
        assert "top_parks_by_day__g2" in text
        assert text.count("A file is wrong and left out.") >= 2  # a file may be wrong in more than one way
        assert "unclear.cql.j2" in text
        assert "broken.cql.j2" in text
    finally:
        table.unlink(missing_ok=True)
        view.unlink()


def test_the_list_can_be_filtered(client: FlaskClient) -> None:
    def names(words: str) -> list[str]:
        return re.findall(r"</span>(\w+)</a></th>", client.get(LIST, query_string={"q": words}).text)

    assert names("frozen") == ["parks_by_city"]
    assert names("PARKS top_parks") == ["top_parks_by_day"]
    assert names("nothing like this") == []
    text = client.get(LIST, query_string={"q": '"><script>'}).text
    assert "No view holds" in text
    assert "<script>" not in text


def test_the_page_of_a_view(client: FlaskClient, reader_server: Place) -> None:
    generations = reader_server.record("top_parks_by_day").generations
    for name in ("top_parks_by_day", "parks.top_parks_by_day"):
        answer = client.get(f"/views/view/{name}")
        assert answer.status_code == 200
        said = plain(answer.text)
        for each in generations:
            assert each.physical in said
            assert each.created_at is not None
            assert f"{each.created_at:%m-%d %H:%M:%S}" in said
        for event in ("create", "built", "audit passed", "serve"):
            assert re.search(rf"\d\d:\d\d:\d\d \d {event}", said), event
        assert said.count("a keeper") >= 4
        assert "CREATE MATERIALIZED VIEW" in said
        assert "parks.visits_day" in said
        assert re.search(r"Each of its writes visits \d view", said)
        assert re.search(r"Generation 2 was built in \d+ s, 320 rows", said)
        for each in generations:
            assert re.search(rf'aria-label="{each.physical}: generation {each.number} \({each.state}\): ', answer.text)


def test_a_reason_is_text_and_nothing_else(client: FlaskClient) -> None:
    text = client.get("/views/view/parks_by_city").text
    assert WHY not in text
    assert "frozen by a keeper: the &lt;script&gt;alert(1)&lt;/script&gt; audit of Monday" in plain(text)


def test_the_build_is_shown_node_by_node(client: FlaskClient, reader_server: Place) -> None:
    deadline = time.monotonic() + 60
    while "all nodes have built it" not in (text := client.get("/views/view/days_of_all_parks/build").text):
        assert time.monotonic() < deadline
        time.sleep(0.5)
    assert "Build of generation 1" in text
    assert text.count("<progress") == len(reader_server.session.cluster.metadata.all_hosts())
    whole = client.get("/views/view/days_of_all_parks").text
    assert 'data-live="/views/view/parks.days_of_all_parks/build"' in whole
    assert client.get("/views/view/top_parks_by_day/build").status_code == 204
    assert "data-live" not in client.get(VIEW).text


def test_the_plan_is_that_of_the_command_line(client: FlaskClient, reader_server: Place) -> None:
    names = ("days_of_all_parks", "top_parks_by_day", "parks_by_city")
    before = [reader_server.record(name) for name in names]
    said = plain(client.get("/views/plan").text)
    assert "registry parks_registry, environment test" in said
    assert re.search(r"\+ makes parks\.never_made generation 1 create:", said)
    assert re.search(r"&gt; moves parks\.days_of_all_parks generation 1 await its build on every node, audit it", said)
    assert "the base then carries" in said
    assert "parks.parks_by_city is frozen by a keeper" in said
    assert [reader_server.record(name) for name in names] == before
    assert reader_server.record("days_of_all_parks").in_state(State.BUILDING)


def test_the_cluster_says_how_it_is(client: FlaskClient, reader_server: Place) -> None:
    said = plain(client.get("/views/cluster").text)
    assert re.search(r"Nodes 1 Schema all agree Lease nobody holds it", said)
    assert re.search(
        rf"{reader_server.contact_points[0]} up NORMAL datacenter1 5\.\d+\.\d+ [0-9a-f]{{8}} enabled", said
    )
    assert "may not read" not in said


def test_the_time_line_names_every_generation(client: FlaskClient, reader_server: Place) -> None:
    text = client.get("/views/timeline").text
    for view in ("top_parks_by_day", "visits_by_second", "parks_by_country", "parks_by_city", "days_of_all_parks"):
        label = re.search(rf'aria-label="parks\.{view}: ([^"]*)"', text)
        assert label is not None
        assert label[1].count("generation ") == len(reader_server.record(view).generations)
    assert "the whole base" in text
    assert "never_made" not in text


def test_buttons_lead_to_airflow_where_there_is_one(make_app: MakeApp, client: FlaskClient) -> None:
    assert "/dags/" not in client.get(LIST).text
    app = make_app(VIEWS_AIRFLOW_URL="https://airflow.example/base/", VIEWS_AIRFLOW_PREFIX="prod_")
    text = app.test_client().get(VIEW).text
    assert 'href="https://airflow.example/base/dags/prod_views_by_hand"' in text
    assert 'href="https://airflow.example/base/dags/prod_view_top_parks_by_day"' in text


def test_a_view_that_is_not_there_is_told_with_the_nearest_name(client: FlaskClient) -> None:
    said = four_parts(client.get("/views/view/top_parks_by_dya"), 404)
    assert said.startswith("top_parks_by_dya: there is no such view")
    assert "top_parks_by_day" in said
    four_parts(client.get("/views/view/%3Cscript%3E"), 404)


def test_the_pages_may_be_elsewhere_or_nowhere(make_app: MakeApp) -> None:
    app = make_app(VIEWS_PAGES_PREFIX="/ops/views")
    assert 'href="/ops/views/style.css' in app.test_client().get("/ops/views/").text
    assert app.test_client().get("/views/").status_code == 404
    assert make_app(VIEWS_PAGES_PREFIX="").test_client().get("/views/").status_code == 404


def test_a_cluster_without_a_registry(make_app: MakeApp) -> None:
    client = make_app(VIEWS_REGISTRY="no_such_registry").test_client()
    said = four_parts(client.get(LIST), 503)
    assert "has no registry there" in said
    assert "VIEWS_REGISTRY" in said
    assert "there is no registry" in plain(client.get("/views/cluster").text)


def test_a_role_that_lacks_rights(make_app: MakeApp, reader_server: Place, tmp_path: Path) -> None:
    password = tmp_path / "password"
    password.write_text(STRANGER_PASSWORD)
    client = make_app(VIEWS_USERNAME=STRANGER, VIEWS_PASSWORD_FILE=password).test_client()
    said = four_parts(client.get(LIST), 503)
    assert "SELECT permission" in said
    assert f"GRANT SELECT ON TABLE {reader_server.registry}.about TO {STRANGER}; then look again" in said
    # An application that reads views has these; what they do not tell is said to be unknown.
    session = reader_server.session
    try:
        session.execute(f"GRANT SELECT ON KEYSPACE {reader_server.registry} TO {STRANGER}")
        time.sleep(1.6)
        assert "top_parks_by_day__g2" in client.get(LIST).text
        build = plain(client.get("/views/view/days_of_all_parks").text)
        assert "How far it is cannot be seen now" in build
        assert "system.built_views" in build
        assert "Unknown where the role may not read system_views" in plain(client.get("/views/cluster").text)
        assert client.get("/views/plan").status_code == 200
    finally:
        session.execute(f"REVOKE ALL ON KEYSPACE {reader_server.registry} FROM {STRANGER}")


def test_a_wrong_password(make_app: MakeApp, tmp_path: Path) -> None:
    password = tmp_path / "password"
    password.write_text("guess")
    said = four_parts(make_app(VIEWS_PASSWORD_FILE=password).test_client().get(LIST), 503)
    assert "user name or password is wrong" in said


def until(seconds: float, is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.5)


def test_a_cluster_that_goes_away_and_comes_back(make_app: MakeApp, wire: Wire) -> None:
    client = make_app(**by_wire(wire)).test_client()
    assert client.get(LIST).status_code == 200
    wire.cut()
    time.sleep(2)  # what was seen a moment ago is still shown
    for path in PAGES:
        began = time.monotonic()
        said = four_parts(client.get(path), 503)
        assert time.monotonic() - began < 12
        assert "run the command again" not in said
    wire.mend()
    until(20, lambda: client.get(LIST).status_code == 200)


def test_a_cluster_that_hangs_holds_nobody_up(make_app: MakeApp, wire: Wire) -> None:
    app: Flask = make_app(**by_wire(wire))
    client = app.test_client()
    assert client.get(LIST).status_code == 200
    wire.hold()
    time.sleep(2)
    began = time.monotonic()
    four_parts(client.get(LIST), 503)
    four_parts(client.get(VIEW), 503)
    assert time.monotonic() - began < 10
    wire.mend()
    until(30, lambda: client.get(LIST).status_code == 200)


def test_a_cluster_that_was_never_there(make_app: MakeApp) -> None:
    client = make_app(VIEWS_CONTACT_POINTS="127.0.14.9", VIEWS_PORT=9042).test_client()
    said = four_parts(client.get(LIST), 503)
    assert "the cluster cannot be reached" in said
