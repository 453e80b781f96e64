"""How much is done without a person."""

from __future__ import annotations

from enum import StrEnum


class Mode(StrEnum):
    """What becomes of a decision to act."""

    DRY_RUN = "dry-run"
    """It is only shown."""
    APPROVE = "approve"
    """A person is asked first."""
    AUTOMATIC = "automatic"
    """It is done."""
