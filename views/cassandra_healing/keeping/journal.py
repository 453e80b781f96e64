"""The journal: what was decided, begun and ended, by whom. What cannot be written here is not done.

The lines of a deed are written before what they tell is done.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cassandra.util import datetime_from_uuid1, min_uuid_from_time

from cassandra_healing.decision import Decision
from cassandra_healing.errors import HealingError, JournalError, NotBegun
from cassandra_healing.keeping import tables
from cassandra_healing.keeping.control import Control
from cassandra_healing.model import NodeId
from cassandra_healing.policy import Policy
from cassandra_healing.record import Act, Deed, Outcome, Record
from cassandra_healing.session import ClusterSession, Row

_RECENT = timedelta(hours=48)
_COLUMNS = "event, deed, act, node, host_id, rule, mode, author, outcome, detail, evidence"


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of the journal.

    Args:
        event: ``decided``, ``begun``, ``step``, ``approved``, ``refused``, ``ended``, ``stop``, ``go``, ``skip`` or
            ``unskip``.
        rule: why; of a step, which.
        outcome: of what has ended: the deed, or a step.
        evidence: what was seen; of a step that keeps a plan: its file, address, actions and digest.
    """

    at: datetime
    event: str
    author: str
    detail: str = ""
    deed: uuid.UUID | None = None
    act: str = ""
    node: str = ""
    host_id: uuid.UUID | None = None
    rule: str = ""
    mode: str = ""
    outcome: str = ""
    evidence: tuple[str, ...] = ()


