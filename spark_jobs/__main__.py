"""The command line of the jobs: ``python -m spark_jobs TASK START END``.

Standard output is one line of JSON and nothing else; all that is for people goes to standard error.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from types import TracebackType
from typing import Annotated, Any, TextIO

import typer

from cassandra_client.errors import ViewsError
from cassandra_views.model.times import parse_instant
from spark_jobs.errors import BAD_INPUT, FAILED, BadInput, JobError, exit_code, print_error, print_message, quiet_py4j

_OUT, _ERR = 1, 2

app = typer.Typer(
    name="spark_jobs",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="""Roll the readings of seconds up to minutes, hours and days, and days up to aggregations.

Each task is given one interval [START, END) of its level, or a range of them. Times are ISO 8601 in UTC.

Exit codes: 0 done, 1 failed, 2 wrong arguments or an interval that cannot be computed yet, 3 an audit found that
a view differs from its base table.""",
)

Start = Annotated[str, typer.Argument(metavar="START", help="Where the interval begins: 2026-03-01T10:15:00Z.")]
End = Annotated[str, typer.Argument(metavar="END", help="Where it ends, left out itself.")]
Keyspace = Annotated[str, typer.Option(help="Where the tables are.")]
Registry = Annotated[str, typer.Option(help="The registry of views; without one the base tables are read.")]
Now = Annotated[str | None, typer.Option(metavar="TIME", help="The clock, for tests and drills.")]


COMMANDS = {
    "live_to_minute": "Mean the readings of each minute.",
    "minute_to_hour": "Mean the minutes of each hour, after those that are missing or came late.",
    "hour_to_day": "Mean the hours of each day, after hours and minutes that are missing or came late.",
    "aggregations": "Sum the followers of each day by game, genre, console and language.",
}

# Typer carries its own copy of click since 0.26: the classes are reached through what it exports.
_CLICK_ERROR: Any = typer.BadParameter.__mro__[2]


def _add_command(task: str, about: str) -> None:
    @app.command(task, help=about)
    def run(
        start: Start, end: End, keyspace: Keyspace = "insight", registry: Registry = "views_registry", now: Now = None
    ) -> None:
        _run(task, start, end, keyspace, registry, now)


for _task, _about in COMMANDS.items():
    _add_command(_task, _about)


@app.command("audit", help="Compare a view that serves with its base table, row by row, by Spark's workers.")
def audit(
    view: Annotated[str, typer.Argument(metavar="KEYSPACE.VIEW", help="The view.")],
    registry: Registry = "views_registry",
    rate: Annotated[float, typer.Option(metavar="ROWS", min=0, help="Read at most so many rows a second.")] = 0.0,
) -> None:
    """Audit a view, and end with what was found as exit code."""
    from spark_jobs.audit_job import audit_command

    with _own_output() as out:
        line, code = audit_command(view, registry=registry, rate=rate)
        out.write(line + "\n")
    raise typer.Exit(code)


def _run(task: str, start: str, end: str, keyspace: str, registry: str, now: str | None) -> None:
    from spark_jobs.levels import parse_interval
    from spark_jobs.session import ahead
    from spark_jobs.settings import JobSettings, connect_cassandra
    from spark_jobs.tasks import level_of, run_task

    moment = _clock(now)
    interval = parse_interval(start, end, task=task, span=level_of(task).span, now=moment)
    settings = JobSettings.of(os.environ)
    with _own_output() as out, ahead(settings, print_message) as spark, connect_cassandra(settings) as session:
        report = run_task(
            task,
            interval,
            session,
            keyspace=keyspace,
            registry=registry,
            now=moment,
            spark=spark,
        )
        out.write(report.line() + "\n")


@contextmanager
def _own_output() -> Iterator[TextIO]:
    """Give standard output to the caller alone: what Spark's Java says there goes to standard error."""
    sys.stdout.flush()
    with os.fdopen(os.dup(_OUT), "w", encoding="utf-8") as own:
        os.dup2(_ERR, _OUT)
        try:
            yield own
        finally:
            own.flush()
            os.dup2(own.fileno(), _OUT)


def _clock(text: str | None) -> datetime:
    if text is None:
        return datetime.now(UTC)
    try:
        return parse_instant(text)
    except (ValueError, OverflowError) as error:
        raise BadInput(f"'{text}' is no time", on="--now", next="Write it as ISO 8601 in UTC") from error


def main(arguments: list[str] | None = None) -> None:
    """Run the command line; every error ends with its exit code and no traceback."""
    sys.excepthook = _print_bug
    quiet_py4j()
    try:
        code = typer.main.get_command(app)(args=arguments, standalone_mode=False)
    except ViewsError as error:
        print_error(error)
        code = exit_code(error)
    except _CLICK_ERROR as error:
        text = str(error.format_message()).rstrip(".")
        next_step = "'python -m spark_jobs --help' shows how to use it"
        print_error(BadInput(text[:1].lower() + text[1:], on="spark_jobs", next=next_step))
        code = BAD_INPUT
    except (KeyboardInterrupt, typer.Abort):
        print_message("Interrupted. What was begun is written down. Run the same again: it goes on.")
        code = FAILED
    sys.exit(code if isinstance(code, int) else 0)


def _print_bug(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Tell an error that this program has no words for; its traceback is for those who ask for it."""
    if os.environ.get("VIEWS_DEBUG"):
        sys.__excepthook__(kind, error, trace)
        return
    text = " ".join(str(error).split())[:300]
    print_error(
        JobError(
            f"the job failed in a way it does not know ({kind.__name__}{f': {text}' if text else ''})",
            remains="What was written stays, and the ledger says which intervals are not finished",
            next="Run it again; if it stays so, report what VIEWS_DEBUG=1 shows",
        )
    )


if __name__ == "__main__":
    main()
