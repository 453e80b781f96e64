"""The pipeline's own tables and views on the server that asks who reads: one whole, one whose views are being built."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cassandra.cluster import Session
from flask import Flask

from cassandra_views.manager import ViewManager
from cassandra_views.model.steps import CreateGeneration
from cassandra_views.project.settings import Settings
from followers.demo.views_tour import make_tables
from followers.history import HistorySpan
from followers.levels import Level
from followers.load import load_history
from followers.web.app import create_app
from tests.integration.web.place import READER, Place
from tests.paths import ROOT

NOW = datetime(2026, 11, 5, 12, 34, 56, tzinfo=UTC)
SPAN = HistorySpan(days=35, hours=72, minutes=150, seconds=120)
STREAMERS = 40


class Clock:
    """A time that stands until a test moves it."""

    def __init__(self, now: datetime = NOW) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def move(self, **units: float) -> None:
        self.now += timedelta(**units)


@dataclass(frozen=True, slots=True, kw_only=True)
class Seed:
    """The pipeline in a keyspace of its own.

    Args:
        session: of a superuser.
        config: what an app needs to read it as the reader.
    """

    session: Session
    keyspace: str
    registry: str
    folder: Path
    config: dict[str, Any]

    def manager(self, clock: Callable[[], datetime] = Clock()) -> ViewManager:  # noqa: B008
        """Return a manager with all rights, at the time that the tests are of."""
        settings = Settings.resolve(start=self.folder, templates=self.folder / "templates", variables={})
        return ViewManager(self.session, settings=settings, author="a keeper", clock=clock)

    def app(self, clock: Callable[[], datetime], **config: Any) -> Flask:
        """Return an app that reads it; close it with ``close``."""
        return create_app(self.config | {"TESTING": True} | config, clock=clock)

    def read_second(self, at: datetime, counts: dict[str, tuple[str, int]]) -> None:
        """Write what a feed would: by platform, a streamer's followers."""
        for platform, (streamer, count) in counts.items():
            self.session.execute(
                f"INSERT INTO {self.keyspace}.{platform}_live (streamer, timestamp, follower_count) "
                "VALUES (%s, %s, %s)",
                (streamer, Level.SECOND.text(at), count),
            )


def close(app: Flask) -> None:
    """End what an app has opened."""
    app.extensions["cassandra_views"].session_provider.close()


def make_seed(server: Place, folder: Path, keyspace: str, *, building: Sequence[str] = ()) -> Seed:
    """Make tables, history and views.

    Args:
        building: create these views alone, and do not wait until they are built; else all of them, to their end.
    """
    registry = f"{keyspace}_registry"
    shutil.copytree(ROOT / "cql_templates", folder / "templates")
    (folder / "views.toml").write_text(
        f'project = "followers"\ntemplates = "templates"\ndefault_env = "test"\n'
        f'[env.test]\nregistry = "{registry}"\nreader_cache_seconds = 1.0\n'
        f'[env.test.keyspaces.insight]\nname = "{keyspace}"\n'
        "replication = { class = 'SimpleStrategy', replication_factor = 1 }\n"
    )
    config = server.config | {"VIEWS_REGISTRY": registry, "VIEWS_TEMPLATES": folder / "templates"}
    seed = Seed(session=server.session, keyspace=keyspace, registry=registry, folder=folder, config=config)
    manager = seed.manager()
    make_tables(manager)
    load_history(server.session, keyspace=keyspace, now=NOW, streamers=STREAMERS, span=SPAN)
    if building:
        plan = manager.plan(building)
        manager.carry_out(plan.part([step for step in plan.steps if isinstance(step, CreateGeneration)]))
    else:
        manager.apply()
    for grant in (f"SELECT ON KEYSPACE {keyspace}", f"SELECT ON KEYSPACE {registry}"):
        server.session.execute(f"GRANT {grant} TO {READER}")
    return seed
