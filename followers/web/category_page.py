"""Games and languages over time: how many followers their streamers have together, day by day."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cassandra_views.model.errors import ViewNotReady
from followers.history import UNKNOWN
from followers.levels import Freshness, Level
from followers.web import texts
from followers.web.arguments import PageArguments
from followers.web.charts import Series, Sparkline, line_chart, sparkline
from followers.web.rankings import Change
from followers.web.reads import LOOKED_BACK, PageReads
from followers.web.streamer_pages import MOST, SHOWS, as_shown

CATEGORIES = ("game", "language")
DAYS = LOOKED_BACK[Level.DAY]


@dataclass(frozen=True, slots=True, kw_only=True)
class CategoryRow:
    """A game or a language: its followers on the newest day, and what has become of them.

    Args:
        style: of its line in the chart, empty where it has none.
    """

    name: str
    total: int
    share: float
    day: Change | None
    week: Change | None
    spark: Sparkline | None
    style: str


def read_categories(reads: PageReads, arguments: PageArguments) -> dict[str, Any]:
    """Return what the template shows.

    Raises:
        ViewNotReady: the history, or the list of what there is, does not serve yet.
    """
    category = arguments.choice("of", CATEGORIES)
    show = arguments.choice("as", SHOWS)
    directory = reads.directory()
    needed = f"accounts_by_{category}"
    if needed in directory.waiting:
        raise ViewNotReady("nothing serves it yet", on=needed, next="Wait until it is built")
    level = Level.DAY
    times = level.back(level.last_over(reads.now), DAYS)[::-1]
    histories = reads.histories(category, [*directory.options(category), UNKNOWN], times[0])
    known = [at for history in histories.values() for at in history]
    newest = max(known, default=None)
    fresh = Freshness(level=level, newest=newest, now=reads.now, looked_back=DAYS * level.step)
    found: dict[str, Any] = {
        "category": category,
        "categories": CATEGORIES,
        "show": show,
        "shows": SHOWS,
        "fresh": fresh,
        "most": MOST,
        "rows": [],
        "chart": None,
        "picked": [],
        "table": [],
    }
    if newest is None:
        return found
    times = [at for at in times if min(known) <= at <= newest]
    order = sorted(
        (name for name in histories if newest in histories[name]), key=lambda name: (-histories[name][newest], name)
    )
    picked = [name for name in arguments.several("pick", MOST) if name in histories] or order[:MOST]
    styles = {name: f"s{number}" for number, name in enumerate(picked, 1)}
    total = sum(histories[name][newest] for name in order)
    found["picked"] = picked
    found["rows"] = [_row(name, histories[name], newest, times, total, styles.get(name, "")) for name in order]
    found["total"] = total
    series = [
        Series(name=name, style=styles[name], values=as_shown([histories[name].get(at) for at in times], show))
        for name in picked
    ]
    found["chart"] = line_chart(
        f"Followers by {category}", level, times, series, height=320, as_change=show == "change"
    )
    found["table"] = [(at, [histories[name].get(at) for name in picked]) for at in reversed(times)]
    return found


def _row(
    name: str, history: Mapping[datetime, int], newest: datetime, times: list[datetime], total: int, style: str
) -> CategoryRow:
    now = history[newest]

    def since(days: int) -> Change | None:
        before = history.get(newest - days * Level.DAY.step)
        return Change(followers=now - before, share=(now - before) / before) if before else None

    return CategoryRow(
        name=name,
        total=now,
        share=now / total if total else 0.0,
        day=since(1),
        week=since(7),
        spark=sparkline([history.get(at) for at in times], texts.counted(len(times), "day")),
        style=style,
    )
