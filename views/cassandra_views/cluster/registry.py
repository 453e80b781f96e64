"""The registry: the only reader and writer of ``views``, ``history`` and ``about``.

Every row of ``views`` is touched by conditional statements alone. An error or time-out of one means
"unknown", and is settled by reading the partition at SERIAL.
"""

from __future__ import annotations

import getpass
import os
import socket
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from cassandra import ConsistencyLevel

from cassandra_views.cluster.database import DRIVER_ERRORS, Database, Row, driver_text, explained
from cassandra_views.cluster.registry_schema import SCHEMA_NUMBER
from cassandra_views.model.errors import ClusterError, RegistryError, StalePlan
from cassandra_views.model.generation import (
    MOVES,
    Audit,
    Generation,
    Override,
    OverrideKind,
    Serving,
    State,
    Strategy,
    ViewRecord,
)
from cassandra_views.model.names import ViewName, quoted


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One line of a view's history."""

    at: datetime
    event: str
    number: int | None
    author: str
    run: str
    detail: str


def author() -> str:
    """Return who acts, as the history names them: ``VIEWS_AUTHOR``, or user at host."""
    given = os.environ.get("VIEWS_AUTHOR")
    if given:
        return given
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = str(os.getuid())
    return f"{user}@{socket.gethostname()}"


