"""Observers by themselves: heartbeats over several looks, a machine's command, a port."""

from __future__ import annotations

import socket
import uuid
from datetime import UTC, datetime, timedelta

import pytest

from cassandra_client.database import Row
from cassandra_healing.model import HealthCheck, MemberId, Observation, ProbeResult
from cassandra_healing.probes import machine
from cassandra_healing.probes.gossip import HeartbeatTracker, status_of
from cassandra_healing.probes.prober import find_seeds

START = datetime(2026, 11, 24, 1, tzinfo=UTC)
N1, N2, N3 = (MemberId(host_id=uuid.uuid5(uuid.NAMESPACE_DNS, f"n{n}"), address=f"10.0.0.{n}") for n in (1, 2, 3))


def row(node: MemberId, heartbeat: int, generation: int = 100, status: str = "NORMAL,-1") -> Row:
    return {
        "host_id": str(node.host_id),
        "generation": generation,
        "heartbeat": heartbeat,
        "status": None,
        "status_with_port": status,
    }


def hear(heard: HeartbeatTracker, seconds: float, **told: Row) -> dict[str, ProbeResult]:
    """Let peers tell of n3; return their results."""
    peers = {"n1": N1, "n2": N2}
    found = heard.observe(
        START + timedelta(seconds=seconds), {peers[name]: [each] for name, each in told.items()}, [N3]
    )
    return {f"n{each.by.address[-1]}": each.result for each in found if each.by}


def test_the_first_look_says_nothing_and_a_growing_heartbeat_is_good() -> None:
    heard = HeartbeatTracker(still_seconds=8)
    assert hear(heard, 0, n1=row(N3, 50), n2=row(N3, 49)) == {"n1": ProbeResult.NEUTRAL, "n2": ProbeResult.NEUTRAL}
    assert hear(heard, 10, n1=row(N3, 60), n2=row(N3, 59)) == {"n1": ProbeResult.GOOD, "n2": ProbeResult.GOOD}


def test_a_heartbeat_that_stands_still_is_bad_after_a_while() -> None:
    heard = HeartbeatTracker(still_seconds=8)
    hear(heard, 0, n1=row(N3, 50))
    assert hear(heard, 5, n1=row(N3, 50)) == {"n1": ProbeResult.NEUTRAL}
    assert hear(heard, 9, n1=row(N3, 50)) == {"n1": ProbeResult.BAD}
    assert hear(heard, 12, n1=row(N3, 51)) == {"n1": ProbeResult.GOOD}


def test_a_restarted_peer_that_learns_what_others_know_proves_nothing() -> None:
    heard = HeartbeatTracker(still_seconds=8)
    hear(heard, 0, n1=row(N3, 50), n2=row(N3, 50))
    assert hear(heard, 10, n1=row(N3, 50), n2=row(N3, 0, generation=0)) == {
        "n1": ProbeResult.BAD,
        "n2": ProbeResult.NEUTRAL,
    }
    assert hear(heard, 20, n1=row(N3, 50), n2=row(N3, 50)) == {"n1": ProbeResult.BAD, "n2": ProbeResult.NEUTRAL}
    assert hear(heard, 30, n1=row(N3, 50), n2=row(N3, 50)) == {"n1": ProbeResult.BAD, "n2": ProbeResult.BAD}


def test_a_restarted_node_begins_with_a_small_heartbeat_of_a_newer_generation() -> None:
    heard = HeartbeatTracker(still_seconds=8)
    hear(heard, 0, n1=row(N3, 5000))
    assert hear(heard, 10, n1=row(N3, 3, generation=200)) == {"n1": ProbeResult.GOOD}


def test_what_another_process_heard_is_gone_on_from() -> None:
    first = HeartbeatTracker(still_seconds=8)
    found = first.observe(START, {N1: [row(N3, 50)]}, [N3])
    second = HeartbeatTracker(still_seconds=8)
    second.restore([HealthCheck(at=START, observations=tuple(found))])
    assert hear(second, 10, n1=row(N3, 50)) == {"n1": ProbeResult.BAD}
    assert hear(second, 11, n1=row(N3, 51)) == {"n1": ProbeResult.GOOD}


