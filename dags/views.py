"""Airflow DAGs: one for each file of cql_templates/views, and those that keep them going."""

from cassandra_views.airflow import view_dags

view_dags("../cql_templates", globals(), conn_id="cassandra_insight")
