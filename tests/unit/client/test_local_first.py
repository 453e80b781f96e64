"""Each node of each data centre has a connection, in whatever order the driver learns of them."""

from __future__ import annotations

from itertools import permutations
from types import SimpleNamespace

import pytest
from cassandra.connection import DefaultEndPoint
from cassandra.policies import HostDistance, SimpleConvictionPolicy
from cassandra.pool import Host

from cassandra_client.database import LocalFirstPolicy, OneCenterPolicy


def host(address: str, data_center: str) -> Host:
    found = Host(DefaultEndPoint(address), SimpleConvictionPolicy)
    found.set_location_info(data_center, "rack1")
    return found


HOSTS = [host("10.0.1.1", "east"), host("10.0.1.2", "east"), host("10.0.2.1", "west"), host("10.0.2.2", "west")]


@pytest.mark.parametrize("order", list(permutations(range(4))))
def test_no_node_is_left_out_and_those_of_one_data_center_come_first(order: tuple[int, ...]) -> None:
    policy = LocalFirstPolicy("east")
    policy.populate(SimpleNamespace(endpoints_resolved=[]), [HOSTS[place] for place in order])
    distances = {each.address: policy.distance(each) for each in HOSTS}
    east, west = HostDistance.LOCAL, HostDistance.REMOTE
    assert distances == {"10.0.1.1": east, "10.0.1.2": east, "10.0.2.1": west, "10.0.2.2": west}
    plan = list(policy.make_query_plan())
    assert {each.datacenter for each in plan[:2]} == {"east"}
    assert set(plan) == set(HOSTS)


@pytest.mark.parametrize("center", ["east", "west", "north"])
def test_rows_of_one_data_center_are_asked_of_its_nodes_alone(center: str) -> None:
    policy = LocalFirstPolicy("east")
    policy.populate(SimpleNamespace(endpoints_resolved=[]), HOSTS)
    asked = set(OneCenterPolicy(policy, center).make_query_plan())
    assert asked == {each for each in HOSTS if each.datacenter == center}
