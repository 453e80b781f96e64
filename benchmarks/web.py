"""``python -m benchmarks.web``: what reading over HTTP takes, into docs/benchmarks-web.md."""

from __future__ import annotations

import http.client
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Annotated

import psutil
import typer

from benchmarks.data import KEYSPACE
from benchmarks.machine import machine_facts
from benchmarks.page import ROOT, Page, run
from benchmarks.report import Details, Figure, Section, Verdict, judged
from benchmarks.stage import HEAP_MB, VIEW, Sizes, Stage, Tell, stage
from benchmarks.stats import percentile
from cassandra_views import ViewManager
from followers.demo.views_tour import make_tables
from followers.history import HistorySpan
from followers.load import load_history

ROWS, CLIENTS, THREADS = 100, 4, 4
LEAST_RATE, MOST_TAIL = 0.85, 1.2
REQUESTS = 100_000
MOST_GROWTH_MB = 10.0
PEOPLE, MOST_FIRST_BYTE_MS = 400, 200.0
RANKING = ("top_streamers_by_day", "accounts_by_language", "accounts_by_game", "games_by_genre", "games_by_console")
KEPT_SECONDS = 2.2
"""A little longer than the pages keep what they have read."""


@contextmanager
def served(app: str, variables: Mapping[str, str]) -> Iterator[tuple[str, psutil.Process]]:
    """Serve an app by one gunicorn worker; gives the address and the worker."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    words = ["--workers", "1", "--threads", str(THREADS), "--keep-alive", "60", "--bind", address, app]
    master = psutil.Popen(
        [sys.executable, "-m", "gunicorn", *words], env={**os.environ, **variables}, stderr=subprocess.DEVNULL
    )
    try:
        until = time.monotonic() + 60
        while not master.children() or not _answers(address):
            if time.monotonic() > until:
                raise TimeoutError("gunicorn does not answer")
            time.sleep(0.1)
        yield address, master.children()[0]
    finally:
        master.terminate()
        master.wait(30)


def _answers(address: str) -> bool:
    host, _colon, port = address.partition(":")
    with socket.socket() as probe:
        return probe.connect_ex((host, int(port))) == 0


def ask(address: str, paths: list[str]) -> list[float]:
    """Ask for paths one after another on one connection and return the seconds of each."""
    connection = http.client.HTTPConnection(address, timeout=60)
    taken = []
    for path in paths:
        begun = time.perf_counter()
        connection.request("GET", path)
        answer = connection.getresponse()
        body = answer.read()
        taken.append(time.perf_counter() - begun)
        assert answer.status == 200, body
    connection.close()
    return taken


def ask_at_once(address: str, paths: list[str]) -> tuple[float, list[float]]:
    """Ask by several clients and return the requests a second and the seconds of each."""
    parts = [paths[number::CLIENTS] for number in range(CLIENTS)]
    begun = time.perf_counter()
    with ThreadPoolExecutor(CLIENTS) as pool:
        found = [each for part in pool.map(lambda part: ask(address, part), parts) for each in part]
    return len(paths) / (time.perf_counter() - begun), found


def measure_reads(found: Stage, address: str, *, rounds: int, requests: int) -> Section:
    """Read a hundred rows by the API and by a bare route, in turns."""
    ways = {
        "API": f"/api/views/{KEYSPACE}.{VIEW}/rows?limit={ROWS}&timestamp=",
        "bare route": f"/bare?limit={ROWS}&timestamp=",
    }
    rates: dict[str, list[float]] = {way: [] for way in ways}
    tails: dict[str, list[float]] = {way: [] for way in ways}
    for number in range(-1, rounds):
        found.tell(f"reading {ROWS} rows, round {number + 1} of {rounds}")
        order = list(ways.items()) if number % 2 else list(ways.items())[::-1]
        for way, path in order:
            times = found.times[: 200 if requests > 200 else requests]
            paths = [path + times[each % len(times)] for each in range(requests)]
            rate, taken = ask_at_once(address, paths)
            if number >= 0:  # the first round warms both up
                rates[way].append(rate)
                tails[way].append(percentile(taken, 0.99))
    pairs = list(zip(rates["API"], rates["bare route"], strict=True))
    ratio = median(one / two for one, two in pairs)
    tail = median(one / two for one, two in zip(tails["API"], tails["bare route"], strict=True))
    return Section(
        title="Reading",
        figures=(
            Figure(
                name=f"API, {ROWS} rows: requests a second",
                measured=f"{ratio:.2f}x ({median(rates['API']):.0f})",
                reference=f"a bare Flask route with the driver: {median(rates['bare route']):.0f}",
                target=f">= {LEAST_RATE}x",
                verdict=judged(ratio >= LEAST_RATE),
            ),
            Figure(
                name=f"API, {ROWS} rows: p99",
                measured=f"{tail:.2f}x ({median(tails['API']) * 1000:.1f} ms)",
                reference=f"the bare route: {median(tails['bare route']) * 1000:.1f} ms",
                target=f"<= {MOST_TAIL}x",
                verdict=judged(tail <= MOST_TAIL),
            ),
        ),
        how=f"One gunicorn worker of {THREADS} threads, {CLIENTS} clients of another process on connections that stay "
        f"open, {requests:,} requests a round, the two in turns; medians of the rounds' ratios. The bare route reads "
        "the same rows by the same prepared statement in the same session and makes them JSON as Flask does. The API "
        "also finds out what serves, checks the request against the key, signs the token of the next page and makes "
        "the ETag.",
        details=(
            Details(
                title="Rounds, requests a second and p99 in ms",
                head=("round", "API", "p99", "bare", "p99 of it"),
                rows=tuple(
                    (str(number), f"{one:.0f}", f"{p_one * 1000:.1f}", f"{two:.0f}", f"{p_two * 1000:.1f}")
                    for number, (one, p_one, two, p_two) in enumerate(
                        zip(rates["API"], tails["API"], rates["bare route"], tails["bare route"], strict=True), start=1
                    )
                ),
            ),
        ),
    )


def measure_memory(found: Stage, address: str, worker: psutil.Process, *, requests: int) -> Section:
    """Ask many times and see whether the worker grows."""
    path = f"/api/views/{KEYSPACE}.{VIEW}/rows?limit=5&timestamp="
    sizes = []
    step = max(1, requests // 10)
    for number in range(11):
        sizes.append(worker.memory_info().rss / 2**20)
        if number < 10:
            found.tell(f"memory: {number * step:,} of {requests:,} requests, {sizes[-1]:.0f} MB")
            paths = [path + found.times[each % len(found.times)] for each in range(step)]
            ask_at_once(address, paths)
    growth = sizes[-1] - sizes[1]
    return Section(
        title="Memory",
        figures=(
            Figure(
                name=f"the worker's memory over {requests:,} requests",
                measured=f"{growth:+.1f} MB, at last {sizes[-1]:.0f} MB",
                reference=f"after the first tenth: {sizes[1]:.0f} MB",
                target=f"flat: <= {MOST_GROWTH_MB:.0f} MB more",
                verdict=judged(growth <= MOST_GROWTH_MB) if requests >= REQUESTS else Verdict.SHOWN,
            ),
        ),
        how="Resident memory of the one worker, read after each tenth of the requests; each reads five rows of one of "
        "the served minutes.",
        details=(
            Details(
                title="Resident memory",
                head=("requests", "MB"),
                rows=tuple((f"{number * step:,}", f"{size:.1f}") for number, size in enumerate(sizes)),
            ),
        ),
    )


def load_ranking(found: Stage) -> None:
    """Make what the pipeline's ranking page reads: tables, five weeks of days, the views of its rows and filters."""
    found.tell("loading what the ranking page reads")
    manager = ViewManager(found.session, templates=ROOT / "cql_templates", author="benchmarks")
    make_tables(manager)
    span = HistorySpan(days=35, hours=1, minutes=1, seconds=1)
    load_history(found.session, now=datetime.now(UTC), streamers=PEOPLE, span=span)
    manager.apply(manager.plan(RANKING))


