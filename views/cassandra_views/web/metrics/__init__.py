"""Numbers for Prometheus: what the registry holds, and what this app's own reads were like."""
