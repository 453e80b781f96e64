"""Makes plans: definitions, schema, registry and a moment in; a list of steps out."""

from cassandra_views.plan.inputs import Observed, PlanRequest, PlanTarget
from cassandra_views.plan.project_plan import make_plan

__all__ = ["Observed", "PlanRequest", "PlanTarget", "make_plan"]
