"""An app as a server loads it: all it knows of views comes from the environment."""

from flask import Flask

from cassandra_views.web import CassandraViews

app = Flask("parks")
app.config["SECRET_KEY"] = "the tests' own"
views = CassandraViews(app)
