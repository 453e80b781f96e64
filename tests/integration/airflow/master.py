"""The Spark master of these tests: scripts that note what they were called with and then do as the test says.

The real scripts have their own tests (tests/integration/scripts, tests/integration/spark).
"""

from __future__ import annotations

import time
from pathlib import Path

from tests.sshd import SshServer

JOBS = ("live_to_minute", "minute_to_hour", "hour_to_day", "aggregations")
_SCRIPT = """\
#!/usr/bin/env bash
printf '%s\\n' "$0 $*" >>calls
[ ! -e "does_$0" ] || . "./does_$0"
echo "computing $1" >&2
printf '{"task": "%s", "start": "%s", "end": "%s", "rows_written": 3, "completeness": 1.0}\\n' "JOB" "$1" "$2"
"""


class Master:
    """An SSH server with the four scripts in its user's home."""

    def __init__(self, server: SshServer) -> None:
        self.server = server
        self.reset()

    @property
    def home(self) -> Path:
        return self.server.home

    def reset(self) -> None:
        """Forget what was called, and let each script end well again."""
        for path in [*self.home.glob("does_*"), *self.home.glob("calls"), *self.home.glob("spark_*.sh")]:
            path.unlink()
        for job in JOBS:
            (self.home / f"spark_{job}.sh").write_text(_SCRIPT.replace("JOB", job))

    def let(self, job: str, do: str) -> None:
        """Let a script run these lines of bash before it ends well."""
        (self.home / f"does_spark_{job}.sh").write_text(do)

    def calls(self) -> list[str]:
        """Return the command lines so far, the script's name first."""
        path = self.home / "calls"
        return path.read_text().splitlines() if path.exists() else []

    def await_call(self, text: str, seconds: float = 60) -> None:
        """Wait until a call with this text was noted."""
        deadline = time.monotonic() + seconds
        while not any(text in call for call in self.calls()):
            assert time.monotonic() < deadline, f"no call with {text!r} in {seconds} s; calls: {self.calls()}"
            time.sleep(0.1)

    def leftovers(self) -> list[str]:
        """Return the folders of remote jobs that were not cleaned up."""
        folder = self.home / ".cassandra-views" / "airflow"
        return sorted(path.name for path in folder.iterdir()) if folder.exists() else []
