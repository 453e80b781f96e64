"""The page within Airflow's own app: who sees it, what it shows, and what it says when the cluster is away."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.integration.airflow.airflow_process import AirflowProcess, airflow_process, copy_home, settings
from tests.integration.airflow.lifecycle.shop import Shop
from tests.integration.airflow.page import asking
from tests.integration.airflow.page.asking import PAGE, Answer
from tests.integration.airflow.page.conftest import CUSTOMERS, KEYSPACE, USERS, WHY
from tests.wire import Wire

LIST = f"{PAGE}/"
VIEW = f"{PAGE}/view/orders_by_day"
ASSETS = ("style.css", "frame.js", "live.js")
PATIENCE = 60
"""Seconds for what takes a few; a machine that others use takes more."""


@pytest.fixture(scope="module")
def process(migrated_home: Path, shop: Shop) -> Iterator[AirflowProcess]:
    home = migrated_home.with_name("page")
    copy_home(migrated_home, home)
    section = {"CONN_ID": "shop_cluster", "REGISTRY": shop.registry}
    options = {f"AIRFLOW__CASSANDRA_VIEWS__{name}": value for name, value in section.items()}
    with airflow_process({**settings(home, shop.dags), **USERS, **shop.variables, **options}, home) as running:
        yield running


def one(process: AirflowProcess, path: str, **who: Any) -> Answer:
    (answer,) = process.call(asking.ask, [path], **who)
    return answer


def plain(html: str) -> str:
    """Return a page's text without its tags."""
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())


def four_parts(answer: Answer, status: int) -> str:
    """Return what an error's page says: what failed and on what, what remains, what to do."""
    assert answer.status == status
    box = re.search(r'<section class="error".*?</section>', answer.text, re.DOTALL)
    assert box is not None
    assert box[0].count("<p>") == 2
    assert "Traceback" not in answer.text
    return plain(box[0])


def test_a_browser_without_login_is_led_to_it_and_back(process: AirflowProcess) -> None:
    for path in (LIST, f"{LIST}?q=frozen", VIEW):
        answer = one(process, path)
        assert answer.status == 303
        door = urlsplit(answer.headers["location"])
        assert door.path == "/api/v2/auth/login"
        assert parse_qs(door.query) == {"next": [path]}
        (further,) = process.call(asking.ask, [answer.headers["location"]])
        assert further.status == 307
        assert further.headers["location"].startswith("/auth/login?next=")


def test_a_program_without_login_is_refused(process: AirflowProcess) -> None:
    for path in (LIST, VIEW, *(f"{PAGE}/{name}" for name in ASSETS)):
        answer = one(process, path, accept="application/json")
        assert answer.status == 401
        assert "orders" not in answer.text


def test_a_forged_login_is_none(process: AirflowProcess) -> None:
    assert one(process, LIST, token="e30.e30.forged").status == 303


@pytest.mark.parametrize("user", ["vera", "uli", "olga", "adam"])
def test_each_role_that_may_see_assets_sees_views(process: AirflowProcess, user: str) -> None:
    for answer in process.call(asking.ask, [LIST, VIEW], user=user):
        assert answer.status == 200
        assert "orders_by_day__g1" in answer.text


def test_without_a_role_nothing_is_shown(process: AirflowProcess) -> None:
    for answer in process.call(asking.ask, [LIST, VIEW, f"{PAGE}/view/nothing"], user="nora"):
        said = four_parts(answer, 403)
        assert said.startswith("user nora: you may not see views.")
        assert "orders_by_day__g1" not in answer.text


def test_every_answer_has_the_headers(process: AirflowProcess) -> None:
    paths = [LIST, VIEW, f"{PAGE}/style.css", f"{PAGE}/view/nothing", f"{PAGE}/nothing", f"{PAGE}/a/b/c"]
    answers = [*process.call(asking.ask, paths, user="vera"), one(process, LIST), one(process, LIST, user="nora")]
    assert [answer.status for answer in answers] == [200, 200, 200, 404, 404, 404, 303, 403]
    for answer in answers:
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'self'" in policy
        assert "unsafe" not in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["x-frame-options"] == "SAMEORIGIN"


def test_nothing_in_a_page_needs_another_host_or_an_inline_script(process: AirflowProcess) -> None:
    for answer in process.call(asking.ask, [LIST, VIEW, f"{PAGE}/style.css"], user="vera"):
        assert "http:" not in answer.text
        assert "https:" not in answer.text
        assert " style=" not in answer.text
        assert not re.search(r"<script(?! src=)", answer.text)
        assert not re.search(r"\son\w+=", answer.text)


def test_the_list_shows_each_view_and_first_what_needs_a_person(process: AirflowProcess, shop: Shop) -> None:
    text = one(process, LIST, user="vera").text
    rows = re.findall(r"<tbody.*?</tbody>", text, re.DOTALL)
    names = [re.findall(r"</span>(\w+)</a></th>", row)[0] for row in rows]
    assert names == ["never_made", "orders_by_total", "totals_of_a_day", "orders_by_day", "unread"]
    never, frozen, building, serving, unread = map(plain, rows)
    assert f"{KEYSPACE}. never_made pending nothing" in never
    assert "Failures 2 runs in a row failed, the last" in never
    assert "Last error shop.never_made: the server refused its CREATE." in never
    assert "frozen orders_by_total__g1 whole base" in frozen
    assert "Override frozen by a person: the &lt;script&gt;alert(1)&lt;/script&gt; audit of Monday" in frozen
    assert "building nothing" in building
    assert re.search(
        rf"serving orders_by_day__g1 \d{{4}}-\d\d-\d\d to now \d+ \w+ ago {6 * CUSTOMERS:,} passed", serving
    )
    assert re.search(r"in \d+ (h|min|s)", serving)
    assert re.search(r"unread__g\d whole base", unread)
    cluster = shop.session.execute("SELECT cluster_name FROM system.local").one()[0]
    assert f"cluster {cluster} , registry {KEYSPACE}_reg , as of" in plain(text)


