"""What happened to each view: lines that are added, never changed, and end by their TTL."""

from __future__ import annotations

import getpass
import os
import socket
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cassandra.util import datetime_from_uuid1, max_uuid_from_time

from cassandra_client.database import Database
from cassandra_client.names import quoted
from cassandra_views.model.names import ViewName


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


class History:
    """The ``history`` table of one registry."""

    def __init__(self, database: Database, keyspace: str, *, run: str, author: str, days: int) -> None:
        self._database = database
        self._table = f"{quoted(keyspace)}.history"
        self._run, self._author = run, author
        self._seconds = days * 86400

    def record(self, name: ViewName, event: str, *, number: int | None = None, detail: str = "") -> None:
        """Add one line to the view's history."""
        at = uuid.uuid1()
        month = f"{datetime.now(UTC):%Y-%m}"
        self._database.write(
            f"INSERT INTO {self._table} (keyspace_name, view_name, month, at, event, number, author, run, detail) "
            f"VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) USING TTL {self._seconds}",
            (name.keyspace, name.view, month, at, event, number, self._author, self._run, detail),
        )

    def read(
        self, name: ViewName, *, limit: int = 50, now: datetime | None = None, until: datetime | None = None
    ) -> list[Event]:
        """Return the view's last events, newest first; where it is given, those up to and with ``until``."""
        end = now or datetime.now(UTC)
        oldest = end.replace(day=1) - timedelta(seconds=self._seconds + 31 * 86400)
        end = end if until is None else min(until, end)
        moment, last = end.replace(day=1), None if until is None else max_uuid_from_time(end.timestamp())
        condition = "" if last is None else "AND at <= ? "
        found: list[Event] = []
        while moment > oldest and len(found) < limit:
            rows = self._database.rows(
                f"SELECT at, event, number, author, run, detail FROM {self._table} "
                f"WHERE keyspace_name = ? AND view_name = ? AND month = ? {condition}LIMIT ?",
                (name.keyspace, name.view, f"{moment:%Y-%m}", *([last] if last else []), limit - len(found)),
            )
            for row in rows:
                found.append(
                    Event(
                        at=datetime_from_uuid1(row["at"]).replace(tzinfo=UTC),
                        event=row["event"],
                        number=row["number"],
                        author=row["author"] or "",
                        run=row["run"] or "",
                        detail=row["detail"] or "",
                    )
                )
            moment = (moment - timedelta(days=1)).replace(day=1)
        return found
