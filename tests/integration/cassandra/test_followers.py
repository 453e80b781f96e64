import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from cassandra.cluster import Session
from jinja2 import Environment, StrictUndefined

from followers.demo.supervisor import FeedPart
from followers.feed import Feed, utc_now
from followers.history import HistorySpan, SampleHistory
from followers.load import LoadError, load_history
from tests.paths import ROOT
from tests.servers import Server

COMMAND = [sys.executable, "-m", "followers"]
NOW = datetime(2026, 11, 5, 12, 34, 56, tzinfo=UTC)
SMALL = HistorySpan(days=3, hours=5, minutes=150, seconds=20)


def create(session: Session, keyspace: str, *names: str) -> None:
    """Create what the files of these names describe, rendered as plainly as can be."""
    for name in names:
        kind = "views" if name in ALL_VIEWS else "tables"
        source = (ROOT / "cql_templates" / kind / f"{name}.cql.j2").read_text().split("---\n", 2)[2]
        template = Environment(undefined=StrictUndefined, autoescape=False).from_string(source)
        own = f"{keyspace}.{name}"
        session.execute(
            template.render(
                table=own,
                view=own,
                base=lambda table: f"{keyspace}.{table}",
                in_window=lambda: "timestamp >= '2000'",
            )
        )


ALL_TABLES = sorted(path.name.split(".")[0] for path in (ROOT / "cql_templates" / "tables").iterdir())
ALL_VIEWS = sorted(path.name.split(".")[0] for path in (ROOT / "cql_templates" / "views").iterdir())
WRITTEN_BY_JOBS = {"rollups"}
LIVE = [name for name in ALL_TABLES if name.endswith("_live")]


def live_keys(session: Session, keyspace: str) -> set[tuple[str, str, str]]:
    return {
        (table, row.streamer, row.timestamp)
        for table in LIVE
        for row in session.execute(f"SELECT streamer, timestamp FROM {keyspace}.{table}")
    }


def base_and_keys(session: Session, keyspace: str, view: str) -> tuple[str, list[str]]:
    """Return a view's base, and the columns that must hold a value for a row to be in the view."""
    metadata = session.cluster.metadata.keyspaces[keyspace].views[view]
    return metadata.base_table_name, [column.name for column in (*metadata.partition_key, *metadata.clustering_key)]


def test_a_history_fills_every_table_and_view(session: Session, keyspace: str) -> None:
    create(session, keyspace, *ALL_TABLES, *ALL_VIEWS)
    told: dict[str, tuple[int, int]] = {}
    counts = load_history(
        session,
        keyspace=keyspace,
        now=NOW,
        streamers=30,
        span=SMALL,
        on_progress=lambda table, rows, total: told.update({table: (rows, total)}),
    )
    assert set(counts) == set(ALL_TABLES) - WRITTEN_BY_JOBS
    assert told == {table: (rows, rows) for table, rows in counts.items()}
    for rows in SampleHistory(now=NOW, streamers=30, span=SMALL).tables():
        expected = {row for each in rows.partitions() for row in each}
        stored = session.execute(f"SELECT {', '.join(rows.columns)} FROM {keyspace}.{rows.table}")
        assert {tuple(row) for row in stored} == expected
        assert counts[rows.table] == len(expected)
    for view in ALL_VIEWS:
        stored = session.execute(f"SELECT count(*) FROM {keyspace}.{view}").one()[0]
        base, keys = base_and_keys(session, keyspace, view)
        rows = session.execute(f"SELECT {', '.join(keys)} FROM {keyspace}.{base}")
        assert stored == sum(None not in row for row in rows) > 0
    for table in LIVE:
        left = session.execute(f"SELECT ttl(follower_count) FROM {keyspace}.{table} LIMIT 1").one()[0]
        assert 259_000 < left <= 259_200


def test_rows_that_cannot_be_written_are_an_error_that_says_so(session: Session, keyspace: str) -> None:
    create(session, keyspace, *ALL_TABLES)

    def drop_it(table: str, *_: int) -> None:
        if table == "unified_minute":
            session.execute(f"DROP TABLE IF EXISTS {keyspace}.{table}")

    with pytest.raises(LoadError, match=r"unified_minute: .* rows could not be written .* load again"):
        load_history(session, keyspace=keyspace, now=NOW, streamers=9, span=SMALL, on_progress=drop_it)


