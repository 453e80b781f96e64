"""Where a demo lives: one folder of the checkout, one demo at a time, and its end by one signal."""

from __future__ import annotations

import ctypes
import fcntl
import shutil
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cassandra_views.project.project_folder import running_server
from followers.demo.errors import DemoError
from followers.demo.screen import console

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT / ".views" / "demo"
LOGS = DATA / "log"
ADDRESS = "127.0.0.1"
_PR_SET_PDEATHSIG = 1
_STOPS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def held_place() -> Iterator[Path]:
    """Hold the demo's folder, empty at first; it is removed at the end, and kept where the demo failed.

    Raises:
        DemoError: another demo, or a server of ``views up``, runs in this checkout.
    """
    lock = DATA.with_name("demo.lock")
    lock.parent.mkdir(exist_ok=True)
    with lock.open("w") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DemoError(
                "a demo of this checkout is already running",
                on=str(ROOT),
                remains="It goes on, and nothing was started",
                next="End it with Ctrl-C in its terminal, or use another clone",
            ) from None
        if running_server(ROOT) is not None:
            raise DemoError(
                "a server of this checkout is running",
                on=str(ROOT),
                remains="It goes on, and nothing was started",
                next="Stop it with 'views down'",
            )
        shutil.rmtree(DATA, ignore_errors=True)
        LOGS.mkdir(parents=True)
        try:
            yield DATA
        except Exception:
            raise  # the logs tell why; the next demo removes them
        except BaseException:
            shutil.rmtree(DATA, ignore_errors=True)
            raise
        shutil.rmtree(DATA, ignore_errors=True)


@contextmanager
def one_stop() -> Iterator[None]:
    """Let Ctrl-C, TERM and the end of the terminal be one KeyboardInterrupt; what comes after it is not heard."""

    def stop(number: int, frame: object) -> None:
        _hear_nothing()
        raise KeyboardInterrupt

    # Under nohup the end of the terminal is not to be heard.
    heard = [each for each in _STOPS if each != signal.SIGHUP or signal.getsignal(each) != signal.SIG_IGN]
    before = {each: signal.signal(each, stop) for each in heard}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


@contextmanager
def heard_once() -> Iterator[None]:
    """Let nothing interrupt what comes after the block: it ends processes."""
    try:
        yield
    finally:
        _hear_nothing()
        console.print("Stopping ...")


def end_with_parent() -> None:
    """Get TERM when the process that started this one ends, however that ends."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGTERM), 0, 0, 0)


def _hear_nothing() -> None:
    for each in _STOPS:
        signal.signal(each, signal.SIG_IGN)


def find_port(wanted: int = 0) -> int:
    """Return this port, or any free one where it is taken."""
    with socket.socket() as probe:
        if wanted and probe.connect_ex((ADDRESS, wanted)) != 0:
            return wanted
    with socket.socket() as probe:
        probe.bind((ADDRESS, 0))
        return int(probe.getsockname()[1])
