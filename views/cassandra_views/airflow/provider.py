"""What Airflow is told of this package as a provider."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any


def get_provider_info() -> dict[str, Any]:
    """Return the provider's description. Connections are those of the Cassandra provider, type ``cassandra``."""
    home = "cassandra_views.airflow"
    integration = "Cassandra materialized views"
    return {
        "package-name": "cassandra-views",
        "name": integration,
        "description": "Creates, refreshes, audits and drops Cassandra materialized views on schedule.",
        "versions": [version("cassandra-views")],
        "integrations": [
            {
                "integration-name": integration,
                "external-doc-url": "https://cassandra.apache.org/",
                "tags": ["apache"],
            }
        ],
        "operators": [{"integration-name": integration, "python-modules": [f"{home}.tasks"]}],
        "sensors": [{"integration-name": integration, "python-modules": [f"{home}.sensor"]}],
        "hooks": [{"integration-name": integration, "python-modules": [f"{home}.hook"]}],
        "triggers": [{"integration-name": integration, "python-modules": [f"{home}.triggers"]}],
        "extra-links": [f"{home}.links.ViewLink"],
        "config": {
            "cassandra_views": {
                "description": "The page 'Views' in the Airflow UI.",
                "options": {
                    "conn_id": {
                        "description": "The connection to the cluster whose registry the page shows.",
                        "version_added": "0.1.0",
                        "type": "string",
                        "example": None,
                        "default": "cassandra_default",
                    },
                    "registry": {
                        "description": "The keyspace of that registry.",
                        "version_added": "0.1.0",
                        "type": "string",
                        "example": None,
                        "default": "views_registry",
                    },
                    "dag_id_prefix": {
                        "description": "The dag_id_prefix of that registry's view_dags: the page links to its DAGs.",
                        "version_added": "0.1.0",
                        "type": "string",
                        "example": None,
                        "default": "",
                    },
                },
            }
        },
    }
