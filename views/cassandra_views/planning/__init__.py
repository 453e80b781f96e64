"""Pure planning: definitions, catalog, registry and a moment in; a list of steps out."""

from cassandra_views.planning.plan import Observed, make_plan
from cassandra_views.planning.request import Request
from cassandra_views.planning.target import Target

__all__ = ["Observed", "Request", "Target", "make_plan"]
