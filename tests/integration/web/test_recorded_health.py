"""What is kept of the nodes' health, on the page of the cluster and among the metrics, as the reader sees it."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Browser

from cassandra_healing.decision import Decision, Rule
from cassandra_healing.model import (
    HealingAction,
    HealthCheck,
    MemberId,
    Observation,
    ObserverKind,
    OperationOutcome,
    ProbeResult,
)
from cassandra_healing.monitor import ClusterMonitor
from cassandra_healing.policy import Mode, Policy
from cassandra_healing.session import ClusterSession
from cassandra_healing.storage.check_history import CheckHistory
from cassandra_healing.storage.journal import Journal
from tests.browser import picture
from tests.integration.web.conftest import MakeApp, Serving
from tests.integration.web.place import READER, Place
from tests.integration.web.test_pages import plain
from tests.integration.web.test_pages_browser import complaints_of_axe, looking
from tests.integration.web.test_probes import metrics, value

pytestmark = pytest.mark.cassandra

POLICY = Policy()
DEAD = MemberId(host_id=uuid.uuid4(), address="10.0.0.9")
WHY = "its <b>mainboard</b> is changed"


@pytest.fixture
def asked(reader_server: Place) -> Iterator[ClusterSession]:
    """What the healer asks by; what it kept is gone afterwards."""
    yield ClusterSession(reader_server.session, timeout_seconds=10)
    reader_server.session.execute(f"DROP KEYSPACE IF EXISTS {POLICY.keyspace}", timeout=30)


def keep(asked: ClusterSession, place: Place) -> None:
    """Look as ``views cluster --keep`` does, and let the reader read what is kept."""
    monitor = ClusterMonitor(asked, POLICY, author="ann", is_recording=True)
    report = monitor.check()
    monitor.close()
    assert report.notes == ()
    place.session.execute(f"GRANT SELECT ON KEYSPACE {POLICY.keyspace} TO {READER}")


def keep_a_death(asked: ClusterSession, place: Place) -> None:
    """Keep two minutes of checks that find one more node dead, a restart of it that failed, and what people said."""
    (host,) = asked.hosts()
    alive = MemberId(host_id=host.host_id, address=str(host.endpoint.address))
    now = datetime.now(UTC)
    for seconds in range(110, -10, -10):
        seen = (
            Observation(node=alive, observer=ObserverKind.CQL, result=ProbeResult.GOOD, detail="3 ms"),
            Observation(node=DEAD, observer=ObserverKind.CQL, result=ProbeResult.BAD, detail="no connection"),
            Observation(node=DEAD, observer=ObserverKind.TCP, result=ProbeResult.BAD, detail="connection refused"),
            Observation(node=DEAD, observer=ObserverKind.GOSSIP, result=ProbeResult.BAD, by=alive, detail="still"),
        )
        feed = Observation(
            node=MemberId.of_service("feed"),
            observer=ObserverKind.HEARTBEAT,
            result=ProbeResult.BAD,
            detail="it wrote last 90 s ago",
        )
        check = HealthCheck(at=now - timedelta(seconds=seconds), observations=(*seen, feed))
        CheckHistory(asked, POLICY.keyspace, keep_hours=1).write(check)
    journal = Journal(asked, POLICY.keyspace, author="ann")
    decision = Decision(
        at=now,
        act=HealingAction.RESTART,
        rule=Rule.RESTART,
        what="it is down",
        next="",
        nodes=(DEAD,),
        mode=Mode.APPROVE,
    )
    journal.end(journal.begin(decision, POLICY, now), OperationOutcome.FAILED, "it did not come back")
    journal.begin(replace(decision, at=datetime.now(UTC)), POLICY, now)
    journal.skip(DEAD, WHY, now)
    journal.stop("the network is rebuilt", now)


def test_what_is_kept_is_shown(make_app: MakeApp, reader_server: Place, asked: ClusterSession) -> None:
    client = make_app(TESTING=True).test_client()
    assert "Nothing is recorded yet" in client.get("/views/cluster").text
    assert not [name for name, _labels in metrics(client) if name.startswith(("node_", "healing_"))]

    keep(asked, reader_server)
    client = make_app(TESTING=True).test_client()
    address = reader_server.contact_points[0]
    said = plain(client.get("/views/cluster").text)
    assert re.search(rf"{address} up \d s ago", said), said
    assert "Healing approve" in said
    assert "The journal is empty" in said
    found = metrics(client)
    assert value(found, "node_verdict", node=address, verdict="up") == 1
    assert value(found, "healing_stopped") == 0

    keep_a_death(asked, reader_server)
    client = make_app(TESTING=True).test_client()
    text = client.get("/views/cluster").text
    said = plain(text)
    row = rf"{DEAD} down (1\d\d s|2 min) ago 0 of 1 hear it no connection connection refused"
    assert re.search(row, said), said
    assert "Cut off the last check reached 1 of 2 nodes" in said
    assert said.index(f"{DEAD} down") < said.index(f"{address} up", said.index("Health over time"))
    assert re.search(r"switched off by ann \d s ago : the network is rebuilt", said)
    assert re.search(r"feed down (1\d\d s|2 min) ago heartbeat: bad \(it wrote last 90 s ago\)", said)
    assert f"Under way restart of {DEAD}" in said
    assert "Skipped by ann" in said
    assert WHY not in text
    assert "failed it did not come back" in said
    found = metrics(client)
    assert value(found, "node_verdict", node=str(DEAD), verdict="down") == 1
    since = value(found, "node_verdict_age_seconds", node=str(DEAD))
    assert since is not None
    assert 105 < since < 180
    assert value(found, "node_verdict", node=address, verdict="up") == 1
    assert value(found, "service_verdict", service="feed", verdict="down") == 1
    assert value(found, "healing_stopped") == 1
    assert value(found, "healing_under_way", node=str(DEAD), act="restart") == 1
    age = value(found, "node_look_age_seconds")
    assert age is not None
    assert 0 <= age < 60


def test_new_looks_are_taken_up(make_app: MakeApp, reader_server: Place, asked: ClusterSession) -> None:
    keep(asked, reader_server)
    client = make_app(TESTING=True).test_client()
    assert "10.0.0.9" not in client.get("/views/cluster").text
    now = datetime.now(UTC)
    results = (Observation(node=DEAD, observer=ObserverKind.CQL, result=ProbeResult.GOOD, detail="2 ms"),)
    CheckHistory(asked, POLICY.keyspace, keep_hours=1).write(HealthCheck(at=now, observations=results))
    deadline = datetime.now(UTC) + timedelta(seconds=20)
    while "10.0.0.9 up" not in plain(client.get("/views/cluster").text):
        assert datetime.now(UTC) < deadline


def test_who_may_not_read_it_sees_the_rest(make_app: MakeApp, reader_server: Place, asked: ClusterSession) -> None:
    Journal(asked, POLICY.keyspace, author="ann").create_tables()
    client = make_app(TESTING=True).test_client()
    answer = client.get("/views/cluster")
    assert answer.status_code == 200
    assert "The recorded health cannot be read" in answer.text
    assert reader_server.contact_points[0] in answer.text
    found = metrics(client)
    assert value(found, "registry_up") == 1
    assert not [name for name, _labels in found if name.startswith("node_")]


@pytest.mark.slow
def test_it_is_accessible(
    browser: Browser, make_app: MakeApp, serving: Serving, reader_server: Place, asked: ClusterSession
) -> None:
    keep(asked, reader_server)
    keep_a_death(asked, reader_server)
    with serving(make_app()) as url:
        for width in (1280, 400):
            with looking(browser, width=width) as page:
                page.goto(f"{url}/views/cluster")
                picture(page, f"operations-health-light-{width}")
                assert complaints_of_axe(page) == []
                assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
                page.emulate_media(color_scheme="dark")
                picture(page, f"operations-health-dark-{width}")
                assert complaints_of_axe(page, "color-contrast") == []
