"""Makes plans: definitions, schema, registry and a moment in; a list of steps out."""
