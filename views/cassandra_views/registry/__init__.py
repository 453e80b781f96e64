"""What exists and what serves: the registry's store, rows, schema, history and lease."""
