"""Replication maps beside the data centres of a cluster."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cassandra_views.cql.parse import parse_table
from cassandra_views.cql.printing import keyspace_cql, map_cql
from cassandra_views.model.schema import (
    Keyspace,
    centers_without_replicas,
    replication_refusals,
    too_many_replicas,
    without_quorum,
)

TWO = {"east": 3, "west": 1}


def keyspace(**replication: str | int) -> Keyspace:
    return Keyspace.of("k", {"class": "NetworkTopologyStrategy", **replication})


@pytest.mark.parametrize(
    ("replication", "words"),
    [
        ({"class": "SimpleStrategy", "replication_factor": 5}, "asks for 5 replicas, and the cluster has 4 nodes"),
        ({"class": "SimpleStrategy"}, "needs replication_factor"),
        ({"class": "SimpleStrategy", "replication_factor": 1, "east": 1}, "not 'east'"),
        ({"class": "NetworkTopologyStrategy", "east": 3, "west": 3}, "3 replicas in west, and west has 1 node"),
        ({"class": "NetworkTopologyStrategy", "replication_factor": 3}, "3 replicas in west"),
        ({"class": "NetworkTopologyStrategy", "north": 1}, "no data centre 'north'; the cluster has east, west"),
        ({"class": "NetworkTopologyStrategy", "east": "three"}, "no number of replicas"),
        ({"class": "NetworkTopologyStrategy", "east": "3/1"}, "transient"),
        ({"class": "NetworkTopologyStrategy"}, "needs a number"),
        ({"class": "SimpelStrategy", "replication_factor": 1}, "did you mean 'SimpleStrategy'"),
        ({"replication_factor": 1}, "names no class"),
    ],
)
def test_what_no_cluster_of_these_nodes_should_be_asked_for(replication: dict[str, str | int], words: str) -> None:
    assert words in "; ".join(replication_refusals(Keyspace.of("k", replication), TWO))


@pytest.mark.parametrize(
    "replication",
    [
        {"class": "org.apache.cassandra.locator.SimpleStrategy", "replication_factor": 4},
        {"class": "NetworkTopologyStrategy", "east": "3", "west": 1},
        {"class": "NetworkTopologyStrategy", "replication_factor": 1},
        {"class": "NetworkTopologyStrategy", "replication_factor": 1, "east": 3},
        {"class": "com.example.OwnStrategy", "whatever": "1"},
    ],
)
def test_what_can_be_given(replication: dict[str, str | int]) -> None:
    assert replication_refusals(Keyspace.of("k", replication), TWO) == ()


def test_more_replicas_than_nodes_are_told_and_refused_only_where_no_quorum_is_left() -> None:
    assert too_many_replicas(keyspace(east=4), TWO)
    assert without_quorum(keyspace(east=4), TWO) == ()
    assert without_quorum(keyspace(east=3, west=2), TWO) == (
        "2 of its 2 replicas in west must answer, and there is 1 node",
    )
    assert without_quorum(keyspace(east=3, west=2), TWO, local="east") == ()
    assert without_quorum(keyspace(east=3), {}) == ()


def test_a_data_centre_that_is_not_named_has_no_replica() -> None:
    assert centers_without_replicas(keyspace(east=3), TWO) == ("west",)
    assert centers_without_replicas(keyspace(east=3, west=0), TWO) == ("west",)
    assert centers_without_replicas(keyspace(replication_factor=1), TWO) == ()
    simple = Keyspace.of("k", {"class": "SimpleStrategy", "replication_factor": 1})
    assert centers_without_replicas(simple, TWO) == ()


@given(st.dictionaries(st.text(min_size=1, max_size=5), st.integers(0, 5), max_size=4), st.sampled_from((TWO, {})))
def test_any_map_gets_a_verdict(factors: dict[str, int], nodes: dict[str, int]) -> None:
    found = Keyspace.of("k", {"class": "NetworkTopologyStrategy", **factors})
    if set(factors) - {"replication_factor", "class"} - set(nodes):
        assert replication_refusals(found, nodes)
    for ask in (too_many_replicas, without_quorum, centers_without_replicas):
        ask(found, nodes)


@given(st.dictionaries(st.text(st.characters(exclude_categories=["Cs"]), max_size=8), st.text(max_size=8), max_size=3))
def test_a_map_is_printed_so_that_it_is_read_as_it_was(pairs: dict[str, str]) -> None:
    text = f"CREATE TABLE t (k int PRIMARY KEY) WITH extensions = {map_cql(sorted(pairs.items()))}"
    assert parse_table(text).options[0].value == tuple(sorted(pairs.items()))


def test_quotes_in_names_do_not_end_a_statement() -> None:
    found = Keyspace.of('od"d', {"class": "NetworkTopologyStrategy", "dc'1": 3})
    assert keyspace_cql(found) == (
        "CREATE KEYSPACE \"od\"\"d\" WITH replication = {'class': 'NetworkTopologyStrategy', 'dc''1': '3'}"
    )
