"""Whether the view writes of a build have arrived.

A node that has gone through its rows says SUCCESS while writes to other replicas are still under way: each
stands in ``system.batches`` until it is acknowledged. A batch that is not, in time, becomes a hint for that
replica (tried on 5.0.9: rows were missing for half a minute after the last batch had gone), so both count.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import UTC, datetime

from cassandra import Unauthorized
from cassandra.util import datetime_from_uuid1

from cassandra_client.database import Answer, Database
from cassandra_client.errors import ClusterError
from cassandra_client.members import Member


def server_time(database: Database) -> datetime:
    """Return now by a node's clock: batches carry the time of the nodes, not ours."""
    row = database.rows("SELECT now() AS now FROM system.local")[0]
    return _moment(row["now"])


def find_undrained(database: Database, members: Sequence[Member], cutoff: datetime) -> tuple[str, ...]:
    """Return the nodes that hold a batch or a hint of before the cut-off, or that cannot say.

    Raises:
        ClusterError: the role may not read them.
    """
    hosts = [member.host for member in members]
    batches = database.ask("SELECT id FROM system.batches", hosts)
    hints = database.ask("SELECT host_id, oldest FROM system_views.pending_hints", hosts)
    refuse_unauthorized([*batches, *hints])
    ids = {member.host_id for member in members}
    found = []
    for member, batch, hint in zip(members, batches, hints, strict=True):
        has_batch = any(_moment(row["id"]) <= cutoff for row in batch.rows)
        has_hint = any(row["host_id"] in ids and row["oldest"].replace(tzinfo=UTC) <= cutoff for row in hint.rows)
        if batch.error or hint.error or has_batch or has_hint:
            found.append(member.address)
    return tuple(found)


def _moment(timeuuid: uuid.UUID) -> datetime:
    moment: datetime = datetime_from_uuid1(timeuuid)
    return moment.replace(tzinfo=UTC)


def refuse_unauthorized(answers: Sequence[Answer]) -> None:
    """Tell which grants lack, where a node said that one does."""
    for answer in answers:
        if isinstance(answer.error, Unauthorized):
            raise ClusterError(
                f"the role may not read the build's status: {answer.error}",
                next="Grant SELECT on system.built_views, system.view_builds_in_progress, system.batches, "
                "system_distributed.view_build_status and system_views.pending_hints, then run the command again",
            )
