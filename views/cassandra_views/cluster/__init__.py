"""Everything that speaks to Cassandra: session, nodes, catalog, preflight, registry and lease."""
