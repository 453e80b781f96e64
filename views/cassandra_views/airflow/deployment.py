"""Which files are kept on which cluster: what one call of ``view_dags`` is about."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.sdk import DAG, Asset

from cassandra_views.apply.reports import Listener, ignore_reports
from cassandra_views.project.settings import Settings

if TYPE_CHECKING:
    from cassandra.cluster import Session

    from cassandra_views.airflow.hook import Access
    from cassandra_views.manager import ViewManager

_START = datetime(2019, 1, 1, tzinfo=UTC)
"""A fixed day in the past; with catch-up off no run comes from it."""

NO_RETRIES = {"retries": 0}


def make_dag(
    dag_id: str,
    *,
    tags: Iterable[str] = ("views",),
    owner: str = "views",
    retries: Mapping[str, Any] = NO_RETRIES,
    max_active_runs: int = 1,
    **own: Any,
) -> DAG:
    """Return a DAG with what all DAGs of this library have in common.

    Args:
        retries: the default arguments of its tasks about retries.
        own: further arguments of ``DAG``.
    """
    return DAG(
        dag_id,
        start_date=_START,
        catchup=False,
        max_active_runs=max_active_runs,
        tags=list(tags),
        default_args={"owner": owner, **retries},
        **own,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """A folder of files, the environment they are for, and the Airflow connection to its cluster.

    Args:
        templates: the folder's path; the same on every host of Airflow that runs its tasks.
        environment: of views.toml; None for its default.
        dag_id_prefix: before the ids of all DAGs of this deployment, and the names of its assets.
    """

    templates: str
    conn_id: str
    environment: str | None = None
    dag_id_prefix: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return it as values that Airflow keeps."""
        return asdict(self)

    def settings(self) -> Settings:
        """Read views.toml, without the variables that the command line looks at.

        Raises:
            ConfigurationError: it is wrong, or knows no such environment.
        """
        folder = Path(self.templates)
        return Settings.resolve(start=folder, templates=folder, environment=self.environment, variables={})

    def dag_id(self, view: str) -> str:
        """Return the id of a view's DAG."""
        return f"{self.dag_id_prefix}view_{view}"

    def service_id(self, name: str) -> str:
        """Return the id of a DAG that is for all views: ``reconcile``, ``audit``, ``by_hand``, ``rest``."""
        return f"{self.dag_id_prefix}views_{name}"

    def asset(self, keyspace: str, name: str) -> Asset:
        """Return the asset of a view, whose events are its generations, or of a base table.

        Views of two clusters have the same names, and assets are all of Airflow's: so the prefix is in them, too.
        """
        # The scheme has no provider: an ``x-`` one is left as it is.
        place = f"{self.dag_id_prefix}{keyspace}"
        return Asset(name=f"{place}.{name}", uri=f"x-cassandra://{place}/{name}")

    @contextmanager
    def managed(
        self, *, run: str | None = None, author: str = "airflow", listener: Listener = ignore_reports
    ) -> Iterator[ViewManager]:
        """Open a manager on the cluster of the Airflow connection.

        Raises:
            ClusterError: the cluster cannot be reached.
            ConfigurationError: views.toml or the connection is wrong.
        """
        from cassandra_views.airflow.hook import ViewsHook

        access = ViewsHook(self.conn_id).access()
        with access.opened() as session:
            yield self.manager(session, access, run=run, author=author, listener=listener)

    def manager(
        self,
        session: Session,
        access: Access,
        *,
        run: str | None = None,
        author: str = "airflow",
        listener: Listener = ignore_reports,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> ViewManager:
        """Return a manager on an open session."""
        from cassandra_views.manager import ViewManager

        return ViewManager(
            session,
            settings=self.reached(access),
            author=author,
            listener=listener,
            clock=clock,
            run=run,
        )

    def reached(self, access: Access) -> Settings:
        """Return the settings of views.toml with the cluster of the Airflow connection; errors as ``settings``."""
        settings = self.settings()
        update = {
            "contact_points": access.contact_points,
            "port": access.port,
            "username": access.username,
            "tls": access.options.get("tls"),
        }
        return settings.model_copy(
            update={
                "env": settings.env.model_copy(update=update),
                "password": access.password,
                "source": f"connection {self.conn_id}",
            }
        )


def run_mark(dag_id: str, run_id: str) -> str:
    """Return the id under which a DAG run's deeds are in the registry: the same after each restart."""
    return hashlib.blake2b(f"{dag_id}/{run_id}".encode(), digest_size=6).hexdigest()
