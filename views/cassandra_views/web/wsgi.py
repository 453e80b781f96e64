"""The JSON API and the pages as a WSGI app of their own: ``gunicorn 'cassandra_views.web.wsgi:create_app()'``."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from flask import Flask

from cassandra_views.json_log import configure_logging_from_environment
from cassandra_views.web.extension import CassandraViews


def create_app(config: Mapping[str, Any] | None = None) -> Flask:
    """Return the app, to be served by itself or beside another; it connects at the first read of a process.

    The log lines of the process are JSON where ``VIEWS_LOG_FORMAT`` is ``json``.

    Args:
        config: settings of Flask and of ``CassandraViews``; those not given come from the environment (``VIEWS_*``,
            and ``SECRET_KEY``).

    Raises:
        ConfigurationError: a setting is unknown or wrong, or there is no key to sign page tokens with.
    """
    configure_logging_from_environment()
    app = Flask(__name__, static_folder=None)
    app.config["SECRET_KEY"] = os.environ.get("SECRET_KEY")
    app.config.update(config or {})
    CassandraViews(app)
    return app
