"""A node that joins a running cluster and stays at that, as one does that has much to stream."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import yaml

from cassandra_embedded import EmbeddedCassandra
from cassandra_embedded.errors import EmbeddedError


@contextmanager
def joining(cluster: EmbeddedCassandra, address: str) -> Iterator[str]:
    """Let one more node join for the length of a block, in which it does not come to an end; give its address."""
    seed = yaml.safe_load((cluster.folder / "node1" / "cassandra.yaml").read_text(encoding="utf-8"))
    seeds = {"seeds": f"{seed['listen_address']}:{seed['storage_port']}"}
    node = EmbeddedCassandra(
        1,
        address=address,
        port=0,
        cluster_name=cluster.cluster_name,
        settings={
            "auto_bootstrap": True,
            "initial_token": "12345",
            "seed_provider": [{"class_name": "org.apache.cassandra.locator.SimpleSeedProvider", "parameters": [seeds]}],
        },
        jvm_options=["-Dcassandra.ring_delay_ms=600000"],
        timeout_seconds=600,
    )

    def start() -> None:
        with suppress(EmbeddedError):
            node.start()

    starting = threading.Thread(target=start)
    starting.start()
    try:
        yield address
    finally:
        node.kill_node(1)  # its start ends by that
        starting.join(60)
