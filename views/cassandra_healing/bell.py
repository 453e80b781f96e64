"""When somebody must be called to what a look came to: at once, and again while it stands. Pure."""

from __future__ import annotations

from cassandra_healing.mode import Mode
from cassandra_healing.record import Act
from cassandra_healing.watcher import Report

AGAIN_SECONDS = 600.0
"""What stands is told again after so long: a run that was killed leaves its deed to the next one."""


class Bell:
    """Says when people, or a run, must know of what a look came to: at once, and again while it stands."""

    def __init__(self) -> None:
        self._rung: dict[str, float] = {}

    def rings(self, report: Report, now: float) -> tuple[str, ...]:
        """Return what somebody must see to now, in words.

        Args:
            now: seconds of a clock that only grows.
        """
        stands = wanted(report)
        deed = report.record.under_way
        self._rung = {what: at for what, at in self._rung.items() if what in stands}
        if deed is not None:
            # Whoever began it is at it, or a triggerer before us has told.
            self._rung.setdefault(str(deed.id), now)
        news = {
            what: text
            for what, text in stands.items()
            if what not in self._rung or now - self._rung[what] >= AGAIN_SECONDS
        }
        self._rung |= dict.fromkeys(news, now)
        return tuple(sorted(news.values()))


def wanted(report: Report) -> dict[str, str]:
    """Return all that is not to be waited for: what it is about, and in words."""
    found = {}
    decision = report.decision
    deed = report.record.under_way
    if deed is not None:
        found[str(deed.id)] = f"{deed.act} of {deed.node} is under way"
    is_act = decision.act in (Act.RESTART, Act.REPLACE) and decision.mode is not Mode.DRY_RUN
    if is_act or (decision.act is not Act.WAIT and report.is_news):
        found[f"{decision.act} {decision.rule} {decision.on}"] = f"{decision.act} {decision.on}: {decision.what}"
    for each in report.services:
        service = each.decision
        is_act = service.act in (Act.RESTART, Act.REPLACE) and service.mode is not Mode.DRY_RUN
        if is_act or (service.act is not Act.WAIT and each.is_news):
            key = f"service {service.service} {service.act} {service.rule}"
            found[key] = f"{service.act} {service.service}: {service.what}"
    return found
