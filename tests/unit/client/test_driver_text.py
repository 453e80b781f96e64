"""What the driver says when it meets no server at all: its error then holds a list of hosts, and no errors by host."""

from __future__ import annotations

from cassandra.cluster import NoHostAvailable

from cassandra_client.driver_errors import driver_text


def test_a_cluster_of_which_no_host_could_be_tried_is_told() -> None:
    assert "Unable to connect" in driver_text(NoHostAvailable("Unable to connect to any servers", ["127.0.0.1"]))
    assert driver_text(NoHostAvailable("none", {"127.0.0.1": OSError("refused")})) == (
        "no node answered (127.0.0.1: refused)"
    )
