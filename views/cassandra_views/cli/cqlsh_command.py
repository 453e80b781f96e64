"""The command ``views cqlsh``: cqlsh on the project's cluster."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from cassandra_client.errors import ConfigurationError
from cassandra_views.cli.context import options_of, targeted
from cassandra_views.cli.embedded import missing_extra
from cassandra_views.cli.help import with_examples

if TYPE_CHECKING:
    from cassandra_client.tls import Tls
    from cassandra_views.project.settings import Settings

_CQLSH_HELP = with_examples(
    """Open cqlsh on the project's cluster; further options are passed to cqlsh.

It connects like every other command: to the first contact point of the
environment (--env), with its user and encryption, or to the server of `views up`.""",
    "views cqlsh",
    "views cqlsh -k insight",
    'views --env prod cqlsh -e "SELECT view_name, read_from FROM views_registry.views"',
    "views cqlsh -- --help           # the options of cqlsh itself",
)


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    passing_on = {"allow_extra_args": True, "ignore_unknown_options": True}
    app.command("cqlsh", help=_CQLSH_HELP, context_settings=passing_on, rich_help_panel="Server")(cqlsh)


def cqlsh(context: typer.Context) -> None:
    """Run cqlsh on the project's cluster."""
    if find_spec("cqlshlib") is None:
        raise missing_extra("cqlsh")
    settings = targeted(options_of(context))
    # Ctrl-C inside cqlsh cancels its line and is none of our business.
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with _login(settings) as login:
            program = [sys.executable, "-W", "ignore", "-m", "cassandra_views.cli.cqlsh_checked"]
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
    """Return cqlsh's settings of encryption, and ``check_hostname`` for ``cqlsh_checked``."""
    import ssl

    authority = tls.ca or ssl.get_default_verify_paths().cafile
    if authority is None:
        raise ConfigurationError(
            "cqlsh needs the authority's certificate, and this system has none in one file",
            remains="Nothing was done",
            next="Set tls.ca in views.toml, or CASSANDRA_TLS_CA",
        )
    paths = {"certfile": authority, "usercert": tls.cert, "userkey": tls.key}
    head = ["[ssl]", "validate = true", f"check_hostname = {str(tls.check_hostname).lower()}"]
    return [*head, *(f"{key} = {Path(path).absolute()}" for key, path in paths.items() if path)]


def _listen_to_ctrl_c() -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)
