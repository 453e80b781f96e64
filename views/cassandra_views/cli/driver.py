"""The driver without what it imports and no command uses."""

from __future__ import annotations

import importlib
import sys
from typing import Any


def import_driver_without_numpy() -> None:
    """Import what decides whether the driver uses numpy, so that it does not: numpy takes 0.1 s, and we read no arrays.

    To be called before the first import of the driver; does nothing where that or numpy is there already.
    """
    modules: dict[str, Any] = sys.modules
    if "numpy" in modules or "cassandra.cython_deps" in modules:
        return
    modules["numpy"] = None  # an import of it fails, as where it is not installed
    try:
        importlib.import_module("cassandra.cython_deps")
    finally:
        del modules["numpy"]


__all__ = ["import_driver_without_numpy"]
