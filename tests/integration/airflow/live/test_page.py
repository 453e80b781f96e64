"""The page in a running Airflow: who sees it, what it shows, and what it says when the cluster is away."""

from __future__ import annotations

import re
import time
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.integration.airflow.components import Components
from tests.integration.airflow.lifecycle.shop import Shop
from tests.integration.airflow.live.conftest import CUSTOMERS, KEYSPACE, WHY
from tests.integration.airflow.live.page_requests import PAGE, Answer, ask
from tests.wire import Wire

pytestmark = pytest.mark.timeout(1200)  # the first test may start four processes

LIST = f"{PAGE}/"
VIEW = f"{PAGE}/view/orders_by_day"
ASSETS = ("style.css", "frame.js", "live.js")
PATIENCE = 60
"""Seconds for what takes a few; a machine that others use takes more."""


def one(airflow: Components, path: str, **who: Any) -> Answer:
    (answer,) = ask(airflow, [path], **who)
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


def test_a_browser_without_login_is_led_to_it_and_back(airflow: Components) -> None:
    for path in (LIST, f"{LIST}?q=frozen", VIEW):
        answer = one(airflow, path)
        assert answer.status == 303
        door = urlsplit(answer.headers["location"])
        assert door.path == "/api/v2/auth/login"
        assert parse_qs(door.query) == {"next": [path]}
        (further,) = ask(airflow, [answer.headers["location"]])
        assert further.status == 307
        assert further.headers["location"].startswith("/auth/login?next=")


def test_a_program_without_login_is_refused(airflow: Components) -> None:
    for path in (LIST, VIEW, *(f"{PAGE}/{name}" for name in ASSETS)):
        answer = one(airflow, path, accept="application/json")
        assert answer.status == 401
        assert "orders" not in answer.text


def test_a_forged_login_is_none(airflow: Components) -> None:
    assert one(airflow, LIST, token="e30.e30.forged").status == 303


@pytest.mark.parametrize("user", ["vera", "uli", "olga", "adam"])
def test_each_role_that_may_see_assets_sees_views(airflow: Components, user: str) -> None:
    for answer in ask(airflow, [LIST, VIEW], user=user):
        assert answer.status == 200
        assert "orders_by_day__g1" in answer.text


def test_without_a_role_nothing_is_shown(airflow: Components) -> None:
    for answer in ask(airflow, [LIST, VIEW, f"{PAGE}/view/nothing"], user="nora"):
        said = four_parts(answer, 403)
        assert said.startswith("user nora: you may not see views.")
        assert "orders_by_day__g1" not in answer.text


def test_every_answer_has_the_headers(airflow: Components) -> None:
    paths = [LIST, VIEW, f"{PAGE}/style.css", f"{PAGE}/view/nothing", f"{PAGE}/nothing", f"{PAGE}/a/b/c"]
    answers = [
        *ask(airflow, paths, user="vera"),
        one(airflow, LIST),
        one(airflow, LIST, user="nora"),
    ]
    assert [answer.status for answer in answers] == [200, 200, 200, 404, 404, 404, 303, 403]
    for answer in answers:
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'self'" in policy
        assert "unsafe" not in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["x-frame-options"] == "SAMEORIGIN"


def test_nothing_in_a_page_needs_another_host_or_an_inline_script(airflow: Components) -> None:
    for answer in ask(airflow, [LIST, VIEW, f"{PAGE}/style.css"], user="vera"):
        assert "http:" not in answer.text
        assert "https:" not in answer.text
        assert " style=" not in answer.text
        assert not re.search(r"<script(?! src=)", answer.text)
        assert not re.search(r"\son\w+=", answer.text)


def test_the_list_shows_each_view_and_first_what_needs_a_person(airflow: Components, shop: Shop) -> None:
    text = one(airflow, LIST, user="vera").text
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


