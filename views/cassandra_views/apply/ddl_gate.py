"""DDL at quiet times: any DDL in a keyspace starts its running builds anew (4.1, 5.0), so it waits for them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from cassandra_client.database import Database
from cassandra_views.apply.builds import running_builds
from cassandra_views.apply.reports import Listener, Notice
from cassandra_views.model.errors import BuildStalled
from cassandra_views.registry.lease import Held, Lease

PATIENCE_SECONDS = 3600.0
"""How long the same builds may run; other runs' builds may be large, and they watch for stalls themselves."""


class QuietLease:
    """Holds the cluster's lease for a DDL while nothing is built in its keyspace.

    Args:
        lease: covers one statement, never the wait.
    """

    def __init__(
        self, database: Database, lease: Lease, listener: Listener, *, patience_seconds: float = PATIENCE_SECONDS
    ) -> None:
        self._database = database
        self._lease = lease
        self._listener = listener
        self._patience = patience_seconds
        self._ignored: dict[str, set[str]] = {}

    def ignore(self, keyspace: str, physical: str) -> None:
        """Leave a build out: one that this run has just begun beside others, or that it drops anyway."""
        self._ignored.setdefault(keyspace, set()).add(physical)

    @contextmanager
    def held(self, keyspace: str) -> Iterator[Held]:
        """Hold the lease for the length of a block, in which nothing is built in the keyspace.

        Raises:
            BuildStalled: the same builds ran for an hour.
            LeaseHeld: others kept the lease.
        """
        while True:
            with self._lease.held() as held:
                if not self._running(keyspace):
                    yield held
                    return
            self._await(keyspace)  # without the lease, which others need meanwhile

    def _running(self, keyspace: str) -> tuple[str, ...]:
        ignored = self._ignored.setdefault(keyspace, set())
        return tuple(each for each in running_builds(self._database, keyspace) if each not in ignored)

    def _await(self, keyspace: str) -> None:
        before: tuple[str, ...] = ()
        changed = time.monotonic()
        while running := self._running(keyspace):
            if running != before:
                before, changed = running, time.monotonic()
                self._listener(
                    Notice(text=f"keyspace {keyspace}: waiting for the running build of {', '.join(running)}")
                )
            if time.monotonic() - changed > self._patience:
                raise BuildStalled(
                    f"the build of {', '.join(running)} does not end, and a DDL now would start it anew",
                    on=f"keyspace {keyspace}",
                    next="Look at 'views status', or drop that view, then run the command again",
                )
            time.sleep(0.3)
