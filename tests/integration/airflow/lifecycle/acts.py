"""What the tests of the lifecycle let Airflow do, in its own process; plain values go in and come out."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tests.integration.airflow.inside import LOG, bag_of, use_bundle


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A folder of DAGs as the DAG processor sees it."""

    errors: dict[str, str]
    dags: dict[str, dict[str, Any]]
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """A run that was carried out.

    Args:
        returned: by task, what it returned.
        events: (uri, extra) of the assets' events.
    """

    state: str
    tasks: dict[str, str]
    returned: dict[str, Any]
    events: list[tuple[str, dict[str, Any]]]
    log: str = field(repr=False)


def see(folder: Path) -> Seen:
    """Scan a folder."""
    began = time.monotonic()
    bag = bag_of(folder)
    return Seen(
        errors=bag.import_errors,
        dags={
            name: {
                "tags": set(dag.tags),
                "doc": dag.doc_md,
                "schedule": type(dag.timetable).__name__,
                "summary": getattr(dag.timetable, "summary", ""),
                "deadlines": len(dag.deadline or []) if isinstance(dag.deadline, list) else int(bool(dag.deadline)),
                "tasks": [task.task_id for task in dag.topological_sort()],
                "upstream": {task.task_id: sorted(task.upstream_task_ids) for task in dag.tasks},
                "retries": {task.task_id: task.retries for task in dag.tasks},
                "owner": dag.owner,
                "form": list(dag.params),
                "copies_of_the_form": [task.task_id for task in dag.tasks if task.params],
                "assets": {asset.uri for task in dag.tasks for asset in task.outlets},
            }
            for name, dag in bag.dags.items()
        },
        seconds=time.monotonic() - began,
    )


def next_runs(folder: Path, dag_id: str, first: datetime, last: datetime) -> list[tuple[datetime, datetime]]:
    """Ask the stored form of a DAG's timetable for the runs of a time: (start, end) of each."""
    from airflow.serialization.serialized_objects import DagSerialization

    dag = bag_of(folder).dags[dag_id]
    stored = DagSerialization.deserialize_dag(DagSerialization.serialize_dag(dag))
    return [
        (_plain(info.data_interval.start), _plain(info.data_interval.end))
        for info in stored.iter_dagrun_infos_between(first, last)
    ]


def carry_out(
    folder: Path,
    dag_id: str,
    variables: Mapping[str, str],
    conf: dict[str, Any] | None = None,
    *,
    at: datetime | None = None,
    last: str | None = None,
) -> Ran:
    """Carry out one run, without a scheduler and without second tries.

    Args:
        at: a run of the same moment is the same run, which goes on.
        last: the task after which all of Airflow is gone.
    """
    from airflow.models.asset import AssetEvent
    from airflow.models.xcom import XComModel
    from airflow.utils.session import create_session
    from sqlalchemy import select

    os.environ.update(variables)
    log = Path(os.environ[LOG])
    read_before = log.stat().st_size
    use_bundle(folder)
    bag = bag_of(folder)
    assert not bag.import_errors, bag.import_errors
    dag = bag.dags[dag_id]
    for task in dag.tasks:
        task.retries = 0
    if last is not None:
        _cut_off(dag, last)
    run = dag.test(logical_date=at, run_after=at, run_conf=conf)
    sys.stdout.flush()
    sys.stderr.flush()
    with create_session() as session:
        instances = run.get_task_instances(session=session)
        xcoms = session.scalars(
            select(XComModel).where(
                XComModel.run_id == run.run_id, XComModel.dag_id == dag_id, XComModel.key == "return_value"
            )
        ).all()
        events = session.scalars(
            select(AssetEvent).where(AssetEvent.source_run_id == run.run_id).order_by(AssetEvent.id)
        ).all()
        return Ran(
            state=_word(run.state),
            tasks={each.task_id: _word(each.state) for each in instances},
            returned={each.task_id: XComModel.deserialize_value(each) for each in xcoms},
            events=[(each.asset.uri, each.extra) for each in events if each.source_dag_id == dag_id],
            log=log.read_bytes()[read_before:].decode(errors="replace"),
        )


