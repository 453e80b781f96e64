"""Carries out the steps that come before any view: the registry, keyspaces, base tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cassandra_client.database import Database
from cassandra_client.names import quoted
from cassandra_views.apply.ddl import Ddl, QuietLease
from cassandra_views.apply.registry_upgrade import write_about
from cassandra_views.model.steps import CreateKeyspace, CreateRegistry, CreateTable
from cassandra_views.registry.schema import SCHEMA_NUMBER, table_statements


class BaseSteps:
    """One method a step; each returns what came of it, in words."""

    def __init__(self, database: Database, ddl: Ddl, quiet: QuietLease) -> None:
        self._database = database
        self._ddl = ddl
        self._quiet = quiet

    def create_registry(self, step: CreateRegistry) -> str:
        """Make the registry: its tables carry ids, so that two rivals make one.

        Raises:
            ClusterError: a part of it could not be made; the next run goes on.
        """
        # Not even IF NOT EXISTS where it exists: the role may lack CREATE ON ALL KEYSPACES.
        query = "SELECT keyspace_name FROM system_schema.keyspaces WHERE keyspace_name = ?"
        if not self._database.rows(query, (step.keyspace,)):
            keyspace = f"CREATE KEYSPACE IF NOT EXISTS {quoted(step.keyspace)} WITH replication = {step.replication}"
            self._ddl.send_idempotent(keyspace, on=f"keyspace {step.keyspace}")
        for table, cql in table_statements(step.keyspace):
            self._ddl.send_idempotent(cql, on=f"table {step.keyspace}.{table}")
        query = f"INSERT INTO {quoted(step.keyspace)}.about (name, value) VALUES (?, ?) IF NOT EXISTS"
        write_about(self._database, step.keyspace, query, ("schema", str(SCHEMA_NUMBER)))
        return "made"

    def create_keyspace(self, step: CreateKeyspace) -> str:
        """Make a keyspace that views.toml describes."""
        with self._ddl.lease.held() as held:
            query = "SELECT keyspace_name FROM system_schema.keyspaces WHERE keyspace_name = ?"
            self._ddl.create_other(
                held, step.cql, f"keyspace {step.keyspace}", lambda: self._exists(query, (step.keyspace,))
            )
        return "made"

    def create_table(self, step: CreateTable) -> str:
        """Make a base table that its file says is ours."""
        with self._quiet.held(step.keyspace) as held:
            query = "SELECT id FROM system_schema.tables WHERE keyspace_name = ? AND table_name = ?"
            self._ddl.create_other(
                held,
                step.cql,
                f"table {step.keyspace}.{step.table}",
                lambda: self._exists(query, (step.keyspace, step.table)),
            )
        return "made"

    def _exists(self, query: str, values: Sequence[Any]) -> bool:
        return bool(self._database.rows(query, values))