def test_a_feed_goes_on_where_the_history_ends(session: Session, keyspace: str) -> None:
    create(session, keyspace, *ALL_TABLES)
    begin = utc_now() - timedelta(seconds=5)
    span = HistorySpan(days=0, hours=0, minutes=0, seconds=10)
    load_history(session, keyspace=keyspace, now=begin, streamers=20, span=span)
    before = live_keys(session, keyspace)
    with Feed(session, keyspace=keyspace, streamers=20, since=begin) as feed:
        deadline = time.monotonic() + 30
        while feed.counts.written < 20 * 3 * 6 and time.monotonic() < deadline:
            time.sleep(0.1)
        assert feed.is_running
    assert not feed.is_running
    after = live_keys(session, keyspace)
    counts = feed.counts
    assert counts.failed == counts.skipped == 0
    assert counts.late > 0
    assert len(after) - len(before) == counts.written >= 20 * 3 * 6


def test_a_feed_survives_writes_that_fail(session: Session, keyspace: str) -> None:
    create(session, keyspace, *LIVE)
    with Feed(session, keyspace=keyspace, streamers=5) as feed:
        session.execute(f"DROP TABLE {keyspace}.twitter_live")
        deadline = time.monotonic() + 30
        while not feed.counts.failed and time.monotonic() < deadline:
            time.sleep(0.1)
        written = feed.counts.written
        while feed.counts.written == written and time.monotonic() < deadline:
            time.sleep(0.1)
        assert feed.is_running
    assert feed.counts.failed > 0
    assert feed.counts.written > written


def test_a_feed_that_an_error_has_ended_is_restarted(session: Session, keyspace: str) -> None:
    create(session, keyspace, *LIVE)
    broken = threading.Event()

    def clock() -> datetime:
        if broken.is_set():
            raise OSError("no time")
        return utc_now()

    with Feed(session, keyspace=keyspace, streamers=5, clock=clock) as feed:
        part = FeedPart(feed)
        assert part.find_end() == ""
        broken.set()
        await_that(part.find_end)
        assert "no time" in part.last_lines()
        broken.clear()
        written = feed.counts.written
        part.restart()
        await_that(lambda: feed.counts.written > written)
        assert part.find_end() == ""


def await_that(look: Callable[[], object]) -> None:
    deadline = time.monotonic() + 30
    while not look():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.fixture
def options(server: Server, keyspace: str) -> list[str]:
    return ["--port", str(server.port), "--keyspace", keyspace, "--streamers", "3"]


@pytest.fixture
def environment(server: Server) -> dict[str, str]:
    return os.environ | {"CASSANDRA_CONTACT_POINTS": ",".join(server.contact_points)}


def test_the_commands_load_and_feed(
    session: Session, keyspace: str, options: list[str], environment: dict[str, str]
) -> None:
    create(session, keyspace, *ALL_TABLES)
    loaded = subprocess.run(
        [*COMMAND, "load", *options, "--minutes", "40", "--seconds", "0", "--now", "2026-11-05T12:34:56"],
        env=environment, cwd=ROOT, capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    assert f"tables of {keyspace}, up to 2026-11-05T12:34:56Z" in loaded.stdout
    minutes = session.execute(f"SELECT count(*) FROM {keyspace}.unified_minute").one()[0]
    assert 110 < minutes <= 120

    with subprocess.Popen(
        [*COMMAND, "feed", *options, "--every", "0.2"],
        env=environment,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    ) as feed:
        assert feed.stdout
        first = next(line for line in feed.stdout if not line.startswith("written 0 "))
        feed.send_signal(signal.SIGTERM)
        last = feed.stdout.read().splitlines()[-1]
        assert feed.wait(timeout=30) == 0
    written = int(last.split()[1])
    assert written >= int(first.split()[1])
    assert len(live_keys(session, keyspace)) == written


@pytest.mark.parametrize("verb", ["load", "feed"])
def test_a_command_without_tables_or_server_is_an_error(
    verb: str, options: list[str], environment: dict[str, str]
) -> None:
    def run(environ: dict[str, str]) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*COMMAND, verb, *options], env=environ, cwd=ROOT, capture_output=True, text=True, timeout=60
        )

    no_table, no_host = run(environment), run(environment | {"CASSANDRA_CONTACT_POINTS": ""})
    no_server = run(environment | {"CASSANDRA_CONTACT_POINTS": "127.255.255.254"})
    assert no_table.returncode == no_host.returncode == no_server.returncode == 1
    assert "does not exist" in no_table.stderr
    assert "views apply" in no_table.stderr
    assert no_host.stderr.startswith("error: No contact point is given. Nothing was written.")
    assert "cannot be reached" in no_server.stderr
    assert "Nothing was written" in no_server.stderr
    assert "Traceback" not in no_table.stderr + no_host.stderr + no_server.stderr
