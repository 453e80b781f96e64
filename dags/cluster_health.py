"""Airflow DAGs: the nodes of the cluster and the services beside them are watched, restarted and replaced."""

from cassandra_views.airflow import health_dags

health_dags("../cql_templates", globals(), conn_id="cassandra_insight")
