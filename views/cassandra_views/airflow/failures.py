"""Errors of this project as those of Airflow: what was refused is not tried again, what was away is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from airflow.sdk.exceptions import AirflowException, AirflowFailException
from cassandra import RequestValidationException

from cassandra_views.model.errors import (
    ApprovalNeeded,
    AuditFailed,
    ConfigurationError,
    ProjectError,
    RegistryError,
    ViewsError,
)

RETRIES: dict[str, Any] = {
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


@contextmanager
def told(ti: Any) -> Iterator[None]:
    """Raise errors of ours as Airflow's, and leave their text for the task that sums the run up.

    Raises:
        AirflowFailException: trying again would change nothing.
        AirflowException: the task may be tried again.
    """
    try:
        yield
    except ViewsError as error:
        text = str(error)
        ti.xcom_push(key=ERROR_KEY, value=text)
        if is_refused(error):
            raise AirflowFailException(text) from error
        raise AirflowException(text) from error
