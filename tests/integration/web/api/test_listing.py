"""Views listed and described, and the document that is made of them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.integration.web.api.test_rows import read, told
from tests.integration.web.clock import clock, today
from tests.integration.web.conftest import MakeApp, by_wire
from tests.wire import Wire


def by_name(client: FlaskClient) -> dict[str, Any]:
    return {each["name"]: each for each in read(client, "/api/views")["views"]}


def test_what_there_is_to_read(client: FlaskClient) -> None:
    found = by_name(client)
    assert {"top_parks_by_day", "visits_by_second", "parks_by_country", "days_of_all_parks", "never_made"} <= set(found)
    top = found["top_parks_by_day"]
    assert top["description"] == "Parks of one day, most visited first"
    assert (top["owner"], top["tags"], top["state"], top["is_ready"]) == ("web", ["flask"], "serving", True)
    assert [(c["name"], c["type"], c["key"], c["order"]) for c in top["columns"]] == [
        ("day", "text", "partition", None),
        ("total", "bigint", "clustering", "desc"),
        ("park", "text", "clustering", "asc"),
        ("adults", "int", None, None),
        ("children", "int", None, None),
    ]
    assert top["time"] == {"column": "day", "kind": "text", "format": "%Y-%m-%d", "grain": "1 day"}
    assert top["window"]["end"] is None
    fresh = top["freshness"]
    assert (fresh["audit"], fresh["promise"], fresh["late_seconds"]) == ("passed", "kept", None)
    assert datetime.fromisoformat(fresh["next_slide_at"]) > clock()
    assert read(client, top["links"]["self"]) == top
    assert read(client, top["links"]["rows"], day=today())["rows"]


def test_what_is_not_there_yet_has_its_columns_from_its_file(client: FlaskClient) -> None:
    found = by_name(client)
    assert (found["days_of_all_parks"]["state"], found["days_of_all_parks"]["is_ready"]) == ("building", False)
    never = found["never_made"]
    assert not never["is_ready"]
    assert [(c["name"], c["type"], c["key"]) for c in never["columns"]] == [
        ("city", "text", "partition"),
        ("park", "text", "clustering"),
        ("country", "text", None),
    ]


def test_one_view_by_both_of_its_names(client: FlaskClient) -> None:
    assert read(client, "/api/views/parks.parks_by_city") == read(client, "/api/views/parks_by_city")
    assert "did you mean 'parks_by_city'" in told(client.get("/api/views/parks_by_cty"), 404)["detail"].lower()


def test_without_files_what_serves_is_listed_all_the_same(make_app: MakeApp, tmp_path: Any) -> None:
    found = by_name(make_app(TESTING=True, VIEWS_TEMPLATES=tmp_path).test_client())
    assert found["top_parks_by_day"]["is_ready"]
    assert found["top_parks_by_day"]["columns"][0]["name"] == "day"
    assert found["top_parks_by_day"]["description"] == ""
    assert "never_made" not in {name for name, each in found.items() if each["is_ready"]}


def test_the_list_is_asked_for_again_by_its_etag(client: FlaskClient) -> None:
    first = client.get("/api/views")
    again = client.get("/api/views", headers={"If-None-Match": first.headers["ETag"]})
    assert again.status_code == 304


@pytest.mark.parametrize("path", ["/api/views", "/api/views/top_parks_by_day", "/api/openapi.json"])
def test_a_cluster_that_is_away(make_app: MakeApp, wire: Wire, path: str) -> None:
    wire.cut()
    client = make_app(TESTING=True, VIEWS_TIMEOUT_SECONDS=1.0, **by_wire(wire)).test_client()
    assert client.get(path).headers["Retry-After"] == "1"
    told(client.get(path), 503)


def test_the_document_has_an_address_for_each_view(client: FlaskClient) -> None:
    found = read(client, "/api/openapi.json")
    top = found["paths"]["/api/views/parks.top_parks_by_day/rows"]["get"]
    assert [(each["name"], each["required"]) for each in top["parameters"]][:4] == [
        ("day", True),
        ("total", False),
        ("total.gt", False),
        ("total.gte", False),
    ]
    assert "Key: (day), total descending, park ascending" in top["description"]
    row = found["components"]["schemas"]["Rows.parks.top_parks_by_day"]["properties"]["rows"]["items"]
    assert row["properties"]["total"]["type"] == "integer"
    assert row["required"] == ["day", "total", "park", "adults", "children"]
