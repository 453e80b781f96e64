"""Makes plans: definitions, schema, registry and a moment in; a list of steps out."""

from cassandra_views.plan.inputs import Observed, Request, Target
from cassandra_views.plan.project_plan import make_plan

__all__ = ["Observed", "Request", "Target", "make_plan"]