def _cut_off(dag: Any, last: str) -> None:
    names = [task.task_id for task in dag.topological_sort()]
    gone = set(names[names.index(last) + 1 :])
    for name in gone:
        del dag.task_dict[name], dag.task_group.children[name]
    for task in dag.tasks:
        task.downstream_task_ids -= gone


def end_runs() -> None:
    """End the runs that an earlier test has triggered and nobody carries out: they would count as under way."""
    from airflow.models.dagrun import DagRun
    from airflow.utils.session import create_session
    from sqlalchemy import update

    with create_session() as session:
        session.execute(update(DagRun).where(DagRun.state.in_(["queued", "running"])).values(state="failed"))


def carry_out_answered(
    folder: Path, dag_id: str, variables: Mapping[str, str], task: str, map_index: int, choice: str
) -> tuple[Ran, str]:
    """Carry out one run in which a person is asked, and answer over the REST API as the page does.

    Returns the run, and the question's text.
    """
    import threading

    asked: list[str] = []
    answering = threading.Thread(target=_answer, args=(dag_id, task, map_index, choice, asked), daemon=True)
    answering.start()
    ran = carry_out(folder, dag_id, variables)
    answering.join(30)
    return ran, asked[0] if asked else ""


def _answer(dag_id: str, task: str, map_index: int, choice: str, asked: list[str]) -> None:
    from airflow.api_fastapi.app import create_app
    from airflow.models.taskinstance import TaskInstance
    from airflow.utils.session import create_session
    from fastapi.testclient import TestClient
    from sqlalchemy import select

    client = TestClient(create_app(apps="core"))
    headers = {"Authorization": f"Bearer {client.get('/auth/token').json()['access_token']}"}
    waiting = select(TaskInstance.run_id).where(
        TaskInstance.dag_id == dag_id, TaskInstance.task_id == task, TaskInstance.state == "awaiting_input"
    )
    until = time.monotonic() + 120
    while time.monotonic() < until:
        with create_session() as session:
            run_id = session.scalar(waiting)
        if run_id is not None:
            path = f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task}/{map_index}/hitlDetails"
            asked.append(client.get(path, headers=headers).json()["body"])
            told = client.patch(path, headers=headers, json={"chosen_options": [choice], "params_input": {}})
            assert told.status_code == 200, told.text
            return
        time.sleep(0.5)


def ask_page(variables: Mapping[str, str]) -> tuple[int, str]:
    """Ask for the page, with these variables set; return the status and the HTML."""
    from airflow.api_fastapi.app import create_app
    from fastapi.testclient import TestClient

    from cassandra_views.airflow.page import get_app

    os.environ.update(variables, _AIRFLOW_PROCESS_CONTEXT="server")  # as airflow.api_fastapi.main does
    get_app.cache_clear()
    client = TestClient(create_app(apps="core"))
    headers = {"Authorization": f"Bearer {client.get('/auth/token').json()['access_token']}"}
    answer = client.get("/cassandra-views/", headers=headers)
    return answer.status_code, answer.text


def events_of_health(folder: Path, conn_id: str, variables: Mapping[str, str], seconds: float) -> list[dict[str, Any]]:
    """Let the trigger watch a cluster for some seconds, as the triggerer does; return what it fired."""
    import asyncio

    from cassandra_views.airflow.health_trigger import HealthTrigger

    os.environ.update(variables)
    kind, arguments = HealthTrigger(templates=str(folder), conn_id=conn_id).serialize()
    assert kind.endswith(".HealthTrigger")
    found: list[dict[str, Any]] = []

    async def watch() -> None:
        async for event in HealthTrigger(**arguments).run():
            found.append(event.payload)

    async def for_a_while() -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(watch(), seconds)

    asyncio.run(for_a_while())
    return found


