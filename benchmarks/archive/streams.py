"""Streaming beside the batch on the same readings: how late, at what cost, with what result.

``python -m benchmarks.archive.streams --out PAGE``. Answered: docs/adr/0010-batch-before-streaming.md.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Annotated, Any

import psutil
import typer
from cassandra.concurrent import execute_concurrent_with_args

from benchmarks.machine import machine_facts
from benchmarks.page import Page, run
from benchmarks.report import Details, Figure, Section, Verdict
from benchmarks.rollup_parts import LIVE_VIEWS
from benchmarks.rollup_stage import FULL, HEAP_MB, QUICK, ROOT, RollupStage, rollup_stage
from followers.accounts import Platform, choose_accounts
from followers.feed import Schedule
from followers.readings import LATEST_SECONDS, make_tracks
from spark_jobs.connect_server import warm_server
from spark_jobs.levels import COUNTS

STREAMED = "insight.streamed_minute"
MINUTE = timedelta(minutes=1)

COUNT_OF = {Platform.YOUTUBE: "youtube_count", Platform.TWITTER: "twitter_count", Platform.TWITCH: "twitch_count"}
SETTLE_SECONDS = 45.0
"""How long the stream is given after the last minute: its lateness, and a trigger."""

Means = dict[tuple[str, str], tuple[int | None, ...]]


class Readings:
    """A feed that writes each reading into the live tables and into files, and remembers all of them."""

    def __init__(self, stage: RollupStage, folder: Path) -> None:
        tracks = make_tracks(choose_accounts(stage.sizes.served_streamers), 1)
        self._schedule = Schedule(tracks, datetime.now(UTC))
        self._session = stage.session
        self._folder = folder
        self._inserts = {
            each: stage.session.prepare(
                f"INSERT INTO insight.{each.live_table} (streamer, timestamp, follower_count) VALUES (?, ?, ?)"
            )
            for each in Platform
        }
        self._sums: dict[tuple[str, str], dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="readings")

    @contextmanager
    def running(self) -> Iterator[None]:
        """Feed for the length of a block."""
        self._thread.start()
        try:
            yield
        finally:
            self._stop.set()
            self._thread.join()

    def means(self, minutes: list[str]) -> Means:
        """Return the true means of these minutes: of every reading that came, however late."""
        return {
            key: tuple(_mean(counts.get(each)) for each in COUNTS)
            for key, counts in self._sums.items()
            if key[1] in minutes
        }

    def _run(self) -> None:
        number = 0
        while not self._stop.wait(0.5):
            due = self._schedule.due(datetime.now(UTC))
            number += 1
            lines = []
            writes = defaultdict(list)
            for each in due:
                moment = f"{each.time:%Y-%m-%d_%H-%M-%S}"
                column = COUNT_OF[each.platform]
                lines.append(json.dumps({"streamer": each.streamer, "timestamp": moment, column: each.count}))
                writes[each.platform].append((each.streamer, moment, each.count))
                self._sums[each.streamer, moment[:16]][column].append(each.count)
            for platform, rows in writes.items():
                execute_concurrent_with_args(self._session, self._inserts[platform], rows, concurrency=64)
            scratch = self._folder / f".{number}"
            scratch.write_text("\n".join(lines), encoding="utf-8")
            scratch.rename(self._folder / f"{number:06}.json")


def _mean(counts: list[int] | None) -> int | None:
    return (2 * sum(counts) + len(counts)) // (2 * len(counts)) if counts else None


def measure_streams(stage: RollupStage) -> Section:
    """Let both run beside each other on one feed."""
    count = stage.sizes.stream_minutes
    stage.begin()
    stage.serve(*LIVE_VIEWS)
    columns = ", ".join(f"{each} int" for each in COUNTS)
    stage.session.execute(
        f"CREATE TABLE {STREAMED} (streamer text, timestamp text, {columns}, PRIMARY KEY (streamer, timestamp))",
        timeout=60,
    )
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "readings"
        folder.mkdir()
        readings = Readings(stage, folder)
        with streaming(stage, folder, Path(scratch) / "checkpoint") as stream, readings.running():
            time.sleep(20.0)  # both are warm before anything counts
            first = _next_minute()
            stage.job("live_to_minute", first - 2 * MINUTE, first - MINUTE, now=None)
            _sleep_until(first)
            server = _warm_server()
            cpu = (_cpu(stream), _cpu(server), _reaped())
            ends = [first + (n + 1) * MINUTE for n in range(count)]
            batch_late: list[float] = []
            for end in ends:
                stage.tell(f"minute {len(batch_late) + 1} of {count}")
                _sleep_until(end)
                stage.job("live_to_minute", end - MINUTE, end, now=None)
                batch_late.append((datetime.now(UTC) - end).total_seconds())
            texts = [f"{end - MINUTE:%Y-%m-%d_%H-%M}" for end in ends]
            at_once = stored(stage, "insight.unified_minute", texts)
            used = (_cpu(stream) - cpu[0], _cpu(server) - cpu[1] + _reaped() - cpu[2])
            stage.tell("waiting for what comes late")
            time.sleep(max(SETTLE_SECONDS, LATEST_SECONDS + 2))
        stage.job("live_to_minute", ends[0] - MINUTE, ends[-1], now=None)
    truth = readings.means(texts)
    streamed = stored(stage, STREAMED, texts)
    again = stored(stage, "insight.unified_minute", texts)
    stream_late = [_written(stage, text) - end.timestamp() for text, end in zip(texts, ends, strict=True)]
    return section(stage, count, truth, (at_once, again, streamed), (batch_late, stream_late), used)


def section(
    stage: RollupStage,
    minutes: int,
    truth: Means,
    found: tuple[Means, Means, Means],
    late: tuple[list[float], list[float]],
    used: tuple[float, float],
) -> Section:
    """Put it together; times in seconds."""
    names = ("batch, at the minute's end", "batch, looked at again by the hour's job", "streaming")
    rows = tuple(
        (name, f"{len(truth):,}", f"{sum(means.get(key) == value for key, value in truth.items()):,}", after, cpu)
        for name, means, after, cpu in zip(
            names,
            found,
            (f"{median(late[0]):.1f}", "within the hour", f"{median(late[1]):.1f}"),
            (f"{used[1] / minutes:.1f}", "", f"{used[0] / minutes:.1f}"),
            strict=True,
        )
    )
    return Section(
        title="Streaming beside the batch",
        figures=(
            Figure(
                name="a minute's means by Structured Streaming: seconds after its end, CPU seconds a minute",
                measured=f"{median(late[1]):.1f} s, {used[0] / minutes:.1f} s of CPU",
                reference=f"batch, warm: {median(late[0]):.1f} s, {used[1] / minutes:.1f} s of CPU",
                target="",
                verdict=Verdict.SHOWN,
            ),
        ),
        how=f"One feed of {stage.sizes.served_streamers} streamers writes each reading into the live tables and into "
        f"files, {minutes} minutes long; of 100 readings 3 come late, by {LATEST_SECONDS} seconds at most. Structured "
        "Streaming reads the files every two seconds and writes a minute when its watermark has passed it; "
        "`live_to_minute` runs at each minute's end by the warm server. `right` are rows equal to the mean of all "
        "readings that ever came. CPU is that of Spark and of the jobs' processes, without Cassandra's.",
        details=(
            Details(
                title="Minutes",
                head=("way", "rows", "right", "seconds after the minute", "CPU seconds a minute"),
                rows=rows,
            ),
        ),
    )


@contextmanager
def streaming(stage: RollupStage, folder: Path, checkpoint: Path) -> Iterator[psutil.Process]:
    """Run the streaming program beside a block."""
    command = [sys.executable, "-m", "benchmarks.archive.stream_means", str(folder), str(checkpoint), STREAMED]
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(command, cwd=ROOT, env=stage.environ, stdin=subprocess.PIPE, stdout=log, stderr=log)
        try:
            yield psutil.Process(process.pid)
            if process.poll() is not None:
                log.seek(0)
                raise RuntimeError(f"the stream ended: {log.read()[-1500:].decode(errors='replace')}")
        finally:
            process.terminate()
            process.communicate(timeout=60)


def stored(stage: RollupStage, table: str, texts: list[str]) -> Means:
    """Return the means of these minutes that a table holds."""
    wanted = set(texts)
    rows: Any = stage.session.execute(f"SELECT streamer, timestamp, {', '.join(COUNTS)} FROM {table}", timeout=60)
    return {(row[0], row[1]): tuple(row[2:]) for row in rows if row[1] in wanted}


def _written(stage: RollupStage, text: str) -> float:
    counts = ", ".join(f"writetime({each})" for each in COUNTS)
    rows: Any = stage.session.execute(f"SELECT timestamp, {counts} FROM {STREAMED}", timeout=60)
    return max((each for row in rows if row[0] == text for each in row[1:] if each), default=0) / 1e6


def _next_minute() -> datetime:
    return datetime.now(UTC).replace(second=0, microsecond=0) + MINUTE


def _sleep_until(moment: datetime) -> None:
    time.sleep(max(0.0, (moment - datetime.now(UTC)).total_seconds()))


def _warm_server() -> psutil.Process:
    mine = psutil.Process().children()
    return next(each for each in mine if any("connect_server" in part for part in each.cmdline()))


def _cpu(process: psutil.Process) -> float:
    total = 0.0
    for each in (process, *process.children(recursive=True)):
        times = each.cpu_times()
        total += times.user + times.system
    return total


def _reaped() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main(
    out: Annotated[Path, typer.Option(help="Write the page here.")],
    quick: Annotated[bool, typer.Option("--quick", help="Small sizes: does it run? The figures mean nothing.")] = False,
) -> None:
    """Run both ways on one feed; about eight minutes."""
    page = Page("benchmarks.archive.streams", out.name, "Streaming beside the batch", is_quick=quick, out=out)
    with rollup_stage(QUICK if quick else FULL, page.tell) as stage:
        facts = machine_facts(stage.version, heap_mb=HEAP_MB)
        stage.begin()
        with warm_server(stage.environ) as address:
            stage.environ["SPARK_CONNECT"] = address
            page.finish([measure_streams(stage)], facts)


if __name__ == "__main__":
    run(main)
