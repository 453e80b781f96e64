"""What the rollup jobs read and take, each beside its reference."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from statistics import median

from benchmarks.report import Details, Figure, Section, judged
from benchmarks.rollup_stage import NOW, Ran, RollupStage
from followers.history import HistorySpan

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
LIVE_VIEWS = ("twitch_live_view", "twitter_live_view", "youtube_live_view")
WARM_SHARE, SEED_RATIO = 0.25, 10.0


def middle(stage: RollupStage, run: Callable[[], Ran]) -> Ran:
    """Run as often as the sizes say; return the run with the median time in the job."""
    runs = [run() for _ in range(stage.sizes.repeats)]
    return sorted(runs, key=lambda each: float(each.line["seconds"]))[len(runs) // 2]


def minute_job(stage: RollupStage) -> Ran:
    """Roll the last minute up, as if for the first time."""
    stage.forget()
    return stage.job("live_to_minute", NOW - MINUTE, NOW)


def measure_minute(stage: RollupStage) -> Section:
    """Measure the minute's job with a minute of readings and with a hundred, by the bases and by the views."""
    sizes = stage.sizes
    rows: list[tuple[str, ...]] = []
    found: dict[str, Ran] = {}
    for way, streamers in (("the bases", sizes.streamers), ("the serving views", sizes.served_streamers)):
        stage.begin()
        stage.load(HistorySpan(days=0, hours=0, minutes=0, seconds=60), streamers=streamers)
        if way != "the bases":
            stage.serve(*LIVE_VIEWS)
        own = stored(stage)
        stage.tell(f"the minute's job, reading {way}")
        found[f"{way} alone"] = middle(stage, lambda: minute_job(stage))
        if way != "the bases":
            stage.begin()  # a view is built faster over rows that stand than fed one by one
            stage.load(HistorySpan(days=0, hours=0, minutes=0, seconds=60), streamers=streamers)
        history = HistorySpan(days=0, hours=0, minutes=0, seconds=60 * sizes.history)
        before = stage.load(history, until=NOW - MINUTE, streamers=streamers)
        if way != "the bases":
            stage.serve(*LIVE_VIEWS)
        stage.tell(f"the same with {before:,} rows before it")
        found[f"{way} after"] = middle(stage, lambda: minute_job(stage))
        for label, more in (("alone", 0), ("after", before)):
            line = found[f"{way} {label}"].line
            counts = (streamers, own + more, own, line["rows_read"])
            rows.append((f"{way}, {label}", *(f"{each:,}" for each in counts), f"{line['seconds']:.1f}"))
    figures = []
    for way in ("the bases", "the serving views"):
        alone, after = found[f"{way} alone"], found[f"{way} after"]
        figures.append(
            Figure(
                name=f"minute rollup from {way}, {sizes.history} times the history before it: rows read",
                measured=f"{after.line['rows_read']:,} ({after.line['seconds']:.1f} s)",
                reference=f"that minute alone: {alone.line['rows_read']:,} ({alone.line['seconds']:.1f} s)",
                target="the rows of the minute, both times",
                verdict=judged(after.line["rows_read"] == alone.line["rows_read"] > 0),
            )
        )
    return Section(
        title="Cost follows the interval, not the history",
        figures=tuple(figures),
        how="`live_to_minute` for one minute of sample readings on three platforms, by a warm server, with an empty "
        "ledger each time; `rows read` is what the job says of itself, `rows of the minute` what was loaded. Then the "
        "same with the history before it. Seconds are those in the job, the median of its runs.",
        details=(
            Details(
                title="The minute's job",
                head=("reading", "streamers", "rows stored", "rows of the minute", "rows read", "seconds"),
                rows=tuple(rows),
            ),
        ),
    )


def stored(stage: RollupStage) -> int:
    """Return how many readings the live tables hold."""
    tables = ("twitch_live", "twitter_live", "youtube_live")
    return sum(stage.session.execute(f"SELECT count(*) FROM insight.{each}", timeout=120).one()[0] for each in tables)


