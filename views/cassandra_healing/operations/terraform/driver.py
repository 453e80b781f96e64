"""Plans that replace one node, their application, and what a kill in the middle left."""

from __future__ import annotations

import fcntl
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Any

from cassandra_healing.errors import (
    ApplyFailed,
    ApplyTimedOut,
    BadPlan,
    StaleSavedPlan,
    StateLocked,
)
from cassandra_healing.operations.terraform.commands import (
    TerraformBinary,
    TerraformCommands,
    TerraformTimeouts,
    is_stale,
    refuse_locked,
)
from cassandra_healing.operations.terraform.journal import ApplyJournal, end_orphans
from cassandra_healing.operations.terraform.plan import (
    CREATE,
    SavedPlan,
    check_creates,
    check_replaces,
    digest,
    is_tainted,
)


class Recovery(StrEnum):
    """What ``recover`` found and did."""

    NOTHING = "nothing"
    """No apply was open."""
    SETTLED = "settled"
    """The node is as the plan wanted it."""
    APPLIED = "applied"
    """The same plan was applied again, to its end."""
    REPLAN = "replan"
    """The plan does not fit any more, and nothing of it was done now: look at the node, then plan again."""


class Terraform:
    """One configuration and its state, driven by saved and checked plans only.

    Two processes are kept apart by a lock of the run folder; two run folders on one state by OpenTofu's own lock.

    Args:
        folder: the configuration; nothing is written there.
        binary: the program.
        run_folder: plans, logs, the journal, and where ``backend`` says nothing else, the state.
        variables: values of the configuration's variables; saved plans carry them.
        backend: settings of its backend (``init -backend-config``); by default a file in the run folder.
    """

    def __init__(
        self,
        folder: Path,
        binary: TerraformBinary,
        run_folder: Path,
        *,
        variables: Mapping[str, Any] | None = None,
        backend: Mapping[str, str] | None = None,
        times: TerraformTimeouts | None = None,
    ) -> None:
        self._run_folder = run_folder.absolute()
        self._times = times or TerraformTimeouts()
        own = {"path": str(self._run_folder / "terraform.tfstate")}
        self._calls = TerraformCommands(
            folder.absolute(),
            binary,
            self._run_folder,
            variables=dict(variables or {}),
            backend=own if backend is None else dict(backend),
            times=self._times,
        )
        self.journal = ApplyJournal(self._run_folder)

    def init(self) -> None:
        """Make the configuration ready: its modules, its backend. Needs no network where no provider does.

        Raises: TerraformError: it says why it cannot.
        """
        with self._alone():
            self._calls.init()

    def addresses(self) -> tuple[str, ...]:
        """Return what the state knows.

        Raises: TerraformError: it cannot be read.
        """
        return self._calls.addresses()

    def plan_replace(self, address: str, *, missing_ok: bool = False) -> SavedPlan:
        """Plan the replacement of one node, and nothing else.

        A node whose last creation failed is `untainted` first, since the script that ends it would not run otherwise.

        Args:
            address: such as ``module.cassandra.terraform_data.node["n3"]``.
            missing_ok: where the state does not know the node (a creation was cut off), plan its creation.

        Raises:
            BadPlan: the plan would do anything else; it is deleted.
            StateLocked: another run holds the state.
            TerraformError: an apply is open, or planning failed.
        """
        with self._alone():
            self.journal.refuse_open()
            path, rows = self._calls.plan("replace", [f"-replace={address}"])
            if is_tainted(rows, address):
                path.unlink()
                self.journal.write("untaint", address=address)
                self._calls.untaint(address)
                path, rows = self._calls.plan("replace", [f"-replace={address}"])
            with _removed_where_bad(path):
                actions = check_replaces(rows, address, missing_ok=missing_ok)
            return SavedPlan(path=path, address=address, actions=actions, digest=digest(path))

    def plan_create(self) -> SavedPlan | None:
        """Plan the creation of what the state does not know; nothing where it knows all.

        For the first creation, and for a lost state: what already runs is left alone by the start scripts.

        Raises: as ``plan_replace``.
        """
        with self._alone():
            self.journal.refuse_open()
            path, rows = self._calls.plan("create", [])
            if not rows:
                path.unlink()
                return None
            with _removed_where_bad(path):
                check_creates(rows, str(self._calls.folder))
            return SavedPlan(path=path, address="", actions=CREATE, digest=digest(path))

    def plan_destroy(self) -> SavedPlan | None:
        """Plan the end of all that the state knows; nothing where it knows nothing. Errors as ``plan_replace``."""
        with self._alone():
            self.journal.refuse_open()
            path, rows = self._calls.plan("destroy", ["-destroy"])
            if not rows:
                path.unlink()
                return None
            return SavedPlan(path=path, address="", actions=("delete",), digest=digest(path))

    def apply(self, plan: SavedPlan) -> None:
        """Apply a saved plan, once: its start is on disk before, and its end after.

        Whatever this says, look at the node afterwards.

        Raises:
            StaleSavedPlan: the state has changed since; nothing was done.
            StateLocked: another run holds the state; nothing was done.
            ApplyTimedOut: it took too long and was ended.
            ApplyFailed: it failed, or was killed; in that case ``recover``.
        """
        with self._alone():
            self.journal.refuse_open()
            _check_file(plan.path, plan.digest, plan.address)
            self.journal.write(
                "applying", plan=str(plan.path), address=plan.address, actions=plan.actions, digest=plan.digest
            )
            self._apply(plan.path, plan.address)

    def recover(
        self, is_settled: Callable[[], bool], *, on_progress: Callable[[str], None] = lambda _: None
    ) -> Recovery:
        """Continue after a kill, wherever it was. Does nothing where no apply is open.

        Waits for an apply that still runs (it outlives the process that began it). Then the node is checked, and where
        it is not as it should be, the same plan is applied again: its scripts are made to be run twice.

        Args:
            is_settled: looks at the node that the plan was for, and says whether it is up and in the ring.

        Raises: ApplyFailed: the plan was applied again, and failed.
        """
        with self._alone():
            found = self.journal.find_open()
            if found is None:
                return Recovery.NOTHING
            on = found.address or str(found.plan)
            on_progress(f"{on}: an apply of {found.since:%H:%M:%S} was interrupted")
            end_orphans(found, self._times.apply_seconds, on_progress)
            if is_settled():
                # Untainting is left to the next plan: the state's word changes nothing now.
                self.journal.write("ended", how="settled", plan=str(found.plan))
                on_progress(f"{on}: what the plan was for is done")
                return Recovery.SETTLED
            try:
                _check_file(found.plan, found.digest, on)
            except StaleSavedPlan:
                self.journal.write("ended", how="stale", plan=str(found.plan))
                return Recovery.REPLAN
            on_progress(f"{on}: applying the same plan again")
            try:
                self._apply(found.plan, found.address)
            except StaleSavedPlan:
                return Recovery.REPLAN
            return Recovery.APPLIED

    def _apply(self, plan: Path, address: str) -> None:
        on = address or str(plan)
        outcome = self._calls.apply(plan, lambda pid: self.journal.write("running", pid=pid, plan=str(plan)))
        if outcome.code == 0:
            self.journal.write("ended", how="applied", plan=str(plan))
            return
        if outcome.timed_out and outcome.code > 0:
            self.journal.write("ended", how="timed out", plan=str(plan))
            raise ApplyTimedOut(
                f"applying took more than {self._times.apply_seconds:g} s and was ended",
                on=on,
                remains="The state is saved; the node may be half started",
                next="Look at the node, then plan again",
            )
        if outcome.code in (0, 1):
            how = "stale" if is_stale(outcome) else "failed"
            self.journal.write("ended", how=how, plan=str(plan), error=outcome.error_text())
            if is_stale(outcome):
                raise StaleSavedPlan(
                    "the state has changed since the plan was made, or the plan was applied before",
                    on=on,
                    next="Look at the node, then plan again",
                )
            refuse_locked(outcome, on)
            raise ApplyFailed(
                f"applying failed: {outcome.error_text()}",
                on=on,
                remains="The state is saved; what was done before the failure stays done",
                next="See the node's log and look at the node, then plan again",
            )
        # It was killed (or cut off by a panic): the state may say what was before. The journal stays open.
        raise (ApplyTimedOut if outcome.timed_out else ApplyFailed)(
            f"applying was cut off (code {outcome.code})",
            on=on,
            remains="What it did is unknown, and the journal says so",
            next="Recover, which applies the same plan again",
        )

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Keep other processes off this run folder. Its holder's death frees it at once."""
        # States and plans may hold secrets.
        self._run_folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with (self._run_folder / "lock").open("w") as handle:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise StateLocked(
                    "another process plans or applies there",
                    on=str(self._run_folder),
                    remains="Nothing was done, and the other process continues",
                    next="Wait for it, then try again",
                ) from None
            yield


def _check_file(path: Path, expected: str, on: str) -> None:
    if not path.exists() or digest(path) != expected:
        raise StaleSavedPlan("the file of the plan is gone or was changed", on=on, next="Plan again")


@contextmanager
def _removed_where_bad(path: Path) -> Iterator[None]:
    try:
        yield
    except BadPlan:
        path.unlink()
        raise
