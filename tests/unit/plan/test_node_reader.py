"""The one reader of nodes: whom it asks, what it makes of a node that hangs, and of what its peers hear."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, cast

import pytest
from cassandra import OperationTimedOut, Unauthorized
from cassandra.connection import DefaultEndPoint
from cassandra.policies import SimpleConvictionPolicy
from cassandra.pool import Host
from cassandra.util import uuid_from_time

from cassandra_client.database import Answer, Database
from cassandra_client.errors import ClusterError
from cassandra_views.plan.node_facts import NodeFacts, least_limit, schema_groups
from cassandra_views.plan.node_reader import moved_heartbeats, read_facts, read_node_details, worst_disk

ADDRESSES = ("10.0.0.1", "10.0.0.2", "10.0.0.3")
HUNG = ADDRESSES[2]


def host_id(address: str) -> uuid.UUID:
    return uuid.uuid5(uuid.NAMESPACE_DNS, address)


class SilentNodes:
    """Stands for a database of three nodes of which some do not answer; keeps who was asked for what.

    A real node can be made to hang, but not at the same moment as a heartbeat is looked at twice.
    """

    def __init__(self, *silent: str, tables: Mapping[str, Any] | None = None) -> None:
        self.silent = silent
        self.tables: dict[str, Any] = {
            "system.local": [
                {"cluster_name": "c", "release_version": "5.0.9", "schema_version": "s", "now": now()},
            ],
            "system_views.gossip_info": [gossip(each, 7) for each in ADDRESSES],
            **(tables or {}),
        }
        self.asked: list[tuple[str, tuple[str, ...]]] = []
        self._hosts = [Host(DefaultEndPoint(each), SimpleConvictionPolicy, host_id=host_id(each)) for each in ADDRESSES]

    def hosts(self) -> list[Host]:
        return self._hosts

    def ask(
        self,
        query: str,
        hosts: Iterable[Host] | None = None,
        *,
        values: Sequence[Any] = (),
        timeout_seconds: float = 5.0,
    ) -> list[Answer]:
        table = query.partition(" FROM ")[2].split()[0]
        asked = self._hosts if hosts is None else list(hosts)
        self.asked.append((table, tuple(each.endpoint.address for each in asked)))
        found = self.tables.get(table, [])
        answers = []
        for each in asked:
            error = found if isinstance(found, Exception) else None
            if each.endpoint.address in self.silent:
                error = OperationTimedOut()
            answers.append(Answer(host=each, seconds=0.1, rows=() if error else tuple(found), error=error))
        return answers


def now() -> uuid.UUID:
    return cast(uuid.UUID, uuid_from_time(datetime.now(UTC)))


def gossip(address: str, heartbeat: int, disk: str = "") -> dict[str, Any]:
    return {
        "host_id": host_id(address),
        "address": address,
        "status": "NORMAL,1",
        "status_with_port": None,
        "heartbeat": heartbeat,
        "disk_usage": disk,
    }


def of(nodes: SilentNodes) -> Database:
    return cast(Database, nodes)


def test_a_node_that_does_not_answer_is_asked_once() -> None:
    nodes = SilentNodes(HUNG)
    known = read_facts(of(nodes), timeout_seconds=0.1)
    assert [bool(each.error) for each in known.nodes] == [False, False, True]
    assert known.warnings == (f"{HUNG} cannot be reached",)
    first, *rest = nodes.asked
    assert first == ("system.local", ADDRESSES)
    assert rest
    assert all(HUNG not in asked for _table, asked in rest)


def test_no_node_at_all_is_an_error() -> None:
    with pytest.raises(ClusterError, match="no node answers"):
        read_facts(of(SilentNodes(*ADDRESSES)))


def test_settings_that_a_role_may_not_read_are_unknown_with_the_reason() -> None:
    known = read_facts(of(SilentNodes(tables={"system_views.settings": Unauthorized("no SELECT")})))
    assert isinstance(known.settings_refusal, Unauthorized)
    assert {(each.settings is None, bool(each.unread["settings"])) for each in known.nodes} == {(True, True)}


def test_details_are_asked_of_nodes_that_answered() -> None:
    tables = {
        "system_virtual_schema.tables": [
            {"keyspace_name": "system_metrics", "table_name": "compaction_group"},
            {"keyspace_name": "system_views", "table_name": "pending_hints"},
        ],
        "system_schema.columns": [{"column_name": "allow_auto_snapshot"}],
        "system_metrics.compaction_group": [{"value": "17"}],
        "system_views.thread_pools": [
            {"name": "ViewMutationStage", "active_tasks": 1, "pending_tasks": 2, "blocked_tasks": None}
        ],
    }
    nodes = SilentNodes(tables=tables)
    (first, *_rest) = read_node_details(of(nodes), read_facts(of(nodes)))
    assert first.abilities == frozenset({"snapshot option", "pending hints", "compaction metrics"})
    assert first.pending_compactions == 17
    assert first.pools is not None
    assert first.pools["ViewMutationStage"].pending == 2
    assert first.is_heard is None


def test_servers_without_the_table_have_no_pending_compactions() -> None:
    nodes = SilentNodes()
    assert read_node_details(of(nodes), read_facts(of(nodes)))[0].pending_compactions is None
    assert "system_metrics.compaction_group" not in {table for table, asked in nodes.asked if asked}


def test_a_heartbeat_that_goes_on_is_heard() -> None:
    before = [gossip(ADDRESSES[0], 7), gossip(HUNG, 7), gossip(HUNG, 8)]
    after = [gossip(ADDRESSES[0], 7), gossip(HUNG, 7), gossip(HUNG, 9), gossip(ADDRESSES[1], 1)]
    assert moved_heartbeats(before, after) == {str(host_id(ADDRESSES[0])): False, str(host_id(HUNG)): True}


def test_of_what_peers_say_of_a_disk_the_worst_counts() -> None:
    told = [gossip(HUNG, 1, "SPACIOUS"), gossip(HUNG, 1, "STUFFED,3"), gossip(ADDRESSES[0], 1, "FULL")]
    assert worst_disk(told, str(host_id(HUNG))) == "STUFFED"
    assert worst_disk([], str(host_id(HUNG))) == ""


def test_nodes_are_judged_by_the_same_questions_everywhere() -> None:
    off = NodeFacts(address="a", version=(4, 0, 11), schema="1", settings={"enable_materialized_views": "false"})
    on = NodeFacts(
        address="b",
        version=(4, 1),
        schema="2",
        settings={"materialized_views_enabled": "true", "tables_fail_threshold": "7", "x": "[A, 'b']"},
    )
    unread = NodeFacts(address="c", error="no connection")
    assert [each.views_enabled for each in (off, on, unread)] == [False, True, None]
    assert [each.is_too_old for each in (off, on, unread)] == [True, False, False]
    assert [each.word for each in (off, on, unread)] == ["up", "up", "down"]
    assert schema_groups((off, on, unread)) == (("a",), ("b",))
    assert least_limit((off, on, unread), "tables_fail_threshold") == 7
    assert least_limit((off, unread), "tables_fail_threshold") is None
    assert on.words("x") == {"a", "b"}
