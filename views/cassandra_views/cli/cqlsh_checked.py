"""cqlsh that looks at certificates, run as a program by ``views cqlsh``.

cqlsh 6.2.2 asks for that, and the driver 3.30.1 writes it into the wrong field of the TLS context: any
certificate was taken, and the password sent (tried). A context for clients looks at certificates by itself.
"""

from __future__ import annotations

import configparser
import runpy
import ssl
from typing import Any

from cqlshlib import sslhandling

_ask = sslhandling.ssl_settings


def _checked(host: str, file: str, *others: Any) -> dict[str, Any]:
    settings = configparser.ConfigParser()
    settings.read(file)
    is_named = settings.getboolean("ssl", "check_hostname", fallback=True)
    return {**_ask(host, file, *others), "ssl_version": ssl.PROTOCOL_TLS_CLIENT, "check_hostname": is_named}


if __name__ == "__main__":
    sslhandling.ssl_settings = _checked
    runpy.run_module("cqlshlib", run_name="__main__")
