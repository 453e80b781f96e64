"""The figures of refreshing a view under load, made of what ``refresh`` recorded."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

from benchmarks.refresh import Beside, DropAndCreate, beside, drop_and_create
from benchmarks.report import Details, Figure, Section, Verdict, judged
from benchmarks.stage import Stage
from benchmarks.stats import Ratios, Records, Stretch, Summary, against_itself

TARGET_RATIO = 1.1

_HEAD = ("requests due", "count", "failed", "empty", "incomplete", "p50 ms", "p99 ms", "longest ms")


def measure(stage: Stage) -> Section:
    """Refresh under load, and do by hand what it stands beside."""
    stage.settle()
    ours = beside(stage)
    return section(ours, drop_and_create(stage), stage.base_rows, stage.sizes.per_second)


def section(ours: Beside, by_name: DropAndCreate, base_rows: int, per_second: float) -> Section:
    """Put the records together to figures."""
    during = [each.whole for each in ours.refreshes]
    all_reads, outage = ours.reads.all(), by_name.reads.within(by_name.outage)
    ratios = Ratios.of(_p99s(ours.reads, during), _p99s(ours.reads, ours.by_hand))
    quiet = ours.reads.within(*ours.quiet)
    busy, hand = ours.reads.within(*during), ours.reads.within(*ours.by_hand)
    figures = (
        Figure(
            name=f"refresh over {base_rows:,} base rows: failed, empty and incomplete reads",
            measured=f"{all_reads.failed}, {all_reads.empty} and {all_reads.short} of {all_reads.requests:,}",
            reference=f"hand-made DROP and CREATE: {outage.failed:,}, {outage.empty:,} and {outage.short:,} "
            f"of {outage.requests:,}",
            target="0",
            verdict=judged(not all_reads.failed + all_reads.empty + all_reads.short),
        ),
        Figure(
            name="refresh: failed writes",
            measured=f"{ours.writes.all().failed} of {ours.writes.all().requests:,}",
            reference=f"hand-made DROP and CREATE: {by_name.writes.all().failed} of {by_name.writes.all().requests:,}",
            target="0",
            verdict=judged(not ours.writes.all().failed),
        ),
        Figure.at_most(
            TARGET_RATIO,
            "refresh: p99 of reads, median of rounds (all rounds)",
            ratios,
            reference=f"hand-made CREATE of the same view: {hand.p99 * 1e3:.0f} ms; quiet: {quiet.p99 * 1e3:.0f} ms",
        ),
        Figure(
            name="refresh: p99 of reads, quiet server",
            measured=f"{busy.p99 / quiet.p99:.1f}x",
            reference=f"hand-made CREATE: {hand.p99 / quiet.p99:.1f}x",
            target="",
            verdict=Verdict.SHOWN,
        ),
    )
    return Section(
        title="Refreshing under load",
        figures=figures,
        how=f"Two processes send {per_second:.0f} reads (whole partitions whose rows are known to exist) and "
        f"{per_second:.0f} writes a second on a fixed schedule, from before the first build until after the last drop; "
        "a latency counts from the moment its request was due. Meanwhile, in alternating order, `manager.refresh` "
        "builds, audits and serves a new generation, and a hand-made CREATE builds the same view beside the serving "
        "one; readers read through `ViewReader` in both. Before each the server is left alone (quiet). A stretch goes "
        "from CREATE to the switch of readers, or to `system.built_views`. Failed, empty and incomplete reads are "
        "counted over the whole load, graces and drops included. The hand-made DROP and CREATE of one name has a load "
        "of its own whose readers use that name with the bare driver; its reads are counted from DROP to built.",
        details=(
            Details(title="Reads", head=_HEAD, rows=tuple(_rows(ours, by_name, is_reads=True))),
            Details(title="Writes", head=_HEAD, rows=tuple(_rows(ours, by_name, is_reads=False))),
            Details(
                title="Rounds",
                head=("round", "refresh s", "its build s", "its audit s", "by hand s", "p99 ms", "by hand", "ratio"),
                rows=tuple(_rounds(ours, ratios)),
            ),
        ),
        notes=(*_noise(ours), *_problems(ours, by_name)),
    )


def _p99s(records: Records, stretches: Iterable[Stretch]) -> list[float]:
    return [records.within(each).p99 for each in stretches]


def _rows(ours: Beside, by_name: DropAndCreate, *, is_reads: bool) -> Iterable[tuple[str, ...]]:
    records = ours.reads if is_reads else ours.writes
    named = by_name.reads if is_reads else by_name.writes
    yield _row("refresh, all rounds", records.within(*(each.whole for each in ours.refreshes)))
    yield _row("of it building", records.within(*(each.build for each in ours.refreshes)))
    yield _row("of it auditing", records.within(*(each.audit for each in ours.refreshes)))
    yield _row("hand-made CREATE, all rounds", records.within(*ours.by_hand))
    yield _row("quiet", records.within(*ours.quiet))
    yield _row("the whole load", records.all())
    yield _row("hand-made DROP and CREATE", named.within(by_name.outage))
    yield _row("quiet before it", named.within(by_name.quiet))


def _row(label: str, found: Summary) -> tuple[str, ...]:
    counts = (f"{each:,}" for each in (found.requests, found.failed, found.empty, found.short))
    return (label, *counts, *(f"{each * 1e3:.1f}" for each in (found.p50, found.p99, found.longest)))


def _rounds(ours: Beside, ratios: Ratios) -> Iterable[tuple[str, ...]]:
    for number, (one, hand, ratio) in enumerate(zip(ours.refreshes, ours.by_hand, ratios.each, strict=True), start=1):
        seconds = (one.whole.seconds, one.build.seconds, one.audit.seconds, hand.seconds)
        p99 = _p99s(ours.reads, (one.whole, hand))
        times = (f"{each:.1f}" for each in seconds)
        yield (str(number), *times, *(f"{each * 1e3:.1f}" for each in p99), f"{ratio:.2f}")


def _noise(ours: Beside) -> Iterable[str]:
    quiet = _p99s(ours.reads, ours.quiet)
    halves = [against_itself(pair) for pair in pairwise(quiet)]
    yield f"Noise: p99 of one quiet stretch against the next: up to {max(halves):.2f}x."
    if len(ours.by_hand) > 1:
        hand = against_itself(_p99s(ours.reads, ours.by_hand))
        yield f"Noise: p99 of one hand-made CREATE against another: up to {hand:.2f}x."


def _problems(ours: Beside, by_name: DropAndCreate) -> Iterable[str]:
    for label, records in (
        ("refresh, reads", ours.reads),
        ("refresh, writes", ours.writes),
        ("DROP and CREATE, reads", by_name.reads),
        ("DROP and CREATE, writes", by_name.writes),
    ):
        for text, count in sorted(records.problems.items(), key=lambda item: -item[1])[:3]:
            yield f"{label}: {count:,} times `{text[:160].replace('`', chr(39))}`"
