"""Renames of views: the rows of a view move under its new name, and what serves stands under both.

Two names are two partitions, which no batch spans. So each write leaves both names served, and a run that is stopped
between two of them is resumed: the row that holds the generations under the former name says where they go.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from cassandra import ConsistencyLevel

from cassandra_client.database import Row
from cassandra_client.names import quoted
from cassandra_views.model.errors import RegistryError
from cassandra_views.model.generation import Serving, ViewRecord
from cassandra_views.model.names import ViewName
from cassandra_views.registry.rows import as_stored
from cassandra_views.registry.schema import static_columns
from cassandra_views.registry.store import Registry

_KEYS = ("keyspace_name", "view_name", "number")
_FACTS = ("suspect_since", "audited_at")
"""What is written of a generation beside the fence: a write of them while the rows move must not be lost."""


class RenameWriter:
    """Writes renames into the rows of a registry; the caller holds the lease."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def move(self, former: ViewName, name: ViewName) -> None:
        """Move all that the registry holds of a view under another name; the former one stays as a name of it.

        What was begun is finished, and what is done already stays as it is.

        Raises:
            RegistryError: the other name is taken; the view keeps its name.
            StalePlan: another run has taken one of the two over; the next run resumes.
            ClusterError: conditional writes fail.
        """
        registry = self._registry
        target, source = registry.hold(name), registry.hold(former)
        if not source.generations and former.view in dict(target.former_names):
            self._keep(target, source)
            return
        has_copy = source.renamed_to == name.view and former.view in target.kept_names
        if not has_copy and self._is_taken(target, former):
            if source.renamed_to == name.view and source.generations:
                registry.change_held(former, statics={"renamed_to": None})
            raise RegistryError(
                f"the name {name.view} is taken",
                on=str(former),
                remains=f"The view keeps the name {former.view}",
                next="Choose another name; 'views list' shows those in use",
            )
        registry.record_event(former, "rename", detail=f"to {name.view}")
        if source.renamed_to != name.view:
            registry.change_held(former, statics={"renamed_to": name.view})
        rows = self._rows(former)
        source = registry.hold(former)
        # By the clock of the history, whose lines up to now are read under the former name; stored in milliseconds.
        until = as_stored(datetime.now(UTC)) + timedelta(milliseconds=1)
        self._copy(rows, source.renamed(name, target, until), has_copy=has_copy)
        self._empty(rows, source)
        registry.note_event(name, "renamed", detail=f"from {former.view}")

    def follow(self, name: ViewName) -> tuple[str, ...]:
        """Let the former names of a view that are still served say what the view's own row says.

        Returns:
            Those that said something else.
        """
        record, changed = self._registry.hold(name), []
        for kept in record.kept_names:
            found = self._registry.read_settled(ViewName(keyspace=name.keyspace, view=kept))
            if not found.is_name_of(record) or found.is_in_step(record):
                continue
            statics = {"read_from": record.read_from, "renamed_to": name.view}
            self._registry.change(found, view=statics | {"grace_seconds": int(record.grace.total_seconds())})
            changed.append(kept)
        return tuple(changed)

    def give_up(self, name: ViewName, former: str) -> None:
        """Serve a former name no longer; its row goes on saying which name the view has."""
        record = self._registry.hold(name)
        found = self._registry.read_settled(ViewName(keyspace=name.keyspace, view=former))
        if found.is_name_of(record):
            empty: tuple[Serving, ...] = ()
            self._registry.change(found, view={"read_from": empty, "renamed_to": name.view})
        kept = tuple(each for each in record.kept_names if each != former)
        self._registry.change_held(name, statics={"kept_names": kept})

    def _keep(self, target: ViewRecord, source: ViewRecord) -> None:
        """Serve a former name again that was given up, as long as no other view has taken it."""
        if source.name.view not in target.kept_names and source.is_name_of(target):
            kept = (*target.kept_names, source.name.view)
            self._registry.change_held(target.name, statics={"kept_names": kept})

    def _is_taken(self, target: ViewRecord, former: ViewName) -> bool:
        """Tell whether a name is that of another view, or a former name that is still served."""
        if target.generations:
            return True
        if target.renamed_to in ("", former.view):
            return False
        other = self._registry.read(ViewName(keyspace=former.keyspace, view=target.renamed_to))
        return target.name.view in other.kept_names and other.is_live

    def _rows(self, name: ViewName) -> list[Row]:
        return self._registry.database.rows(
            f"SELECT * FROM {quoted(self._registry.keyspace)}.views WHERE keyspace_name = ? AND view_name = ?",
            (name.keyspace, name.view),
            consistency=ConsistencyLevel.SERIAL,
        )

    def _copy(self, rows: list[Row], record: ViewRecord, *, has_copy: bool) -> None:
        """Write the rows under the new name, each column as it stands.

        Args:
            record: as it is to be under that name.
        """
        first: Mapping[str, Any] = rows[0] if rows else {}
        shared = static_columns()
        statics = {column: first.get(column) for column in shared if column != "fence"}
        statics |= {
            "read_from": record.read_from,
            "next_number": record.next_number,
            "project": record.project or self._registry.project,
            "renamed_to": None,
            "kept_names": record.kept_names,
        }
        if not has_copy:
            statics["former_names"] = dict(record.former_names)
        else:
            del statics["former_names"]
        numbered = [row for row in rows if row["number"] is not None and row["state"]]
        generations = {
            row["number"]: {key: value for key, value in row.items() if key not in (*shared, *_KEYS)}
            for row in numbered
        }
        self._registry.change_held(record.name, statics=statics, generations=generations, is_copy=True)

    def _empty(self, rows: list[Row], source: ViewRecord) -> None:
        """Leave under the former name what readers of it need, and nothing else."""
        kept = ("fence", "read_from", "next_number", "grace_seconds", "project", "renamed_to")
        statics: dict[str, Any] = {column: None for column in static_columns() if column not in kept}
        numbers = [each.number for each in source.generations]
        facts = {row["number"]: {column: row[column] for column in _FACTS} for row in rows if row["number"] in numbers}
        self._registry.change_held(source.name, statics=statics, remove=numbers, only_if=facts)


__all__ = ["RenameWriter"]
