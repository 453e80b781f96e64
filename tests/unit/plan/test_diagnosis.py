"""What `views doctor` makes of facts: each finding where it belongs, nothing else, and what could not be seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cassandra_client.grants import Grant
from cassandra_views.model.diagnosis import CODES, DoctorReport, DoctorSeverity, DoctorTopic, DoctorUnknown
from cassandra_views.model.generation import Serving, ViewRecord
from cassandra_views.model.lag import PendingWrites
from cassandra_views.model.names import ViewName
from cassandra_views.model.schema import NETWORK, SIMPLE, Keyspace, TableShape
from cassandra_views.plan.diagnosis import diagnose
from cassandra_views.plan.doctor_facts import (
    ABILITIES,
    BaseFacts,
    ClockBounds,
    DoctorFacts,
    NodeFacts,
    ThreadPoolState,
    WatchedService,
)
from cassandra_views.plan.repairs import RepairHistory
from cassandra_views.plan.status import ViewStatus
from tests.paths import ROOT

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
NAME = ViewName(keyspace="shop", view="orders_by_day")
BASE = TableShape(keyspace="shop", name="orders", columns=(), options=())
SETTINGS = {"materialized_views_enabled": "true", "hinted_handoff_enabled": "true"}


def clock(ahead: float, took: float = 0.01) -> ClockBounds:
    return ClockBounds(least=timedelta(seconds=ahead - took), most=timedelta(seconds=ahead))


def node(number: int, **more: Any) -> NodeFacts:
    well = NodeFacts(
        address=f"10.0.0.{number}",
        data_center="dc1",
        state="NORMAL",
        version=(5, 0, 9),
        schema="s1",
        settings=SETTINGS,
        abilities=frozenset(ABILITIES),
        disk_share=0.4,
        pools={"CompactionExecutor": ThreadPoolState(active=1, pending=3)},
        clock=clock(0.0),
    )
    return replace(well, **more)


WELL = DoctorFacts(
    at=NOW,
    cluster="c",
    registry="views_registry",
    nodes=(node(1), node(2), node(3)),
    known_number=5,
    oldest_version=(4, 1),
    registry_number=5,
    registry_keyspace=Keyspace.of("views_registry", {"class": NETWORK, "dc1": 3}),
    statuses=(ViewStatus(name=NAME, condition="serving", serving=("orders_by_day__g1",), audited_at=NOW),),
    records=(ViewRecord(name=NAME, read_from=(Serving(name="orders_by_day__g1"),), grace=timedelta(minutes=15)),),
    writes=PendingWrites(old_batches=0, old_hints=0),
    reads={"shop.orders_by_day__g1": 7},
    role="manager",
    missing=(),
    contact_points=2,
    view_budget=20,
    reader_cache_seconds=5.0,
)


def codes(facts: DoctorFacts) -> list[str]:
    return [each.code for each in diagnose(facts).findings]


def with_nodes(*nodes: NodeFacts, **more: Any) -> DoctorFacts:
    return replace(WELL, nodes=nodes, **more)


def first(**more: Any) -> DoctorFacts:
    """Return a cluster whose first node is otherwise."""
    return with_nodes(node(1, **more), node(2), node(3))


def test_nothing_found_is_said_with_what_was_looked_at() -> None:
    report = diagnose(WELL)
    assert (report.findings, report.unknown, report.needs_care) == ((), (), False)
    assert {each.topic for each in report.checks} == set(DoctorTopic)
    assert report.summary == "Nothing found: 15 topics looked at."


BASES = (BaseFacts(shape=BASE, views=20, replicas=3, repairs=None),)
UNREPAIRED = (BaseFacts(shape=BASE, views=1, replicas=3, repairs=RepairHistory(parents={})),)
STATUS = WELL.statuses[0]
RECORD = WELL.records[0]


def status(**more: Any) -> DoctorFacts:
    return replace(WELL, statuses=(replace(STATUS, **more),))


def registry_of(**replication: Any) -> DoctorFacts:
    return replace(WELL, registry_keyspace=Keyspace.of("views_registry", {"class": NETWORK, **replication}))


POOL = {"ViewMutationStage": ThreadPoolState(active=32, pending=101)}
CASES: dict[str, tuple[DoctorFacts, Sequence[str]]] = {
    "a node that is down": (with_nodes(node(1, error="it is down"), node(2), node(3)), ["node-down"]),
    "a node that leaves": (with_nodes(node(1, is_moving=True, state="LEAVING"), node(2), node(3)), ["node-moving"]),
    "views off": (
        first(settings={"enable_materialized_views": "false"}),
        ["views-disabled"],
    ),
    "hints off": (
        first(settings={"hinted_handoff_enabled": "false"}),
        ["hints-disabled"],
    ),
    "an old version": (
        with_nodes(*(node(n, version=(4, 0, 11), abilities=frozenset()) for n in (1, 2, 3))),
        ["version-too-old"] * 3,
    ),
    "two versions": (
        with_nodes(node(1, version=(4, 1, 9), abilities=frozenset({"pending hints"})), node(2), node(3)),
        ["versions-differ"],
    ),
    "two schemas": (with_nodes(node(1, schema="s2"), node(2), node(3)), ["schema-disagrees"]),
    "a full disk": (with_nodes(node(1, disk_share=0.93), node(2), node(3)), ["disk-full"]),
    "a disk that peers call full": (
        with_nodes(node(1, disk_share=None, disk_word="FULL"), node(2), node(3)),
        ["disk-full"],
    ),
    "a disk that fills": (with_nodes(node(1, disk_share=0.8), node(2), node(3)), ["disk-filling"]),
    "compactions": (
        with_nodes(node(1, pools={"CompactionExecutor": ThreadPoolState(active=2, pending=101)}), node(2), node(3)),
        ["compaction-behind"],
    ),
    "view writes": (with_nodes(node(1, pools=POOL), node(2), node(3)), ["view-writes-wait"]),
    "no repair": (replace(WELL, bases=UNREPAIRED), ["repair-overdue"]),
    "no room": (replace(WELL, bases=BASES), ["no-room-for-a-view"]),
    "a consistency that is forbidden": (
        with_nodes(
            node(1, settings={**SETTINGS, "read_consistency_levels_disallowed": "[LOCAL_QUORUM, ALL]"}),
            node(2),
            node(3),
        ),
        ["consistency-forbidden"],
    ),
    "timestamps that are forbidden": (
        with_nodes(
            node(1, settings={**SETTINGS, "user_timestamps_enabled": "false"}), node(2), node(3), probed=(str(NAME),)
        ),
        ["timestamps-forbidden"],
    ),
    "a grant that lacks": (
        replace(WELL, missing=(Grant(permission="ALTER", keyspace="shop", table="orders"),)),
        ["grants-missing"],
    ),
    "one replica of the roles": (
        replace(WELL, auth_keyspace=Keyspace.of("system_auth", {"class": SIMPLE, "replication_factor": "1"})),
        ["logins-fragile"],
    ),
    "a clock behind": (with_nodes(node(1, clock=clock(-3.0)), node(2), node(3)), ["clock-off"]),
    "our own clock": (with_nodes(*(node(n, clock=clock(5.0)) for n in (1, 2, 3))), ["own-clock-off"]),
    "old batches": (replace(WELL, writes=PendingWrites(old_batches=2, old_hints=0)), ["batches-old"]),
    "old hints": (replace(WELL, writes=PendingWrites(old_batches=0, old_hints=1)), ["hints-old"]),
    "no registry": (replace(WELL, registry_number=None, statuses=(), records=()), ["registry-missing"]),
    "an older registry": (replace(WELL, registry_number=4), ["registry-older"]),
    "a newer registry": (replace(WELL, registry_error="it has schema 9"), ["registry-unusable"]),
    "a registry without quorum": (registry_of(dc1=9), ["registry-no-quorum"]),
    "a registry of one replica": (registry_of(dc1=1), ["registry-replicas"]),
    "a registry of too many replicas": (registry_of(dc1=4), ["registry-replicas"]),
    "a short grace": (
        replace(WELL, records=(replace(RECORD, grace=timedelta(seconds=9)),)),
        ["grace-too-short"],
    ),
    "a broken view": (status(condition="broken"), ["view-wrong"]),
    "a suspect view": (
        status(condition="suspect", suspect_reason="node 10.0.0.1 was replaced"),
        ["view-needs-somebody"],
    ),
    "a view whose base was truncated": (
        replace(WELL, found_suspect={NAME: "its base was truncated"}),
        ["view-needs-somebody"],
    ),
    "a late slide": (status(promise="broken", broken_by_seconds=90.0), ["view-late"]),
    "a broken lag": (status(lag_promise="broken"), ["view-late"]),
    "runs that failed": (status(failures=3, last_error="it timed out"), ["view-fails"]),
    "no audit": (status(audited_at=None), ["view-unaudited"]),
    "a view that nobody reads": (replace(WELL, reads={}), ["view-unread"]),
    "one contact point": (replace(WELL, contact_points=1), ["one-contact-point"]),
    "no local data centre": (
        with_nodes(
            node(1),
            node(2, data_center="dc2"),
            registry_keyspace=Keyspace.of("views_registry", {"class": NETWORK, "dc1": 1, "dc2": 1}),
        ),
        ["no-local-dc"],
    ),
    "a service that is down": (
        replace(WELL, services=(WatchedService(name="airflow", works=False, detail="exit code 1"),)),
        ["service-down"],
    ),
    "no Spark master": (
        replace(WELL, spark_master="spark@master", spark_fault="connection refused"),
        ["spark-master-unreachable"],
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_each_trouble_is_one_finding(case: str) -> None:
    facts, expected = CASES[case]
    assert codes(facts) == list(expected)


def test_every_code_has_a_case_and_a_row_in_the_reference() -> None:
    assert {code for _facts, found in CASES.values() for code in found} == CODES.keys()
    page = (ROOT / "docs" / "reference" / "doctor.md").read_text(encoding="utf-8")
    for code, kind in CODES.items():
        assert f"| `{code}` | {kind.severity.value} | {kind.text} |" in page


@pytest.mark.parametrize(
    ("facts", "topic", "on"),
    [
        (with_nodes(node(1, settings=None), node(2), node(3)), DoctorTopic.SWITCHES, "node 10.0.0.1"),
        (with_nodes(node(1, abilities=None), node(2), node(3)), DoctorTopic.VERSIONS, "node 10.0.0.1"),
        (with_nodes(node(1, pools=None), node(2), node(3)), DoctorTopic.COMPACTION, "node 10.0.0.1"),
        (with_nodes(node(1, disk_share=None), node(2), node(3)), DoctorTopic.DISK, "node 10.0.0.1"),
        (with_nodes(*(node(n, clock=None) for n in (1, 2, 3))), DoctorTopic.CLOCKS, "the cluster"),
        (replace(WELL, writes=PendingWrites(old_batches=0)), DoctorTopic.WRITES, "the cluster"),
        (
            replace(WELL, bases=(BaseFacts(shape=BASE, views=1, replicas=3, repairs="it timed out"),)),
            DoctorTopic.REPAIR,
            "table shop.orders",
        ),
        (
            replace(WELL, services=(WatchedService(name="airflow", works=None, detail="exit code 75"),)),
            DoctorTopic.CONNECTIONS,
            "service airflow",
        ),
    ],
)
def test_what_cannot_be_seen_is_unknown_and_no_finding(facts: DoctorFacts, topic: DoctorTopic, on: str) -> None:
    report = diagnose(facts)
    assert report.findings == ()
    assert [(each.topic, each.on) for each in report.unknown] == [(topic, on)]
    assert all(each.why for each in report.unknown)
    assert report.summary.endswith("; 1 thing could not be looked at.")


def test_slow_answers_prove_nothing_of_clocks() -> None:
    assert codes(with_nodes(node(1, clock=clock(2.0, took=3.0)), node(2), node(3))) == []


def test_findings_stand_in_the_order_of_topics_then_by_what_matters() -> None:
    facts = replace(
        with_nodes(node(1, disk_share=0.8), node(2, disk_share=0.95), node(3, error="it is down")),
        unknown=(DoctorUnknown(topic=DoctorTopic.VIEWS, on="view files", why="there are none"),),
    )
    report = diagnose(facts)
    assert [each.code for each in report.findings] == ["node-down", "disk-full", "disk-filling"]
    assert report.topics == (DoctorTopic.NODES, DoctorTopic.DISK)
    assert report.summary == "2 errors, 1 warning: 15 topics looked at; 1 thing could not be looked at."


def test_a_note_needs_no_care() -> None:
    report: DoctorReport = diagnose(replace(WELL, contact_points=1))
    assert report.count(DoctorSeverity.NOTE) == 1
    assert not report.needs_care
