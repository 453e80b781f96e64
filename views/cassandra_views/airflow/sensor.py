"""Waiting until a view serves, in other people's DAGs. The Cassandra provider's table sensor cannot see views."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseSensorOperator

from cassandra_views.airflow.failures import as_airflow_errors
from cassandra_views.airflow.hook import ViewsHook
from cassandra_views.model.errors import ViewNotFound, ViewNotReady
from cassandra_views.model.times import parse_instant
from cassandra_views.read.pointer import PointerCache

if TYPE_CHECKING:
    from airflow.sdk import Context


class ViewServingSensor(BaseSensorOperator):
    """Waits until a view serves, or until what serves covers a time. Holds no worker slot between two looks.

    Args:
        view: ``view`` or ``keyspace.view``.
        covers: a moment, or its ISO 8601 text, that must lie in the window that serves; templated.
        cassandra_conn_id: a connection of the type ``cassandra`` or ``cassandra_views``.
        registry: the keyspace of the registry.
    """

    template_fields: Sequence[str] = ("view", "covers")

    def __init__(
        self,
        *,
        view: str,
        covers: datetime | str | None = None,
        cassandra_conn_id: str = ViewsHook.default_conn_name,
        registry: str = "views_registry",
        **kwargs: Any,
    ) -> None:
        super().__init__(**{"mode": "reschedule", **kwargs})
        self.view = view
        self.covers = covers
        self.cassandra_conn_id = cassandra_conn_id
        self.registry = registry

    def poke(self, context: Context) -> bool:
        """Look once.

        Raises:
            AirflowException: the registry cannot be read.
            TaskRefused: the connection, or the time, is wrong.
        """
        with as_airflow_errors(context["ti"]), ViewsHook(self.cassandra_conn_id).session() as session:
            pointers = PointerCache(
                session,
                registry=self.registry,
                keyspace=None,
                cache_seconds=0.0,
                timeout_seconds=10.0,
                clock=time.monotonic,
            )
            try:
                window = pointers.get(self.view).spans
            except (ViewNotFound, ViewNotReady) as error:
                self.log.info("%s", error)
                return False
        if self.covers is None:
            return True
        moment = parse_instant(self.covers) if isinstance(self.covers, str) else self.covers
        found = any(
            (span.entry.start is None or span.entry.start <= moment)
            and (span.entry.end is None or moment < span.entry.end)
            for span in window
        )
        if not found:
            self.log.info("%s serves, and does not cover %s", self.view, moment.isoformat())
        return found
