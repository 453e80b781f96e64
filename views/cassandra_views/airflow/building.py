"""Awaiting a build without holding a worker slot."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowSkipException

from cassandra_views.airflow.asked import Asked
from cassandra_views.airflow.tasks import ViewTask
from cassandra_views.airflow.triggers import BuildTrigger
from cassandra_views.model.steps import AwaitBuild

if TYPE_CHECKING:
    from airflow.sdk import Context

    from cassandra_views.manager import ViewManager


class AwaitBuildTask(ViewTask):
    """Defers until the generation is built on every member, then writes that down."""

    def do(self, manager: ViewManager, asked: Asked, context: Context) -> Any:
        """Look once; where the build has not ended, wait in the triggerer."""
        plan = self.plan(manager, asked, allow_drop=False)
        step = next((each for each in plan.steps if isinstance(each, AwaitBuild)), None)
        if step is None:
            raise AirflowSkipException("Nothing is being built")
        if not manager.read_build(step.view, step.number).is_built:
            self.defer(
                trigger=BuildTrigger(
                    conn_id=self.deployment.conn_id,
                    keyspace=step.view.keyspace,
                    view=step.view.view,
                    number=step.number,
                ),
                method_name="resume",
            )
        return super().do(manager, asked, context)
