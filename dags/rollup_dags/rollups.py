"""The rollup jobs on the Spark master, the task that runs one over SSH without holding a worker slot, and the DAGs."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import paramiko
from airflow.providers.ssh.operators.ssh_remote_job import SSHRemoteJobOperator
from airflow.providers.ssh.utils.remote_job import RemoteJobPaths
from airflow.sdk import DAG, Asset, CronTriggerTimetable, Param, TriggerRule, chain
from airflow.sdk.exceptions import AirflowException, TaskDeferralTimeout

from cassandra_views.airflow.failures import NOT_AGAIN, refused
from rollup_dags.interval import DAY, HOUR, MINUTE, IntervalError, RunInterval, interval_of_days, interval_of_run

if TYPE_CHECKING:
    from airflow.sdk import Context


KEYSPACE = "insight"
CONNECTION = "spark_master"
# Below the home folder of the SSH user, where no other account of that host can write, unlike the default in /tmp.
REMOTE_FOLDER = ".cassandra-views/airflow"
# Not less: a task that is resumed within a few seconds after it deferred can be taken for one that was killed, since
# Airflow may notice the end of its process five seconds late ([workers] min_heartbeat_interval). A warm job takes four.
LOOK_SECONDS = 10
TAIL_BYTES = 16_384
TAIL_LINES = 20

_MEANINGS = {
    2: " (the interval or a setting was refused)",
    75: " (another run of this interval held its lock for too long)",
    126: " (the script cannot be executed)",
    127: " (the script is not in the home folder, or a command it needs is missing)",
}
OWNER = "rollups"
# A fixed day in the past, so that backfills may begin anywhere; with catchup off no run comes from it.
START = datetime(2019, 1, 1, tzinfo=UTC)
RETRIES = 5
RETRY_DELAY = timedelta(minutes=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A script in the Spark master's home folder and what it writes.

    ``limit`` is the longest that one try may take. It must be longer than the script waits for another run of the same
    interval (10 minutes), and it is all that ends a task whose remote process was killed: nothing reports that.
    ``fills_below``: it computes what is missing in the level below by itself, so that a failed task before it in the
    chain need not cost it its interval.
    """

    name: str
    unit: timedelta
    tables: tuple[str, ...]
    limit: timedelta
    fills_below: bool = False

    @property
    def script(self) -> str:
        """The file's name."""
        return f"spark_{self.name}.sh"

    @property
    def assets(self) -> list[Asset]:
        """One for each table. The scheme has no provider: an ``x-`` one is left as it is."""
        return [Asset(name=f"{KEYSPACE}.{table}", uri=f"x-cassandra://{KEYSPACE}/{table}") for table in self.tables]


LIVE_TO_MINUTE = Job(name="live_to_minute", unit=MINUTE, tables=("unified_minute",), limit=timedelta(minutes=15))
MINUTE_TO_HOUR = Job(
    name="minute_to_hour", unit=HOUR, tables=("unified_hour",), limit=timedelta(minutes=30), fills_below=True
)
HOUR_TO_DAY = Job(name="hour_to_day", unit=DAY, tables=("unified_day",), limit=timedelta(hours=2), fills_below=True)
AGGREGATIONS = Job(
    name="aggregations",
    unit=DAY,
    tables=("game_aggregation", "genre_aggregation", "console_aggregation", "language_aggregation"),
    limit=timedelta(hours=2),
)