def _word(member: Any) -> str:
    return str(getattr(member, "value", member))


def _plain(moment: datetime) -> datetime:
    return datetime.fromtimestamp(moment.timestamp(), tz=moment.tzinfo)


def replay(
    folder: Path, variables: Mapping[str, str], first: datetime, last: datetime, every: timedelta
) -> list[tuple[datetime, str]]:
    """Look as ``views_reconcile`` does from ``first`` to ``last``, by that clock, and carry out what it would trigger.

    Returns:
        When it triggered which DAG.
    """
    from cassandra_client.errors import ViewsError
    from cassandra_views.airflow.deployment import Deployment
    from cassandra_views.airflow.hook import ViewsHook
    from cassandra_views.airflow.maintenance_dags import find_works, run_of

    os.environ.update(variables)
    log = logging.getLogger("replay")
    deployment = Deployment(templates=str(folder.parent / "templates"), conn_id="shop_cluster")
    opened = ViewsHook("shop_cluster").access()
    triggered = []
    now = first
    with opened.opened() as session:
        while now <= last:
            manager = deployment.manager(session, opened, clock=lambda now=now: now)  # type: ignore[misc]
            works = find_works(manager, now, log)
            files = {each.name for each in manager.project().views}
            for work in works:
                triggered.append((now, run_of(work, deployment, files, now)["trigger_dag_id"]))
                try:
                    for _view, error in manager.apply(manager.plan([str(work.name)])).failures:
                        raise error
                except ViewsError as error:
                    manager.note_failed_run(str(work.name), str(error))
            now += every
    return triggered


def works_of_suspects() -> list[str]:
    """Return the views that ``views_reconcile`` triggers runs for, of some that all are suspect."""
    from types import SimpleNamespace

    from cassandra_views.airflow.maintenance_dags import find_works
    from cassandra_views.model.audit_request import FULL_AUDIT
    from cassandra_views.model.errors import ProjectError, RepeatedFailure
    from cassandra_views.model.names import ViewName
    from cassandra_views.model.steps import AuditGeneration, DropGeneration
    from cassandra_views.plan.project_plan import ViewWork

    def work(view: str, *, also_drops: bool = False, error: Any = None) -> ViewWork:
        name = ViewName(keyspace="shop", view=view)
        audit = AuditGeneration(view=name, number=2, is_again=True, request=FULL_AUDIT)
        drop = DropGeneration(view=name, number=1, reason="its grace is over")
        return ViewWork(name=name, steps=(drop, audit) if also_drops else (audit,), error=error)

    planned = [
        work("suspect"),
        work("waits", error=RepeatedFailure("two failed alike", next="See why")),
        work("drops", also_drops=True),
        work("broken", error=ProjectError("its file cannot be read", next="Correct it")),
    ]
    manager: Any = SimpleNamespace(
        project=lambda: SimpleNamespace(broken=(), views=()), plan_each=lambda *, allow_drop: iter(planned)
    )
    return [str(each.name) for each in find_works(manager, datetime.now(UTC), logging.getLogger("works"))]


