"""What is kept of services: looks for some days, and lines in the same journal as those of nodes, without a host id."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from cassandra.util import datetime_from_uuid1, min_uuid_from_time

from cassandra_healing.errors import HealingError, JournalError, OperationNotStarted
from cassandra_healing.model import ProbeResult
from cassandra_healing.operation_model import HealingAction, JournalState, Operation, OperationOutcome
from cassandra_healing.services.decision import ServiceDecision, ServiceRule
from cassandra_healing.services.model import ServiceCheck, service_id
from cassandra_healing.session import DRIVER_ERRORS, ClusterSession, Row, short
from cassandra_healing.storage.control import ControlTable, service_operation_key
from cassandra_healing.storage.journal import Journal
from cassandra_healing.storage.tables import create_service_tables, service_tables_exist

_RECENT = timedelta(hours=48)


class ServiceJournal:
    """Reads and writes what was decided about services, and done. One deed at a time for each of them.

    Args:
        journal: of the cluster; its lines and its kill switch hold for services, too.
    """

    def __init__(self, session: ClusterSession, keyspace: str, journal: Journal, *, author: str) -> None:
        self._session = session
        self._keyspace = keyspace
        self._journal = journal
        self._control = ControlTable(session, keyspace, author=author)

    def record(self, name: str, now: datetime) -> JournalState:
        """Return what a decision about a service depends on; errors as ``ClusterSession.rows``."""
        return self.records((name,), now)[name]

    def records(self, names: Sequence[str], now: datetime) -> dict[str, JournalState]:
        """Return the records of several services; errors as ``ClusterSession.rows``."""
        if not self._journal.exists():
            return {name: JournalState() for name in names}
        lines = self._lines(now)
        found = {}
        for name in names:
            stopped, skips, held = self._control.read_service(service_id(name))
            deeds = {deed.id: deed for deed in _operations(lines, name)}
            if held is not None and (held.id not in deeds or deeds[held.id].outcome is None):
                deeds[held.id] = held  # its time is that of whoever is at it now
            found[name] = JournalState(stopped=stopped, skips=skips, deeds=tuple(deeds.values()))
        return found

    def was_told(self, decision: ServiceDecision, since: datetime, now: datetime) -> bool:
        """Tell whether this was written down since a moment, by whomever; errors as ``ClusterSession.rows``."""
        if not self._journal.exists():
            return False
        return any(
            (row["event"], row["act"], row["rule"], row["node"])
            == ("decided", decision.act.value, decision.rule.value, decision.service)
            and _moment(row) >= since
            for row in self._lines(now)
        )

    def decided(self, decision: ServiceDecision) -> None:
        """Write a decision down; errors as ``ClusterSession.write``."""
        text = f"{decision.what}. {decision.remains}. {decision.next}"
        self._write("decided", text, decision)

    def begin(self, decision: ServiceDecision, now: datetime) -> Operation:
        """Begin what was decided, or take over what was cut off; nobody else is at it then.

        Raises:
            NotBegun: another one is at it, or a person said stop.
            JournalError: it could not be written down.
        """
        name = decision.service
        try:
            self._journal.make()
            record = self.record(name, now)
            if record.stopped is not None or service_id(name).host_id in record.skips:
                raise OperationNotStarted(
                    "a person said to leave it alone", on=name, next="See 'views cluster history'"
                )
            if any(deed.begun_at > decision.at for deed in record.deeds):
                raise OperationNotStarted("somebody saw to it since it was looked at", on=name, next="Look again")
            if decision.rule is ServiceRule.CUT_OFF:
                return self._take_over(decision, record, now)
            deed = Operation(id=uuid.uuid4(), act=decision.act, node=service_id(name), begun_at=now)
            self._sweep(name, record)
            if not self._control.take(deed, service_operation_key(name)):
                raise OperationNotStarted("somebody else is at it", on=name, next="Wait for its end, then look again")
            try:
                self._write("begun", decision.what, decision, deed)
            except HealingError:
                self._control.give_back(deed, service_operation_key(name))
                raise
        except OperationNotStarted:
            raise
        except HealingError as error:
            raise JournalError(
                f"it could not be written down: {error.what}",
                on=name,
                remains="Nothing was done to it",
                next=error.next,
            ) from error
        return deed

    def refuse(self, decision: ServiceDecision, detail: str) -> None:
        """Write down that a person said no, or nobody answered; errors as ``ClusterSession.write``."""
        # Together: a deed that has begun and not ended would be done by the next healer.
        deed = uuid.uuid4()
        about = {"deed_id": deed, "act": decision.act, "rule": decision.rule, "mode": decision.mode or ""}
        self._journal.service_together(
            decision.service,
            (
                {"event": "begun", "detail": decision.what, "evidence": decision.evidence, **about},
                {"event": "ended", "detail": detail, "outcome": OperationOutcome.REFUSED, **about},
            ),
        )

    def step(self, decision: ServiceDecision, deed: Operation, detail: str) -> None:
        """Write down what is done next, before it is done; errors as ``ClusterSession.write``."""
        self._write("step", detail, decision, deed)

    def end(self, decision: ServiceDecision, deed: Operation, outcome: OperationOutcome, detail: str) -> None:
        """End a deed; errors as ``ClusterSession.write``. Can be called again."""
        self._write("ended", detail, decision, deed, outcome=outcome)
        self._control.give_back(deed, service_operation_key(decision.service))

    def _take_over(self, decision: ServiceDecision, record: JournalState, now: datetime) -> Operation:
        deed = record.under_way
        if deed is None:
            raise OperationNotStarted("it has ended meanwhile", on=decision.service, next="Look again")
        now = now.replace(microsecond=now.microsecond // 1000 * 1000)  # as the server keeps it
        try:
            is_ours = self._control.renew(deed, now, service_operation_key(decision.service))
        except DRIVER_ERRORS as error:
            raise JournalError(
                f"it could not be taken over: {short(error)}", on=decision.service, next="The next look decides again"
            ) from error
        if not is_ours:
            raise OperationNotStarted(
                "somebody else took it over", on=decision.service, next="Wait for its end, then look again"
            )
        deed = replace(deed, begun_at=now)
        if not any(each.id == deed.id for each in _operations(self._lines(now), decision.service)):
            # Who began it died before its first line; without one, this restart would not count.
            self._write("begun", decision.what, decision, deed)
        return deed

    def _sweep(self, name: str, record: JournalState) -> None:
        """Remove the row of a deed whose end was written and whose healer died then."""
        held = self._control.read_service(service_id(name))[2]
        if held is not None and any(deed.id == held.id and deed.outcome for deed in record.deeds):
            self._control.give_back(held, service_operation_key(name))

    def _write(
        self,
        event: str,
        detail: str,
        decision: ServiceDecision,
        deed: Operation | None = None,
        *,
        outcome: str = "",
    ) -> None:
        self._journal.service(
            event,
            decision.service,
            detail,
            deed=deed.id if deed else None,
            act=decision.act,
            rule=decision.rule,
            mode=decision.mode or "",
            outcome=outcome,
            evidence=decision.evidence if event in ("decided", "begun") else (),
        )

    def _lines(self, now: datetime) -> list[Row]:
        since = now - _RECENT
        months = dict.fromkeys((f"{since:%Y-%m}", f"{now:%Y-%m}"))
        return [
            row
            for month in months
            for row in self._session.rows(
                f"SELECT at, event, deed, act, node, host_id, rule, outcome FROM {self._keyspace}.journal "
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
        self._is_made = False

    def write(self, looks: Sequence[ServiceCheck]) -> None:
        """Keep a look at all services; errors as ``ClusterSession.write``."""
        if not self._is_made:
            create_service_tables(self._session, self._keyspace)
            self._is_made = True
        insert = (
            f"INSERT INTO {self._keyspace}.services (hour, at, service, work, machine, seen) "
            f"VALUES (%s, %s, %s, %s, %s, %s) USING TTL {self._ttl}"
        )
        self._session.write_together(
            [
                (insert, (_hour(each.at), each.at, each.service, each.work.value, each.machine.value, list(each.seen)))
                for each in looks
            ]
        )

    def read(self, since: datetime, until: datetime) -> dict[str, list[ServiceCheck]]:
        """Return the looks of a time by service, the oldest first; errors as ``ClusterSession.rows``."""
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


def _operations(lines: Sequence[Row], name: str) -> list[Operation]:
    ends = {row["deed"]: row for row in lines if row["event"] == "ended"}
    return [
        Operation(
            id=row["deed"],
            act=HealingAction(row["act"]),
            node=service_id(name),
            begun_at=_moment(row),
            ended_at=_moment(ends[row["deed"]]) if row["deed"] in ends else None,
            outcome=OperationOutcome(ends[row["deed"]]["outcome"]) if row["deed"] in ends else None,
        )
        for row in lines
        if row["event"] == "begun" and row["node"] == name
    ]
