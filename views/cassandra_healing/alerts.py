"""Which alerts are due after a check: at once, and repeated while the trouble lasts. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from cassandra_healing.model import HealingAction
from cassandra_healing.monitor import HealthReport
from cassandra_healing.policy import Mode

REPEAT_SECONDS = 600.0
"""Alerts repeat after so long: the next run resumes the operation of a run that was killed."""


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Alert:
    """Something that needs an operator or a run.

    Args:
        text: what it is, in words.
        is_page: a person must look; nothing is done automatically.
    """

    text: str
    is_page: bool = False

    def __str__(self) -> str:
        return self.text


class AlertSchedule:
    """Returns each alert at once, and again every ten minutes while it lasts."""

    def __init__(self) -> None:
        self._sent_at: dict[str, float] = {}

    def due(self, report: HealthReport, now: float) -> tuple[Alert, ...]:
        """Return the alerts that are due now.

        Args:
            now: seconds of a clock that only grows.
        """
        stands = current_alerts(report)
        self._sent_at = {what: at for what, at in self._sent_at.items() if what in stands}
        for operation in report.operations:
            # The process that began it is working on it, or a triggerer before this one has raised the alert.
            self._sent_at.setdefault(str(operation.id), now)
        news = {
            what: alert
            for what, alert in stands.items()
            if what not in self._sent_at or now - self._sent_at[what] >= REPEAT_SECONDS
        }
        self._sent_at |= dict.fromkeys(news, now)
        return tuple(sorted(news.values()))


def current_alerts(report: HealthReport) -> dict[str, Alert]:
    """Return all alerts that apply now, by what they are about."""
    found = {}
    for each in report.targets:
        decision = each.decision
        operation = each.journal_state.under_way
        if operation is not None:
            found[str(operation.id)] = Alert(text=f"{operation.act} of {operation.node} is under way")
        is_act = decision.act in (HealingAction.RESTART, HealingAction.REPLACE) and decision.mode is not Mode.DRY_RUN
        if is_act or (decision.act is not HealingAction.WAIT and each.is_new_decision):
            found[f"{each.target} {decision.act} {decision.rule} {decision.on}"] = Alert(
                text=f"{decision.act} {decision.on}: {decision.what}", is_page=decision.act is HealingAction.PAGE
            )
    return found
