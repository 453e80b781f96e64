"""Audits of large views on the Spark master: its script is started over SSH, and no worker slot is held meanwhile."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.providers.ssh.operators.ssh_remote_job import SSHRemoteJobOperator

from cassandra_views.airflow.failures import refused
from cassandra_views.airflow.links import ViewLink
from cassandra_views.apply.spark_master import spark_command

if TYPE_CHECKING:
    from airflow.sdk import Context

_REMOTE_FOLDER = ".cassandra-views/airflow"
"""Below the home folder of the SSH user, where no other account of that host can write, unlike the default in /tmp."""
_LOOK_SECONDS = 10
_LIMIT = timedelta(hours=24)
_DIFFERS = 3


class SparkAuditTask(SSHRemoteJobOperator):
    """Audits what serves of one view on the Spark master, which writes the verdict into the registry.

    Args:
        view: keyspace and name.
        registry: the registry's keyspace.
        rows_per_second: of the whole audit; 0 is no limit.
    """

    operator_extra_links = (ViewLink(),)

    def __init__(self, *, view: str, registry: str, rows_per_second: float, ssh_conn_id: str, **kwargs: Any) -> None:
        self.view = view
        super().__init__(
            command=spark_command(view, registry=registry, rows_per_second=rows_per_second),
            ssh_conn_id=ssh_conn_id,
            remote_base_dir=_REMOTE_FOLDER,
            remote_os="posix",
            cleanup="on_success",
            poll_interval=_LOOK_SECONDS,
            conn_retry_attempts=3,
            execution_timeout=_LIMIT,
            # The one above does not count while a task is deferred; this one counts only then.
            timeout=int(_LIMIT.total_seconds()),
            **kwargs,
        )

    def execute_complete(self, context: Context, event: dict[str, Any]) -> None:
        """End as the script did.

        Raises:
            TaskRefused: the view differs from its base; trying again changes nothing.
            AirflowException: the view could not be compared.
        """
        if event.get("exit_code") == _DIFFERS:
            raise refused(
                f"{self.view} differs from its base: the log above and 'views status {self.view}' say in what. It goes "
                "on serving. views_reconcile has the next generation built."
            )
        super().execute_complete(context, event)
