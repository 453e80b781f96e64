#!/usr/bin/env python3
"""Starts and ends a process that does nothing, under the rules of node.sh; a file in the run folder makes a verb
slow (slow-start-n2 holds seconds, and lasts no longer than it is there) or fail (fail-stop-n2)."""

import contextlib
import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

node = json.loads(os.environ["NODE"])
run, name, verb = Path(node["run"]), node["name"], sys.argv[1]
pid_file = run / f"{name}.pid"


def tell(text: str) -> None:
    with (run / "calls").open("a") as log:
        log.write(f"{text}\n")


def kill() -> None:
    if pid_file.exists():
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(pid_file.read_text()), signal.SIGKILL)
        pid_file.unlink()


with (run / f"{name}.lock").open("w") as lock:
    fcntl.flock(lock, fcntl.LOCK_EX)
    tell(f"{verb} {name}")
    if verb == "stop" and not (run / f"fence-{name}").exists():
        sys.exit(f"{name} is not fenced")
    if (slow := run / f"slow-{verb}-{name}").exists():
        end = time.monotonic() + float(slow.read_text())
        while slow.exists() and time.monotonic() < end:
            time.sleep(0.05)
    if (run / f"fail-{verb}-{name}").exists():
        sys.exit("told to fail")
    kill()
    if verb == "start":
        quiet = subprocess.DEVNULL
        started = subprocess.Popen(["sleep", "600"], stdin=quiet, stdout=quiet, stderr=quiet, start_new_session=True)
        part = run / f"{name}.part"  # whole or not at all, as a kill may come at any time
        part.write_text(str(started.pid))
        part.replace(pid_file)
    tell(f"{verb} {name} done")
