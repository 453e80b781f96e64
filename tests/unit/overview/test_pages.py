"""The one set of pages, as each edge mounts it: its addresses, its tabs, and what it says when it cannot."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

import pytest

from cassandra_client.errors import ClusterError
from cassandra_views.model.diagnosis import (
    DoctorCheck,
    DoctorFinding,
    DoctorReport,
    DoctorSeverity,
    DoctorTopic,
    DoctorUnknown,
)
from cassandra_views.model.generation import ViewRecord
from cassandra_views.model.names import ViewName
from cassandra_views.overview.cluster_health import ClusterHealth
from cassandra_views.overview.pages import PageResponse, ViewPages
from cassandra_views.overview.queries import Overview
from cassandra_views.overview.query_runner import RegistryQuery
from cassandra_views.plan.status import ViewStatus

NAME = ViewName(keyspace="shop", view="orders_by_day")
OVERVIEW = Overview(
    at=datetime(2026, 3, 10, 12, tzinfo=UTC),
    cluster="c",
    registry="r",
    views=((ViewStatus(name=NAME, condition="serving"), ViewRecord(name=NAME)),),
    carried={},
    bases={},
)
LINKS = {"root": "/below", "dag_of": lambda _name: None, "manual_actions": None, "home": "", "home_name": ""}


def query(key: str) -> RegistryQuery[Any]:
    return RegistryQuery(key=key, read=lambda *_: None)


def make(*, has_files: bool) -> ViewPages:
    plan = query("plan") if has_files else None
    return ViewPages(
        overview=query("overview"), recorded_health=query("recorded health"), doctor=query("doctor"), plan=plan
    )


def show(pages: ViewPages, path: str, answers: dict[Any, Any] | None = None) -> PageResponse:
    """Answer a request; queries without an answer here are answered with nothing."""
    known = {"overview": OVERVIEW, **(answers or {})}
    steps = pages.respond(path, "", LINKS)
    try:
        queries = next(steps)
        while True:
            queries = steps.send([known.get(each.key, ()) for each in queries])
    except StopIteration as end:
        found: PageResponse = end.value
        return found


@pytest.mark.parametrize(
    ("has_files", "tabs"),
    [(True, ["Views", "Time line", "Plan", "Cluster"]), (False, ["Views", "Time line", "Cluster"])],
)
def test_there_is_a_tab_for_each_page_that_there_is(has_files: bool, tabs: list[str]) -> None:
    pages = make(has_files=has_files)
    for path in ("", "view/orders_by_day", "timeline", "nothing"):
        text = str(show(pages, path).body)
        nav = text.partition('<nav class="tabs"')[2].partition("</nav>")[0]
        assert re.findall(r'<a href="/below/\w*"[^>]*>([^<]+)</a>', nav) == tabs


@pytest.mark.parametrize("path", ["nothing", "view", "view/orders_by_day/", "view/nothing", "plan", "a/b/c"])
def test_what_is_not_there_is_told(path: str) -> None:
    found = show(make(has_files=False), path)
    assert (found.status, found.headers["Cache-Control"]) == (404, "no-store")
    assert 'role="alert"' in str(found.body)


def test_a_view_that_is_not_built_has_no_build() -> None:
    assert show(make(has_files=True), "view/orders_by_day/build").status == 204


@pytest.mark.parametrize("path", ["", "view/orders_by_day", "view/orders_by_day/build", "timeline"])
def test_a_cluster_that_is_away_is_told(path: str) -> None:
    away = ClusterError("no node answered", on="registry r", next="Look again")
    found = show(make(has_files=True), path, {"overview": away})
    assert (found.status, found.headers["Retry-After"]) == (503, "10")
    assert "registry r: no node answered." in str(found.body)


def test_files_that_pages_load_have_their_type() -> None:
    pages = make(has_files=True)
    kinds = {name: pages.find_asset(name) for name in ("style.css", "live.js", "icon.svg", "list.html", "../pages.py")}
    found = {name: each.content_type for name, each in kinds.items() if each is not None}
    assert found == {"style.css": "text/css", "live.js": "text/javascript", "icon.svg": "image/svg+xml"}


HEALTH = ClusterHealth(at=OVERVIEW.at, cluster="c", registry="r", registry_schema=5, nodes=())
FINDING = DoctorFinding(
    code="clock-off",
    severity=DoctorSeverity.ERROR,
    topic=DoctorTopic.CLOCKS,
    on="node 10.0.0.1",
    what="its clock is <3 s> behind",
    next="Fix NTP",
)


def test_the_cluster_page_shows_what_the_doctor_finds_and_could_not_look_at() -> None:
    report = DoctorReport(
        at=OVERVIEW.at,
        cluster="c",
        registry="r",
        findings=(FINDING,),
        checks=(DoctorCheck(topic=DoctorTopic.NODES, found="1 of 1 node answer"),),
        unknown=(DoctorUnknown(topic=DoctorTopic.DISK, on="node 10.0.0.1", why="no table shows it"),),
    )
    text = str(show(make(has_files=False), "cluster", {"health": HEALTH, "doctor": report}).body)
    assert "its clock is &lt;3 s&gt; behind. <code>clock-off</code>" in text
    assert "Fix NTP." in text
    assert "1 error: 1 topic looked at; 1 thing could not be looked at." in text
    assert "disk, node 10.0.0.1: no table shows it" in text


def test_the_cluster_page_is_shown_without_what_the_doctor_cannot_read() -> None:
    error = ClusterError("no node answers", next="Look again")
    found = show(make(has_files=False), "cluster", {"health": HEALTH, "doctor": error})
    assert found.status == 200
    assert "It cannot be looked for: no node answers. Look again." in str(found.body)
