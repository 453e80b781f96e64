"""The errors of the jobs, in four parts like all of this project's, and the exit code of each."""

from __future__ import annotations

from cassandra_client.errors import ViewsError

DONE = 0
FAILED = 1
BAD_INPUT = 2


class JobError(ViewsError):
    """A job could not do its work; run again it goes on."""


class BadInput(JobError):
    """What was asked for is wrong: an interval that is not aligned, is not over, ends before it starts."""


def exit_code(error: Exception) -> int:
    """Return the exit code that an error ends the process with."""
    return BAD_INPUT if isinstance(error, BadInput) else FAILED
