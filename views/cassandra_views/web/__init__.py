"""Views in a Flask app: the extension, a JSON API, and pages that show what stands.

Needs the extra ``web``. It reads only, and needs no more than the right to read (docs/guides/flask.md).
"""

from cassandra_views.web.api.problem import problem_of
from cassandra_views.web.extension import CassandraViews

__all__ = ["CassandraViews", "problem_of"]
