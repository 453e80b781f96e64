"""What the tests let Airflow do, in a process of its own (airflow_process.py).

Importing Airflow takes seconds, changes logging and reads its settings from the environment once: none of that should
meet the other tests. Everything here takes and returns plain values.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

LOG = "AIRFLOW_TEST_LOG"
BUNDLE = "dags-folder"


@dataclass(frozen=True, slots=True, kw_only=True)
class DagFacts:
    """What a DAG says of itself once Airflow has loaded it."""

    tasks: tuple[str, ...]
    edges: frozenset[tuple[str, str]]
    commands: dict[str, str]
    retries: set[int]
    retry_delays: set[timedelta]
    limits: dict[str, timedelta]
    deferral_limits: dict[str, float]
    trigger_rules: dict[str, str]
    outlets: dict[str, list[str]]
    owner: str
    tags: set[str]
    doc: str
    catchup: bool
    max_active_runs: int
    params: dict[str, dict[str, Any]]
    is_scheduled: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Parsed:
    """One scan of the DAG folder."""

    errors: dict[str, str]
    warnings: dict[str, tuple[str, ...]]
    dags: dict[str, DagFacts]
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedRun:
    """A run that the schedule makes, and the interval of each of its tasks."""

    run_after: datetime
    start: datetime
    end: datetime
    tasks: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """A run that was carried out."""

    state: str
    tasks: dict[str, str]
    tries: dict[str, int]
    commands: dict[str, str]
    reports: dict[str, Any]
    events: list[tuple[str, dict[str, Any]]]
    log: str = field(repr=False)


def prepare(environment: Mapping[str, str]) -> None:
    """Take over the settings before the first import of Airflow, and send all output to the log file."""
    os.environ.clear()
    os.environ.update(environment)
    log = os.open(os.environ[LOG], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(log, 1)
    os.dup2(log, 2)


def parse(folder: Path) -> Parsed:
    """Scan a folder as the DAG processor does; the DAGs of views are looked at elsewhere."""
    began = time.process_time()  # of this process alone: others have the cores, too
    bag = bag_of(folder)
    return Parsed(
        errors=bag.import_errors,
        warnings=bag.captured_warnings,
        dags={name: _facts(dag) for name, dag in bag.dags.items() if name.startswith("spark_")},
        seconds=time.process_time() - began,
    )


def imported_beforehand(path: str) -> list[str]:
    """Return the modules of Airflow that the DAG processor imports once, for all scans of a file."""
    from airflow.utils.file import iter_airflow_imports

    return list(iter_airflow_imports(path))


def planned_runs(dag_id: str, first: datetime, last: datetime) -> list[PlannedRun]:
    """Ask the timetable for the runs from ``first`` to ``last``, as the scheduler and a backfill do."""
    from airflow.serialization.serialized_objects import DagSerialization

    dag = bag_of(_dags_folder()).dags[dag_id]
    stored = DagSerialization.deserialize_dag(DagSerialization.serialize_dag(dag))
    runs = []
    for info in stored.iter_dagrun_infos_between(first, last):
        run = _Run(info.logical_date, info.data_interval.start, info.data_interval.end, info.run_after)
        tasks = {task.task_id: str(task.interval(run, {})) for task in dag.tasks}
        runs.append(PlannedRun(run_after=_plain(info.run_after), start=_plain(run[1]), end=_plain(run[2]), tasks=tasks))
    return runs


def run_dag(
    dag_id: str,
    *,
    connection: Mapping[str, Any],
    logical_date: datetime | None = None,
    conf: dict[str, Any] | None = None,
    retries: int = 0,
) -> Outcome:
    """Carry out one run: tasks and triggers one after another, without a scheduler."""
    from airflow.models.asset import AssetEvent
    from airflow.models.renderedtifields import RenderedTaskInstanceFields
    from airflow.models.xcom import XComModel
    from airflow.utils.session import create_session
    from sqlalchemy import select

    os.environ["AIRFLOW_CONN_SPARK_MASTER"] = json.dumps(connection)
    log = Path(os.environ[LOG])
    read_before = log.stat().st_size
    use_bundle(_dags_folder())
    dag = bag_of(_dags_folder()).dags[dag_id]  # read again: a run writes the rendered command into its tasks
    for task in dag.tasks:
        task.retries = retries
        task.retry_delay = timedelta(seconds=1)
        task.poll_interval = 1
        task.conn_retry_attempts = 1
    run = dag.test(logical_date=logical_date, run_conf=conf)
    sys.stdout.flush()
    sys.stderr.flush()
    with create_session() as session:
        instances = run.get_task_instances(session=session)
        xcoms = session.scalars(
            select(XComModel).where(XComModel.run_id == run.run_id, XComModel.key == "return_value")
        ).all()
        events = session.scalars(
            select(AssetEvent).where(AssetEvent.source_run_id == run.run_id).order_by(AssetEvent.id)
        ).all()
        fields = [RenderedTaskInstanceFields.get_templated_fields(each, session=session) or {} for each in instances]
        return Outcome(
            state=_word(run.state),
            tasks={each.task_id: _word(each.state) for each in instances},
            tries={each.task_id: each.try_number for each in instances},
            commands={each.task_id: shown.get("command", "") for each, shown in zip(instances, fields, strict=True)},
            reports={each.task_id: XComModel.deserialize_value(each) for each in xcoms if each.dag_id == dag_id},
            events=[(each.asset.uri, each.extra) for each in events if each.source_dag_id == dag_id],
            log=log.read_bytes()[read_before:].decode(errors="replace"),
        )


class _Run(tuple[Any, Any, Any, Any]):
    """The part of a run that an interval is made of."""

    logical_date = property(lambda self: self[0])
    data_interval_start = property(lambda self: self[1])
    data_interval_end = property(lambda self: self[2])
    run_after = property(lambda self: self[3])

    def __new__(cls, *parts: Any) -> _Run:
        return super().__new__(cls, parts)


def use_bundle(folder: Path) -> None:
    """Let Airflow know the DAGs of this folder alone: a run scans all that it knows."""
    bundle = {
        "name": BUNDLE,
        "classpath": "airflow.dag_processing.bundles.local.LocalDagBundle",
        "kwargs": {"path": str(folder)},
    }
    os.environ["AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST"] = json.dumps([bundle])


def bag_of(folder: Path) -> Any:
    """Return the DAGs of a folder."""
    from airflow.dag_processing.dagbag import BundleDagBag

    return BundleDagBag(dag_folder=folder, bundle_path=folder, bundle_name=BUNDLE)


def _dags_folder() -> Path:
    return Path(os.environ["AIRFLOW__CORE__DAGS_FOLDER"])


def _facts(dag: Any) -> DagFacts:
    return DagFacts(
        tasks=tuple(task.task_id for task in dag.topological_sort()),
        edges=frozenset((task.task_id, below) for task in dag.tasks for below in task.downstream_task_ids),
        commands={task.task_id: task.command for task in dag.tasks},
        retries={task.retries for task in dag.tasks},
        retry_delays={task.retry_delay for task in dag.tasks},
        limits={task.task_id: task.execution_timeout for task in dag.tasks},
        deferral_limits={task.task_id: task.timeout for task in dag.tasks},
        trigger_rules={task.task_id: _word(task.trigger_rule) for task in dag.tasks},
        outlets={task.task_id: [asset.uri for asset in task.outlets] for task in dag.tasks},
        owner=dag.owner,
        tags=set(dag.tags),
        doc=dag.doc_md,
        catchup=dag.catchup,
        max_active_runs=dag.max_active_runs,
        params={
            name: {"default": param.value, "description": param.description, **param.schema}
            for name, param in ((key, dag.params.get_param(key)) for key in dag.params)
        },
        is_scheduled=dag.timetable.can_be_scheduled,
    )


def _word(member: Any) -> str:
    return str(getattr(member, "value", member))


def _plain(time: datetime) -> datetime:
    return datetime.fromtimestamp(time.timestamp(), tz=time.tzinfo)
