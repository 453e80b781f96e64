"""CQL as values: parse, print, fingerprint, lint, compare. Pure: no server, no files but the grammar."""
