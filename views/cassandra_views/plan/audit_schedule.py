"""Which views are audited in full tonight: small ones each night, large ones over the week. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from cassandra_views.model.generation import Generation, State
from cassandra_views.model.names import ViewName

NIGHTS = 7
_NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditCost:
    """What auditing a view in full costs.

    Args:
        rows: of what serves, as its last audit counted them; None where none did.
        audited_at: when every row was last compared.
        is_suspect: it may differ from its base, whatever its last audit said.
    """

    view: ViewName
    rows: int | None
    audited_at: datetime | None
    is_suspect: bool = False

    @classmethod
    def of(cls, view: ViewName, generations: Iterable[Generation]) -> AuditCost | None:
        """Return what auditing what serves costs; None where nothing serves."""
        serving = [each for each in generations if each.state is State.SERVING]
        if not serving:
            return None
        counts = [each.rows_built for each in serving if each.rows_built is not None]
        whole = [each.audited_at for each in serving if each.verdict is not None and each.verdict.is_whole]
        is_whole = len(whole) == len(serving)
        return cls(
            view=view,
            rows=sum(counts) if len(counts) == len(serving) else None,
            audited_at=min((moment for moment in whole if moment), default=None) if is_whole else None,
            is_suspect=any(each.suspicion for each in serving),
        )


def views_of_tonight(costs: Iterable[AuditCost], *, full_rows: int) -> list[ViewName]:
    """Return the views to audit in full tonight.

    Suspect ones come first, all of them. Those with at most ``full_rows`` rows, or of an unknown number, are audited
    each night. Of the others those come first whose last full audit is the longest ago, until a seventh of all their
    rows is reached.
    """
    costs = sorted(costs, key=lambda each: (not each.is_suspect, each.view))
    large = [each for each in costs if each.rows is not None and each.rows > full_rows and not each.is_suspect]
    tonight = [each.view for each in costs if each not in large]
    share = sum(each.rows or 0 for each in large) / NIGHTS
    chosen = 0
    for each in sorted(large, key=lambda one: one.audited_at or _NEVER):
        if chosen >= share:
            break
        tonight.append(each.view)
        chosen += each.rows or 0
    return tonight


def views_for_spark(costs: Iterable[AuditCost], *, spark_rows: int) -> frozenset[ViewName]:
    """Return the views that Spark audits, where there is one: those known to have more rows than these; 0 is none."""
    return frozenset(each.view for each in costs if spark_rows and each.rows is not None and each.rows > spark_rows)
