"""Pages on which people look at views: read-only, one address each, readable without scripts."""

from cassandra_views.web.pages.blueprint import pages_blueprint

__all__ = ["pages_blueprint"]