def first_byte(address: str, path: str) -> float:
    """Return the seconds from a request on a connection that is open to the first byte of its answer."""
    host, _colon, port = address.partition(":")
    with socket.create_connection((host, int(port)), 60) as connection:
        begun = time.perf_counter()
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n".encode())
        answer = connection.recv(1)
        taken = time.perf_counter() - begun
        while more := connection.recv(65536):
            answer += more
    assert answer.startswith(b"HTTP/1.1 200"), answer[:200]
    return taken


def measure_first_byte(found: Stage, address: str, *, requests: int) -> Section:
    """Look at the ranking page: at once again, and after what it had read is kept no longer."""
    taken: dict[str, list[float]] = {"read anew": [], "kept": []}
    first_byte(address, "/")
    for number in range(requests):
        found.tell(f"the ranking page, {number + 1} of {requests}")
        time.sleep(KEPT_SECONDS)
        taken["read anew"].append(first_byte(address, "/"))
        taken["kept"].append(first_byte(address, "/"))
    anew = percentile(taken["read anew"], 0.99) * 1000
    return Section(
        title="The ranking page",
        figures=(
            Figure(
                name="first byte of the ranking page, warm: p99",
                measured=f"{anew:.0f} ms (p50: {median(taken['read anew']) * 1000:.0f} ms)",
                reference=f"asked for again at once: p50 {median(taken['kept']) * 1000:.0f} ms",
                target=f"< {MOST_FIRST_BYTE_MS:.0f} ms",
                verdict=judged(anew < MOST_FIRST_BYTE_MS),
            ),
        ),
        how=f"The pipeline's pages over {PEOPLE} streamers and five weeks of days, one gunicorn worker of {THREADS} "
        f"threads, one client; from the request to the first byte of the answer. Between two looks {KEPT_SECONDS:g} s "
        "go by, so that each reads the newest ranking from the cluster; the page keeps what it read for two.",
    )


def main(
    quick: Annotated[bool, typer.Option("--quick", help="Small sizes: does it run? The figures mean nothing.")] = False,
    out: Annotated[Path | None, typer.Option(help="Write the page here, also of small sizes.")] = None,
) -> None:
    """Measure reading over HTTP beside a bare Flask route; about eight minutes."""
    page = Page(
        "benchmarks.web",
        "benchmarks-web.md",
        "Benchmarks of reading over HTTP",
        is_quick=quick,
        out=out,
    )
    with stage(Sizes(streamers=150, minutes=400), page.tell) as found:
        sections = _sections(found, page.tell, is_quick=quick)
        facts = machine_facts(found.version, heap_mb=HEAP_MB)
    page.finish(sections, facts)


def _sections(found: Stage, tell: Tell, *, is_quick: bool) -> list[Section]:
    variables = {
        "VIEWS_CONTACT_POINTS": found.address,
        "VIEWS_PORT": str(found.port),
        "BENCH_PHYSICAL": found.serving(VIEW),
    }
    with served("benchmarks.web_app:app", variables) as (address, worker):
        sections = [
            measure_reads(found, address, rounds=2 if is_quick else 10, requests=200 if is_quick else 1500),
            measure_memory(found, address, worker, requests=2000 if is_quick else REQUESTS),
        ]
    load_ranking(found)
    with served("followers.web.app:create_app()", variables) as (address, _worker):
        return [*sections, measure_first_byte(found, address, requests=3 if is_quick else 20)]


if __name__ == "__main__":
    run(main)
