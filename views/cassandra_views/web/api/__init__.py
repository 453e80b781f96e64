"""The JSON API: views are listed, described and read by their keys."""

from cassandra_views.web.api.blueprint import api_blueprint

__all__ = ["api_blueprint"]
