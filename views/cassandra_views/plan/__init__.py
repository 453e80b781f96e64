"""Makes plans: definitions, schema, registry and a moment in; a list of steps out."""

from cassandra_views.plan.project_plan import Observed, make_plan
from cassandra_views.plan.request import Request
from cassandra_views.plan.target import Target

__all__ = ["Observed", "Request", "Target", "make_plan"]
