"""Pages, JSON API, metrics and probes of the views: gunicorn app:app."""

from flask import Flask

from cassandra_views.web import CassandraViews

app = Flask(__name__)
CassandraViews(app)
