"""Sessions leave the process as it is, also while several of them overlap."""

from __future__ import annotations

import logging
import os
import signal
import warnings
from contextlib import ExitStack
from typing import Any

from cassandra_client.connect import connected
from tests.servers import Server


def state() -> dict[str, Any]:
    loggers = {name: logging.getLogger(name) for name in ("", "cassandra", "cassandra.cluster", "cassandra.connection")}
    return {
        "loggers": {
            name: (each.level, each.disabled, each.propagate, list(each.handlers), list(each.filters))
            for name, each in loggers.items()
        },
        "disabled": logging.root.manager.disable,
        "warnings": list(warnings.filters),
        "environment": dict(os.environ),
        "signals": {each: signal.getsignal(each) for each in signal.valid_signals()},
    }


def test_overlapping_sessions_leave_the_process_as_it_is(server: Server) -> None:
    before = state()
    first, second = ExitStack(), ExitStack()
    for stack in (first, second):
        session = stack.enter_context(connected(tuple(server.contact_points), port=server.port))
        session.execute("SELECT key FROM system.local")
        assert state() == before
    for stack in (first, second):  # the one that was opened first is closed first
        stack.close()
        assert state() == before
