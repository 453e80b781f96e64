"""What the driver says when it meets no server at all: its error then holds a list of hosts, and no errors by host."""

from __future__ import annotations

from cassandra import DriverException, InvalidRequest, OperationTimedOut
from cassandra.cluster import NoHostAvailable

from cassandra_client.driver_errors import driver_text, short_driver_text


def test_a_cluster_of_which_no_host_could_be_tried_is_told() -> None:
    assert "Unable to connect" in driver_text(NoHostAvailable("Unable to connect to any servers", ["127.0.0.1"]))
    assert driver_text(NoHostAvailable("none", {"127.0.0.1": OSError("refused")})) == (
        "no node answered (127.0.0.1: refused)"
    )


def test_what_one_node_says_is_told_in_a_few_words() -> None:
    refused = InvalidRequest('Error from server: code=2200 [Invalid query] message="unconfigured table looks"')
    assert short_driver_text(refused) == "unconfigured table looks"
    assert (
        short_driver_text(NoHostAvailable("none", {"127.0.0.1": OperationTimedOut("client timeout")}))
        == "no answer in time"
    )
    assert short_driver_text(NoHostAvailable("Unable to connect to any servers", ["127.0.0.1"])) == "no connection"
    assert len(short_driver_text(DriverException("word " * 100))) == 120
