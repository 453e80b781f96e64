"""Plays a case of the decision table on real nodes: its fates become stops, pauses, starts and cut connections."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from cassandra_embedded import EmbeddedCassandra
from cassandra_healing.decision import Decision, Rule
from cassandra_healing.model import HealingAction
from cassandra_healing.monitor import ClusterMonitor, HealthReport
from cassandra_healing.policy import Policy
from tests.nightly.healing_cluster.proxy import NodeProxies
from tests.unit.healing.cases import Case, Fate

PACE_SECONDS = 1.0
"""So long is a minute of the table."""


def scaled(policy: Policy) -> Policy:
    """Return the case's policy with its minutes as long as ``PACE_SECONDS``."""
    share = PACE_SECONDS / 60
    return policy.model_copy(
        update={
            "grace_minutes": policy.grace_minutes * share,
            "flap_minutes": policy.flap_minutes * share,
            "page_minutes": policy.page_minutes * share,
            "restart_minutes": policy.restart_minutes * share,
            "startup_minutes": 0.0,  # all nodes are young here
            "gap_minutes": 0.4,  # looks take their time while nodes hang
            "still_seconds": 4.0,
            "timeout_seconds": 1.0,
            "check_seconds": PACE_SECONDS,
            "slow_seconds": 0.9,
        }
    )


class Script:
    """Plays one case.

    Attributes:
        told: the decisions, each once, in order: act, rule, nodes by number.
        reports: every check.
    """

    def __init__(self, case: Case, server: EmbeddedCassandra, proxies: NodeProxies, monitor: ClusterMonitor) -> None:
        self._case = case
        self._server = server
        self._proxies = proxies
        self._monitor = monitor
        self._fates = dict.fromkeys(("n1", "n2", "n3"), Fate.UP)
        self.told: list[tuple[str, str, str]] = []
        self.reports: list[HealthReport] = []
        self.seconds: dict[tuple[str, str, str], float] = {}
        self._begun = time.monotonic()
        self._fault_at = 0.0

    @property
    def seconds_beside_grace(self) -> float:
        """Return how long it took from the first fault to the restart, less the grace that is set."""
        at = next(seconds for now, seconds in self.seconds.items() if now[0] == HealingAction.RESTART)
        return at - self._fault_at - self._case.policy.grace_minutes * PACE_SECONDS

    def play(self) -> None:
        """Play until some minutes after the last decision of the table, past any grace.

        A machine that has much else to do finds a node dead, or well again after the case before, only later.
        """
        if self._case.decisions[0].rule is Rule.WELL:
            self._look_until(lambda: self.told != [] and self.told[-1][1] == Rule.WELL)
        last = max(each.minute for each in self._case.decisions)
        for minute in range(min(self._case.length, max(last + 4, 24))):
            for name in self._fates:
                fate = self._case.fate(name, minute)
                if fate is not self._fates[name]:
                    self._fault_at = self._fault_at or time.monotonic() - self._begun
                    self._meanwhile(self._change(name, self._fates[name], fate))
                    self._fates[name] = fate
            self._check()
        self._look_until(lambda: self.told[-1] == self._expected[-1])

    def _look_until(self, is_so: Callable[[], bool]) -> None:
        until = time.monotonic() + 60
        while not is_so() and time.monotonic() < until:
            self._check()

    def _change(self, name: str, before: Fate, after: Fate) -> Callable[[], None]:
        number = int(name[1:])
        address = self._server.contact_points[number - 1]

        def up() -> None:
            match before:
                case Fate.HUNG:
                    self._server.resume_node(number)
                case Fate.UNREACHED:
                    self._proxies.mend(address)
                case _:
                    self._server.start_node(number)

        actions: dict[Fate, Callable[[], None]] = {
            Fate.UP: up,
            Fate.HUNG: lambda: self._server.pause_node(number),
            Fate.STOPPED: lambda: self._server.stop_node(number),
            Fate.UNREACHED: lambda: self._proxies.cut(address),
        }
        return actions[after]

    def _meanwhile(self, action: Callable[[], None]) -> None:
        """Do something to a node, and look on while it takes its time; the case's clock stands still."""
        thread = threading.Thread(target=action)
        thread.start()
        thread.join(0.2)
        while thread.is_alive():
            self._check()

    def _check(self) -> None:
        begun = time.monotonic()
        report = self._monitor.check()
        self.reports.append(report)
        now = self._named(report.decision)
        if not self.told or self.told[-1] != now:
            self.told.append(now)
            self.seconds.setdefault(now, time.monotonic() - self._begun)
        time.sleep(max(0.0, PACE_SECONDS - (time.monotonic() - begun)))

    def _named(self, decision: Decision) -> tuple[str, str, str]:
        points = [self._proxies.translate(each) for each in self._server.contact_points]
        return (
            decision.act.value,
            decision.rule.value,
            ", ".join(f"n{points.index(each.address) + 1}" for each in decision.nodes),
        )

    @property
    def _expected(self) -> list[tuple[str, str, str]]:
        return [(each.act.value, each.rule.value, each.node) for each in self._case.decisions]

    def check(self) -> None:
        """Compare with the table: its decisions in their order; others between them may only wait.

        A real node needs a moment to be found dead, and to be found alive again.
        """
        expected = self._expected
        left = list(expected)
        for now in self.told:
            if left and now == left[0]:
                left.pop(0)
            else:
                assert now[0] == HealingAction.WAIT or now in expected, (now, self.told)
        assert left == [], (left, self.told)
        assert self.told[-1] == expected[-1], self.told
        acts = {(act, node) for act, _rule, node in self.told if act in (HealingAction.RESTART, HealingAction.REPLACE)}
        assert acts == {
            (act, node) for act, _rule, node in expected if act in (HealingAction.RESTART, HealingAction.REPLACE)
        }
