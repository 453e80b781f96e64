"""Carries out what was decided about a node: step by step, each written down before it is done."""