class Registry:
    """The registry's keyspace on one cluster.

    Args:
        run: the id under which this process's deeds are recorded.
    """

    def __init__(self, database: Database, keyspace: str, *, run: str, author: str, history_days: int = 90) -> None:
        self._database = database
        self.keyspace = keyspace
        self.run = run
        self.author = author
        self._history_seconds = history_days * 86400
        self._views = f"{quoted(keyspace)}.views"
        self._history = f"{quoted(keyspace)}.history"

    def exists(self) -> bool:
        """Tell whether the registry is there, and whether this program may use it.

        Raises:
            RegistryError: it was made by a newer program.
        """
        found = self._database.rows(
            "SELECT table_name FROM system_schema.tables WHERE keyspace_name = ?", (self.keyspace,)
        )
        if not {"views", "history", "lease", "about"} <= {row["table_name"] for row in found}:
            return False
        rows = self._database.rows(f"SELECT value FROM {quoted(self.keyspace)}.about WHERE name = 'schema'")
        if not rows:
            return False
        number = int(rows[0]["value"])
        if number > SCHEMA_NUMBER:
            raise RegistryError(
                f"the registry has schema {number}, and this program knows up to {SCHEMA_NUMBER}",
                on=self.keyspace,
                next="Upgrade cassandra-views",
            )
        return True

    def read_all(self) -> tuple[ViewRecord, ...]:
        """Return every view's record, in one paged read at LOCAL_QUORUM."""
        rows = self._database.rows(f"SELECT * FROM {self._views}")
        found: dict[ViewName, list[Row]] = {}
        for row in rows:
            found.setdefault(ViewName(keyspace=row["keyspace_name"], view=row["view_name"]), []).append(row)
        return tuple(_record(name, each) for name, each in found.items())

    def read(self, name: ViewName, *, is_serial: bool = False) -> ViewRecord:
        """Return one view's record; an empty one where the registry holds none."""
        rows = self._database.rows(
            f"SELECT * FROM {self._views} WHERE keyspace_name = ? AND view_name = ?",
            (name.keyspace, name.view),
            consistency=ConsistencyLevel.SERIAL if is_serial else ConsistencyLevel.LOCAL_QUORUM,
        )
        return _record(name, rows)

    def raise_fence(self, name: ViewName) -> ViewRecord:
        """Take a view's row for this run: whoever held it before can write no more.

        Returns:
            The record as it is now, under the new fence.
        """
        for _ in range(20):
            record = self.read(name, is_serial=True)
            fence = record.fence + 1
            if record.fence:
                query = f"UPDATE {self._views} SET fence = ? WHERE keyspace_name = ? AND view_name = ? IF fence = ?"
                values: tuple[Any, ...] = (fence, name.keyspace, name.view, record.fence)
            else:
                query = (
                    f"INSERT INTO {self._views} (keyspace_name, view_name, fence, next_number) "
                    "VALUES (?, ?, ?, 1) IF NOT EXISTS"
                )
                values = (name.keyspace, name.view, fence)
            try:
                applied, _found = self._database.conditional([(query, values)])
            except DRIVER_ERRORS:
                continue  # unknown: the next round reads what stands
            if applied:
                return self.read(name, is_serial=True)
        raise ClusterError(
            "its registry row could not be taken: conditional writes fail or rivals keep taking it",
            on=str(name),
            next="See that a quorum of the registry's replicas is up, then run the command again",
        )

    def change(
        self,
        record: ViewRecord,
        *,
        view: Mapping[str, Any] | None = None,
        generations: Mapping[int, Mapping[str, Any]] | None = None,
        remove: Iterable[int] = (),
    ) -> ViewRecord:
        """Change a view's row and its generations in one conditional batch under the record's fence.

        Args:
            view: static columns and their values; ``read_from`` as values of the model.
            generations: columns by number.
            remove: numbers whose rows leave the registry.

        Raises:
            StalePlan: somebody else has taken the row since.
            ClusterError: the outcome stayed unknown.
        """
        key = (record.name.keyspace, record.name.view)
        for number, columns in (generations or {}).items():
            _check_move(record, number, columns)
        statics = {column: _stored(value) for column, value in (view or {}).items()}
        sets = ", ".join(f"{column} = ?" for column in ["fence", *statics])
        statements: list[tuple[str, tuple[Any, ...]]] = [
            (
                f"UPDATE {self._views} SET {sets} WHERE keyspace_name = ? AND view_name = ? IF fence = ?",
                (record.fence, *statics.values(), *key, record.fence),
            )
        ]
        for number, columns in (generations or {}).items():
            sets = ", ".join(f"{column} = ?" for column in columns)
            query = f"UPDATE {self._views} SET {sets} WHERE keyspace_name = ? AND view_name = ? AND number = ?"
            statements.append((query, (*(_stored(value) for value in columns.values()), *key, number)))
        for number in remove:
            query = f"DELETE FROM {self._views} WHERE keyspace_name = ? AND view_name = ? AND number = ?"
            statements.append((query, (*key, number)))
        return self._settled(record, statements, view or {}, generations or {}, tuple(remove))

    def _settled(
        self,
        record: ViewRecord,
        statements: list[tuple[str, tuple[Any, ...]]],
        view: Mapping[str, Any],
        generations: Mapping[int, Mapping[str, Any]],
        remove: tuple[int, ...],
    ) -> ViewRecord:
        error: Exception | None = None
        for _ in range(5):
            try:
                applied, _found = self._database.conditional(statements)
            except DRIVER_ERRORS as unknown:
                error = unknown
                now = self.read(record.name, is_serial=True)
                if now.fence == record.fence and _holds(now, view, generations, remove):
                    return now
                if now.fence != record.fence:
                    break
                continue  # it did not arrive: the same batch once more changes nothing twice
            if applied:
                return self.read(record.name, is_serial=True)
            break
        else:
            raise ClusterError(
                f"its registry row could not be written: {driver_text(error) if error else 'no answer'}",
                on=str(record.name),
                remains="Its state is as 'views show' tells",
                next="See that a quorum of the registry's replicas is up, then run the command again",
            ) from error
        raise StalePlan(
            "another run has taken this view over",
            on=str(record.name),
            remains="What that run did stands; this one stopped before its change",
            next="Look at 'views history', then run the command again",
        )

    def record_event(self, name: ViewName, event: str, *, number: int | None = None, detail: str = "") -> None:
        """Add one line to the view's history."""
        at = uuid.uuid1()
        month = f"{datetime.now(UTC):%Y-%m}"
        self._database.write(
            f"INSERT INTO {self._history} (keyspace_name, view_name, month, at, event, number, author, run, detail) "
            f"VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) USING TTL {self._history_seconds}",
            (name.keyspace, name.view, month, at, event, number, self.author, self.run, detail),
        )

    def history(self, name: ViewName, *, limit: int = 50, now: datetime | None = None) -> list[Event]:
        """Return the view's last events, newest first."""
        moment = (now or datetime.now(UTC)).replace(day=1)
        oldest = moment - timedelta(seconds=self._history_seconds + 31 * 86400)
        found: list[Event] = []
        while moment > oldest and len(found) < limit:
            rows = self._database.rows(
                f"SELECT toTimestamp(at) AS moment, event, number, author, run, detail FROM {self._history} "
                "WHERE keyspace_name = ? AND view_name = ? AND month = ? LIMIT ?",
                (name.keyspace, name.view, f"{moment:%Y-%m}", limit - len(found)),
            )
            for row in rows:
                found.append(
                    Event(
                        at=row["moment"].replace(tzinfo=UTC),
                        event=row["event"],
                        number=row["number"],
                        author=row["author"] or "",
                        run=row["run"] or "",
                        detail=row["detail"] or "",
                    )
                )
            moment = (moment - timedelta(days=1)).replace(day=1)
        return found


