"""Service checks of the last days, and journal entries about services, which have no host id."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from cassandra.util import datetime_from_uuid1, min_uuid_from_time

from cassandra_client.database import Row
from cassandra_client.driver_errors import DRIVER_ERRORS, short
from cassandra_client.errors import ViewsError
from cassandra_healing.errors import JournalError, OperationNotStarted
from cassandra_healing.model import ProbeResult
from cassandra_healing.operation_model import HealingAction, JournalState, Operation, OperationOutcome
from cassandra_healing.services.decision import ServiceDecision, ServiceRule
from cassandra_healing.services.model import ServiceCheck, service_id
from cassandra_healing.session import ClusterSession
from cassandra_healing.storage.control import ControlTable, service_operation_key
from cassandra_healing.storage.journal import Journal
from cassandra_healing.storage.tables import create_service_tables, service_tables_exist

_RECENT = timedelta(hours=48)


class ServiceJournal:
    """Reads and writes what was decided about services, and done. One operation at a time for each of them.

    Args:
        journal: of the cluster; its entries and its kill switch hold for services, too.
    """

    def __init__(self, session: ClusterSession, keyspace: str, journal: Journal, *, author: str) -> None:
        self._session = session
        self._keyspace = keyspace
        self._journal = journal
        self._control = ControlTable(session, keyspace, author=author)

    def read_state(self, name: str, now: datetime) -> JournalState:
        """Return what a decision about a service depends on; errors as ``ClusterSession.rows``."""
        return self.read_states((name,), now)[name]

    def read_states(self, names: Sequence[str], now: datetime) -> dict[str, JournalState]:
        """Return the records of several services; errors as ``ClusterSession.rows``."""
        if not self._journal.exists():
            return {name: JournalState() for name in names}
        entries = self._entries(now)
        found = {}
        for name in names:
            stopped, skips, held = self._control.read_service(service_id(name))
            operations = {operation.id: operation for operation in _operations(entries, name)}
            if held is not None and (held.id not in operations or operations[held.id].outcome is None):
                operations[held.id] = held  # its time is that of the process that works on it now
            found[name] = JournalState(stopped=stopped, skips=skips, operations=tuple(operations.values()))
        return found

    def is_recorded(self, decision: ServiceDecision, since: datetime, now: datetime) -> bool:
        """Tell whether this was written down since a moment, by any process; errors as ``ClusterSession.rows``."""
        if not self._journal.exists():
            return False
        return any(
            (row["event"], row["act"], row["rule"], row["node"])
            == ("decided", decision.act.value, decision.rule.value, decision.service)
            and _moment(row) >= since
            for row in self._entries(now)
        )

    def write_decision(self, decision: ServiceDecision) -> None:
        """Write a decision down; errors as ``ClusterSession.write``."""
        text = f"{decision.what}. {decision.remains}. {decision.next}"
        self._write("decided", text, decision)

    def begin(self, decision: ServiceDecision, now: datetime) -> Operation:
        """Begin what was decided, or take over what was cut off; nobody else is at it then.

        Raises:
            OperationNotStarted: another process is working on it, or a person stopped healing.
            JournalError: it could not be written down.
        """
        name = decision.service
        try:
            self._journal.create_tables()
            journal_state = self.read_state(name, now)
            if journal_state.stopped is not None or service_id(name).host_id in journal_state.skips:
                raise OperationNotStarted(
                    "it is skipped, or healing is switched off", on=name, next="See 'views cluster history'"
                )
            if any(operation.begun_at > decision.at for operation in journal_state.operations):
                raise OperationNotStarted(
                    "another process restarted or replaced it after this check", on=name, next="Check again"
                )
            if decision.rule is ServiceRule.CUT_OFF:
                return self._take_over(decision, journal_state, now)
            operation = Operation(id=uuid.uuid4(), act=decision.act, node=service_id(name), begun_at=now)
            self._release_ended(name, journal_state)
            if not self._control.acquire(operation, service_operation_key(name)):
                raise OperationNotStarted(
                    "another process is working on it", on=name, next="Wait for it to finish, then check again"
                )
            try:
                self._write("begun", decision.what, decision, operation)
            except ViewsError:
                self._control.release(operation, service_operation_key(name))
                raise
        except OperationNotStarted:
            raise
        except ViewsError as error:
            raise JournalError(
                f"it could not be recorded: {error.what}",
                on=name,
                remains="Nothing was done to it",
                next=error.next,
            ) from error
        return operation

    def refuse(self, decision: ServiceDecision, detail: str) -> None:
        """Write down that a person said no, or nobody answered; errors as ``ClusterSession.write``."""
        # Together: an operation that has begun and not ended would be run by the next process.
        operation = uuid.uuid4()
        about = {"operation_id": operation, "act": decision.act, "rule": decision.rule, "mode": decision.mode or ""}
        self._journal.write_service_entries(
            decision.service,
            (
                {"event": "begun", "detail": decision.what, "evidence": decision.evidence, **about},
                {"event": "ended", "detail": detail, "outcome": OperationOutcome.REFUSED, **about},
            ),
        )

    def step(self, decision: ServiceDecision, operation: Operation, detail: str) -> None:
        """Write down what is done next, before it is done; errors as ``ClusterSession.write``."""
        self._write("step", detail, decision, operation)

    def end(self, decision: ServiceDecision, operation: Operation, outcome: OperationOutcome, detail: str) -> None:
        """End an operation; errors as ``ClusterSession.write``. Can be called again."""
        self._write("ended", detail, decision, operation, outcome=outcome)
        self._control.release(operation, service_operation_key(decision.service))

    def _take_over(self, decision: ServiceDecision, journal_state: JournalState, now: datetime) -> Operation:
        operation = journal_state.under_way
        if operation is None:
            raise OperationNotStarted("it has ended meanwhile", on=decision.service, next="Check again")
        now = now.replace(microsecond=now.microsecond // 1000 * 1000)  # as the server keeps it
        try:
            is_ours = self._control.take_over(operation, now, service_operation_key(decision.service))
        except DRIVER_ERRORS as error:
            raise JournalError(
                f"it could not be taken over: {short(error)}", on=decision.service, next="The next check decides again"
            ) from error
        if not is_ours:
            raise OperationNotStarted(
                "another process took it over", on=decision.service, next="Wait for it to finish, then check again"
            )
        operation = replace(operation, begun_at=now)
        if not any(each.id == operation.id for each in _operations(self._entries(now), decision.service)):
            # Who began it died before its first line; without one, this restart would not count.
            self._write("begun", decision.what, decision, operation)
        return operation

    def _release_ended(self, name: str, journal_state: JournalState) -> None:
        """Remove the row of an operation whose end was written and whose healer died then."""
        held = self._control.read_service(service_id(name))[2]
        if held is not None and any(
            operation.id == held.id and operation.outcome for operation in journal_state.operations
        ):
            self._control.release(held, service_operation_key(name))

    def _write(
        self,
        event: str,
        detail: str,
        decision: ServiceDecision,
        operation: Operation | None = None,
        *,
        outcome: str = "",
    ) -> None:
        self._journal.write_service_entry(
            event,
            decision.service,
            detail,
            operation=operation.id if operation else None,
            act=decision.act,
            rule=decision.rule,
            mode=decision.mode or "",
            outcome=outcome,
            evidence=decision.evidence if event in ("decided", "begun") else (),
        )

    def _entries(self, now: datetime) -> list[Row]:
        since = now - _RECENT
        months = dict.fromkeys((f"{since:%Y-%m}", f"{now:%Y-%m}"))
        return [
            row
            for month in months
            for row in self._session.rows(
                f"SELECT at, event, operation, act, node, host_id, rule, outcome FROM {self._keyspace}.journal "
                "WHERE month = %s AND at > %s",
                (month, min_uuid_from_time(since.timestamp())),
            )
            if row["host_id"] is None
        ]


class ServiceCheckHistory:
    """Reads and writes the table ``services``."""

    def __init__(self, session: ClusterSession, keyspace: str, *, keep_hours: float) -> None:
        self._session = session
        self._keyspace = keyspace
        self._ttl = int(keep_hours * 3600)
        self._is_created = False

    def write(self, checks: Sequence[ServiceCheck]) -> None:
        """Keep a check at all services; errors as ``ClusterSession.write``."""
        if not self._is_created:
            create_service_tables(self._session, self._keyspace)
            self._is_created = True
        insert = (
            f"INSERT INTO {self._keyspace}.services (hour, at, service, work, machine, seen) "
            f"VALUES (%s, %s, %s, %s, %s, %s) USING TTL {self._ttl}"
        )
        self._session.write_together(
            [
                (insert, (_hour(each.at), each.at, each.service, each.work.value, each.machine.value, list(each.seen)))
                for each in checks
            ]
        )

    def read(self, since: datetime, until: datetime) -> dict[str, list[ServiceCheck]]:
        """Return the checks of a time by service, the oldest first; errors as ``ClusterSession.rows``."""
        found: dict[str, list[ServiceCheck]] = defaultdict(list)
        if not service_tables_exist(self._session, self._keyspace):
            return found
        hour = since.replace(minute=0, second=0, microsecond=0)
        while hour <= until:
            rows = self._session.rows(
                f"SELECT at, service, work, machine, seen FROM {self._keyspace}.services WHERE hour = %s AND at >= %s",
                (_hour(hour), since),
            )
            for row in sorted(rows, key=lambda row: row["at"]):
                found[row["service"]].append(
                    ServiceCheck(
                        service=row["service"],
                        at=row["at"].replace(tzinfo=UTC),
                        work=ProbeResult(row["work"]),
                        machine=ProbeResult(row["machine"]),
                        seen=tuple(row["seen"] or ()),
                    )
                )
            hour += timedelta(hours=1)
        return found


def _hour(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d_%H}"


def _moment(row: Row) -> datetime:
    found: datetime = datetime_from_uuid1(row["at"])
    return found.replace(tzinfo=UTC)


def _operations(entries: Sequence[Row], name: str) -> list[Operation]:
    ends = {row["operation"]: row for row in entries if row["event"] == "ended"}
    return [
        Operation(
            id=row["operation"],
            act=HealingAction(row["act"]),
            node=service_id(name),
            begun_at=_moment(row),
            ended_at=_moment(ends[row["operation"]]) if row["operation"] in ends else None,
            outcome=OperationOutcome(ends[row["operation"]]["outcome"]) if row["operation"] in ends else None,
        )
        for row in entries
        if row["event"] == "begun" and row["node"] == name
    ]
