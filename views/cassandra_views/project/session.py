"""Sessions on the cluster that the settings of a project name: one on all of it, and one on a node alone."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial

from cassandra.cluster import Session

from cassandra_client.connect import connect_alone, connected
from cassandra_views.project.settings import Settings


def session_of(settings: Settings, *, request_timeout_seconds: float = 15.0) -> AbstractContextManager[Session]:
    """Open a session on the cluster, and close it at the end of the block; errors as ``connected``."""
    env = settings.env
    return connected(
        env.contact_points,
        port=env.port,
        local_dc=env.local_dc,
        username=env.username,
        password=settings.password,
        tls=env.tls,
        request_timeout_seconds=request_timeout_seconds,
    )


def connect_of(settings: Settings) -> Callable[[str], AbstractContextManager[Session]]:
    """Return what opens a session on the node of an address alone, as ``connect_alone``."""
    env = settings.env
    return partial(connect_alone, port=env.port, username=env.username, password=settings.password, tls=env.tls)
