"""Makes a registry, and drops one: the two steps that change what all others are written into."""

from __future__ import annotations

from cassandra_client.database import Database
from cassandra_client.names import quoted
from cassandra_views.apply.ddl import Ddl
from cassandra_views.model.steps import CreateRegistry, DropRegistry
from cassandra_views.plan.leaving import refuse_left
from cassandra_views.registry.removal import (
    LAST_TABLES,
    LEASE_TABLE,
    RegistryContents,
    find_marked,
    has_keyspace,
    note_own_keyspace,
    read_contents,
)
from cassandra_views.registry.schema import table_statements
from cassandra_views.registry.store import Registry


class RegistrySteps:
    """Carries out the steps of one run that are for its registry."""

    def __init__(self, database: Database, registry: Registry, ddl: Ddl) -> None:
        self._database = database
        self._registry = registry
        self._ddl = ddl

    def create(self, step: CreateRegistry) -> str:
        """Make the registry: its tables carry ids, so that two rivals make one."""
        # Not even IF NOT EXISTS where it exists: the role may lack CREATE ON ALL KEYSPACES.
        is_own = not has_keyspace(self._database, step.keyspace)
        if is_own:
            keyspace = f"CREATE KEYSPACE IF NOT EXISTS {quoted(step.keyspace)} WITH replication = {step.replication}"
            self._ddl.send_idempotent(keyspace, on=f"keyspace {step.keyspace}")
        for table, cql in table_statements(step.keyspace):
            self._ddl.send_idempotent(cql, on=f"table {step.keyspace}.{table}")
        if is_own:
            note_own_keyspace(self._database, step.keyspace)
        self._registry.write_schema_number()
        return "made"

    def drop(self, step: DropRegistry) -> str:
        """Drop the registry's tables, the lease last, so that no other run begins meanwhile; then its keyspace.

        What the keyspace holds is looked at again before each statement. The keyspace goes with the last tables in one
        statement, since one of them says whose it is.

        Raises:
            RegistryError: it still manages views; nothing was dropped.
            ClusterError: a statement was refused, or its outcome is unknown; the next run drops what is left.
            LeaseHeld: another run keeps the lease.
        """
        found = read_contents(self._database, step.keyspace)
        if found.tables and LEASE_TABLE not in found.tables:  # a run was stopped while it made the registry
            self._ddl.send_idempotent(
                dict(table_statements(step.keyspace))[LEASE_TABLE], on=f"keyspace {step.keyspace}"
            )
        while (found := read_contents(self._database, step.keyspace)).exists:
            drops_keyspace = step.drops_keyspace and found.drops_keyspace
            if not found.tables and not drops_keyspace:
                break
            self._drop_next(step.keyspace, found, drops_keyspace=drops_keyspace)
        if not found.exists:
            return "dropped, and the keyspace"
        others = ", ".join(found.others)
        return f"dropped; the keyspace stays{f' with {others}' if others else ''}"

    def _drop_next(self, keyspace: str, found: RegistryContents, *, drops_keyspace: bool) -> None:
        """Drop the next table, or the keyspace with the tables that are dropped last."""
        first = found.tables[0] if found.tables else ""
        with self._ddl.lease.held() as held:
            self._refuse_left(keyspace)
            if drops_keyspace and not set(found.tables) - set(LAST_TABLES):
                on = f"keyspace {keyspace}"
                self._ddl.drop_other(
                    held,
                    f"DROP KEYSPACE IF EXISTS {quoted(keyspace)}",
                    on,
                    lambda: has_keyspace(self._database, keyspace),
                )
                return
            self._ddl.drop_other(
                held,
                f"DROP TABLE IF EXISTS {quoted(keyspace)}.{quoted(first)}",
                f"table {keyspace}.{first}",
                lambda: first in read_contents(self._database, keyspace).tables,
            )

    def _refuse_left(self, keyspace: str) -> None:
        live = [each for each in self._registry.read_all() if each.is_live] if self._registry.exists() else []
        left = [(each.name.keyspace, one.physical) for each in live for one in each.generations]
        left += [(each.name.keyspace, each.name.view) for each in live if not each.generations]
        refuse_left(keyspace, [*left, *find_marked(self._database, keyspace)])


__all__ = ["RegistrySteps"]
