"""Which ranges lose their quorum, against a plain count on rings of any shape."""

from __future__ import annotations

import uuid
from itertools import product

from hypothesis import given
from hypothesis import strategies as some

from cassandra_healing.model import MemberId, ReplicatedKeyspace, WatchedMember
from cassandra_healing.quorum import find_few_replicas, find_quorum_risks


def ring(places: list[tuple[str, str]], tokens: int = 1) -> list[WatchedMember]:
    return [
        WatchedMember(
            id=MemberId(host_id=uuid.UUID(int=number), address=f"10.0.0.{number}"),
            data_center=data_center,
            rack=rack,
            tokens=tuple(str(number * 1000 + turn * 100_003) for turn in range(tokens)),
        )
        for number, (data_center, rack) in enumerate(places)
    ]


def topology(**factors: int) -> ReplicatedKeyspace:
    options = {key: str(value) for key, value in factors.items()}
    return ReplicatedKeyspace(name="shop", replication={"class": "NetworkTopologyStrategy", **options})


def test_three_racks_may_lose_one_whole_rack_and_no_node_of_another() -> None:
    nodes = ring([("dc1", rack) for rack in "abcabcabc"])
    rack = {node.id.host_id for node in nodes if node.rack == "a"}
    assert find_quorum_risks(nodes, [topology(dc1=3)], rack) == ()
    (stake,) = find_quorum_risks(nodes, [topology(dc1=3)], rack | {nodes[1].id.host_id})
    assert (stake.keyspace, stake.data_center, stake.replicas, stake.needed) == ("shop", "dc1", 1, 2)
    assert 0 < stake.ranges < stake.of == 9


@given(
    count=some.integers(3, 9),
    away=some.sets(some.integers(0, 8), max_size=3),
    factor=some.integers(1, 5),
    tokens=some.integers(1, 3),
)
def test_without_racks_a_range_lives_on_its_owner_and_those_that_follow(
    count: int, away: set[int], factor: int, tokens: int
) -> None:
    nodes = ring([("dc1", "r1")] * count, tokens)
    owners = [number for _token, number in sorted((int(t), n) for n, node in enumerate(nodes) for t in node.tokens)]
    short = 0
    for begin in range(len(owners)):
        following = dict.fromkeys(owners[begin:] + owners[:begin])
        replicas = list(following)[:factor]
        short += sum(number not in away for number in replicas) < factor // 2 + 1
    gone = {uuid.UUID(int=number) for number in away}
    simple = ReplicatedKeyspace(
        name="s",
        replication={"class": "org.apache.cassandra.locator.SimpleStrategy", "replication_factor": str(factor)},
    )
    for keyspace in (topology(dc1=factor), simple):
        found = find_quorum_risks(nodes, [keyspace], gone)
        assert sum(each.ranges for each in found) == short, keyspace


def test_each_data_centre_needs_its_own_quorum() -> None:
    nodes = ring([("dc1", "a"), ("dc1", "b"), ("dc1", "c"), ("dc2", "a"), ("dc2", "b"), ("dc2", "c")])
    for one, two in product(range(6), range(6)):
        away = {nodes[one].id.host_id, nodes[two].id.host_id}
        found = find_quorum_risks(nodes, [topology(dc1=3, dc2=3)], away)
        is_same = one != two and one // 3 == two // 3
        assert [each.data_center for each in found] == ([f"dc{one // 3 + 1}"] if is_same else [])


def test_few_replicas_count_where_the_node_is() -> None:
    (here, _there) = ring([("dc1", "a"), ("dc2", "a")])
    keyspaces = [topology(dc1=1, dc2=3), topology(dc1=3, dc2=1), topology(dc2=2)]
    assert find_few_replicas(here, keyspaces) == ("shop (1 replica)",)
    transient = ReplicatedKeyspace(name="t", replication={"class": "NetworkTopologyStrategy", "dc1": "3/1"})
    assert find_few_replicas(here, [transient]) == ("t (2 replicas)",)
