"""The members of the ring: who owns tokens, who moves, who answers."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from cassandra.pool import Host

from cassandra_views.cluster.database import Database

_MOVING = ("BOOT", "BOOT_REPLACE", "LEAVING", "MOVING")
_GONE = ("LEFT", "REMOVED_TOKEN", "REMOVING_TOKEN")


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One node of the ring.

    Args:
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


def read_members(database: Database) -> list[Member]:
    """Return the members, by the driver's list of hosts and the nodes' own gossip."""
    hosts = database.hosts()
    statuses: dict[str, str] = {}
    for answer in database.ask("SELECT host_id, status, status_with_port FROM system_views.gossip_info", hosts):
        for row in answer.rows:
            word = (row["status_with_port"] or row["status"] or "").partition(",")[0]
            known = statuses.get(row["host_id"])
            # Any observer that sees a move outweighs those that do not see it yet.
            if known is None or word in _MOVING:
                statuses[row["host_id"]] = word
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
                    owns_tokens=status not in ("BOOT", "BOOT_REPLACE"),
                )
            )
    return members