class RollupTask(SSHRemoteJobOperator):
    """Run the script of a job for the interval of the run; emit one event for each table it wrote.

    ``run_unit`` is what one run of the DAG covers; the job gets the last ``job.unit`` of it. None: the days of the
    DAG's form. Returns the job's report (the last JSON line of its output), or None if it printed none.
    """

    def __init__(self, *, job: Job, run_unit: timedelta | None, **kwargs: Any) -> None:
        self.job = job
        self.run_unit = run_unit
        super().__init__(
            task_id=job.name,
            # One simple command: what follows a ";" or an "exit" would leave the wrapper before it notes the exit code.
            command=f"bash {job.script} {{{{ task.interval(dag_run, params) }}}}",
            ssh_conn_id=CONNECTION,
            remote_base_dir=REMOTE_FOLDER,
            remote_os="posix",
            cleanup="on_success",
            poll_interval=LOOK_SECONDS,
            conn_retry_attempts=3,
            # execution_timeout does not count while a task is deferred; timeout counts only then.
            execution_timeout=job.limit,
            timeout=int(job.limit.total_seconds()),
            outlets=job.assets,
            trigger_rule=TriggerRule.ALL_DONE if job.fills_below else TriggerRule.ALL_SUCCESS,
            **kwargs,
        )

    def interval(self, dag_run: Any, params: Any) -> RunInterval:
        """Return the interval of this task in that run.

        Raises: Refused: the run asks for no whole and closed interval; trying again changes nothing.
        """
        try:
            if self.run_unit is None:
                return interval_of_days(params["first_day"], params["last_day"], dag_run.run_after)
            return interval_of_run(dag_run, self.run_unit).last(self.job.unit)
        except IntervalError as error:
            raise refused(str(error)) from error

    def execute(self, context: Context) -> None:
        """Start the script and defer.

        Raises: AirflowException: the Spark master could not be reached or is not the one it should be.
        """
        try:
            super().execute(context)
        except (paramiko.SSHException, OSError) as error:
            what, remains = "was not started", "Nothing was changed"
            if self._paths is not None:  # logged in, and lost while submitting
                what, remains = "may not have been started", "If it was, the next try waits for it"
            raise AirflowException(
                f"{self.job.script} {what} on the host of the connection {self.ssh_conn_id!r}: "
                f"{type(error).__name__}: {error}. {remains}. {_advice(error)}"
            ) from error

    def execute_complete(self, context: Context, event: dict[str, Any]) -> dict[str, Any] | None:
        """Return the report of a job that ended well, and give its interval to the assets' events.

        Raises: AirflowException: the script failed; its exit code and last lines are told.
        """
        lines = self._last_lines(event)
        try:
            super().execute_complete(context, event)
        except AirflowException as error:
            raise AirflowException(self._failure(context, event, lines)) from error
        report = _find_report(lines)
        interval = self.interval(context["dag_run"], context["params"])
        for asset in self.job.assets:
            context["outlet_events"][asset].extra = {
                "start": interval.start_text,
                "end": interval.end_text,
                **{key: report[key] for key in ("rows_written", "completeness") if report and key in report},
            }
        return report

    def resume_execution(self, next_method: str, next_kwargs: dict[str, Any] | None, context: Context) -> Any:
        """Resume after the deferral; a job that took longer than its limit is ended on the Spark master first."""
        try:
            return super().resume_execution(next_method, next_kwargs, context)
        except TaskDeferralTimeout as error:
            self._end_remote_job(context)
            raise AirflowException(
                f"{self.command} took longer than {self.job.limit} on the Spark master, or was killed there with its "
                "wrapper. It was told to end. What it wrote stays, and the next try writes the same rows again. "
                f"Look into {REMOTE_FOLDER} and the free memory of that host."
            ) from error

    def _end_remote_job(self, context: Context) -> None:
        known = context["ti"].xcom_pull(task_ids=self.task_id, key="ssh_remote_job")
        if known:
            # The operator was made anew for this resumption and has forgotten what it started.
            self._job_id, self._detected_os = known["job_id"], "posix"
            self._paths = RemoteJobPaths(job_id=known["job_id"], remote_os="posix", base_dir=self.remote_base_dir)
            self.on_kill()

    def _last_lines(self, event: dict[str, Any]) -> list[str]:
        """Read the end of the job's log: the event holds only what came since the last poll, and at most 64 KiB."""
        text = event.get("log_chunk") or ""
        if event.get("exit_code") is not None:
            try:
                client = self.ssh_hook.get_conn()
                _, output, _ = client.exec_command(f"tail -c {TAIL_BYTES} {shlex.quote(event['log_file'])}", timeout=30)
                text = output.read().decode("utf-8", errors="replace") or text
            except (paramiko.SSHException, OSError) as error:
                self.log.warning("The end of the remote log could not be read: %s", error)
        return [line for line in text.splitlines() if line.strip()]

    def _failure(self, context: Context, event: dict[str, Any], lines: list[str]) -> str:
        code = event.get("exit_code")
        host = self.ssh_hook.remote_host
        if code is None:
            return (
                f"The result of {self.command} on {host} could not be fetched: {event.get('message')}. The job may "
                f"still run there. The next try waits for it and then computes the same interval again."
            )
        end = "\n".join(f"  {line}" for line in lines[-TAIL_LINES:]) or "  (nothing)"
        return (
            f"{self.command} on {host} ended with exit code {code}{_meaning(code)}. Its last lines:\n{end}\n"
            f"A second run of this interval sets right whatever was written. All of its output: {event['log_file']} "
            "in the home folder there."
        )


