"""Whether now is a time to begin work on views: every node is up, in its place, and nothing is built. Reads only."""

from __future__ import annotations

from collections.abc import Collection

from cassandra_client.database import Database
from cassandra_client.members import read_members
from cassandra_views.apply.builds import running_builds


def find_waits(database: Database, keyspace: str, *, own: Collection[str] = ()) -> tuple[str, ...]:
    """Return what a CREATE or DROP in the keyspace had better wait for, in words; nothing where it may begin.

    A view that is created while a node is down is built only when it is back, and costs each write until then; one
    that is created while another is built in its keyspace starts that build anew (4.1, 5.0).

    Args:
        own: physical views whose builds do not count.

    Raises:
        ClusterError: no node answers.
    """
    found = []
    members = read_members(database)
    answers = database.ask("SELECT schema_version FROM system.local", [member.host for member in members])
    versions: set[str] = set()
    for member, answer in zip(members, answers, strict=True):
        if member.is_moving:
            found.append(f"node {member.address} is changing its place in the ring ({member.status})")
        elif not answer.rows:
            found.append(f"node {member.address} is down")
        versions |= {str(row["schema_version"]) for row in answer.rows}
    if len(versions) > 1:
        found.append("the nodes disagree on the schema")
    running = [each for each in running_builds(database, keyspace) if each not in own]
    if running:
        found.append(f"keyspace {keyspace}: {', '.join(running)} is being built")
    return tuple(found)
