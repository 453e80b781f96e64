"""The words for how a view is; apart from what computes them, since shell completion needs the words alone."""

from __future__ import annotations

CONDITIONS = (
    "serving",
    "building",
    "waiting",
    "pending",
    "stale",
    "changed",
    "broken",
    "differs",
    "retired",
    "failed",
    "off",
    "frozen",
    "unreadable",
    "dropped",
    "never made",
)
"""Every word that a view's condition can be."""
