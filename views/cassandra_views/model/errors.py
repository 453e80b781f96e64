"""The errors of this project: one root, and a class where a caller would act differently.

Every text has four parts (design 5.12): what failed, on which keyspace.view and generation,
what state remains, what to do next. Library code raises; only the command line prints and exits. ViewsError,
ConfigurationError and ClusterError are in ``cassandra_client.errors``, where the client raises them.

    ViewsError
      ConfigurationError     no contact point, bad views.toml, bad flag or variable
      ProjectError           a file of the project is wrong: front matter, template, duplicate
        StatementError       the CQL does not parse, or would harm the server
      ClusterError           the cluster cannot be reached, or is not fit for views
        PreflightError       a check before the work refused it
      RegistryError          the registry is newer, foreign, or answers nonsense
      LeaseHeld              somebody else holds the lease
      StalePlan              what the plan was made from is no longer so
      ApprovalNeeded         the plan drops something and nobody allowed it
      BuildStalled           a build makes no progress, or does not finish in time
      AuditFailed            a generation differs from its base, or fails a check of its view's file
      RepeatedFailure        two generations in a row failed for one reason: no third one is built
      ShrinkUnapproved       the next generation holds far fewer rows than what serves
      ReadError              a read by the library failed
        ViewNotFound         the registry knows no such view
        ViewNotReady         nothing that serves covers what was asked for
          NotCovered         the view serves, but not the time that was asked for
        BadRead              the read itself is wrong: unknown column, bad page token
        UnreadableData       the rows cannot be read as they stand, however often it is tried
"""

from __future__ import annotations

from collections.abc import Iterable

from cassandra_client.errors import ClusterError, Place, ViewsError


class ProjectError(ViewsError):
    """A file of the project is wrong: front matter, template, duplicate.

    Args:
        details: the errors one by one, where the file has more than one.
    """

    def __init__(
        self,
        what: str,
        *,
        on: str = "",
        remains: str = "Nothing was changed",
        next: str,
        place: Place | None = None,
        details: Iterable[ProjectError] = (),
    ) -> None:
        super().__init__(what, on=on, remains=remains, next=next, place=place)
        self.details = tuple(details)


class StatementError(ProjectError):
    """A statement does not parse, breaks a rule of the server, or would harm the server."""


class PreflightError(ClusterError):
    """A check made before the work refused it; nothing was begun."""


class RegistryError(ViewsError):
    """The registry is newer than this program, belongs to others, or holds what it should not."""


class LeaseHeld(ViewsError):
    """Somebody else holds the lease and did not let go in time."""


class StalePlan(ViewsError):
    """What the plan was made from is no longer so."""


class ApprovalNeeded(ViewsError):
    """The plan drops something and nobody allowed it, or nobody answered the question."""


class BuildStalled(ViewsError):
    """A build makes no progress, or does not finish in time; the generation stays ``building``."""


class AuditFailed(ViewsError):
    """A generation differs from its base, or a check of its view's file returned rows; it was not served."""


class PromiseBroken(ViewsError):
    """A view shows writes of its base later than its file promises."""


class RepeatedFailure(ViewsError):
    """Two generations in a row failed for the same reason, so no third one is built until something changes."""


class ShrinkUnapproved(ApprovalNeeded):
    """The next generation holds far fewer rows than the one that serves, and nobody allowed that."""


class ReadError(ViewsError):
    """A read by the library failed."""


class ViewNotFound(ReadError):
    """The registry knows no such view."""


class ViewNotReady(ReadError):
    """Nothing that serves covers what was asked for."""


class NotCovered(ViewNotReady):
    """The view serves, but not the time that was asked for."""


class BadRead(ReadError):
    """The read itself is wrong: an unknown column, a value of the wrong kind, a bad page token."""


class UnreadableData(ReadError):
    """The rows cannot be read as they stand, and reading again is no use: something is to be done first."""
