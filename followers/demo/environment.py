"""Where a demo lives and speaks: one folder of the checkout, one demo at a time, its signals, ports and terminal."""

from __future__ import annotations

import ctypes
import fcntl
import shutil
import signal
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.table import Table

from cassandra_client.errors import ViewsError
from cassandra_views import ViewReader
from cassandra_views.project.own_server import running_server

console = Console(highlight=False, width=None if sys.stdout.isatty() else 120)
ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT / ".views" / "demo"
LOGS = DATA / "log"
ADDRESS = "127.0.0.1"
_PR_SET_PDEATHSIG = 1
_STOPS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class DemoError(ViewsError):
    """Something that the demo needs is missing, or has ended."""


@contextmanager
def section(title: str) -> Iterator[None]:
    """Print the title of a section before it, and its time after it."""
    console.rule(f"[bold]{title}", align="left", style="dim")
    begun = time.monotonic()
    yield
    console.print(f"  [dim]{time.monotonic() - begun:.1f} s[/dim]")


@contextmanager
def timed_step(title: str) -> Iterator[list[str]]:
    """Show that a step is under way, and print it with its time; what is put into the list stands beside."""
    begun = time.monotonic()
    said: list[str] = []
    with console.status(title):
        yield said
    beside = f"  {said[-1]}" if said else ""
    console.print(f"  {title:<28} [dim]{time.monotonic() - begun:5.1f} s[/dim]{beside}")


def show_rows(reader: ViewReader, view: str, *, limit: int, **key: str) -> None:
    """Print a read as it is written in Python, and its rows."""
    found = reader.select(view, key, limit=limit)
    written = ", ".join(f'{column}="{value}"' for column, value in key.items())
    console.print(
        f'\n[bold]select("{view}", {written}, limit={limit})[/bold]  [dim]from {", ".join(found.generations)}[/dim]'
    )
    rows = Table(box=None, header_style="dim", padding=(0, 2, 0, 2))
    for column in found.rows[0]._fields if found.rows else ():
        rows.add_column(column, no_wrap=True)
    for row in found.rows:
        rows.add_row(*("-" if value is None else str(value) for value in row))
    console.print(rows)


@contextmanager
def demo_folder() -> Iterator[Path]:
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
def single_interrupt() -> Iterator[None]:
    """Let Ctrl-C, TERM and the end of the terminal be one KeyboardInterrupt; later ones are ignored."""

    def stop(number: int, frame: object) -> None:
        _ignore_signals()
        raise KeyboardInterrupt

    # Under nohup the end of the terminal is to be ignored.
    heard = [each for each in _STOPS if each != signal.SIGHUP or signal.getsignal(each) != signal.SIG_IGN]
    before = {each: signal.signal(each, stop) for each in heard}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


@contextmanager
def uninterrupted_stop() -> Iterator[None]:
    """Let nothing interrupt what comes after the block: it ends processes."""
    try:
        yield
    finally:
        _ignore_signals()
        console.print("Stopping ...")


def end_with_parent() -> None:
    """Get TERM when the process that started this one ends, however that ends."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGTERM), 0, 0, 0)


def _ignore_signals() -> None:
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
