"""A saved plan, and the check that it replaces exactly one node. Pure but for the digest of the file."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from cassandra_healing.errors import BadPlan

REPLACE: Final = ("delete", "create")
"""The old node ends before the new one starts; the other order never runs the script that ends the old one."""

CREATE: Final = ("create",)


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedPlan:
    """A plan that passed its check.

    Attributes:
        path: its file.
        address: what it changes; empty for a plan that creates what is missing.
        actions: ``delete`` and ``create``, or ``create`` alone.
        digest: SHA-256 of the file, for the journal and for approvals.
    """

    path: Path
    address: str
    actions: tuple[str, ...]
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedChange:
    """What a plan does to one resource."""

    address: str
    actions: tuple[str, ...]
    reason: str
    deposed: str

    def __str__(self) -> str:
        why = f" ({self.reason})" if self.reason else ""
        of = f" of its deposed object {self.deposed}" if self.deposed else ""
        return f"{' and '.join(self.actions)} {self.address}{of}{why}"


def digest(path: Path) -> str:
    """Return the SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def changes(shown: Mapping[str, Any]) -> tuple[PlannedChange, ...]:
    """Return what a plan changes, from ``show -json``: without the rows that change nothing."""
    rows = (
        PlannedChange(
            address=str(each.get("address", "")),
            actions=tuple(each["change"]["actions"]),
            reason=str(each.get("action_reason", "")),
            deposed=str(each.get("deposed", "")),
        )
        for each in shown.get("resource_changes", ())
    )
    return tuple(row for row in rows if row.actions != ("no-op",))


def check_errored(shown: Mapping[str, Any], folder: str) -> None:
    """Refuse a plan that was cut off: its file is written all the same.

    Raises: BadPlan: it says of itself that it is not whole.
    """
    if shown.get("errored") is not False:
        raise BadPlan("the plan is not whole: planning failed halfway", on=folder, next="See the errors of the plan")


def is_tainted(rows: tuple[PlannedChange, ...], address: str) -> bool:
    """Say whether the plan replaces this because its last creation failed: the script that ends it would not run."""
    return any(row.address == address and row.reason == "replace_because_tainted" for row in rows)


def check_replaces(rows: tuple[PlannedChange, ...], address: str, *, missing_ok: bool) -> tuple[str, ...]:
    """Return the actions of a plan that replaces this address and does nothing else.

    Args:
        missing_ok: an address that the state does not know may be created.

    Raises: BadPlan: says what it would do instead.
    """
    if not rows:
        raise BadPlan(
            "the plan changes nothing, so there is no such node in the configuration",
            on=address,
            next="Compare the address with the output of `state list`; the key stands in quotes",
        )
    others = [row for row in rows if row.address != address or row.deposed]
    if others:
        raise BadPlan(
            f"the plan would do more than replace this one: {'; '.join(map(str, others[:5]))}"
            + (f"; and {len(others) - 5} more" if len(others) > 5 else ""),
            on=address,
            next="Bring the configuration and its state together first, by a plan that a person reads",
        )
    row = rows[0]
    if missing_ok and row.actions == CREATE:
        return CREATE
    if row.actions == REPLACE and row.reason == "replace_by_request":
        return REPLACE
    if row.actions == ("create", "delete"):
        raise BadPlan(
            "the plan would start the new node before it ends the old one, and then not run the script that ends it",
            on=address,
            next="Remove create_before_destroy from the configuration",
        )
    raise BadPlan(
        f"the plan would {row} instead of replacing it by request",
        on=address,
        next="Bring the configuration and its state together first, by a plan that a person reads",
    )


def check_creates(rows: tuple[PlannedChange, ...], folder: str) -> None:
    """Refuse a plan that does anything but create, or create again what failed: then no script ends anything.

    Raises: BadPlan: says what else it would do.
    """
    others = [row for row in rows if row.actions != CREATE and row.reason != "replace_because_tainted"]
    if others:
        raise BadPlan(
            f"the plan would do more than create what is missing: {'; '.join(map(str, others[:5]))}",
            on=folder,
            next="Look at it with `plan`; nodes are replaced one by one, and removed by a person",
        )