def _meaning(code: int) -> str:
    if code > 128:
        return f" (ended by signal {code - 128}; 9 is often a lack of memory)"
    return _MEANINGS.get(code, "")


def _advice(error: Exception) -> str:
    match error:
        case paramiko.BadHostKeyException():
            return "Another host answers there, or its key is new: compare, then correct host_key in the connection."
        case paramiko.AuthenticationException():
            return "Correct the key or the password in the connection, or authorized_keys on the Spark master."
        case paramiko.SSHException():
            return "If it is the host key: put it into the connection as host_key."
        case _:
            return "Check host and port of the connection and that sshd runs there."


def _find_report(lines: list[str]) -> dict[str, Any] | None:
    for line in reversed(lines):
        if line.startswith("{"):
            try:
                found = json.loads(line)
            except ValueError:
                continue
            if isinstance(found, dict) and "task" in found:
                return found
    return None


def scheduled_dag(dag_id: str, *, jobs: Sequence[Job], cron: str, at_once: int, about: str) -> DAG:
    """Make a DAG that runs ``jobs`` one after another.

    Its runs cover the last job's unit: with a data interval of that length, ending at the time of the schedule, UTC.
    Each job gets the last of its own units in it. ``at_once`` runs may be under way: later ones are not made until one
    of them has ended, and then only the newest, since catchup is off; the level above fills what was left out.
    """
    unit = jobs[-1].unit
    with _dag(
        dag_id,
        about,
        schedule=CronTriggerTimetable(cron, timezone="UTC", interval=unit),
        max_active_runs=at_once,
        tags=["rollups", "spark", *(job.name for job in jobs)],
    ) as dag:
        chain(*[RollupTask(job=job, run_unit=unit) for job in jobs])
    return dag


def form_dag(dag_id: str, *, job: Job, about: str) -> DAG:
    """Make a DAG without a schedule, whose form asks for a day or a range of days."""
    day: dict[str, Any] = {"type": ["null", "string"], "format": "date"}
    with _dag(
        dag_id,
        about,
        schedule=None,
        max_active_runs=1,
        tags=["rollups", "spark", "form", job.name],
        params={
            "first_day": Param(None, title="First day", description="UTC. Empty: the last day that has ended.", **day),
            "last_day": Param(None, title="Last day", description="UTC, included. Empty: the first day alone.", **day),
        },
    ) as dag:
        RollupTask(job=job, run_unit=None)
    return dag


def _dag(dag_id: str, about: str, **arguments: Any) -> DAG:
    return DAG(
        dag_id,
        description=about.strip().partition("\n")[0],
        doc_md=about,
        start_date=START,
        catchup=False,
        default_args={"owner": OWNER, "retries": RETRIES, "retry_delay": RETRY_DELAY, "retry_policy": NOT_AGAIN},
        **arguments,
    )
