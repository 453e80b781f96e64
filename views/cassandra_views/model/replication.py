"""How a keyspace is replicated, and what of that a cluster's data centres cannot give. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from cassandra_views.model.names import nearest

SIMPLE, NETWORK = "SimpleStrategy", "NetworkTopologyStrategy"
_PACKAGE = "org.apache.cassandra.locator."
_FACTOR = "replication_factor"


@dataclass(frozen=True, slots=True, kw_only=True)
class Keyspace:
    """A keyspace as views.toml describes it, or as ``system_schema`` holds it.

    Args:
        replication: pairs of a key and its value, ``class`` among them.
    """

    name: str
    replication: tuple[tuple[str, str], ...]

    @classmethod
    def of(cls, name: str, replication: Mapping[str, object]) -> Keyspace:
        """Return the keyspace with its map in one spelling: the class first and by its short name, then sorted."""
        pairs = {key: str(value).strip() for key, value in replication.items()}
        pairs["class"] = pairs.get("class", "").removeprefix(_PACKAGE)
        return cls(name=name, replication=tuple(sorted(pairs.items(), key=lambda pair: (pair[0] != "class", pair))))

    def factors(self, data_centers: Mapping[str, int]) -> dict[str, int]:
        """Return how many replicas each data centre has; one of no name stands for the whole cluster."""
        pairs = dict(self.replication)
        strategy = pairs.pop("class", "")
        if strategy == SIMPLE:
            return {"": _count(pairs.get(_FACTOR, ""))}
        if strategy != NETWORK:
            return {}
        every = pairs.pop(_FACTOR, None)
        found = dict.fromkeys(data_centers, _count(every)) if every is not None else {}
        return found | {name: _count(value) for name, value in pairs.items()}


def refusals(keyspace: Keyspace, data_centers: Mapping[str, int]) -> tuple[str, ...]:
    """Return why this keyspace had better not be made on a cluster of these data centres; empty where it may.

    Args:
        data_centers: their names, and how many nodes each has.
    """
    pairs = dict(keyspace.replication)
    strategy = pairs.pop("class", "")
    if not strategy:
        return ("its replication names no class",)
    if strategy not in (SIMPLE, NETWORK):
        if "." in strategy:
            return ()  # somebody's own class
        return (f"there is no replication class '{strategy}'{nearest(strategy, [SIMPLE, NETWORK])}".rstrip("?"),)
    found = []
    if strategy == SIMPLE:
        found += [f"{SIMPLE} takes replication_factor alone, not '{key}'" for key in pairs if key != _FACTOR]
        if _FACTOR not in pairs:
            found.append(f"{SIMPLE} needs replication_factor")
    elif not pairs:
        found.append(f"{NETWORK} needs a number of replicas for a data centre")
    for key, value in pairs.items():
        if "/" in value:
            found.append(f"'{key}' is {value}: materialized views are not supported on transient replicas")
        elif not value.isdigit():
            found.append(f"'{key}' is {value}, which is no number of replicas")
        elif strategy == NETWORK and key != _FACTOR and key not in data_centers:
            known = ", ".join(sorted(data_centers))
            found.append(f"there is no data centre '{key}'; the cluster has {known}")
    return tuple(found) or too_many(keyspace, data_centers)


def too_many(keyspace: Keyspace, data_centers: Mapping[str, int]) -> tuple[str, ...]:
    """Return where a keyspace has more replicas than there are nodes."""
    return tuple(
        f"it asks for {count} replicas{f' in {name}' if name else ''}, and {name or 'the cluster'} has {_nodes(nodes)}"
        for name, count, nodes in _beside(keyspace, data_centers)
        if count > nodes
    )


def without_quorum(keyspace: Keyspace, data_centers: Mapping[str, int], local: str | None = None) -> tuple[str, ...]:
    """Return where so many replicas are asked for that a quorum of them can never answer.

    Args:
        local: the data centre that is read and written in; without it every one counts that has replicas.
    """
    return tuple(
        f"{count // 2 + 1} of its {count} replicas{f' in {name}' if name else ''} must answer, "
        f"and there {'is' if nodes == 1 else 'are'} {_nodes(nodes)}"
        for name, count, nodes in _beside(keyspace, data_centers)
        if (not name or local is None or name == local) and count // 2 + 1 > nodes
    )


def _beside(keyspace: Keyspace, data_centers: Mapping[str, int]) -> list[tuple[str, int, int]]:
    """Return (data centre, replicas, nodes); nothing where no node is known."""
    total = sum(data_centers.values())
    return [
        (name, count, data_centers.get(name, 0) if name else total)
        for name, count in sorted(keyspace.factors(data_centers).items())
        if total
    ]


def _nodes(count: int) -> str:
    return f"{count} node{'s' if count != 1 else ''}"


def _count(value: str | None) -> int:
    text = (value or "").partition("/")[0]
    return int(text) if text.isdigit() else 0
