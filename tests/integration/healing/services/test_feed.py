"""The feed as a service: a real `followers feed` is killed, told by the age of what it wrote, and started again."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil
import pytest
from cassandra.cluster import Session

from cassandra_healing.decision import Rule
from cassandra_healing.errors import OperationNotStarted
from cassandra_healing.model import CutOff, HealingAction, JournalState
from cassandra_healing.monitor import report_targets
from cassandra_healing.operations.hooks import HookFailed
from followers.accounts import Platform, choose_accounts
from tests.integration.healing.services.conftest import QUICK, Watch, verdict
from tests.integration.healing.signals import kill
from tests.paths import ROOT
from tests.servers import Server

pytestmark = [pytest.mark.slow, pytest.mark.cassandra]

STREAMERS = 3
TABLE = "(streamer text, timestamp text, follower_count int, PRIMARY KEY (streamer, timestamp))"


class FeedProcess:
    """A `followers feed` and the commands that people would set for it: its pid is in a file."""

    def __init__(self, folder: Path, server: Server, keyspace: str) -> None:
        self.pid_file = folder / "feed.pid"
        words = f"feed --keyspace {keyspace} --streamers {STREAMERS}"
        self.script = folder / "restart.sh"
        self.script.write_text(
            f'[ -f {self.pid_file} ] && kill -KILL "$(cat {self.pid_file})" 2>/dev/null\n'
            f"cd {ROOT}\n"
            f"CASSANDRA_CONTACT_POINTS={server.contact_points[0]} CASSANDRA_PORT={server.port} "
            f"setsid {sys.executable} -m followers {words} >{folder}/feed.log 2>&1 </dev/null &\n"
            f"echo $! >{self.pid_file}\n"
        )
        self.restart = ("sh", str(self.script))

    def start(self) -> None:
        subprocess.run(self.restart, check=True, timeout=20)

    @property
    def process(self) -> psutil.Process:
        return psutil.Process(int(self.pid_file.read_text()))


@pytest.fixture
def feed(tmp_path: Path, server: Server, session: Session, keyspace: str) -> Iterator[FeedProcess]:
    for platform in ("twitch", "twitter", "youtube"):
        session.execute(f"CREATE TABLE {keyspace}.{platform}_live {TABLE}")
    made = FeedProcess(tmp_path, server, keyspace)
    made.start()
    yield made
    made.process.kill()


def _service(keyspace: str, feed: FeedProcess, **more: Any) -> dict[str, Any]:
    on_twitch = [each for each in choose_accounts(STREAMERS) if Platform.TWITCH in each.start_counts]
    newest = f"SELECT timestamp FROM {keyspace}.twitch_live WHERE streamer = '{on_twitch[0].streamer}'"
    return {
        "feed": {
            **QUICK,
            "kind": "heartbeat",
            "newest": f"{newest} ORDER BY timestamp DESC LIMIT 1",
            "time_format": "%Y-%m-%d_%H-%M-%S",
            "max_age_seconds": 5,
            "needs": ["cluster"],
            "restart_command": feed.restart,
            "back_minutes": 0.5,
            **more,
        }
    }


def test_a_feed_that_was_killed_is_started_again(
    watch: Callable[[dict[str, Any]], Watch], feed: FeedProcess, keyspace: str
) -> None:
    watched = watch(_service(keyspace, feed))
    watched.until(lambda found: verdict(found["feed"]) == "up")
    first = feed.process
    kill(first.pid, signal.SIGKILL)
    found = watched.until(lambda found: found["feed"].decision.act is HealingAction.RESTART)
    assert "it wrote last" in found["feed"].decision.evidence[0]
    report = watched.report
    cut_off = CutOff(reached=(), of=1, since=report.assessment.at, is_confirmed=False, checks=1)
    _cluster, waits = report_targets(replace(report.assessment, cut_off=cut_off), JournalState(), watched.policy)
    assert waits.decision.rule is Rule.NEEDS, "without the cluster it cannot write"
    watched.heal("feed")
    watched.until(lambda found: verdict(found["feed"]) == "up")
    assert feed.process.pid != first.pid
    with pytest.raises(OperationNotStarted, match="after this check"):
        watched.heal("feed", report)  # another healer decided likewise
    assert [line.outcome for line in watched.journal.entries(limit=1, now=datetime.now(UTC))] == ["done"]


def test_a_restart_that_fails_is_shown_to_a_person(
    watch: Callable[[dict[str, Any]], Watch], feed: FeedProcess, keyspace: str
) -> None:
    watched = watch(_service(keyspace, feed, restart_command=["sh", "-c", "echo no such unit >&2; exit 5"]))
    watched.until(lambda found: verdict(found["feed"]) == "up")
    feed.process.suspend()
    found = watched.until(lambda found: found["feed"].decision.act is HealingAction.RESTART)
    with pytest.raises(HookFailed, match=r"code 5: no such unit"):
        watched.heal("feed")
    found = watched.check()
    assert (found["feed"].decision.act, found["feed"].decision.rule) == (HealingAction.PAGE, Rule.NO_REPLACEMENT)
    assert "its restart did not help" in found["feed"].decision.what
