"""Rows over HTTP: what the key answers, page by page, and what a client is told otherwise."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from cassandra_views.read import ViewDescription
from tests.integration.web.clock import today, yesterday
from tests.integration.web.conftest import MakeApp
from tests.integration.web.place import PARKS, Place

BASE = "/api/views"
TOP = f"{BASE}/top_parks_by_day/rows"


def read(client: FlaskClient, path: str, /, **params: Any) -> dict[str, Any]:
    found = client.get(f"{path}?{urlencode(params, doseq=True)}")
    assert found.status_code == 200, found.text
    answer: dict[str, Any] = found.get_json()
    return answer


def told(found: TestResponse, status: int) -> dict[str, Any]:
    """Check that an answer is a problem with all its parts, and return it."""
    assert found.status_code == status, found.text
    assert found.content_type == "application/problem+json"
    assert found.headers["Cache-Control"] == "no-store"
    problem: dict[str, Any] = found.get_json()
    assert problem["status"] == status
    assert problem["title"]
    assert problem["detail"]
    assert len(found.data) < 4000
    return problem


def test_rows_of_a_day(client: FlaskClient, reader_server: Place) -> None:
    answer = read(client, TOP, day=today(), limit=3)
    assert answer["view"] == "parks.top_parks_by_day"
    assert answer["generations"] == ["top_parks_by_day__g2"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT00:00:00Z", answer["window"]["start"])
    assert answer["window"]["end"] is None
    first = {"day": today(), "total": 390, "park": "park39", "adults": 390, "children": 0}
    assert answer["rows"][0] == first
    assert [row["park"] for row in answer["rows"]] == ["park39", "park38", "park37"]


def test_readers_switched_to_other_columns_while_a_request_is_answered(make_app: MakeApp) -> None:
    """The columns are those of the generation that was read, also where another one served a moment before."""
    app = make_app(TESTING=True)
    reader = app.extensions["cassandra_views"].plain_reader
    described, asked = reader.describe, []

    def describe(view: str) -> ViewDescription:
        found = described(view)
        asked.append(view)
        is_former = len(asked) == 1
        return replace(found, columns=found.columns[::-1], generations=("former__g1",)) if is_former else found

    reader.describe = describe
    rows = read(app.test_client(), TOP, day=today(), limit=1)["rows"]
    assert rows == [{"day": today(), "total": 390, "park": "park39", "adults": 390, "children": 0}]
    assert len(asked) == 2


@pytest.mark.parametrize("order", ["view", "reverse"])
@pytest.mark.parametrize("size", [1, 7, 40, 41])
def test_page_after_page(client: FlaskClient, order: str, size: int) -> None:
    rows, params = [], {"day": today(), "limit": size, "order": order}
    while True:
        answer = read(client, TOP, **params)
        rows += [row["park"] for row in answer["rows"]]
        if not answer["next_page"]:
            break
        params["page"] = answer["next_page"]
    parks = [f"park{number:02}" for number in range(PARKS)]
    assert rows == (parks if order == "reverse" else parks[::-1])


def test_ranges_and_several_partitions(client: FlaskClient) -> None:
    answer = read(client, TOP, **{"day.in": [yesterday(), today()], "total.gte": 380, "total.lt": 391})
    found = [(row["day"], row["park"]) for row in answer["rows"]]
    assert found == [(yesterday(), "park38"), (today(), "park39"), (today(), "park38")]
    answer = read(client, TOP, day=today(), total=390, park="park39")
    assert len(answer["rows"]) == 1
    assert read(client, TOP, day=today(), total=391)["rows"] == []


def test_times_in_both_forms(client: FlaskClient) -> None:
    own = read(client, TOP, day=f"{today()}T13:00:00Z", limit=1)
    assert own["rows"][0]["day"] == today()
    iso = read(client, TOP, day=today(), limit=1, times="iso")
    assert iso["rows"][0]["day"] == f"{today()}T00:00:00Z"


def test_what_was_read_may_be_kept_and_asked_for_again(client: FlaskClient) -> None:
    first = client.get(f"{TOP}?day={today()}&limit=2")
    assert first.headers["Cache-Control"] == "no-cache"
    again = client.get(f"{TOP}?day={today()}&limit=2", headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")
    assert again.headers["ETag"] == first.headers["ETag"]
    other = client.get(f"{TOP}?day={today()}&limit=3", headers={"If-None-Match": first.headers["ETag"]})
    assert other.status_code == 200
    assert client.get(f"{TOP}?day={yesterday()}").headers["Cache-Control"] == "max-age=1"
    assert client.head(f"{TOP}?day={today()}").status_code == 200


def test_a_new_generation_changes_the_etag(make_app: MakeApp, reader_server: Place) -> None:
    path = f"{BASE}/parks_by_country/rows?country=country1"
    before = make_app(TESTING=True).test_client().get(path)
    reader_server.manager().refresh(["parks_by_country"])
    after = make_app(TESTING=True).test_client().get(path)  # another app has not kept what served
    assert before.get_json()["rows"] == after.get_json()["rows"]
    assert before.headers["ETag"] != after.headers["ETag"]


@pytest.mark.parametrize(
    ("path", "status", "text"),
    [
        (f"{TOP}", 400, "'day' is missing"),
        (f"{TOP}?day=TODAY&adults=1", 400, "not part of the view's key"),
        (f"{TOP}?day=TODAY&park=park01", 400, "'total', which stands before it in the key, is not given"),
        (f"{TOP}?day.gt=TODAY", 400, "'day' is missing"),
        (f"{TOP}?day=TODAY&day.in=TODAY", 400, "'day' is asked for by"),
        (f"{TOP}?day=TODAY&total.gt=1&total.gte=1", 400, "'total' is asked for by"),
        (f"{TOP}?day=TODAY&total=many", 400, "a whole number"),
        (f"{TOP}?day=TODAY&limit=100000", 400, "the limit is"),
        (f"{TOP}?day=TODAY&page=abc", 400, "the page token"),
        (f"{TOP}?day=TODAY&order=up", 400, "'order' is 'up'"),
        (f"{TOP}?day=2020-01-01", 404, "is not covered by what serves"),
        (f"{TOP}?day=today%00", 400, "'day' is text"),
        (f"{BASE}/top_park_by_day/rows?day=TODAY", 404, "knows no view 'top_park_by_day'"),
        (f"{BASE}/parks.top_parks_by_day.x/rows?day=TODAY", 404, "knows no view"),
        (f"{BASE}/nothing", 404, ""),
        ("/api/nothing", 404, ""),
    ],
)
def test_what_cannot_be_read_is_told(client: FlaskClient, path: str, status: int, text: str) -> None:
    assert text in told(client.get(path.replace("TODAY", today())), status)["detail"]


def test_a_view_that_is_built_for_the_first_time(client: FlaskClient) -> None:
    found = client.get(f"{BASE}/days_of_all_parks/rows?day={today()}")
    assert "nothing serves this view" in told(found, 503)["what"]
    assert found.headers["Retry-After"] == "10"


def test_nothing_but_reading(client: FlaskClient) -> None:
    for method in ("POST", "PUT", "DELETE", "PATCH"):
        found = client.open(f"{TOP}?day={today()}", method=method)
        told(found, 405)
        assert "GET" in found.headers["Allow"]


def test_a_token_is_taken_as_it_was_given_and_no_other_way(client: FlaskClient, make_app: MakeApp) -> None:
    token = read(client, TOP, day=today(), limit=3)["next_page"]
    for changed in (token[:-1] + ("A" if token[-1] != "A" else "B"), "B" + token[1:], token.partition(".")[0], "."):
        told(client.get(f"{TOP}?{urlencode({'day': today(), 'page': changed})}"), 400)
    other = client.get(f"{TOP}?{urlencode({'day': yesterday(), 'page': token})}")
    assert "another query" in told(other, 400)["detail"]
    stranger = make_app(TESTING=True, SECRET_KEY="another app's").test_client()
    told(stranger.get(f"{TOP}?{urlencode({'day': today(), 'page': token})}"), 400)
    same = make_app(TESTING=True).test_client()
    assert read(same, TOP, day=today(), page=token)["rows"][0]["park"] == "park36"


@pytest.mark.parametrize(
    "evil",
    [
        "'; DROP TABLE parks.parks; --",
        '"; TRUNCATE parks.visits_day; --',
        "x' OR '1'='1",
        "$$",
        "%s",
        "?",
        "\\",
        "../../etc/passwd",
        "{{ 7 * 7 }}",
        "<script>alert(1)</script>",
        "\ud83d\ude00".encode("utf-16", "surrogatepass").decode("utf-16"),
        "a" * 4000,
    ],
)
def test_no_parameter_reaches_the_server_as_anything_but_a_value(
    client: FlaskClient, reader_server: Place, evil: str
) -> None:
    answer = read(client, f"{BASE}/parks_by_country/rows", country=evil)
    assert answer["rows"] == []
    for name in ("day", "total", "park", "limit", "page", "order", "times", evil):
        found = client.get(f"{TOP}?{urlencode({'day': today(), 'total': 1, name: evil})}")
        if (name, found.status_code) != ("park", 200):
            told(found, 400)
    told(client.get(f"{BASE}/{quote(evil, safe='')}/rows?day={today()}"), 404)
    assert reader_server.session.execute("SELECT count(*) FROM parks.parks").one()[0] == PARKS


def test_oversized_input_is_refused(client: FlaskClient) -> None:
    told(client.get(f"{TOP}?{urlencode({'day': 'x' * 100_000})}"), 400)
    told(client.get(f"{TOP}?{urlencode({'day.in': [today()] * 1001}, doseq=True)}"), 400)
    many = {"day": today(), "total.in": range(40), "park.in": [f"park{number:02}" for number in range(40)]}
    found = client.get(f"{TOP}?{urlencode(many, doseq=True)}")
    assert "1600 keys are asked for at once" in told(found, 400)["detail"]
    told(client.get(f"{BASE}/{'x' * 10_000}/rows?day={today()}"), 404)
