"""The members of the ring: who owns tokens, who moves, who answers."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass

from cassandra.connection import DefaultEndPoint
from cassandra.policies import SimpleConvictionPolicy
from cassandra.pool import Host

from cassandra_client.database import Database

_JOINING = ("BOOT", "BOOT_REPLACE")
_MOVING = (*_JOINING, "LEAVING", "MOVING")
_GONE = ("LEFT", "REMOVED_TOKEN", "REMOVING_TOKEN")


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One node of the ring.

    Args:
        host: of a node that joins it is one that the driver cannot ask.
        status: the word gossip has for it (``NORMAL``, ``BOOT``, ``LEAVING``, ``MOVING``, ``shutdown``);
            empty where no node's gossip could be read.
    """

    host: Host
    address: str
    host_id: uuid.UUID
    data_center: str
    status: str
    owns_tokens: bool

    @property
    def is_moving(self) -> bool:
        """Tell whether the member joins, leaves or moves."""
        return self.status in _MOVING


def read_members(
    database: Database, *, observers: Iterable[Host] | None = None, timeout_seconds: float = 5.0
) -> list[Member]:
    """Return the members, by the driver's list of hosts and the nodes' own gossip.

    A node that joins, or replaces another under its own address, is in no node's ``system.peers`` until it is done, so
    the driver does not know it: gossip alone does.

    Args:
        observers: the hosts whose gossip is asked; None asks all.
    """
    hosts = database.hosts()
    statuses: dict[str, str] = {}
    joining: dict[str, str] = {}
    query = "SELECT host_id, address, status, status_with_port FROM system_views.gossip_info"
    for answer in database.ask(query, hosts if observers is None else observers, timeout_seconds=timeout_seconds):
        for row in answer.rows:
            word = (row["status_with_port"] or row["status"] or "").partition(",")[0]
            known = statuses.get(row["host_id"])
            # Any observer that sees a move outweighs those that do not see it yet.
            if known is None or word in _MOVING:
                statuses[row["host_id"]] = word
            if word in _JOINING:
                joining[row["host_id"]] = str(row["address"])
    for host in hosts:
        joining.pop(str(host.host_id), None)
    hosts += [
        Host(DefaultEndPoint(address), SimpleConvictionPolicy, host_id=uuid.UUID(host_id))
        for host_id, address in joining.items()
    ]
    members = []
    for host in hosts:
        status = statuses.get(str(host.host_id), "")
        if status not in _GONE:
            members.append(
                Member(
                    host=host,
                    address=str(host.endpoint.address),
                    host_id=host.host_id,
                    data_center=host.datacenter or "",
                    status=status,
                    owns_tokens=status not in _JOINING,
                )
            )
    return members
