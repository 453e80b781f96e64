"""The registry of one cluster: reads and writes its tables ``views`` and ``about``; ``facts`` alone writes beside it.

Every row of ``views`` is touched by conditional statements alone. An error or time-out of one means
"unknown", and is settled by reading the partition at SERIAL.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

from cassandra import ConsistencyLevel

from cassandra_client.database import Database, Row
from cassandra_client.driver_errors import DRIVER_ERRORS, driver_text, is_unknown_table, translate_driver_errors
from cassandra_client.errors import ClusterError, ViewsError
from cassandra_client.names import quoted
from cassandra_views.model.errors import RegistryError, StalePlan
from cassandra_views.model.generation import Generation, State, ViewRecord
from cassandra_views.model.names import ViewName
from cassandra_views.model.steps import Precondition
from cassandra_views.registry.history import Event, History
from cassandra_views.registry.rows import (
    check_move,
    find_record,
    holds,
    record_of,
    stale_plan,
    stored,
)
from cassandra_views.registry.schema import SCHEMA_NUMBER

_SCHEMA_NUMBER_TRIES = 4


class Registry:
    """The registry's keyspace on one cluster, and the rows that one run holds of it.

    A run takes a view's row once, under a fence of its own, and keeps the record up with each change; several threads
    may do so, each for another view.

    Args:
        run: the id under which what this process does is recorded.
        author: who acts, for the history.

    Attributes:
        database: the cluster that it is on.
        project: of the plan that is being carried out.
    """

    def __init__(self, database: Database, keyspace: str, *, run: str, author: str, history_days: int = 90) -> None:
        self.database = database
        self.keyspace = keyspace
        self.run = run
        self.author = author
        self._views = f"{quoted(keyspace)}.views"
        self._history = History(database, keyspace, run=run, author=author, days=history_days)
        self._on_warning: Callable[[str], None] = _ignore
        self._held: dict[ViewName, ViewRecord] = {}
        self._revisions: dict[ViewName, str] = {}
        self.project = ""

    def exists(self) -> bool:
        """Tell whether the registry is there, and whether this program may use it.

        Raises:
            RegistryError: it was made by a newer program.
        """
        return self.schema_number() is not None

    def schema_number(self) -> int | None:
        """Return the registry's schema number, None where there is no registry; errors as ``exists``."""
        found = self.database.rows(
            "SELECT table_name FROM system_schema.tables WHERE keyspace_name = ?", (self.keyspace,)
        )
        if not {"views", "history", "lease", "about"} <= {row["table_name"] for row in found}:
            return None
        try:
            rows = self.database.rows(f"SELECT value FROM {quoted(self.keyspace)}.about WHERE name = 'schema'")
        except ClusterError as error:
            # Another run is making the registry just now, and this node does not know of the table yet.
            if is_unknown_table(error.__cause__):
                return None
            raise
        if not rows:
            return None
        number = int(rows[0]["value"])
        if number > SCHEMA_NUMBER:
            raise RegistryError(
                f"the registry has schema {number}, and this program knows up to {SCHEMA_NUMBER}",
                on=self.keyspace,
                next="Upgrade cassandra-views",
            )
        return number

    def write_schema_number(self, *, former: int | None = None) -> None:
        """Write the schema number of a registry that was made or upgraded; rivals that do the same do no harm.

        Args:
            former: the number that is written over.

        Raises:
            ClusterError: the outcome stayed unknown.
        """
        table = f"{quoted(self.keyspace)}.about"
        query = f"INSERT INTO {table} (name, value) VALUES ('schema', ?) IF NOT EXISTS"
        if former is not None:
            query = f"UPDATE {table} SET value = ? WHERE name = 'schema' IF value = '{former}'"
        with translate_driver_errors("the registry could not be written", on=self.keyspace, remains="Its tables exist"):
            for attempt in range(1, _SCHEMA_NUMBER_TRIES + 1):
                try:
                    self.database.conditional([(query, (str(SCHEMA_NUMBER),))])
                    break
                except DRIVER_ERRORS:  # unknown, and the same again changes nothing twice
                    if attempt == _SCHEMA_NUMBER_TRIES:
                        raise
                    time.sleep(0.2 * attempt)

    def read_all(self) -> tuple[ViewRecord, ...]:
        """Return every view's record, in one paged read at LOCAL_QUORUM.

        One that holds what this program does not know has its error, and does not hold up the others.
        """
        rows = self.database.rows(f"SELECT * FROM {self._views}")
        found: dict[ViewName, list[Row]] = {}
        for row in rows:
            found.setdefault(ViewName(keyspace=row["keyspace_name"], view=row["view_name"]), []).append(row)
        return tuple(find_record(name, each) for name, each in found.items())

    def read(self, name: ViewName, *, is_serial: bool = False) -> ViewRecord:
        """Return one view's record; an empty one where the registry holds none."""
        rows = self.database.rows(
            f"SELECT * FROM {self._views} WHERE keyspace_name = ? AND view_name = ?",
            (name.keyspace, name.view),
            consistency=ConsistencyLevel.SERIAL if is_serial else ConsistencyLevel.LOCAL_QUORUM,
        )
        return record_of(name, rows)

    def spread(self, name: ViewName) -> None:
        """Make known in each data centre what serves.

        A read from a quorum of each brings replicas up to date that missed the last change.

        Raises:
            ClusterError: not every data centre answers.
        """
        self.database.rows(
            f"SELECT DISTINCT read_from FROM {self._views} WHERE keyspace_name = ? AND view_name = ?",
            (name.keyspace, name.view),
            consistency=ConsistencyLevel.EACH_QUORUM,
        )

    def raise_fence(self, name: ViewName, *, revision: str | None = None, needs_row: bool = True) -> ViewRecord:
        """Take a view's row for this run: a run that held it before can write no more.

        Args:
            revision: what the row must still be (``ViewRecord.revision``). A stale plan is refused before
                the fence is raised, so that it does not stop the run that made it stale.
            needs_row: False leaves a view without a row as it is: nobody works on it, and the first change
                makes its row, on the condition that there is still none.

        Returns:
            The record as it is now, under the new fence.

        Raises:
            StalePlan: the row is not of that revision.
            ClusterError: conditional writes fail.
        """
        for attempt in range(20):
            # A plain read is enough at first: the conditional write fails where it was behind.
            record = self.read_settled(name, is_serial=attempt > 0)
            if revision is not None and record.revision() != revision:
                raise stale_plan(name)
            if not record.fence and not needs_row:
                return record
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
                applied, _found = self.database.conditional([(query, values)])
            except DRIVER_ERRORS:
                continue  # unknown: the next round reads what stands
            if applied:
                # Every change raises the fence, so nothing has changed between the read and this.
                return replace(record, fence=fence)
        raise ClusterError(
            "its registry row could not be taken: conditional writes fail or rivals keep taking it",
            on=str(name),
            next="Check that a quorum of the registry's replicas is up, then run the command again",
        )

    def read_settled(self, name: ViewName, *, is_serial: bool = True) -> ViewRecord:
        """Read a view's row, mostly at SERIAL; rivals can make such a read time out, so it is tried more than once."""
        for pause in (0.05, 0.1, 0.2, 0.5, 1.0):
            with suppress(ClusterError):
                return self.read(name, is_serial=is_serial)
            time.sleep(pause)
        return self.read(name, is_serial=is_serial)

    def change(
        self,
        record: ViewRecord,
        *,
        view: Mapping[str, Any] | None = None,
        generations: Mapping[int, Mapping[str, Any]] | None = None,
        remove: Iterable[int] = (),
        only_if: Mapping[int, Mapping[str, Any]] | None = None,
        is_copy: bool = False,
    ) -> ViewRecord:
        """Change a view's row and its generations in one conditional batch, and raise the record's fence.

        Args:
            view: static columns and their values; ``read_from`` as values of the model.
            generations: columns by number.
            remove: numbers whose rows leave the registry.
            only_if: what columns of removed rows must hold still.
            is_copy: the generations come from another name of the view, in the states that they have there.

        Raises:
            StalePlan: somebody else has taken the row since.
            ClusterError: the outcome stayed unknown.
        """
        key = (record.name.keyspace, record.name.view)
        for number, columns in (generations or {}).items() if not is_copy else ():
            check_move(record, number, columns)
        statics = {column: stored(value) for column, value in (view or {}).items()}
        sets = ", ".join(f"{column} = ?" for column in ["fence", *statics])
        statements: list[tuple[str, tuple[Any, ...]]] = [
            (
                f"UPDATE {self._views} SET {sets} WHERE keyspace_name = ? AND view_name = ? IF fence = ?",
                (record.fence + 1, *statics.values(), *key, record.fence or None),
            )
        ]
        for number, columns in (generations or {}).items():
            sets = ", ".join(f"{column} = ?" for column in columns)
            query = f"UPDATE {self._views} SET {sets} WHERE keyspace_name = ? AND view_name = ? AND number = ?"
            statements.append((query, (*(stored(value) for value in columns.values()), *key, number)))
        for number in remove:
            query = f"DELETE FROM {self._views} WHERE keyspace_name = ? AND view_name = ? AND number = ?"
            conditions = (only_if or {}).get(number, {})
            query += f" IF {' AND '.join(f'{column} = ?' for column in conditions)}" if conditions else ""
            statements.append((query, (*key, number, *conditions.values())))
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
                applied, _found = self.database.conditional(statements)
            except DRIVER_ERRORS as unknown:
                error = unknown
                now = self.read_settled(record.name)
                if now.fence == record.fence:
                    continue  # it did not arrive
                if now.fence == record.fence + 1 and holds(now, view, generations, remove):
                    return now
                break
            if applied:
                # Under our own fence, also where a rival has raised it since: our next change must fail then.
                # What was applied is committed at LOCAL_QUORUM, so a plain read at that level sees it.
                return replace(self.read_settled(record.name, is_serial=False), fence=record.fence + 1)
            if error is not None:
                # An earlier sending of the same batch may have arrived after we looked.
                now = self.read_settled(record.name)
                if now.fence == record.fence + 1 and holds(now, view, generations, remove):
                    return now
            break
        else:
            raise ClusterError(
                f"its registry row could not be written: {driver_text(error) if error else 'no answer'}",
                on=str(record.name),
                remains="Its state is as 'views show' tells",
                next="Check that a quorum of the registry's replicas is up, then run the command again",
            ) from error
        raise StalePlan(
            "another run has taken this view over",
            on=str(record.name),
            remains="What that run did stands; this one stopped before its change",
            next="Look at 'views history', then run the command again",
        )

    def begin_run(
        self, project: str, preconditions: Iterable[Precondition], *, on_warning: Callable[[str], None]
    ) -> None:
        """Begin to carry out a plan: forget what another one held.

        Args:
            preconditions: what the views' rows must still be when the run takes them.
            on_warning: is told where the history could not be written.
        """
        self.project = project
        self._on_warning = on_warning
        self._held.clear()
        self._revisions = {each.view: each.revision for each in preconditions}

    def refuse_stale(self) -> None:
        """Compare every precondition of the run with the registry, before anything is begun.

        Raises:
            StalePlan: a view is not as it was when the plan was made.
        """
        records = {record.name: record for record in self.read_all()} if self._revisions else {}
        for view, revision in self._revisions.items():
            if records.get(view, ViewRecord(name=view)).revision() != revision:
                raise stale_plan(view)

    def hold(self, name: ViewName) -> ViewRecord:
        """Return the view's record under this run's fence; the first touch checks the plan's precondition.

        Raises:
            StalePlan: the view is not as it was when the plan was made; the fence was left alone.
        """
        if name not in self._held:
            self._held[name] = self.raise_fence(name, revision=self._revisions.get(name), needs_row=False)
        return self._held[name]

    def get_held(self, name: ViewName, number: int, *states: State) -> tuple[ViewRecord, Generation]:
        """Return the view's record under this run's fence, and one of its generations.

        Raises:
            StalePlan: the generation is not there, or in none of these states.
        """
        record = self.hold(name)
        each = record.find(number)
        if each is None or (states and each.state not in states):
            raise stale_plan(name)
        return record, each

    def change_held(
        self,
        name: ViewName,
        *,
        statics: Mapping[str, Any] | None = None,
        generations: Mapping[int, Mapping[str, Any]] | None = None,
        remove: Iterable[int] = (),
        **more: Any,
    ) -> ViewRecord:
        """Change a view's rows under this run's fence, as ``change`` does, and keep the record.

        Raises:
            StalePlan: another run has taken the view over.
        """
        self._held[name] = self.change(self.hold(name), view=statics, generations=generations, remove=remove, **more)
        return self._held[name]

    def fail_generation(self, name: ViewName, number: int, reason: str, **more: object) -> None:
        """Mark a generation failed and count that; it serves nobody, and the next plan drops it.

        Args:
            more: further columns of the generation.
        """
        record, each = self.get_held(name, number)
        rows = {number: {"state": State.FAILED, "reason": reason, **more}}
        self.change_held(name, statics=record.count_failed_build(each, reason), generations=rows)

    def record_event(self, name: ViewName, event: str, *, number: int | None = None, detail: str = "") -> None:
        """Add one line to the view's history: of what is about to be done, which is not begun without it."""
        self._history.record(name, event, number=number, detail=detail)

    def note_event(self, name: ViewName, event: str, *, number: int | None = None, detail: str = "") -> None:
        """Add one line to the view's history: of what was done, which stands also where that cannot be written."""
        try:
            self._history.record(name, event, number=number, detail=detail)
        except ClusterError as error:
            self._on_warning(f"{name}: '{event}' is done and could not be noted in the history: {error.what}")

    def note_failure(self, name: ViewName, number: int | None, error: ViewsError) -> None:
        """Leave the reason where operators look; a registry that cannot be written must not hide the error."""
        with suppress(ViewsError):
            self._history.record(name, "error", number=number, detail=str(error))
            if name in self._held:
                self.change_held(name, statics={"last_error": str(error)})

    def history(self, name: ViewName, *, limit: int = 50) -> list[Event]:
        """Return the view's last events, newest first; those from before a rename stand under its former name."""
        found, former_names = self._history.read(name, limit=limit), ViewRecord(name=name).former_names
        with suppress(RegistryError):  # rows that a newer program wrote
            former_names = self.read(name).former_names
        for former, until in former_names:
            found += self._history.read(ViewName(keyspace=name.keyspace, view=former), limit=limit, until=until)
        return sorted(found, key=lambda each: each.at, reverse=True)[:limit]


def _ignore(text: str) -> None:
    """Tell nobody."""


__all__ = ["Registry"]
