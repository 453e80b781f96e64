"""Pure planning: definitions, catalog, registry and a moment in; a list of steps out."""

from cassandra_views.planning.plan import Observed, Request, Target, make_plan

__all__ = ["Observed", "Request", "Target", "make_plan"]
