"""``health_dags``: the DAGs that heal nodes and services, for a DAG file of three lines.

While all is well there is no run: the triggerer checks, and its event begins one.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

from airflow.sdk import DAG, Asset, AssetWatcher

from cassandra_healing.operation_progress import OperationStep
from cassandra_healing.policy import Policy
from cassandra_views.airflow.deployment import Deployment, make_dag
from cassandra_views.airflow.failures import NOT_AGAIN
from cassandra_views.airflow.health_tasks import (
    ApproveOperationTask,
    AuditClusterTask,
    AwaitNodeTask,
    DecideServicesTask,
    DecideTask,
    HealServiceTask,
    OperationStepTask,
    PageTask,
)
from cassandra_views.airflow.health_trigger import HealthTrigger

_STEPS = (
    OperationStep.RESTART,
    OperationStep.FENCE,
    OperationStep.APPLY,
    OperationStep.NORMAL,
    OperationStep.REPAIR,
    OperationStep.TERMINATE,
    OperationStep.AUDIT,
    OperationStep.CLOSE,
)
_AFTER = {
    OperationStep.APPROVE: (OperationStep.PLAN,),
    OperationStep.RESTART: (OperationStep.APPROVE,),
    OperationStep.FENCE: (OperationStep.PLAN, OperationStep.APPROVE),
    OperationStep.APPLY: (OperationStep.FENCE,),
    OperationStep.NORMAL: (OperationStep.RESTART, OperationStep.APPLY),
    OperationStep.REPAIR: (OperationStep.NORMAL,),
    OperationStep.TERMINATE: (OperationStep.REPAIR,),
    OperationStep.AUDIT: (OperationStep.TERMINATE,),
    OperationStep.CLOSE: (OperationStep.NORMAL, OperationStep.AUDIT),
}
"""Which steps each waits for: also behind one that is skipped, all that are needed before it."""
_TASKS = {OperationStep.NORMAL: AwaitNodeTask, OperationStep.AUDIT: AuditClusterTask}
RETRIES: dict[str, Any] = {"retries": 2, "retry_delay": timedelta(seconds=70), "retry_policy": NOT_AGAIN}
"""After a kill another process may resume the operation once the lease of the dead one has expired."""


def health_dags(
    templates: str | Path,
    namespace: dict[str, Any],
    *,
    conn_id: str = "cassandra_default",
    env: str | None = None,
    dag_id_prefix: str = "",
) -> tuple[str, ...]:
    """Make the DAGs that watch a cluster and heal it. Contacts no cluster.

    Args:
        templates: as for ``view_dags``: the views there are audited after a replacement. Where there are none, any
            folder below that of views.toml.
        namespace: the DAG file's ``globals()``, into which the DAGs are put.
        conn_id: an Airflow connection of the type ``cassandra``.
        env: which environment of views.toml; None for its default.
        dag_id_prefix: before each DAG's id, where one Airflow watches several clusters.

    Returns:
        The ids of the DAGs.

    Raises:
        ConfigurationError: views.toml is wrong.
    """
    folder = (Path(namespace["__file__"]).absolute().parent / templates).resolve()
    deployment = Deployment(templates=str(folder), conn_id=conn_id, environment=env, dag_id_prefix=dag_id_prefix)
    policy = deployment.settings().env.healing
    watched = Asset(
        name=f"{dag_id_prefix}cluster_health_{conn_id}",
        uri=f"x-cluster-health://{conn_id}/{dag_id_prefix}",
        watchers=[AssetWatcher(name="check", trigger=HealthTrigger(**deployment.to_dict()))],
    )
    made = [_nodes_dag(deployment, watched, policy)]
    if policy.services:
        made.append(_services_dag(deployment, watched, policy))
    for dag in made:
        namespace[f"dag_{dag.dag_id}"] = dag
    return tuple(dag.dag_id for dag in made)


def _nodes_dag(deployment: Deployment, watched: Asset, policy: Policy) -> DAG:
    with make_dag(
        f"{deployment.dag_id_prefix}cluster_health",
        description="Restarts and replaces nodes of Cassandra that are down",
        doc_md=(
            f"The triggerer checks the cluster every {policy.check_seconds:g} s; a run begins where a restart, a "
            f"replacement or a page is decided. The mode is **{policy.mode}**. Each task does one step of the "
            "operation in the cluster's journal; the others are skipped. `views cluster history` shows all. "
            "`views cluster stop` ends everything."
        ),
        schedule=[watched],
        tags=("cluster",),
        retries=RETRIES,
    ) as dag:
        decide = DecideTask(task_id="decide", deployment=deployment, execution_timeout=timedelta(minutes=10))
        decide >> PageTask(task_id="page", retries=0)
        steps: dict[OperationStep, Any] = {
            OperationStep.PLAN: OperationStepTask(
                task_id=OperationStep.PLAN.value, deployment=deployment, step=OperationStep.PLAN.value
            ),
            OperationStep.APPROVE: ApproveOperationTask(
                task_id=OperationStep.APPROVE.value,
                deployment=deployment,
                response_timeout=timedelta(minutes=policy.approve_minutes),
                trigger_rule="none_failed",
            ),
        }
        for step in _STEPS:
            steps[step] = _TASKS.get(step, OperationStepTask)(
                task_id=step.value, deployment=deployment, step=step.value, trigger_rule="none_failed"
            )
        decide >> steps[OperationStep.PLAN]
        for step, after in _AFTER.items():
            [steps[each] for each in after] >> steps[step]
    return dag


def _services_dag(deployment: Deployment, watched: Asset, policy: Policy) -> DAG:
    with make_dag(
        f"{deployment.dag_id_prefix}cluster_services",
        description="Restarts and replaces services beside the cluster that do not work",
        doc_md=(
            f"Watched: {', '.join(sorted(policy.services))}. A run begins where a restart, a replacement or a page is "
            "decided for one of them. Each is seen to by a task of its own."
        ),
        schedule=[watched],
        tags=("cluster",),
    ) as dag:
        decide = DecideServicesTask(
            task_id="decide", deployment=deployment, retries=2, execution_timeout=timedelta(minutes=10)
        )
        decide >> PageTask(task_id="page")
        HealServiceTask.partial(
            task_id="heal",
            deployment=deployment,
            response_timeout=timedelta(minutes=policy.approve_minutes),
            map_index_template="{{ task.service }}",
        ).expand(service=decide.output)
    return dag