def test_the_list_can_be_filtered(process: AirflowProcess) -> None:
    def names(words: str) -> list[str]:
        return re.findall(r"</span>(\w+)</a></th>", one(process, f"{LIST}?q={words}", user="vera").text)

    assert names("frozen") == ["orders_by_total"]
    assert names("ORDERS%20by_day") == ["orders_by_day"]
    assert names("monday") == ["orders_by_total"]
    assert names("nothing+like+this") == []
    answer = one(process, f"{LIST}?q=%22%3E%3Cscript%3E", user="vera")
    assert "No view holds" in answer.text
    assert "<script>" not in answer.text


def test_the_page_of_a_view_shows_what_the_registry_holds(process: AirflowProcess, shop: Shop) -> None:
    (generation,) = shop.record("orders_by_day").generations
    for name in ("orders_by_day", f"{KEYSPACE}.orders_by_day"):
        answer = one(process, f"{PAGE}/view/{name}", user="vera")
        assert answer.status == 200
        said = plain(answer.text)
        assert f"{KEYSPACE}. orders_by_day serving" in said
        assert f"{6 * CUSTOMERS:,}" in said
        for moment in (generation.created_at, generation.built_at, generation.served_at):
            assert moment is not None
            assert f"{moment:%m-%d %H:%M:%S}" in said
        for event in ("create", "built", "audit passed", "serve"):
            assert re.search(rf"\d\d:\d\d:\d\d 1 {event}", said), event
        assert "CREATE MATERIALIZED VIEW" in said
        assert "by a person" not in said
        assert said.count("a person") >= 4  # who did it


def test_the_page_of_a_frozen_view_says_who_and_why(process: AirflowProcess) -> None:
    text = one(process, f"{PAGE}/view/orders_by_total", user="vera").text
    assert WHY not in text
    assert "frozen by a person: the &lt;script&gt;alert(1)&lt;/script&gt; audit of Monday" in plain(text)


def test_the_page_of_a_view_that_is_built_shows_each_node(process: AirflowProcess, shop: Shop) -> None:
    deadline = time.monotonic() + PATIENCE
    while "all nodes have built it" not in (text := one(process, f"{PAGE}/view/totals_of_a_day", user="vera").text):
        assert time.monotonic() < deadline
        assert re.search(r"about \d+%", text)
        time.sleep(0.5)
    assert "Build of generation 1" in text
    assert text.count("<progress") == len(shop.session.cluster.metadata.all_hosts())


def test_a_view_that_is_not_there_is_told_with_the_nearest_name(process: AirflowProcess) -> None:
    said = four_parts(one(process, f"{PAGE}/view/orders_by_dya", user="vera"), 404)
    assert said.startswith("orders_by_dya: there is no such view")
    assert "orders_by_day" in said
    four_parts(one(process, f"{PAGE}/view/%3Cscript%3E", user="vera"), 404)


def test_airflow_shows_it_in_its_navigation(process: AirflowProcess) -> None:
    found = process.call(asking.frame)
    assert (found["url_route"], found["destination"]) == ("cassandra-views", "nav")
    assert one(process, f"/{found['href']}", user="vera").status == 200


def test_a_cluster_that_is_away_is_told_and_is_found_again(process: AirflowProcess, wire: Wire) -> None:
    assert one(process, LIST, user="vera").status == 200
    wire.cut()
    time.sleep(2)  # what was seen a moment ago is still shown
    for answer in process.call(asking.ask, [LIST, VIEW], user="vera"):
        said = four_parts(answer, 503)
        assert "no node answered" in said or "could not be" in said or "gave no answer" in said
        assert answer.seconds < PATIENCE
    wire.mend()
    deadline = time.monotonic() + PATIENCE
    while one(process, LIST, user="vera").status != 200:
        assert time.monotonic() < deadline
        time.sleep(1)


def test_a_cluster_that_hangs_holds_up_nobody_and_collects_no_threads(process: AirflowProcess, wire: Wire) -> None:
    assert one(process, LIST, user="vera").status == 200
    wire.hold()
    time.sleep(2)
    paths = [LIST, VIEW, *(f"{LIST}?q={number}" for number in range(30)), "/api/v2/version"]
    *pages, version = process.call(asking.ask, paths, user="vera")
    assert version.status == 200
    assert version.seconds < max(answer.seconds for answer in pages)  # the loop was free
    for answer in pages:
        four_parts(answer, 503)
        assert answer.seconds < PATIENCE
    assert process.call(asking.threads) <= 2
    wire.mend()
    deadline = time.monotonic() + PATIENCE
    while one(process, LIST, user="vera").status != 200:
        assert time.monotonic() < deadline
        time.sleep(1)


@pytest.fixture
def configured(process: AirflowProcess, shop: Shop) -> Iterator[AirflowProcess]:
    """The process; what a test configures is set back after it."""
    yield process
    process.call(asking.configure, conn_id="shop_cluster", registry=shop.registry)


def test_a_connection_that_there_is_not(configured: AirflowProcess) -> None:
    configured.call(asking.configure, conn_id="another")
    said = four_parts(one(configured, LIST, user="vera"), 503)
    assert said.startswith("connection another: the connection cannot be read")
    assert "conn_id under [cassandra_views]" in said


def test_a_cluster_without_a_registry(configured: AirflowProcess) -> None:
    configured.call(asking.configure, registry="no_such_registry")
    said = four_parts(one(configured, LIST, user="vera"), 503)
    assert "has no registry there" in said
    assert "views apply" in said