def measure_start(stage: RollupStage) -> Section:
    """Measure the same small job with a Spark of its own and by the warm server."""
    sizes = stage.sizes
    stage.begin()
    stage.load(HistorySpan(days=0, hours=0, minutes=0, seconds=60))
    stage.serve(*LIVE_VIEWS)
    address = stage.environ["SPARK_CONNECT"]
    cold: list[Ran] = []
    warm: list[Ran] = []
    minute_job(stage)  # a server that stays has done this job before
    for _ in range(sizes.repeats):
        stage.environ["SPARK_CONNECT"] = "off"
        cold.append(minute_job(stage))
        stage.environ["SPARK_CONNECT"] = address
        warm.append(minute_job(stage))
    stage.tell("the minute's job, cold and warm")
    ratio = median(each.seconds for each in warm) / median(each.seconds for each in cold)
    return Section(
        title="Warm and cold",
        figures=(
            Figure(
                name="minute rollup by the warm server: the whole process",
                measured=f"{ratio:.2f}x ({median(each.seconds for each in warm):.1f} s)",
                reference=f"with a Spark of its own: {median(each.seconds for each in cold):.1f} s",
                target=f"<= {WARM_SHARE:.2f}x",
                verdict=judged(ratio <= WARM_SHARE),
            ),
        ),
        how=f"The minute's job at {sizes.streamers} streamers through the serving views, in turns, each from the start "
        "of its process to its end. The warm server has run one such job before.",
        details=(
            Details(
                title="Whole processes, seconds",
                head=("run", "cold", "of it in the job", "warm", "of it in the job"),
                rows=tuple(
                    (
                        str(number),
                        f"{one.seconds:.1f}",
                        f"{one.line['seconds']:.1f}",
                        f"{two.seconds:.1f}",
                        f"{two.line['seconds']:.1f}",
                    )
                    for number, (one, two) in enumerate(zip(cold, warm, strict=True), start=1)
                ),
            ),
        ),
    )


def measure_seed(stage: RollupStage) -> Section:
    """Measure the minute's job on a day of readings beside the seed's way: all of them at each run."""
    streamers = stage.sizes.day_streamers
    stage.begin()
    stage.load(HistorySpan(days=0, hours=0, minutes=0, seconds=24 * 3600), streamers=streamers)
    stage.serve(*LIVE_VIEWS)
    whole = [stage.manager.record(view).read_from[0].name for view in LIVE_VIEWS]
    minute = f"{NOW - MINUTE:%Y-%m-%d_%H-%M}"
    ours: list[Ran] = []
    seeds: list[Ran] = []
    stage.tell("the minute's job on a day of seconds, both ways")
    for _ in range(stage.sizes.repeats):
        ours.append(minute_job(stage))
        seeds.append(stage.run(["-m", "benchmarks.seed_way", minute, *whole]))
    ratio = median(each.line["seconds"] for each in seeds) / median(each.line["seconds"] for each in ours)
    return Section(
        title="Beside the seed's way",
        figures=(
            Figure(
                name="one minute of a day of seconds: time in the job, the seed's way",
                measured=f"{ratio:.1f}x ({median(each.line['seconds'] for each in seeds):.1f} s)",
                reference=f"ours: {median(each.line['seconds'] for each in ours):.1f} s",
                target=f">= {SEED_RATIO:.0f}x",
                verdict=judged(ratio >= SEED_RATIO),
            ),
        ),
        how=f"A day of readings of {streamers} streamers; 400 would be {400 // streamers} times as much for the seed's "
        "way to read. The seed's jobs read their whole views at each run and let Spark pick the interval; ours reads "
        "the minute's sixty partitions of each. Both read the same views by the same warm server, with the same code "
        "for the mean; ours also counts what it reads and keeps its ledger. Seconds in the job, in turns.",
        details=(
            Details(
                title="Runs",
                head=("run", "ours: rows read", "seconds", "the seed's way: rows read", "seconds"),
                rows=tuple(
                    (
                        str(number),
                        f"{one.line['rows_read']:,}",
                        f"{one.line['seconds']:.1f}",
                        f"{two.line['rows_read']:,}",
                        f"{two.line['seconds']:.1f}",
                    )
                    for number, (one, two) in enumerate(zip(ours, seeds, strict=True), start=1)
                ),
            ),
        ),
    )


def measure_backfill(stage: RollupStage) -> Section:
    """Measure a month of days in one job beside a job a day."""
    days = stage.sizes.days
    end = NOW.replace(hour=0)
    stage.begin()
    stage.load(HistorySpan(days=0, hours=24 * days, minutes=0, seconds=0), until=end)
    stage.tell(f"{days} days in one job")
    one = stage.job("hour_to_day", end - days * DAY, end)
    stage.forget()
    stage.session.execute("TRUNCATE insight.unified_day", timeout=60)
    stage.tell(f"{days} days in {days} jobs")
    each = [stage.job("hour_to_day", end - (n + 1) * DAY, end - n * DAY) for n in range(days)]
    whole = sum(ran.seconds for ran in each)
    return Section(
        title="A month of days",
        figures=(
            Figure(
                name=f"{days} days backfilled in one job: whole process",
                measured=f"{one.seconds:.1f} s, {one.line['rows_written']:,} rows written",
                reference=f"{days} jobs, warm: {whole:.1f} s, {sum(ran.line['rows_written'] for ran in each):,} rows",
                target="less",
                verdict=judged(
                    one.seconds < whole
                    and one.line["rows_written"] == sum(ran.line["rows_written"] for ran in each) > 0
                ),
            ),
        ),
        how=f"`hour_to_day` over {days} days of hours of {stage.sizes.streamers} streamers, read from the base since "
        "the serving view holds two days; then the same days one by one.",
    )
