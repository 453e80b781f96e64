"""``view_dags``: all DAGs of a folder of view files, for a DAG file of three lines."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

from airflow.sdk import DAG, get_parsing_context

from cassandra_views.airflow.broken import broken_dag
from cassandra_views.airflow.by_hand import by_hand_dag
from cassandra_views.airflow.deployment import Deployment
from cassandra_views.airflow.nightly import audit_dag
from cassandra_views.airflow.reconcile import reconcile_dag
from cassandra_views.airflow.view_dag import rest_dag, view_dag
from cassandra_views.model.definition import Project
from cassandra_views.project.cache import FOLDER as CACHE_FOLDER
from cassandra_views.project.cache import FileCache
from cassandra_views.project.loader import ProjectLoader


def view_dags(
    templates: str | Path,
    namespace: dict[str, Any],
    *,
    conn_id: str = "cassandra_default",
    env: str | None = None,
    dag_id_prefix: str = "",
    reconcile_every: timedelta = timedelta(minutes=1),
    audit_cron: str = "0 3 * * *",
) -> tuple[str, ...]:
    """Make a DAG for each view file, and those that are for all views. Contacts no cluster.

    Args:
        templates: the folder of view and table files, from the folder of the DAG file.
        namespace: the DAG file's ``globals()``, into which the DAGs are put.
        conn_id: an Airflow connection of the type ``cassandra``.
        env: which environment of views.toml; None for its default.
        dag_id_prefix: before the ids of DAGs and the names of assets, where one Airflow keeps several clusters.
        reconcile_every: how often is looked whether something is to be done.
        audit_cron: when the views that serve are audited again, in UTC.

    Returns:
        The ids of the DAGs.

    Raises:
        ConfigurationError: views.toml is wrong.
        ProjectError: the folder or a table file is wrong; a view file that is wrong has a DAG that says so.
    """
    folder = (Path(namespace["__file__"]).absolute().parent / templates).resolve()
    deployment = Deployment(templates=str(folder), conn_id=conn_id, environment=env, dag_id_prefix=dag_id_prefix)
    settings = deployment.settings()
    cache = FileCache(settings.folder / CACHE_FOLDER if settings.folder is not None else None)
    project = ProjectLoader.of(settings, cache).load(skip_broken=True)
    cache.save()
    # A task's process reads the file again for its own DAG alone: the others of a large project cost seconds.
    only = get_parsing_context().dag_id
    made: list[str] = []
    for dag_id, make in _makers(project, deployment, reconcile_every, audit_cron):
        made.append(dag_id)
        if only is None or only == dag_id:
            namespace[f"dag_{dag_id}"] = make()
    return tuple(made)


def _makers(
    project: Project, deployment: Deployment, reconcile_every: timedelta, audit_cron: str
) -> Iterator[tuple[str, Callable[[], DAG]]]:
    for view in project.views:
        yield deployment.dag_id(view.name.view), lambda view=view: view_dag(view, deployment)  # type: ignore[misc]
    for broken in project.broken:
        yield deployment.dag_id(broken.view), lambda broken=broken: broken_dag(broken, deployment)  # type: ignore[misc]
    yield deployment.service_id("reconcile"), lambda: reconcile_dag(deployment, reconcile_every)
    yield deployment.service_id("audit"), lambda: audit_dag(deployment, audit_cron)
    yield deployment.service_id("rest"), lambda: rest_dag(deployment)
    yield deployment.service_id("by_hand"), lambda: by_hand_dag(deployment, project)