class Journal:
    """Reads and writes what was decided and done.

    Args:
        author: who acts: a person, or the program that watches.
    """

    def __init__(self, session: ClusterSession, keyspace: str, *, author: str) -> None:
        self._session = session
        self._keyspace = keyspace
        self._author = author
        self._control = Control(session, keyspace, author=author)
        self._is_made = False

    def make(self) -> None:
        """Make the tables where they are missing; errors as ``ClusterSession.ddl``."""
        if not self._is_made:
            tables.make(self._session, self._keyspace)
            self._is_made = True

    def exists(self) -> bool:
        """Tell whether there is a journal; errors as ``ClusterSession.rows``."""
        self._is_made = self._is_made or tables.exist(self._session, self._keyspace)
        return self._is_made

    def record(self, now: datetime) -> Record:
        """Return what a decision depends on; errors as ``ClusterSession.rows``."""
        if not self.exists():
            return Record()
        stopped, skips, held = self._control.read()
        deeds = {deed.id: deed for deed in self._deeds(now)}
        if held is not None:
            deeds.setdefault(held.id, held)  # whose first line was not written, or long ago
        return Record(stopped=stopped, skips=skips, deeds=tuple(deeds.values()))

    def lines(self, *, limit: int, now: datetime) -> list[Line]:
        """Return the last lines, newest first, of a year at most; errors as ``ClusterSession.rows``."""
        found: list[Line] = []
        month = now.astimezone(UTC).replace(day=1)
        for _ in range(12):
            rows = self._session.rows(
                f"SELECT at, {_COLUMNS} FROM {self._keyspace}.journal WHERE month = %s LIMIT %s",
                (f"{month:%Y-%m}", limit - len(found)),
            )
            found += [_line(row) for row in rows]
            if len(found) >= limit:
                break
            month = (month - timedelta(days=1)).replace(day=1)
        return found

    def decided(self, decision: Decision) -> None:
        """Write a decision down; errors as ``ClusterSession.write``."""
        text = f"{decision.what}. {decision.remains}. {decision.next}"
        node = decision.nodes[0] if decision.nodes else None
        self._write(
            "decided",
            text,
            act=decision.act,
            node=node,
            rule=decision.rule,
            mode=decision.mode or "",
            evidence=decision.evidence,
            on=decision.on,
        )

    def begin(self, decision: Decision, policy: Policy, now: datetime) -> Deed:
        """Begin what was decided: nobody else may begin anything until it has ended.

        Raises:
            NotBegun: another deed is under way, the day's limit is reached, or a person said stop.
            JournalError: it could not be written down.
        """
        node = decision.nodes[0]
        deed = Deed(id=uuid.uuid4(), act=decision.act, node=node, begun_at=now)
        try:
            self.make()
            self._sweep(now)
            self._check(deed, policy, now)
            if not self._control.take(deed):
                raise NotBegun(
                    "another deed was begun at the same moment", on=str(node), next="Wait for its end, then look again"
                )
            try:
                self._check(deed, policy, now)  # what ended between the two looks counts, too
                evidence = decision.evidence
                self._write(
                    "begun", decision.what, deed=deed, rule=decision.rule, mode=decision.mode or "", evidence=evidence
                )
            except HealingError:
                self._control.give_back(deed)
                raise
        except NotBegun:
            raise
        except HealingError as error:
            raise JournalError(
                f"it could not be written down: {error.what}",
                on=str(node),
                remains="Nothing was done to the node",
                next=error.next,
            ) from error
        return deed

    def lines_of(self, deed: Deed, now: datetime) -> list[Line]:
        """Return all lines of a deed, the oldest first; errors as ``ClusterSession.rows``."""
        since = deed.begun_at - timedelta(minutes=5)  # the clocks of two hosts
        month, months = since.astimezone(UTC).replace(day=1), []
        while month <= now:
            months.append(f"{month:%Y-%m}")
            month = (month + timedelta(days=32)).replace(day=1)
        rows = [
            row
            for each in dict.fromkeys([*months, f"{now:%Y-%m}"])
            for row in self._session.rows(
                f"SELECT at, {_COLUMNS} FROM {self._keyspace}.journal WHERE month = %s AND at > %s",
                (each, min_uuid_from_time(since.timestamp())),
            )
            if row["deed"] == deed.id
        ]
        return sorted((_line(row) for row in rows), key=lambda line: line.at)

    def step(
        self, deed: Deed, name: str, detail: str, *, outcome: Outcome | None = None, evidence: Sequence[str] = ()
    ) -> None:
        """Write down what is done next, before it is done, and how it ended, after; as ``ClusterSession.write``.

        Args:
            outcome: None before it is done.
        """
        self._write("step", detail, deed=deed, rule=name, outcome=outcome or "", evidence=evidence)

    def word(self, deed: Deed, *, is_yes: bool, why: str, by: str = "") -> None:
        """Write down that a person approved or refused a deed; errors as ``ClusterSession.write``.

        Args:
            by: who, where it is not the author.
        """
        self._write("approved" if is_yes else "refused", why, deed=deed, author=by)

    def end(self, deed: Deed, outcome: Outcome, detail: str) -> None:
        """End a deed; errors as ``ClusterSession.write``. Can be called again."""
        self._write("ended", detail, deed=deed, outcome=outcome)
        self._control.give_back(deed)

    def stop(self, why: str, now: datetime) -> None:
        """Throw the kill switch: nothing is begun any more."""
        self.make()
        self._control.stop(why, now)
        self._write("stop", why)

    def go(self, why: str) -> None:
        """Take the kill switch back."""
        self.make()
        self._control.go()
        self._write("go", why)

    def skip(self, node: NodeId, why: str, now: datetime) -> None:
        """Leave a node alone from now on."""
        self.make()
        self._control.skip(node, why, now)
        self._write("skip", why, node=node)

    def unskip(self, node: NodeId, why: str) -> None:
        """Leave it alone no longer."""
        self.make()
        self._control.unskip(node)
        self._write("unskip", why, node=node)

    def service(
        self,
        event: str,
        name: str,
        detail: str,
        *,
        deed: uuid.UUID | None = None,
        act: str = "",
        rule: str = "",
        mode: str = "",
        outcome: str = "",
        evidence: Sequence[str] = (),
    ) -> None:
        """Write a line about a service, which has a name and no host id; errors as ``ClusterSession.write``."""
        self._write(
            event, detail, deed_id=deed, act=act, on=name, rule=rule, mode=mode, outcome=outcome, evidence=evidence
        )

    def _deeds(self, now: datetime) -> list[Deed]:
        since = now - _RECENT
        months = dict.fromkeys((f"{since:%Y-%m}", f"{now:%Y-%m}"))
        rows = [
            row
            for month in months
            for row in self._session.rows(
                f"SELECT at, {_COLUMNS} FROM {self._keyspace}.journal WHERE month = %s AND at > %s",
                (month, min_uuid_from_time(since.timestamp())),
            )
        ]
        ends = {row["deed"]: row for row in rows if row["event"] == "ended"}
        begun = [row for row in rows if row["event"] == "begun" and row["host_id"]]  # without one it is a service's
        return [_deed(row, _moment(row), ends.get(row["deed"])) for row in begun]

    def _check(self, deed: Deed, policy: Policy, now: datetime) -> None:
        record = self.record(now)
        under_way = record.under_way
        if record.stopped is not None:
            raise NotBegun(
                f"healing is switched off by {record.stopped.by}: {record.stopped.why}",
                on=str(deed.node),
                next="'views cluster go' switches it on again",
            )
        if deed.node.host_id in record.skips:
            word = record.skips[deed.node.host_id]
            raise NotBegun(
                f"{word.by} said to leave it alone: {word.why}",
                on=str(deed.node),
                next="'views cluster unskip' ends that",
            )
        if under_way is not None and under_way.id != deed.id:
            raise NotBegun(
                f"a {under_way.act} of {under_way.node} is under way",
                on=str(deed.node),
                next="Wait for its end, then look again",
            )
        if deed.act is Act.REPLACE:
            others = [each for each in record.deeds if each.id != deed.id]
            done = Record(deeds=tuple(others)).replacements(now)
            if done >= policy.replacements_per_day:
                raise NotBegun(
                    f"{done} replacement(s) were begun within 24 hours",
                    on=str(deed.node),
                    next="See why nodes die before another one is replaced",
                )

    def _sweep(self, now: datetime) -> None:
        """Remove the row of a deed whose end was written and whose healer died then."""
        held = self._control.read()[2]
        if held is not None and any(deed.id == held.id and deed.outcome for deed in self._deeds(now)):
            self._control.give_back(held)

    def _write(
        self,
        event: str,
        detail: str,
        *,
        deed: Deed | None = None,
        deed_id: uuid.UUID | None = None,
        act: str = "",
        node: NodeId | None = None,
        rule: str = "",
        mode: str = "",
        outcome: str = "",
        evidence: Sequence[str] = (),
        on: str = "",
        author: str = "",
    ) -> None:
        self.make()
        about = deed.node if deed is not None else node
        at = uuid.uuid1()
        self._session.write(
            f"INSERT INTO {self._keyspace}.journal (month, at, {_COLUMNS}) "
            "VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
            (
                f"{datetime_from_uuid1(at):%Y-%m}",
                at,
                event,
                deed.id if deed else deed_id,
                deed.act if deed else act,
                on or (about.address if about else None),
                about.host_id if about else None,
                rule,
                mode,
                author or self._author,
                outcome,
                detail,
                list(evidence),
            ),
        )


def _moment(row: Row) -> datetime:
    found: datetime = datetime_from_uuid1(row["at"])
    return found.replace(tzinfo=UTC)


def _deed(row: Row, begun_at: datetime, end: Row | None = None) -> Deed:
    return Deed(
        id=row["deed"],
        act=Act(row["act"]),
        node=NodeId(host_id=row["host_id"], address=row["node"]),
        begun_at=begun_at,
        ended_at=_moment(end) if end else None,
        outcome=Outcome(end["outcome"]) if end else None,
    )


def _line(row: Row) -> Line:
    return Line(
        at=_moment(row),
        event=row["event"],
        author=row["author"] or "",
        detail=row["detail"] or "",
        deed=row["deed"],
        act=row["act"] or "",
        node=row["node"] or "",
        host_id=row["host_id"],
        rule=row["rule"] or "",
        mode=row["mode"] or "",
        outcome=row["outcome"] or "",
        evidence=tuple(row["evidence"] or ()),
    )
