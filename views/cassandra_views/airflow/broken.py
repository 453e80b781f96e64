"""The DAG of a view file that is wrong: it says what, and leaves the view as it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.sdk import DAG, BaseOperator

from cassandra_views.airflow.deployment import Deployment
from cassandra_views.airflow.failures import refused
from cassandra_views.airflow.view_dag import START, TAG
from cassandra_views.model.definition import BrokenView

if TYPE_CHECKING:
    from airflow.sdk import Context


def broken_dag(broken: BrokenView, deployment: Deployment) -> DAG:
    """Return the DAG of a broken file, found by the tag ``broken``."""
    with DAG(
        deployment.dag_id(broken.view),
        description=f"BROKEN: {broken.error.what}",
        doc_md=f"The file of this view is wrong, so the view is left as it is.\n\n```\n{broken.error}\n```\n",
        schedule=None,
        start_date=START,
        catchup=False,
        tags=[TAG, "broken"],
        default_args={"owner": "views", "retries": 0},
    ) as dag:
        BrokenTask(task_id="plan", text=str(broken.error))
    return dag


class BrokenTask(BaseOperator):
    """Fails with what is wrong."""

    def __init__(self, *, text: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.text = text

    def execute(self, context: Context) -> None:
        """Raise what is wrong with the file.

        Raises:
            Refused: always.
        """
        raise refused(self.text)
