"""Which nodes are seeds, by what a node says of its configuration. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from cassandra_healing.model import NodeId

_SEEDS = re.compile(r"\bseeds=|\"seeds\":")
"""What stands before them: as Java prints a map, and as JSON (Cassandra 6.0)."""


def find_seeds(settings: Mapping[str, str], addresses: Mapping[str, str], nodes: Sequence[NodeId]) -> frozenset[str]:
    """Return the seeds among the nodes, by the addresses that clients use; nodes listen to peers on others.

    Where the names of seeds cannot be providers from each other (an alias of several) each node counts as one.

    Args:
        addresses: the host id of each address and name that peers use.
    """
    providers = [value for key, value in settings.items() if key.startswith("seed_provider")]
    text = next((_SEEDS.split(value, maxsplit=1)[1] for value in providers if _SEEDS.search(value)), "")
    named = re.findall(r"[\w.:\-\[\]]+", text)
    hosts = {each.rpartition(":")[0] if each.count(":") == 1 else each for each in named}
    by_host = {str(node.host_id): node.address for node in nodes}
    found = {by_host[host_id] for name, host_id in addresses.items() if name in hosts and host_id in by_host}
    return frozenset(found or (by_host.values() if hosts else ()))
