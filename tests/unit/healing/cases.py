"""The decision table: what a case in decisions/*.yaml may say, and its checks."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, field_validator

from cassandra_healing.decision import Rule
from cassandra_healing.model import (
    ClusterTopology,
    HealingAction,
    HealthCheck,
    JournalState,
    MemberId,
    Observation,
    ObserverKind,
    Operation,
    OperationOutcome,
    OperatorNote,
    ProbeResult,
    ReplicatedKeyspace,
    WatchedMember,
)
from cassandra_healing.policy import Policy

FOLDER = Path(__file__).parent / "decisions"


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Fate(StrEnum):
    """What becomes of a node, in one word: what each observer makes of it follows."""

    UP = "up"
    DEAD = "dead"
    """Its process ended at once: SIGKILL, out of memory."""
    HUNG = "hung"
    """Its process stands still and holds its ports: SIGSTOP."""
    GONE = "gone"
    """As dead, and its machine no longer exists."""
    SLOW = "slow"
    MUTE = "mute"
    """Its peers hear it; it answers us nothing."""
    DOUBTED = "doubted"
    """One peer does not hear it, everybody else does."""
    UNREACHED = "unreached"
    """We do not reach it; its peers hear it."""
    STOPPED = "stopped"
    """It was stopped in order, and said so."""
    FULL = "full"
    """As dead, and its machine says that its disk is full."""
    UNSEEN = "unseen"
    """Nobody could look."""
    STARTED = "started"
    """Dead, five minutes after its process was started."""
    JOINING = "joining"
    LEAVING = "leaving"
    MOVING = "moving"
    AWAY = "away"
    """It is no member (any more, or yet)."""


class Member(Strict):
    dc: str = "dc1"
    rack: str = "r1"


class Now(Strict):
    """What becomes different at one moment, and since then."""

    minute: int
    act: HealingAction
    rule: Rule
    node: str = ""

    def __str__(self) -> str:
        return f"minute {self.minute}: {self.act}, {self.rule}" + (f", {self.node}" if self.node else "")


class Done(Strict):
    act: HealingAction
    node: str
    begun: int
    ended: int | None = None
    outcome: OperationOutcome | None = None


class Said(Strict):
    """A word of a person, from one minute until another."""

    begin: int = Field(default=0, alias="from")
    until: int | None = None
    node: str = ""
    why: str = "maintenance"

    def holds(self, minute: int) -> bool:
        return self.begin <= minute and (self.until is None or minute < self.until)


class Case(Strict):
    """One case: what happens to the nodes minute by minute, and each decision that differs from the one before."""

    name: str
    because: str = ""
    """Which rule of which source it holds; for people."""
    start: datetime = datetime.fromisoformat("2026-11-24T01:00:00+00:00")
    minutes: int | None = None
    nodes: dict[str, Member] = Field(default_factory=lambda: {f"n{number}": Member() for number in (1, 2, 3)})
    fates: dict[str, str] = Field(default_factory=dict)
    """By node: ``up 5, dead 20``; the last goes on to the end, a node that is not named is up."""
    clock: dict[int, int] = Field(default_factory=dict)
    """From this minute on, the clock of the machine is wrong by so many minutes."""
    nobody_looks: tuple[Said, ...] = ()
    keyspaces: dict[str, dict[str, str]] = Field(
        default_factory=lambda: {"shop": {"class": "NetworkTopologyStrategy", "dc1": "3"}}
    )
    seeds: tuple[str, ...] = ("n1", "n2")
    work: tuple[Said, ...] = ()
    disagreement: tuple[Said, ...] = ()
    unread: tuple[Said, ...] = ()
    journal_away: tuple[Said, ...] = ()
    stop: tuple[Said, ...] = ()
    skip: tuple[Said, ...] = ()
    journal: tuple[Done, ...] = ()
    policy: Policy = Policy(mode="automatic")  # type: ignore[arg-type]
    decisions: tuple[Now, ...]
    on_cluster: bool = False
    """Whether it is tried on real nodes, too."""

    @field_validator("keyspaces", mode="before")
    @classmethod
    def _texts(cls, value: dict[str, dict[str, Any]]) -> dict[str, dict[str, str]]:
        return {name: {key: str(each) for key, each in options.items()} for name, options in value.items()}

    def node(self, name: str) -> MemberId:
        return MemberId(host_id=uuid.uuid5(uuid.NAMESPACE_DNS, name), address=f"10.0.0.{int(name[1:])}")

    def name_of(self, node: MemberId) -> str:
        return f"n{node.address.rpartition('.')[2]}"

    def fate(self, name: str, minute: int) -> Fate:
        """Return what becomes of a node at a minute."""
        passed = 0
        fate = Fate.UP
        for word, count in fates_of(self.fates.get(name, "up 1"), Fate):
            fate = word
            passed += count
            if minute < passed:
                break
        return fate

    @property
    def length(self) -> int:
        """Return how many minutes the case lasts."""
        longest = max((sum(count for _word, count in fates_of(text, Fate)) for text in self.fates.values()), default=1)
        return self.minutes or max(longest, 1 + max(each.minute for each in self.decisions))

    def at(self, minute: int) -> datetime:
        wrong = max((begin for begin in self.clock if begin <= minute), default=None)
        return self.start + timedelta(minutes=minute + (self.clock[wrong] if wrong is not None else 0))

    def checks(self) -> Iterator[tuple[int, HealthCheck]]:
        """Yield each minute at which somebody looks, and what is seen."""
        for minute in range(self.length):
            if not any(each.holds(minute) for each in self.nobody_looks):
                yield minute, self._check(minute)

    def _check(self, minute: int) -> HealthCheck:
        at = self.at(minute)
        members = [name for name in self.nodes if self.fate(name, minute) is not Fate.AWAY]
        observations = [each for name in members for each in self._results(name, members, minute)]
        nodes = tuple(
            WatchedMember(
                id=self.node(name),
                data_center=self.nodes[name].dc,
                rack=self.nodes[name].rack,
                status=_STATUS.get(self.fate(name, minute), "NORMAL"),
                tokens=(str(-(2**63) + int(name[1:]) * 10**15),),
                started_at=at - timedelta(minutes=5) if self.fate(name, minute) is Fate.STARTED else None,
            )
            for name in members
        )
        disagrees = any(each.holds(minute) for each in self.disagreement)
        return HealthCheck(
            at=at,
            observations=tuple(observations),
            cluster=ClusterTopology(
                name="shop",
                nodes=nodes,
                keyspaces=tuple(ReplicatedKeyspace(name=name, replication=how) for name, how in self.keyspaces.items()),
                schema_versions=("a", "b") if disagrees else ("a",),
                seeds=frozenset(self.node(name).address for name in self.seeds),
                work=tuple(each.why for each in self.work if each.holds(minute)),
                unread=tuple(each.why for each in self.unread if each.holds(minute)),
            )
            if any(self._answers(name, minute) for name in members)
            else None,
        )

    def _answers(self, name: str, minute: int) -> bool:
        return self.fate(name, minute) in _ANSWERING

    def _results(self, name: str, members: list[str], minute: int) -> Iterator[Observation]:
        node, fate = self.node(name), self.fate(name, minute)
        doubting = True
        for peer in members:
            if peer == name:
                continue
            # A peer tells us what it hears only where it answers us.
            result = _HEARD[fate] if self._answers(peer, minute) else ProbeResult.NEUTRAL
            if fate is Fate.DOUBTED and doubting and result is ProbeResult.GOOD:
                result, doubting = ProbeResult.BAD, False
            yield Observation(node=node, observer=ObserverKind.GOSSIP, result=result, by=self.node(peer))
        yield Observation(node=node, observer=ObserverKind.CQL, result=_ASKED[fate])
        yield Observation(node=node, observer=ObserverKind.TCP, result=_CONNECTED[fate])
        machine = {Fate.GONE: ProbeResult.GONE, Fate.DEAD: ProbeResult.BAD, Fate.STOPPED: ProbeResult.BAD}.get(
            fate, ProbeResult.NEUTRAL
        )
        yield Observation(
            node=node,
            observer=ObserverKind.MACHINE,
            result=machine,
            disk_used_share=0.99 if fate is Fate.FULL else None,
        )

    def read_state(self, minute: int) -> JournalState:
        """Return what the journal says at a minute."""
        if any(each.holds(minute) for each in self.journal_away):
            return JournalState(is_readable=False)
        operations = []
        for number, each in enumerate(self.journal):
            if each.begun <= minute:
                is_ended = each.ended is not None and each.ended <= minute
                operations.append(
                    Operation(
                        id=uuid.UUID(int=number),
                        act=each.act,
                        node=self.node(each.node),
                        begun_at=self.at(each.begun),
                        ended_at=self.at(each.ended) if is_ended and each.ended is not None else None,
                        outcome=each.outcome if is_ended else None,
                    )
                )

        def word(said: Said) -> OperatorNote:
            return OperatorNote(by="ann", why=said.why, at=self.at(said.begin))

        return JournalState(
            stopped=next((word(each) for each in self.stop if each.holds(minute)), None),
            skips={self.node(each.node).host_id: word(each) for each in self.skip if each.holds(minute)},
            operations=tuple(operations),
        )


_Word = TypeVar("_Word", bound=StrEnum)


def fates_of(text: str, words: type[_Word]) -> list[tuple[_Word, int]]:
    """Read ``up 5, dead 20``."""
    found = []
    for part in text.split(","):
        match = re.fullmatch(r"\s*([a-z]+) (\d+)\s*", part)
        if match is None:
            raise ValueError(f"{part!r} is not a word and a number of minutes, such as 'dead 20'")
        found.append((words(match[1]), int(match[2])))
    return found


_STATUS = {
    Fate.JOINING: "BOOT",
    Fate.LEAVING: "LEAVING",
    Fate.MOVING: "MOVING",
    Fate.STOPPED: "shutdown",
}
_DEAD = (Fate.DEAD, Fate.GONE, Fate.STOPPED, Fate.FULL, Fate.STARTED)
_ANSWERING = (Fate.UP, Fate.SLOW, Fate.DOUBTED, Fate.JOINING, Fate.LEAVING, Fate.MOVING)
_HEARD = {
    fate: ProbeResult.BAD
    if fate in (*_DEAD, Fate.HUNG)
    else ProbeResult.NEUTRAL
    if fate is Fate.UNSEEN
    else ProbeResult.GOOD
    for fate in Fate
}
_ASKED = {
    fate: ProbeResult.SLOW
    if fate is Fate.SLOW
    else ProbeResult.GOOD
    if fate in _ANSWERING
    else ProbeResult.NEUTRAL
    if fate is Fate.UNSEEN
    else ProbeResult.BAD
    for fate in Fate
}
_CONNECTED = {fate: ProbeResult.BAD if fate in (*_DEAD, Fate.UNREACHED) else ProbeResult.NEUTRAL for fate in Fate}


def load() -> list[tuple[str, Case]]:
    """Return all cases by an id of file and name."""
    return [
        (f"{path.stem}: {found['name']}", Case.model_validate(found))
        for path in sorted(FOLDER.glob("*.yaml"))
        for found in yaml.safe_load(path.read_text(encoding="utf-8"))
    ]
