"""A plan as JSON, and back: what ``plan --out`` writes and ``apply --plan`` reads. Pure."""

from __future__ import annotations

from functools import lru_cache

from pydantic import TypeAdapter, ValidationError

from cassandra_views.model.errors import StalePlan
from cassandra_views.model.steps import Plan

FORMAT_VERSION = 1


@lru_cache(maxsize=1)
def _adapter() -> TypeAdapter[Plan]:
    return TypeAdapter(Plan)


def plan_json(plan: Plan) -> str:
    """Return the plan as JSON, indented, with its ``format_version``."""
    return _adapter().dump_json(plan, indent=2).decode()


def read_plan_json(text: str) -> Plan:
    """Return the plan that a text holds.

    Raises:
        StalePlan: it is no plan, or one of another format.
    """
    try:
        plan = _adapter().validate_json(text)
    except ValidationError as error:
        raise StalePlan(
            "the file holds no plan of this program", next="Make one with 'views plan --out FILE'"
        ) from error
    if plan.format_version != FORMAT_VERSION:
        raise StalePlan(
            f"the plan has format {plan.format_version}, and this program writes and reads {FORMAT_VERSION}",
            next="Plan again",
        )
    return plan