def test_a_peer_says_nothing_of_itself_or_of_whom_it_does_not_know() -> None:
    heard = HeartbeatTracker(still_seconds=8)
    found = heard.observe(START, {N3: [row(N3, 50)], N1: []}, [N3])
    assert [(each.by, each.result) for each in found] == [(N1, ProbeResult.NEUTRAL)]


def test_a_move_that_one_peer_saw_outweighs_the_others() -> None:
    told = {N1: [row(N3, 50, status="LEAVING,-1")], N2: [row(N3, 51)]}
    assert status_of(N3, told) == ("LEAVING", 100)
    assert status_of(N3, {N1: [row(N3, 50)], N2: [row(N3, 51, status="shutdown,true")]}) == ("shutdown", 100)
    assert status_of(N2, told) == ("", 0)


@pytest.mark.parametrize(
    ("text", "seeds"),
    [
        ("{seeds=192.168.0.1:7000}", {"10.0.0.1"}),
        ("{seeds=192.168.0.1,n2.local:7000}", {"10.0.0.1", "10.0.0.2"}),
        ("{seeds=192.168.0.3}", {"10.0.0.3"}),
        ("{seeds=an.alias.of.all}", {"10.0.0.1", "10.0.0.2", "10.0.0.3"}),
        ('{"seeds":"192.168.0.1:7000,192.168.0.2"}', {"10.0.0.1", "10.0.0.2"}),
        ("{}", set()),
    ],
)
def test_seeds_are_told_by_the_addresses_and_names_that_peers_use(text: str, seeds: set[str]) -> None:
    nodes = (N1, N2, N3)
    names = {
        f"{prefix}{n}{suffix}": str(node.host_id)
        for n, node in enumerate(nodes, 1)
        for prefix, suffix in (("192.168.0.", ""), ("n", ".local"))
    }
    settings = {"seed_provider.class_name": "SimpleSeedProvider", "seed_provider.parameters": text}
    assert find_seeds(settings, names, nodes) == seeds


@pytest.mark.parametrize(
    ("command", "result", "disk"),
    [
        (["echo", "running"], ProbeResult.NEUTRAL, None),
        (["echo", "stopped"], ProbeResult.BAD, None),
        (["echo", "gone"], ProbeResult.GONE, None),
        (["echo", "unknown"], ProbeResult.NEUTRAL, None),
        (["echo", "running disk=0.97"], ProbeResult.NEUTRAL, 0.97),
        (["echo", "stopped disk=1"], ProbeResult.BAD, 1.0),
        (["echo", "perhaps"], ProbeResult.NEUTRAL, None),
        (["false"], ProbeResult.NEUTRAL, None),
        (["/no/such/command"], ProbeResult.NEUTRAL, None),
    ],
)
def test_the_command_of_a_machine(command: list[str], result: ProbeResult, disk: float | None) -> None:
    found = machine.ask_provider(N3, command)
    assert (found.result, found.disk_used_share) == (result, disk)
    assert found.detail


def test_the_command_is_told_which_node() -> None:
    found = machine.ask_provider(N3, ["echo", "running", "{address}", "{host_id}"])
    assert found.detail == f"running 10.0.0.3 {N3.host_id}"


def test_a_port_that_takes_connections_proves_nothing_and_one_that_does_not_is_bad() -> None:
    here = MemberId(host_id=N1.host_id, address="127.0.37.1")
    with socket.socket() as listening:
        listening.bind((here.address, 0))
        listening.listen()
        port = listening.getsockname()[1]
        assert _seen(machine.probe_port(here, port, 1)) == (ProbeResult.NEUTRAL, "takes connections")
    assert _seen(machine.probe_port(here, port, 1)) == (ProbeResult.BAD, "connection refused")


def _seen(observation: Observation) -> tuple[ProbeResult, str]:
    return observation.result, observation.detail
