"""What Airflow is told of this package as a provider."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any


def _field(label: str, kind: str, description: str, **schema: Any) -> dict[str, Any]:
    return {"label": label, "description": description, "schema": {"type": [kind, "null"], **schema}}


_CONNECTION_FIELDS = {
    "local_dc": _field("Data centre", "string", "The data centre to read in; else that of the node that answers."),
    "consistency": _field("Consistency", "string", "Of statements that name none, such as LOCAL_QUORUM."),
    "request_timeout_seconds": _field("Request time-out", "number", "In seconds; 15 where it is empty."),
    "connect_timeout_seconds": _field("Connect time-out", "number", "In seconds; 8 where it is empty."),
    "tls": _field("TLS", "boolean", "Encrypt, and check the nodes' certificates.", default=False),
    "tls_ca": _field("Authority", "string", "The path of its certificate on Airflow's hosts; else the system's."),
    "tls_cert": _field("Client certificate", "string", "Its path on Airflow's hosts, where the nodes ask for one."),
    "tls_key": _field("Client key", "string", "The path of its key."),
    "tls_check_hostname": _field("Check host names", "boolean", "Certificates must name the node.", default=True),
}
"""The form of a connection: what its extras may hold and fits into one field."""


def get_provider_info() -> dict[str, Any]:
    """Return the provider's description. The Cassandra provider's connections, type ``cassandra``, are left alone."""
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
        "operators": [{"integration-name": integration, "python-modules": [f"{home}.operators"]}],
        "sensors": [{"integration-name": integration, "python-modules": [f"{home}.sensor"]}],
        "hooks": [{"integration-name": integration, "python-modules": [f"{home}.hook"]}],
        "connection-types": [
            {
                "connection-type": "cassandra_views",
                "hook-class-name": f"{home}.hook.ViewsHook",
                "hook-name": "Cassandra with views",
                "conn-fields": _CONNECTION_FIELDS,
                "ui-field-behaviour": {
                    "hidden-fields": ["schema"],
                    "relabeling": {"host": "Contact points", "login": "User"},
                    "placeholders": {"host": "10.0.0.1, 10.0.0.2", "port": "9042"},
                },
            }
        ],
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
