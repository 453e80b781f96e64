"""The Flask app: pages over views. Needs the extra ``web``; the role it reads with needs no more than to read."""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from flask import Flask, url_for

from cassandra_views.web import CassandraViews
from followers.feed import utc_now
from followers.web import texts
from followers.web.board import NAMES, PLATFORMS
from followers.web.pages import make_pages
from followers.web.reads import Reads, Store

FOLDER = Path(__file__).parent


def create_app(config: Mapping[str, Any] | None = None, *, clock: Callable[[], datetime] = utc_now) -> Flask:
    """Make the app; it connects at the first page that somebody asks for.

    Args:
        config: settings of Flask and of ``CassandraViews``; these also come from the environment (``VIEWS_*``).
        clock: tells the aware time that pages are of.

    Raises:
        ConfigurationError: a setting is unknown or wrong.
    """
    # Its own files are served by the pages' blueprint, with their headers.
    app = Flask("followers", static_folder=None, template_folder=str(FOLDER / "templates"))
    # It signs the API's page tokens alone; where there are several processes it has to be given.
    app.config["SECRET_KEY"] = os.environ.get("SECRET_KEY") or secrets.token_hex()
    app.config.update(config or {})
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    views = CassandraViews(app)
    store = Store()
    app.register_blueprint(make_pages(lambda: Reads(views, store, clock)))
    app.jinja_env.globals.update(asset=_asset, texts=texts, platforms=PLATFORMS, names=NAMES)
    operations = views.state.options.pages_prefix
    app.jinja_env.globals["operations"] = operations if _is_served(app, operations) else ""
    return app


def _is_served(app: Flask, prefix: str) -> bool:
    return bool(prefix) and any(rule.rule.rstrip("/") == prefix for rule in app.url_map.iter_rules())


def _asset(name: str) -> str:
    """Return the address of a file under static, which changes with what is in it."""
    return url_for("pages.static", filename=name, v=_digest(name))


@cache
def _digest(name: str) -> str:
    return hashlib.blake2b((FOLDER / "static" / name).read_bytes(), digest_size=6).hexdigest()
