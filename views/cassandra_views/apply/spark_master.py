"""Audits on the Spark master: its script is started over SSH, and says as JSON what was found."""

from __future__ import annotations

import json
import shlex
import subprocess
from collections.abc import Iterable

from cassandra_client.errors import ClusterError
from cassandra_views.apply.audit_outcomes import AuditOutcome
from cassandra_views.model.names import ViewName

SCRIPT = "spark_audit.sh"
_LOST, _MISSING = 255, 127
_OPTIONS = ("-o", "BatchMode=yes", "-o", "ConnectTimeout=15", "-o", "ServerAliveInterval=30")


def spark_command(view: ViewName | str, *, registry: str, rows_per_second: float = 0.0) -> str:
    """Return what is run on the Spark master, in the home folder of its user."""
    rate = ["--rate", f"{rows_per_second:g}"] if rows_per_second else []
    return shlex.join(["bash", SCRIPT, str(view), "--registry", registry, *rate])


def find_unreachable_reason(master: str, *, program: str = "ssh", timeout_seconds: float = 20.0) -> str:
    """Return why the Spark master cannot be reached without a question; empty where it can."""
    try:
        done = subprocess.run(
            [program, *_OPTIONS, "--", master, "true"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=timeout_seconds,
        )
    except subprocess.TimeoutExpired:
        return f"it gave no answer within {timeout_seconds:g} s"
    except OSError as error:
        return f"'{program}' cannot be run: {error.strerror}"
    if done.returncode == 0:
        return ""
    return (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]


def find_outcomes(lines: Iterable[str]) -> list[AuditOutcome] | None:
    """Return the audits in the last line of JSON that the script printed; None where there is no such line."""
    for line in reversed(list(lines)):
        if line.startswith("{"):
            try:
                return [AuditOutcome.of_json(each) for each in json.loads(line)["audits"]]
            except (ValueError, LookupError, TypeError):
                continue
    return None


def audit_on_spark(
    master: str, view: ViewName, *, registry: str, rows_per_second: float = 0.0, program: str = "ssh"
) -> list[AuditOutcome]:
    """Audit what serves of a view on the Spark master; its verdict is in the registry when this returns.

    What the script says for people, how far it is among it, goes to standard error.

    Args:
        master: user@host, or a name of ~/.ssh/config.
        program: the SSH client.

    Raises:
        ClusterError: the Spark master cannot be reached, or the audit could not be carried out there.
    """
    command = spark_command(view, registry=registry, rows_per_second=rows_per_second)
    try:
        done = subprocess.run(
            [program, *_OPTIONS, "--", master, command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
            check=False,
        )
    except OSError as error:
        raise ClusterError(
            f"'{program}' cannot be run: {error.strerror}", on=f"{view} on {master}", next="Install an SSH client"
        ) from error
    found = find_outcomes(done.stdout.splitlines())
    if found is not None:
        return found
    what, step = f"{SCRIPT} ended with exit code {done.returncode}", "See the lines above, then run it again"
    if done.returncode == _LOST:
        what = "the Spark master cannot be reached, or the connection was lost"
        step = (
            f"Check that 'ssh {master} true' works without a question. An audit that had begun goes on there, and "
            f"'views status {view.view}' will show its verdict; else run it again"
        )
    elif done.returncode == _MISSING:
        step = f"Install the jobs there: spark_jobs/install.sh {master}"
    remains = "No verdict came back; 'views status' shows the last one that was written down"
    raise ClusterError(what, on=f"{view} on {master}", remains=remains, next=step)
