"""Sending a signal to one process, and never to more."""

from __future__ import annotations

import os


def kill(pid: int, number: int) -> None:
    """Send a signal to a process. The process id 0, of a node that does not run, would be all of our own group."""
    assert pid > 0, "it does not run"
    os.kill(pid, number)
