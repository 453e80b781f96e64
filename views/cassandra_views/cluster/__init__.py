"""What the manager asks of Cassandra: nodes, catalog, preflight, registry and lease."""
