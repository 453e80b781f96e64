"""What `views doctor` makes of facts: each finding where it belongs, nothing else, and what could not be seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from cassandra_client.errors import ClusterError
from cassandra_client.grants import Grant
from cassandra_views.cli.doctor_command import exit_code_of
from cassandra_views.model.diagnosis import CODES, DoctorReport, DoctorSeverity, DoctorTopic, DoctorUnknown
from cassandra_views.model.errors import RegistryError
from cassandra_views.model.generation import Generation, Serving, State, ViewRecord
from cassandra_views.model.lag import PendingWrites
from cassandra_views.model.names import ViewName
from cassandra_views.model.schema import NETWORK, SIMPLE, Keyspace, TableShape
from cassandra_views.plan.diagnosis import diagnose, find_stall
from cassandra_views.plan.doctor_facts import BaseFacts, BuildFacts, DoctorFacts, WatchedService
from cassandra_views.plan.node_facts import ABILITIES, ClockBounds, NodeFacts, ThreadPoolState
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
        pools={"ViewMutationStage": ThreadPoolState(active=1, pending=3)},
        pending_compactions=3,
        clock=clock(0.0),
    )
    return replace(well, **more)


WELL = DoctorFacts(
    at=NOW,
    cluster="c",
    registry="views_registry",
    nodes=(node(1), node(2), node(3)),
    known_number=5,
    registry_number=5,
    registry_keyspace=Keyspace.of("views_registry", {"class": NETWORK, "dc1": 3}),
    statuses=(
        ViewStatus(
            name=NAME,
            condition="serving",
            serving=("orders_by_day__g1",),
            audited_at=NOW,
            served_at=NOW - timedelta(days=30),
        ),
    ),
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
    assert (report.findings, report.unknown, report.has_problems) == ((), (), False)
    assert {each.topic for each in report.checks} == set(DoctorTopic)
    assert report.summary == "Nothing found: 15 topics looked at."


UNREPAIRED = BaseFacts(shape=BASE, views=1, lasting=1, replicas=3, repairs=RepairHistory(parents={}))
BUILD = BuildFacts(view=NAME, number=2, at=NOW - timedelta(hours=2))


def bases(**more: Any) -> DoctorFacts:
    return replace(WELL, bases=(replace(UNREPAIRED, repairs=None, **more),))


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
    "a node that its peers hear": (first(error="no connection", is_heard=True), ["node-unreachable"]),
    "a node that nobody hears": (first(error="no connection", is_heard=False), ["node-down"]),
    "compactions": (first(pending_compactions=101), ["compaction-behind"]),
    "view writes": (with_nodes(node(1, pools=POOL), node(2), node(3)), ["view-writes-wait"]),
    "no repair": (replace(WELL, bases=(UNREPAIRED,)), ["repair-overdue"]),
    "no room": (bases(views=20, lasting=20), ["no-room-for-a-view"]),
    "no room by the guardrail": (
        replace(
            bases(views=3, lasting=2),
            nodes=first(settings={**SETTINGS, "materialized_views_per_table_fail_threshold": "2"}).nodes,
        ),
        ["no-room-for-a-view"],
    ),
    "many views": (
        replace(
            bases(views=3, lasting=1),
            nodes=first(settings={**SETTINGS, "materialized_views_per_table_warn_threshold": "3"}).nodes,
        ),
        ["view-count-warned"],
    ),
    "an option that is forbidden": (
        replace(
            first(settings={**SETTINGS, "table_properties_disallowed": "[comment, cdc]"}),
            used_options=frozenset({"comment", "id"}),
        ),
        ["options-forbidden"],
    ),
    "an option that is dropped": (
        replace(
            first(settings={**SETTINGS, "table_properties_ignored": "[ID]"}), used_options=frozenset({"comment", "id"})
        ),
        ["options-forbidden"],
    ),
    "no filtering": (first(settings={**SETTINGS, "allow_filtering_enabled": "false"}), ["filtering-forbidden"]),
    "no room for tables": (
        replace(first(settings={**SETTINGS, "tables_fail_threshold": "9"}), tables=8, lacking_tables=2),
        ["no-room-for-tables"],
    ),
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
    "a newer registry": (
        replace(WELL, registry_number=None, registry_error=RegistryError("it has schema 9", next="Upgrade")),
        ["registry-unusable"],
    ),
    "a registry that does not answer": (
        replace(WELL, registry_error=ClusterError("a read failed: it timed out", next="Look at the nodes")),
        ["registry-unanswered"],
    ),
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
        ["view-needs-attention"],
    ),
    "a view whose base was truncated": (
        replace(WELL, found_suspect={NAME: "its base was truncated"}),
        ["view-needs-attention"],
    ),
    "a late slide": (status(promise="broken", broken_by_seconds=90.0), ["view-late"]),
    "a broken lag": (status(lag_promise="broken"), ["view-late"]),
    "runs that failed": (status(failures=3, last_error="it timed out"), ["view-fails"]),
    "no audit": (status(audited_at=None), ["view-unaudited"]),
    "a view that nobody reads": (replace(WELL, reads={}), ["view-unread"]),
    "a view that is not there yet": (status(condition="pending", serving=()), ["view-pending"]),
    "a file that has changed": (status(condition="changed"), ["view-changed"]),
    "a build that stands still": (replace(WELL, builds=(BUILD,)), ["build-stalled"]),
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
        (with_nodes(node(1, pools=None), node(2), node(3)), DoctorTopic.WRITES, "node 10.0.0.1"),
        (first(pending_compactions=None), DoctorTopic.COMPACTION, "node 10.0.0.1"),
        (
            replace(WELL, writes=PendingWrites(old_batches=0, old_hints=0, unasked=("10.0.0.2",))),
            DoctorTopic.WRITES,
            "node 10.0.0.2",
        ),
        (
            replace(WELL, writes=PendingWrites(old_batches=0, old_hints=0, unasked_hints=("10.0.0.3",))),
            DoctorTopic.WRITES,
            "node 10.0.0.3",
        ),
        (
            replace(WELL, writes=PendingWrites(old_batches=0, old_hints=0, are_more_batches=True)),
            DoctorTopic.WRITES,
            "the cluster",
        ),
        (
            replace(WELL, bases=(replace(UNREPAIRED, first_view_at=NOW - timedelta(days=2)),)),
            DoctorTopic.REPAIR,
            "table shop.orders",
        ),
        (with_nodes(node(1, disk_share=None), node(2), node(3)), DoctorTopic.DISK, "node 10.0.0.1"),
        (with_nodes(*(node(n, clock=None) for n in (1, 2, 3))), DoctorTopic.CLOCKS, "the cluster"),
        (replace(WELL, writes=PendingWrites(old_batches=0)), DoctorTopic.WRITES, "the cluster"),
        (
            replace(WELL, bases=(replace(UNREPAIRED, repairs="it timed out"),)),
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
        unread=(DoctorUnknown(topic=DoctorTopic.VIEWS, on="view files", why="there are none"),),
    )
    report = diagnose(facts)
    assert [each.code for each in report.findings] == ["node-down", "disk-full", "disk-filling"]
    assert report.topics == (DoctorTopic.NODES, DoctorTopic.DISK)
    assert report.summary == "2 errors, 1 warning: 15 topics looked at; 1 thing could not be looked at."


def test_a_note_needs_no_care() -> None:
    report: DoctorReport = diagnose(replace(WELL, contact_points=1))
    assert report.count(DoctorSeverity.NOTE) == 1
    assert not report.has_problems


TWO_CENTERS = (node(1), node(2), node(3, data_center="dc2"), node(4, data_center="dc2"))
FINE = {"class": NETWORK, "dc1": 2, "dc2": 2}


def in_two(**more: Any) -> DoctorFacts:
    fine = with_nodes(*TWO_CENTERS, local_dc="dc1", registry_keyspace=Keyspace.of("views_registry", FINE))
    return replace(fine, **more)


def kept_in(**replication: Any) -> Keyspace:
    return Keyspace.of("k", {"class": NETWORK, **replication})


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        (in_two(), []),
        (in_two(registry_keyspace=kept_in(dc1=2)), ["registry-replicas"]),
        (in_two(registry_keyspace=kept_in(dc2=2)), ["registry-no-quorum"]),
        (in_two(registry_keyspace=kept_in(dc1=2, dc2=0)), ["registry-replicas"]),
        (in_two(auth_keyspace=kept_in(dc1=2, dc2=2)), []),
        (in_two(auth_keyspace=kept_in(dc1=1, dc2=1)), ["logins-fragile"]),
        (in_two(auth_keyspace=kept_in(dc1=3)), ["logins-fragile"]),
        (in_two(auth_keyspace=Keyspace.of("k", {"class": "com.shop.Own"})), []),
        (replace(WELL, registry_keyspace=Keyspace.of("k", {"class": SIMPLE, "replication_factor": "3"})), []),
    ],
)
def test_a_data_centre_that_is_not_named_has_no_replica(facts: DoctorFacts, expected: list[str]) -> None:
    assert codes(facts) == expected


def test_what_goes_by_itself_leaves_room() -> None:
    assert codes(bases(views=20, lasting=19)) == []
    assert codes(bases(views=20, lasting=20, is_ours=False)) == []


def test_a_table_younger_than_its_tombstones_is_not_overdue() -> None:
    young, old = NOW - timedelta(days=9), NOW - timedelta(days=11)
    assert codes(replace(WELL, bases=(replace(UNREPAIRED, made_at=young),))) == []
    assert codes(replace(WELL, bases=(replace(UNREPAIRED, made_at=old, first_view_at=young),))) == ["repair-overdue"]
    assert codes(replace(WELL, bases=(replace(UNREPAIRED, first_view_at=old),))) == ["repair-overdue"]


def test_only_levels_that_are_used_are_missed_where_they_are_forbidden() -> None:
    def forbidding(name: str, levels: str, *more: NodeFacts) -> list[str]:
        facts = with_nodes(node(1, settings={**SETTINGS, name: levels}), *more, registry_keyspace=None, local_dc="dc1")
        return codes(facts)

    reads, writes = "read_consistency_levels_disallowed", "write_consistency_levels_disallowed"
    assert forbidding(writes, "[ONE, QUORUM, ALL]") == []
    assert forbidding(writes, "[serial]") == ["consistency-forbidden"]
    assert forbidding(reads, "[EACH_QUORUM, TWO]") == []
    assert forbidding(reads, "[EACH_QUORUM]", node(2, data_center="dc2")) == ["consistency-forbidden"]
    assert forbidding(reads, "[ONE]") == ["consistency-forbidden"]


def test_patch_releases_beside_each_other_are_no_upgrade() -> None:
    assert codes(first(version=(5, 0, 8))) == []
    assert "Cassandra 5.0.8, 5.0.9" in str(diagnose(first(version=(5, 0, 8))).checks)
    (found,) = diagnose(first(version=(5, 0, 8), abilities=frozenset())).findings
    assert "major version" not in found.what
    assert "only some nodes allow" in found.what


def test_a_view_is_unread_once_it_has_served_for_long_and_no_generation_of_it_was_read() -> None:
    former = Generation(number=1, physical="orders_by_day__g1", table_id=UUID(int=1), version="v", state=State.RETIRED)
    slid = replace(RECORD, read_from=(Serving(name="orders_by_day__g2"),), generations=(former,))
    statuses = (replace(STATUS, serving=("orders_by_day__g2",)),)
    assert codes(replace(WELL, records=(slid,), statuses=statuses)) == []
    assert codes(replace(WELL, records=(slid,), statuses=statuses, reads={})) == ["view-unread"]
    young = (replace(STATUS, served_at=NOW - timedelta(hours=1)),)
    assert codes(replace(WELL, statuses=young, reads={})) == []


def test_a_view_that_is_marked_suspect_is_told_once() -> None:
    facts = status(condition="suspect", suspect_reason="it was truncated", suspect_since=NOW)
    assert codes(replace(facts, found_suspect={NAME: "a node was replaced"})) == ["view-needs-attention"]


def test_a_registry_that_cannot_be_read_hides_views_and_does_not_pass_for_none() -> None:
    error = ClusterError("a read failed: it timed out", next="Look at the nodes")
    report = diagnose(replace(WELL, registry_number=None, registry_error=error, records=(), statuses=()))
    assert [(each.code, each.next) for each in report.findings] == [("registry-unanswered", "Look at the nodes")]
    assert {each.topic for each in report.unknown} == {DoctorTopic.VIEWS, DoctorTopic.READERS}
    assert not {DoctorTopic.VIEWS, DoctorTopic.READERS, DoctorTopic.REGISTRY} & {each.topic for each in report.checks}


@pytest.mark.parametrize(
    ("build", "hours", "expected"),
    [
        (BUILD, 0.5, ""),
        (BUILD, 2.5, "it is being built for 2 hours, and no node has begun"),
        (replace(BUILD, share=0.4, keys=9), 2.0, ""),
        (replace(BUILD, share=0.4, keys=9), 49.0, "it is being built for 2 days 1 hour, and is at 40%"),
        (replace(BUILD, is_built=True), 2.0, ""),
        (replace(BUILD, is_built=True), 24.0, "it is built for 1 day, and no run serves it"),
        (
            replace(BUILD, blocked_by=("10.0.0.1 (does not answer)",)),
            0.0,
            "its build waits for 10.0.0.1 (does not answer)",
        ),
    ],
)
def test_a_build_is_stalled_by_nodes_or_by_its_age(build: BuildFacts, hours: float, expected: str) -> None:
    assert find_stall(build, timedelta(hours=hours)) == expected


def test_a_build_that_waits_for_a_person_is_told_once() -> None:
    facts = replace(status(condition="waiting"), builds=(replace(BUILD, is_built=True, at=NOW - timedelta(days=3)),))
    assert codes(facts) == ["view-needs-attention"]


def test_sentences_count_as_people_do() -> None:
    def what(writes: PendingWrites) -> str:
        (found,) = diagnose(replace(WELL, writes=writes)).findings
        return found.what

    one = PendingWrites(old_batches=1, old_hints=0)
    assert what(one).startswith("1 batch of view writes is older than 5 seconds and not delivered")
    many = replace(one, old_batches=1000, are_more_batches=True)
    assert what(many).startswith("at least 1,000 batches of view writes are older than 5 seconds and not delivered")


def test_nothing_found_is_limited_to_what_could_be_read() -> None:
    assert diagnose(first(pools=None)).summary.startswith("Nothing found in what could be read: ")


@pytest.mark.parametrize(
    ("facts", "code", "detailed"),
    [
        (WELL, 0, 0),
        (replace(WELL, contact_points=1), 0, 0),
        (first(disk_share=0.8), 0, 2),
        (first(disk_share=0.95), 1, 2),
    ],
)
def test_an_error_that_is_found_ends_the_command_with_1(facts: DoctorFacts, code: int, detailed: int) -> None:
    report = diagnose(facts)
    assert (exit_code_of(report, is_detailed=False), exit_code_of(report, is_detailed=True)) == (code, detailed)