def runs_beside_a_hand_made_view(folder: str) -> dict[str, Any]:
    """Return what is triggered for a view whose hand-made original may be dropped and whose file has changed.

    Also what the tasks of both DAGs plan then, and what a person is asked.
    """
    from types import SimpleNamespace

    from cassandra_views.airflow.approval import drop_question
    from cassandra_views.airflow.deployment import Deployment
    from cassandra_views.airflow.maintenance_dags import asks_person, find_works, run_of
    from cassandra_views.airflow.run_request import RunRequest
    from cassandra_views.airflow.tasks import PlanTask
    from cassandra_views.model.definition import Project
    from cassandra_views.plan.inputs import PlanRequest
    from cassandra_views.plan.project_plan import work_by_view
    from tests.unit.plan.world import World, as_made, definition, short, table_file

    now = datetime(2026, 11, 23, 12, tzinfo=UTC)
    world, files = World(), [definition(columns=columns) for columns in ("customer, day, total", "customer, day, note")]
    world.views["by_day"] = as_made(definition())
    for each in (definition(), files[0]):
        world.apply(world.plan(Project(name="shop", views=(each,), tables=(table_file(),)), now), now)
    now += timedelta(hours=2)
    project = Project(name="shop", views=(files[1],), tables=(table_file(),))
    planned = world.plan(project, now, PlanRequest(is_drop_allowed=True))
    manager: Any = SimpleNamespace(
        project=lambda: project,
        plan_each=lambda *, allow_drop: work_by_view(planned),
        plan=lambda names, *, allow_drop, allow_shrink: planned,
    )
    deployment = Deployment(templates=folder, conn_id="shop_cluster")
    works = find_works(manager, now, logging.getLogger("works"))
    runs = [run_of(work, deployment, {files[1].name}, now) for work in works]
    request = RunRequest(view="shop.by_day")
    tasks = {view: PlanTask(task_id="plan", deployment=deployment, view=view) for view in ("by_day", None)}
    plans = {view: task.plan(manager, request, allow_drop=True) for view, task in tasks.items()}
    questions = [
        drop_question("by_day", steps, is_whole=is_whole)
        for steps, is_whole in [(plans[None].steps, False), (plans[None].steps, True), ((), True)]
    ]
    return {
        "runs": [(run["trigger_dag_id"], run["trigger_run_id"], run["conf"]) for run in runs],
        "asks": [asks_person(work) for work in works],
        "own": [short(step) for step in plans["by_day"].steps],
        "rest": [short(step) for step in plans[None].steps],
        "questions": questions,
    }


def access(connection: Mapping[str, Any]) -> dict[str, Any]:
    """Return how a connection says that its cluster is reached, or the error's text."""
    from airflow.sdk import Connection

    from cassandra_client.errors import ViewsError
    from cassandra_views.airflow.hook import access_of

    given = {**connection, "extra": json.dumps(connection.get("extra", {}))}
    try:
        found = access_of(Connection(conn_id="given", **given))
    except ViewsError as error:
        return {"error": str(error)}
    options = {name: value if isinstance(value, int | float) else str(value) for name, value in found.options.items()}
    return {
        "contact_points": found.contact_points,
        "port": found.port,
        "username": found.username,
        "shown": repr(found),
        **options,
    }


def provider() -> dict[str, Any]:
    """Return what Airflow knows of this package as a provider and of its plugin, and what its schema says of both."""
    from importlib import import_module
    from importlib.resources import files

    from airflow.api_fastapi.core_api.services.ui.connections import HookMetaService
    from airflow.plugins_manager import get_timetables_plugins
    from airflow.providers_manager import ProvidersManager
    from jsonschema import Draft7Validator

    from cassandra_views.airflow.provider import get_provider_info

    manager, info = ProvidersManager(), get_provider_info()
    schema = json.loads((files("airflow") / "provider_info.schema.json").read_text(encoding="utf-8"))
    modules = [name for kind in ("operators", "sensors", "hooks", "triggers") for each in info[kind]
               for name in each["python-modules"]]  # fmt: skip
    own = manager.hooks["cassandra_views"]
    form = next(each for each in HookMetaService.hook_meta_data() if each.connection_type == "cassandra_views")
    return {
        "provider": manager.providers["cassandra-views"].data["name"],
        "faults": [each.message for each in Draft7Validator(schema).iter_errors(info)],
        "modules": [import_module(name).__name__ for name in modules],
        "timetables": sorted(get_timetables_plugins()),
        "cassandra": manager.hooks["cassandra"].hook_class_name,  # type: ignore[union-attr]
        "cassandra_views": (own.hook_class_name, own.hook_name, own.connection_testable),  # type: ignore[union-attr]
        "form": sorted(form.extra_fields or ()),
        "host": form.standard_fields.host.title,  # type: ignore[union-attr]
    }
