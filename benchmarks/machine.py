"""Facts of the machine that figures were measured on: no names of hosts or people, no paths."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version
from pathlib import Path

import psutil

from benchmarks.stage import HEAP_MB


def machine_facts(cassandra: str, *, heap_mb: int = HEAP_MB) -> list[tuple[str, str]]:
    """Return (what, value) of the machine; ``cassandra`` is the server's version, empty where none ran."""
    facts = [
        ("cores", f"{len(os.sched_getaffinity(0))}, {_processor()}"),
        ("memory", f"{psutil.virtual_memory().total / 2**30:.0f} GiB"),
        ("system", f"{platform.system()} {platform.release().split('-')[0]}"),
        ("Python", f"{platform.python_version()}, cassandra-driver {version('cassandra-driver')}"),
    ]
    if cassandra:
        facts.append(
            ("Cassandra", f"{cassandra}, embedded, one node, heap {heap_mb} MB; server and load share the cores")
        )
    return facts


def busy_share(seconds: float = 2.0) -> float:
    """Return the share of all cores (0 to 1) that others use now: a busy machine measures nothing."""
    return psutil.cpu_percent(interval=seconds) / 100


def _processor() -> str:
    """Return the processor's model as the kernel tells it."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.is_file() else []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())
