"""cqlsh that checks certificates, run as a program by ``views cqlsh``.

cqlsh 6.2.2 asks for that, and the driver 3.30.1 writes it into the wrong field of the TLS context: any
certificate was taken, and the password sent (tried). A context for clients checks certificates by itself.

cqlsh 6.2.2 also warns at each start, since it compares its build, 5.0.0, with the server's patch release. Only a server
of a later major version than its own may have features that it does not know.
"""

from __future__ import annotations

import configparser
import runpy
import ssl
from typing import Any

from cqlshlib import serverversion, sslhandling

_ask = sslhandling.ssl_settings


def _checked(host: str, file: str, *others: Any) -> dict[str, Any]:
    settings = configparser.ConfigParser()
    settings.read(file)
    is_named = settings.getboolean("ssl", "check_hostname", fallback=True)
    return {**_ask(host, file, *others), "ssl_version": ssl.PROTOCOL_TLS_CLIENT, "check_hostname": is_named}


def _warn_of_newer_server(shell: Any) -> None:
    server = str(shell.connection_versions["build"])
    if is_newer(server, serverversion.version):
        print(f"WARNING: this cqlsh was made for Cassandra {serverversion.version}, and the server is {server}.")


def is_newer(server: str, own: str) -> bool:
    """Tell whether a server is of a later major version than cqlsh; False where either has no number."""
    major, known = server.partition(".")[0], own.partition(".")[0]
    return major.isdigit() and known.isdigit() and int(major) > int(known)


if __name__ == "__main__":
    sslhandling.ssl_settings = _checked
    from cqlshlib import cqlshmain  # reads the command line when it is imported

    cqlshmain.Shell.check_build_versions = _warn_of_newer_server
    runpy.run_module("cqlshlib", run_name="__main__")
