"""The errors of the jobs, in four parts like all of this project's: exit codes, printing, translation of Spark's."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cassandra_client.errors import ViewsError, as_sentence

FAILED = 1
_WORKER_ERROR = "org.apache.spark.api.python.PythonException"
_TRACEBACK = "Traceback (most recent call last):"
BAD_INPUT = 2


class JobError(ViewsError):
    """A job could not do its work; run again it resumes."""


class BadInput(JobError):
    """What was asked for is wrong: an interval that is not aligned, is not over, ends before it starts."""


def exit_code(error: Exception) -> int:
    """Return the exit code that an error ends the process with."""
    return BAD_INPUT if isinstance(error, BadInput) else FAILED


@contextmanager
def translate_spark_errors(
    on: str,
    *,
    remains: str = "Rows may be written in part; the ledger says that they are not finished",
    next: str = "See the lines above and that Cassandra and Spark are up, then run it again: it starts over",
) -> Iterator[None]:
    """Turn errors of Spark into ours. Needs no Spark where none was opened."""
    try:
        yield
    except Exception as error:
        if not _is_sparks(error):
            raise
        raise JobError(
            f"Spark could not do the work: {first_line(error)}",
            on=on,
            remains=remains,
            next=next,
        ) from error


def _is_sparks(error: Exception) -> bool:
    # A Java that is gone refuses connections; those to Cassandra fail with errors of the driver.
    return isinstance(error, ConnectionError) or any(
        kind.__module__.partition(".")[0] in ("pyspark", "py4j", "grpc") for kind in type(error).__mro__
    )


def first_line(error: Exception) -> str:
    """Return the line of an error of Spark or the connector that tells most."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    if _WORKER_ERROR in str(error):
        # The Java error repeats the worker's traceback, whose last line says what went wrong.
        _before, _mark, traceback = str(error).partition(_TRACEBACK)
        ends = [line for line in traceback.splitlines() if line and not line[0].isspace()]
        if ends:
            return ends[0][:300]
    causes = [line.removeprefix("Caused by: ") for line in lines if line.startswith("Caused by: ")]
    text = causes[-1] if causes else (lines[0] if lines else type(error).__name__)
    if not causes and text.startswith("An error occurred while calling") and len(lines) > 1:
        text = lines[1].removeprefix(": ")
    return text[:300]


def print_message(text: str) -> None:
    """Say something on standard error: standard output is for the JSON line alone."""
    print(text, file=sys.stderr, flush=True)


def print_error(error: ViewsError) -> None:
    """Say the four parts of an error."""
    place = f"{error.place}: " if error.place else ""
    print_message(f"Error: {as_sentence(f'{place}{error.what}')}")
    for label, text in (("On", error.on), ("State", error.remains), ("Next", error.next)):
        if text:
            print_message(f"  {label}: {text if label == 'On' else as_sentence(text)}")


def quiet_py4j() -> None:
    """Keep the tracebacks of what py4j raises out of this program's logs; for programs to call at their start."""
    logging.getLogger("py4j").setLevel(logging.CRITICAL)
    logging.getLogger().addFilter(_is_not_of_py4j)  # it logs some of them to nobody's logger


def _is_not_of_py4j(record: logging.LogRecord) -> bool:
    return "py4j" not in Path(record.pathname).parts
