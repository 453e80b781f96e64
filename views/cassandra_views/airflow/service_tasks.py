"""The tasks of ``cluster_services``: what is decided about Spark and the feed is carried out, each by itself."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from airflow.providers.standard.operators.hitl import HITLOperator
from airflow.sdk.exceptions import AirflowSkipException

from cassandra_healing.errors import OperationNotStarted
from cassandra_healing.mode import Mode
from cassandra_healing.monitor import ClusterMonitor
from cassandra_healing.operation_model import HealingAction
from cassandra_healing.operations.service_executor import execute_service_operation
from cassandra_healing.policy import Policy
from cassandra_healing.services.decision import ServiceDecision
from cassandra_healing.services.monitor import ServiceMonitor
from cassandra_healing.session import ClusterSession
from cassandra_views.airflow.deployment import Deployment
from cassandra_views.airflow.failures import refused
from cassandra_views.airflow.health_tasks import NO, PAGE_KEY, YES, HealthTask, paging_on_failure
from cassandra_views.airflow.health_trigger import AUTHOR

if TYPE_CHECKING:
    from airflow.sdk import Context


class ServiceTask(HealthTask):
    """A task that looks at services."""

    @contextmanager
    def services(self, context: Context) -> Iterator[tuple[ServiceMonitor, dict[str, ServiceDecision], Policy]]:
        """Check once, and return what is decided by service; errors as ``opened``."""
        with self.opened(context) as (session, settings):
            policy = settings.env.healing
            asked = ClusterSession(session, timeout_seconds=max(5.0, policy.timeout_seconds))
            monitor = ClusterMonitor(asked, policy, author=AUTHOR, is_recording=True)
            try:
                report = monitor.check()
                for note in report.notes:
                    self.log.warning("%s", note)
                yield monitor.services, {each.decision.service: each.decision for each in report.services}, policy
            finally:
                monitor.close()


class DecideServicesTask(ServiceTask):
    """Returns the services that are to be restarted or replaced."""

    def execute(self, context: Context) -> list[str]:
        """Check once; what a person must see goes to the task ``page``.

        Raises: AirflowSkipException: nothing is to be done.
        """
        with paging_on_failure(context), self.services(context) as (_monitor, decisions, _policy):
            for each in decisions.values():
                self.log.info("%s: %s (%s): %s. %s.", each.service, each.act, each.rule, each.what, each.next)
        pages = [
            f"{each.service}: {each.what}. {each.next}."
            for each in decisions.values()
            if each.act is HealingAction.PAGE
        ]
        if pages:
            context["ti"].xcom_push(key=PAGE_KEY, value=" ".join(pages))
        due = [name for name, each in decisions.items() if _is_due(each)]
        if not due and not pages:
            raise AirflowSkipException("Nothing is to be done")
        return due


class HealServiceTask(ServiceTask, HITLOperator):
    """Restarts or replaces one service, after a person said so where its mode is ``approve``.

    Args:
        service: its name.
    """

    template_fields = ("service", "subject", "body")

    def __init__(self, *, deployment: Deployment, service: str, **kwargs: Any) -> None:
        super().__init__(deployment=deployment, subject="Heal a service?", options=[YES, NO], defaults=NO, **kwargs)
        self.service = service

    def execute(self, context: Context) -> Any:
        """Do it, or ask first; what is decided no longer is not done."""
        with self.services(context) as (monitor, decisions, policy):
            decision = self._find(decisions)
            if decision.mode is Mode.AUTOMATIC:
                return self._do(decision, monitor, policy, "")
        self.subject = f"{str(decision.act).capitalize()} {decision.service}?"
        seen = [f"- {each}" for each in decision.evidence]
        self.body = "\n".join([f"{decision.service}: {decision.what}", "", *seen])
        return HITLOperator.execute(self, context)

    def execute_complete(self, context: Context, event: dict[str, Any]) -> Any:
        """Do what the answer says, where it is still decided."""
        answer = HITLOperator.execute_complete(self, context, event)
        user = (answer.get("responded_by_user") or {}).get("name", "")
        with self.services(context) as (monitor, decisions, policy):
            decision = self._find(decisions)
            if answer["chosen_options"] != [YES]:
                monitor.journal.refuse(decision, f"{user} said no in Airflow" if user else "nobody answered in Airflow")
                raise AirflowSkipException(f"Nobody allowed the {decision.act} of {self.service}")
            return self._do(decision, monitor, policy, f"allowed by {user}" if user else "allowed in Airflow")

    def _find(self, decisions: dict[str, ServiceDecision]) -> ServiceDecision:
        decision = decisions.get(self.service)
        if decision is None or not _is_due(decision):
            raise AirflowSkipException(f"{self.service}: {decision.what if decision else 'it is no longer monitored'}")
        return decision

    def _do(self, decision: ServiceDecision, monitor: ServiceMonitor, policy: Policy, detail: str) -> dict[str, Any]:
        try:
            outcome = execute_service_operation(decision, monitor.journal, policy, detail=detail)
        except OperationNotStarted as error:
            raise AirflowSkipException(str(error)) from error
        except OSError as error:
            raise refused(str(error)) from error
        return {"act": decision.act.value, "outcome": outcome.value}


def _is_due(decision: ServiceDecision) -> bool:
    return decision.act in (HealingAction.RESTART, HealingAction.REPLACE) and decision.mode is not Mode.DRY_RUN
