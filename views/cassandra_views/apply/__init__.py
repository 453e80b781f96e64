"""Carries steps out: the only part that changes a cluster."""
