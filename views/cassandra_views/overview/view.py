"""What the page of one view shows, put together of an overview and of questions that are asked at once. Pure."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any

from cassandra_client.errors import ViewsError
from cassandra_views.apply.builds import BuildLook
from cassandra_views.model.errors import ProjectError, ViewNotFound
from cassandra_views.model.generation import Generation, State
from cassandra_views.overview.lookout import Question
from cassandra_views.overview.questions import BaseSize, Overview, ask_base, ask_build, ask_events
from cassandra_views.overview.row import ViewRow
from cassandra_views.overview.timeline import held_chart, lives_chart
from cassandra_views.plan.selection import resolve
from cassandra_views.registry.history import Event

Asking = tuple[Hashable, Question[Any]]
"""A question and what it is known by."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewPage:
    """One view of an overview, whose page asks more of the cluster."""

    overview: Overview
    row: ViewRow

    @classmethod
    def of(cls, overview: Overview, name: str) -> ViewPage:
        """Return the page of the view that a person means.

        Raises:
            ViewNotFound: no view, or more than one, has that name.
        """
        try:
            found = resolve(name, [status.name for status, _record in overview.views])
        except ProjectError as error:
            raise ViewNotFound(error.what, on=error.on, next="The list of views has those that there are") from error
        status, record = overview.find(found)
        return cls(overview=overview, row=ViewRow(status=status, record=record, now=overview.at))

    @property
    def building(self) -> tuple[Generation, ...]:
        """The generations that are being built."""
        return self.row.record.in_state(State.BUILDING)

    @property
    def events(self) -> Asking:
        """The question without whose answer there is no page."""
        name = self.row.record.name
        return ("events", name), ask_events(name)

    @property
    def builds(self) -> tuple[Asking, ...]:
        """The questions how far each build is; the page stands without their answers."""
        name = self.row.record.name
        return tuple((("build", name, each.number), ask_build(name, each.number)) for each in self.building)

    @property
    def base(self) -> tuple[Asking, ...]:
        """The question for the base table, where the view exists; the page stands without its answer."""
        name = self.row.record.name
        table = self.overview.bases.get(name)
        if table is None:
            return ()
        carried = self.overview.carried[name.keyspace, table]
        return ((("base", name.keyspace, table, carried), ask_base(name.keyspace, table, carried)),)

    def build_values(self, builds: list[BuildLook | ViewsError]) -> dict[str, Any]:
        """Return what the template of the builds alone shows."""
        return {"builds": list(zip(self.building, builds, strict=True))}

    def values(
        self, events: tuple[Event, ...], builds: list[BuildLook | ViewsError], base: list[BaseSize | ViewsError]
    ) -> dict[str, Any]:
        """Return what the template of the page shows."""
        generations, now = self.row.record.generations, self.overview.at
        return {
            "overview": self.overview,
            "now": now,
            "row": self.row,
            "events": events,
            "base": next((each for each in base if isinstance(each, BaseSize)), None),
            "held": held_chart(generations, now),
            "lives": lives_chart(generations, now),
            **self.build_values(builds),
        }