def test_the_list_can_be_filtered(airflow: Components) -> None:
    def names(words: str) -> list[str]:
        return re.findall(r"</span>(\w+)</a></th>", one(airflow, f"{LIST}?q={words}", user="vera").text)

    assert names("frozen") == ["orders_by_total"]
    assert names("ORDERS%20by_day") == ["orders_by_day"]
    assert names("monday") == ["orders_by_total"]
    assert names("nothing+like+this") == []
    answer = one(airflow, f"{LIST}?q=%22%3E%3Cscript%3E", user="vera")
    assert "No view holds" in answer.text
    assert "<script>" not in answer.text


def test_the_page_of_a_view_shows_what_the_registry_holds(airflow: Components, shop: Shop) -> None:
    (generation,) = shop.record("orders_by_day").generations
    for name in ("orders_by_day", f"{KEYSPACE}.orders_by_day"):
        answer = one(airflow, f"{PAGE}/view/{name}", user="vera")
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


def test_the_page_of_a_frozen_view_says_who_and_why(airflow: Components) -> None:
    text = one(airflow, f"{PAGE}/view/orders_by_total", user="vera").text
    assert WHY not in text
    assert "frozen by a person: the &lt;script&gt;alert(1)&lt;/script&gt; audit of Monday" in plain(text)


def test_the_page_of_a_view_that_is_built_shows_each_node(airflow: Components, shop: Shop) -> None:
    deadline = time.monotonic() + PATIENCE
    while "all nodes have built it" not in (text := one(airflow, f"{PAGE}/view/totals_of_a_day", user="vera").text):
        assert time.monotonic() < deadline
        assert re.search(r"about \d+%", text)
        time.sleep(0.5)
    assert "Build of generation 1" in text
    assert text.count("<progress") == len(shop.session.cluster.metadata.all_hosts())


def test_a_view_that_is_not_there_is_told_with_the_nearest_name(airflow: Components) -> None:
    said = four_parts(one(airflow, f"{PAGE}/view/orders_by_dya", user="vera"), 404)
    assert said.startswith("orders_by_dya: there is no such view")
    assert "orders_by_day" in said
    four_parts(one(airflow, f"{PAGE}/view/%3Cscript%3E", user="vera"), 404)


def test_airflow_shows_it_in_its_navigation(airflow: Components) -> None:
    plugins = airflow.get("plugins")["plugins"]
    (found,) = [each for plugin in plugins for each in plugin["external_views"] if each["name"] == "Views"]
    assert (found["url_route"], found["destination"]) == ("cassandra-views", "nav")
    assert one(airflow, f"/{found['href']}", user="vera").status == 200


def test_a_cluster_that_is_away_is_told_and_is_found_again(airflow: Components, wire: Wire) -> None:
    assert one(airflow, LIST, user="vera").status == 200
    wire.cut()
    time.sleep(2)  # what was seen a moment ago is still shown
    for answer in ask(airflow, [LIST, VIEW], user="vera"):
        four_parts(answer, 503)
        assert answer.seconds < PATIENCE
    wire.mend()
    deadline = time.monotonic() + PATIENCE
    while one(airflow, LIST, user="vera").status != 200:
        assert time.monotonic() < deadline
        time.sleep(1)


def test_a_cluster_that_hangs_holds_up_nobody(airflow: Components, wire: Wire) -> None:
    assert one(airflow, LIST, user="vera").status == 200
    wire.hold()
    time.sleep(2)
    paths = [LIST, VIEW, *(f"{LIST}?q={number}" for number in range(30)), "/api/v2/version"]
    *pages, version = ask(airflow, paths, user="vera")
    assert version.status == 200
    assert version.seconds < max(answer.seconds for answer in pages)  # the loop was free
    for answer in pages:
        four_parts(answer, 503)
        assert answer.seconds < PATIENCE
    wire.mend()
    deadline = time.monotonic() + PATIENCE
    while one(airflow, LIST, user="vera").status != 200:
        assert time.monotonic() < deadline
        time.sleep(1)