def _check_move(record: ViewRecord, number: int, columns: Mapping[str, Any]) -> None:
    """Refuse a state move that the one table of moves does not hold: a bug of ours, never a user's."""
    before, after = record.find(number), columns.get("state")
    if after is None or (before is None and after is State.BUILDING):
        return
    if before is None or (after is not before.state and after not in MOVES[before.state]):
        state = before.state.value if before else "nothing"
        raise StalePlan(
            f"it is {state} and cannot become {after.value}",
            on=f"{record.name} generation {number}",
            next="Plan again",
        )


def _holds(
    now: ViewRecord,
    view: Mapping[str, Any],
    generations: Mapping[int, Mapping[str, Any]],
    remove: tuple[int, ...],
) -> bool:
    """Tell whether a batch of unknown outcome has been applied."""
    if "read_from" in view and now.read_from != tuple(view["read_from"]):
        return False
    if "next_number" in view and now.next_number != view["next_number"]:
        return False
    if "override" in view and (now.override.kind if now.override else None) != view["override"]:
        return False
    if any(now.find(number) for number in remove):
        return False
    for number, columns in generations.items():
        each = now.find(number)
        if each is None:
            return False
        if any(getattr(each, _FIELDS.get(key, key)) != value for key, value in columns.items() if key in _CHECKED):
            return False
    return bool(generations or remove or {"read_from", "next_number", "override"} & set(view))


_CHECKED = ("state", "audit", "physical_name")
_FIELDS = {"physical_name": "physical"}


def _stored(value: Any) -> Any:
    """Return a value of the model as the column holds it."""
    if isinstance(value, tuple | list):
        return [each.to_map() if isinstance(each, Serving) else each for each in value]
    if isinstance(value, State | Audit | Strategy | OverrideKind):
        return value.value
    return value


def _utc(value: datetime | None) -> datetime | None:
    return value.replace(tzinfo=UTC) if value is not None else None


def _record(name: ViewName, rows: list[Row]) -> ViewRecord:
    if not rows:
        return ViewRecord(name=name)
    first = rows[0]
    override = None
    if first["override"]:
        override = Override(
            kind=OverrideKind(first["override"]),
            by=first["override_by"] or "",
            why=first["override_why"] or "",
            until=_utc(first["override_until"]),
        )
    grace = first["grace_seconds"]
    with explained("the registry's row cannot be read", on=str(name)):
        return ViewRecord(
            name=name,
            fence=first["fence"] or 0,
            next_number=first["next_number"] or 1,
            read_from=tuple(Serving.from_map(dict(each)) for each in first["read_from"] or ()),
            strategy=Strategy(first["strategy"] or "rebuild"),
            grace=timedelta(seconds=grace) if grace is not None else timedelta(minutes=15),
            override=override,
            next_due=_utc(first["next_due"]),
            last_error=first["last_error"] or "",
            project=first["project"] or "",
            # A row of an unknown state was written by a newer program; it is left alone.
            generations=tuple(_generation(row) for row in rows if row["number"] is not None and row["state"]),
        )


def _generation(row: Row) -> Generation:
    return Generation(
        number=row["number"],
        physical=row["physical_name"],
        table_id=row["table_id"],
        version=row["version"] or "",
        state=State(row["state"]),
        window_start=_utc(row["window_start"]),
        window_end=_utc(row["window_end"]),
        audit=Audit(row["audit"]) if row["audit"] else None,
        audited_at=_utc(row["audited_at"]),
        created_at=_utc(row["created_at"]),
        built_at=_utc(row["built_at"]),
        served_at=_utc(row["served_at"]),
        retired_at=_utc(row["retired_at"]),
        rows_built=row["rows_built"],
        run=row["run"] or "",
        cql=row["cql"] or "",
        reason=row["reason"] or "",
    )


Now = Callable[[], datetime]
