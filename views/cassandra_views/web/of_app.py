"""What one app keeps of its views: options, connection, readers, and the bounds of its reads."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from cassandra.cluster import EXEC_PROFILE_DEFAULT, Session
from cassandra.query import tuple_factory

from cassandra_views.project.settings import Settings
from cassandra_views.read import ViewReader
from cassandra_views.web.connection import Connection
from cassandra_views.web.gate import Gate
from cassandra_views.web.metrics.reads import MeasuredGate, MeasuredReader
from cassandra_views.web.options import WebOptions


@dataclass(frozen=True, slots=True, kw_only=True)
class _Readers:
    """The readers of one session: rows as the app's code sees them, and as plain tuples for the API."""

    session: Session
    named: ViewReader
    plain: ViewReader


class ViewsOfApp:
    """What one app keeps: its options, its connection and its readers."""

    def __init__(self, options: WebOptions) -> None:
        self.options = options
        self.gate: Gate = MeasuredGate(most=options.most_at_once, most_per_client=options.most_at_once_per_client)
        self.connection = Connection(self.find_settings, timeout_seconds=options.timeout_seconds)
        self._readers: _Readers | None = None

    def find_settings(self) -> Settings:
        """Return how the cluster is reached: views.toml is looked for from the working folder upwards."""
        return self.options.settings(Path.cwd())

    @cached_property
    def registry(self) -> str:
        """Return the keyspace of the registry."""
        return self.find_settings().env.registry

    @cached_property
    def cache_seconds(self) -> float:
        """Return how long readers keep the pointer to what serves."""
        return self.find_settings().env.reader_cache_seconds

    @property
    def reader(self) -> ViewReader:
        """Return the reader whose rows are named tuples."""
        return self._current().named

    @property
    def plain_reader(self) -> ViewReader:
        """Return the reader whose rows are tuples in the order of the view's columns."""
        return self._current().plain

    def _current(self) -> _Readers:
        session = self.connection.get()
        readers = self._readers
        if readers is None or readers.session is not session:

            def reader(profile: Any) -> ViewReader:
                return MeasuredReader(
                    session,
                    registry=self.registry,
                    keyspace=self.options.keyspace,
                    cache_seconds=self.cache_seconds,
                    timeout_seconds=self.options.timeout_seconds,
                    execution_profile=profile,
                )

            tuples = session.execution_profile_clone_update(EXEC_PROFILE_DEFAULT, row_factory=tuple_factory)
            readers = _Readers(session=session, named=reader(EXEC_PROFILE_DEFAULT), plain=reader(tuples))
            self._readers = readers
        return readers
