"""Overrides of view files: written by a person, or by the program where runs keep failing."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from typing import Any

from cassandra_client.errors import ConfigurationError, ViewsError
from cassandra_views.apply.executor import Executor
from cassandra_views.apply.reports import Listener, SharedListener
from cassandra_views.model.errors import ProjectError, RegistryError
from cassandra_views.model.generation import OverrideKind, ViewRecord
from cassandra_views.model.names import ViewName
from cassandra_views.model.times import instant_text
from cassandra_views.registry.facts import FactWriter
from cassandra_views.registry.rows import override_columns
from cassandra_views.registry.store import Registry

_SHOWN = 300
"""How much of an error the reason of an override holds; the history has all of it."""


class Overrides:
    """Writes overrides, and counts failed runs.

    Args:
        clock: aware UTC; written into the registry.
        listener: is told where the history could not be written.
        freeze_after: after how many failed runs in a row a view is frozen; 0 is never.
    """

    def __init__(
        self,
        registry: Registry,
        executor: Executor,
        *,
        clock: Callable[[], datetime],
        listener: Listener,
        freeze_after: int,
    ) -> None:
        self._registry = registry
        self._executor = executor
        self._on_warning = SharedListener(listener).note
        self._clock = clock
        self._freeze_after = freeze_after

    def override(
        self,
        views: Sequence[ViewName],
        kind: OverrideKind | None,
        *,
        reason: str,
        until: datetime | None,
        project: str,
        with_file: Collection[ViewName],
    ) -> tuple[ViewRecord, ...]:
        """Write a decision, or end it with None, and stop the runs that work on the views.

        Args:
            project: whose views they are, where the registry does not know yet.
            with_file: those that have a file.

        Raises:
            ConfigurationError: no reason is given, or ``until`` is over.
            ProjectError: nothing of a view exists that could be frozen or off.
            RegistryError: there is no registry.
        """
        on = ", ".join(map(str, views))
        if not reason.strip():
            raise ConfigurationError("no reason is given", on=on, next="Say why: every plan and status shows it")
        if until is not None and until <= self._clock():
            raise ConfigurationError(
                f"{instant_text(until)} is in the past", on=on, next="Give a future time in UTC, or leave --until out"
            )
        self._prepare(on)
        for view in views:
            record = self._registry.read(view)
            if kind is not None and view not in with_file and not record.is_live:
                raise ProjectError(
                    f"there is nothing that could be {kind.value}: {record.absence()}, and it has no file",
                    on=str(view),
                    next="Name another view; 'views list' shows those there are",
                )
        return tuple(self._override(view, kind, reason, until, project) for view in views)

    def _override(
        self, view: ViewName, kind: OverrideKind | None, reason: str, until: datetime | None, project: str
    ) -> ViewRecord:
        record = self._registry.raise_fence(view)
        statics: dict[str, Any] = {
            **override_columns(kind, by=self._registry.author, reason=reason, until=until),
            "project": record.project or project,
        }
        if kind is None:
            statics |= {"failures": None, "failed_at": None}
        if kind is None:
            # The reason first: the row keeps none of a decision that ends another one.
            self._registry.record_event(view, "override none", detail=reason)
        try:
            changed = self._registry.change(record, view=statics)
        except ViewsError as error:
            self._registry.note_failure(view, None, error)
            raise
        if kind is not None:
            self._registry.note_event(view, f"override {kind.value}", detail=reason)
        return changed

    def note_failed_run(self, view: ViewName, error: str, *, project: str) -> ViewRecord:
        """Count one more failed run in a row; freeze the view where they are too many.

        Raises:
            RegistryError: there is no registry.
        """
        self._prepare(str(view))
        now = self._clock()
        record = FactWriter(self._registry).count_failed_run(view, at=now, error=error)
        self._registry.note_event(view, "run failed", detail=error)
        is_decided = record.override is not None and record.override.holds(now)
        if is_decided or not 0 < self._freeze_after <= record.failures:
            return record
        text = " ".join(error.split())
        last = text if len(text) <= _SHOWN else f"{text[: _SHOWN - 3]}..."
        runs = "1 run failed" if record.failures == 1 else f"{record.failures} runs in a row failed; the last"
        return self._override(view, OverrideKind.FROZEN, f"{runs}: {last}", None, project)

    def _prepare(self, on: str) -> None:
        if not self._registry.exists():
            raise RegistryError(
                "there is no registry yet",
                on=on,
                next="Run 'views apply' first, which creates it",
            )
        self._executor.upgrade_registry()
        self._registry.begin_run("", (), on_warning=self._on_warning)
