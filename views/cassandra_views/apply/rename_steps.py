"""Carries out the renames of a plan, and lets the former names of a view follow each switch."""

from __future__ import annotations

import time

from cassandra_views.model.names import ViewName
from cassandra_views.model.steps import GiveUpName, RenameView
from cassandra_views.registry.lease import Lease
from cassandra_views.registry.renames import RenameWriter
from cassandra_views.registry.store import Registry


class RenameSteps:
    """Carries out the renames of one run; several threads may use it, each for another view.

    Args:
        reader_cache_seconds: how long readers keep what the registry says.
    """

    def __init__(self, registry: Registry, lease: Lease, *, reader_cache_seconds: float) -> None:
        self._registry = registry
        self._lease = lease
        self._writer = RenameWriter(registry)
        self._reader_cache_seconds = reader_cache_seconds

    def rename(self, step: RenameView) -> str:
        """Move a view under its new name, or finish that; the former one says what the new one says.

        Raises:
            RegistryError: the name is taken; the view keeps the former one.
        """
        with self._lease.held():
            self._writer.move(ViewName(keyspace=step.view.keyspace, view=step.former), step.view)
            self._writer.follow(step.view)
        return f"readers of {step.former} and of {step.view.view} are served alike"

    def give_up(self, step: GiveUpName) -> str:
        """Serve a former name no longer."""
        with self._lease.held():
            self._registry.record_event(step.view, "give up name", detail=step.former)
            self._writer.give_up(step.view, step.former)
        return f"readers of {step.former} are told to read {step.view.view}"

    def follow(self, view: ViewName) -> None:
        """Let the former names say what the view's own row says after a switch; the caller holds the lease."""
        self._writer.follow(view)

    def follow_before_drop(self, view: ViewName) -> None:
        """Do the same where a run was stopped after the switch, and wait until readers know."""
        if not self._registry.hold(view).kept_names:
            return
        with self._lease.held():
            changed = self._writer.follow(view)
        if changed:
            time.sleep(2 * self._reader_cache_seconds)


__all__ = ["RenameSteps"]
