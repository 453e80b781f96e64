"""Restart or replace one service, as was decided."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from cassandra_healing.operation_model import HealingAction, OperationOutcome
from cassandra_healing.operations.hooks import HookFailed, run_hook
from cassandra_healing.policy import Policy
from cassandra_healing.services.decision import ServiceDecision
from cassandra_healing.services.storage import ServiceJournal


def execute_service_operation(
    decision: ServiceDecision,
    journal: ServiceJournal,
    policy: Policy,
    *,
    detail: str = "",
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> OperationOutcome:
    """Restart or replace a service, as was decided; every step is written down before it is done.

    Args:
        detail: who allowed it, for the journal.

    Raises:
        OperationNotStarted: another process is working on it, or a person stopped healing.
        JournalError: it could not be written down; nothing was done.
        HookFailed: the command failed, which the journal says, too.
    """
    service = policy.services[decision.service]
    command = service.restart_command if decision.act is HealingAction.RESTART else service.replace_command
    operation = journal.begin(decision, clock())
    journal.step(decision, operation, " ".join(filter(None, (f"running {' '.join(command)}", detail))))
    values = {"name": decision.service, "address": service.host, "why": decision.what}
    try:
        run_hook(decision.act, command, values, service.command_seconds)
    except HookFailed as error:
        journal.end(decision, operation, OperationOutcome.FAILED, str(error))
        raise
    journal.end(decision, operation, OperationOutcome.DONE, f"the command for {decision.act} ended well")
    return OperationOutcome.DONE
