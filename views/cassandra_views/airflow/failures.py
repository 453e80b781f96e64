"""Errors of this project as those of Airflow: what was refused is not tried again, what was away is."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from airflow.sdk import ExceptionRetryPolicy, RetryAction, RetryRule
from airflow.sdk.exceptions import AirflowException
from cassandra import RequestValidationException

from cassandra_client.errors import ClusterError, ConfigurationError, ViewsError
from cassandra_views.model.errors import ApprovalNeeded, AuditFailed, LeaseHeld, ProjectError, RegistryError

log = logging.getLogger(__name__)


class TaskFailed(SystemExit):
    """A task ends as failed, and may be tried again. Its text is in the log already.

    Airflow logs this exception without a traceback, which would tell the reader of a page nothing.
    """

    def __init__(self, text: str) -> None:
        super().__init__(1)
        self.text = text

    def __str__(self) -> str:
        return self.text


class TaskRefused(TaskFailed):
    """A task ends as failed, and trying again would change nothing."""


def refused(text: str) -> TaskRefused:
    """Write an error to the log of the task, and return what ends the task."""
    log.error("%s", text)
    return TaskRefused(text)


def failed(texts: Iterable[str], *, is_refused: bool) -> TaskFailed:
    """Write errors to the log of the task, and return what ends the task.

    Args:
        is_refused: trying again would change nothing.
    """
    found = list(texts)
    for text in found:
        log.error("%s", text)
    return (TaskRefused if is_refused else TaskFailed)("\n".join(found))


NOT_AGAIN = ExceptionRetryPolicy(rules=[RetryRule(exception=f"{__name__}.TaskRefused", action=RetryAction.FAIL)])

RETRIES: dict[str, Any] = {
    "retry_policy": NOT_AGAIN,
    "retries": 5,
    "retry_delay": timedelta(seconds=30),
    "retry_exponential_backoff": True,
    "max_retry_delay": timedelta(minutes=10),
}
"""For what was away: half a minute, then twice as long each time."""

_REFUSED = (ApprovalNeeded, AuditFailed, ConfigurationError, ProjectError, RegistryError)
ERROR_KEY = "error"


def is_refused(error: ViewsError) -> bool:
    """Tell whether the same would be refused again: by our own rules, or by the server's answer."""
    if isinstance(error, _REFUSED):
        return True
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, RequestValidationException):
            return True
        cause = cause.__cause__
    return False


def form_error(error: ViewsError, next: str) -> ViewsError:
    """Return an error for a person at a form, whom it tells what to choose instead of what to type in a shell."""
    return ConfigurationError(error.what, on=error.on, remains=error.remains, next=next)


@contextmanager
def with_form_advice(view: str) -> Iterator[None]:
    """Raise what a view's state forbids with advice for a form.

    Args:
        view: an error of the project that is not about it, such as of a file, keeps its own advice.

    Raises:
        ConfigurationError: the view's state forbids the action.
    """
    try:
        yield
    except (ClusterError, LeaseHeld, RegistryError):
        raise
    except ViewsError as error:
        is_of_view = error.on == view or error.on.endswith(f".{view}")
        if isinstance(error, ProjectError) and (error.place is not None or not is_of_view):
            raise
        raise form_error(
            error,
            "See its state on the page Views; choose the action 'on' in views_by_hand first where it is frozen or off",
        ) from error


@contextmanager
def as_airflow_errors(ti: Any) -> Iterator[None]:
    """Raise errors of ours as Airflow's, and leave their text for the task that sums the run up.

    Raises:
        TaskRefused: trying again would change nothing.
        AirflowException: the task may be tried again.
    """
    try:
        yield
    except ViewsError as error:
        text = str(error)
        ti.xcom_push(key=ERROR_KEY, value=text)
        if is_refused(error):
            raise refused(text) from error
        raise AirflowException(text) from error


@contextmanager
def as_task_failures() -> Iterator[None]:
    """Raise errors of ours as what ends a task, without a traceback.

    Raises:
        TaskRefused: trying again would change nothing.
        TaskFailed: the task may be tried again.
    """
    try:
        yield
    except ViewsError as error:
        raise failed([str(error)], is_refused=is_refused(error)) from None
