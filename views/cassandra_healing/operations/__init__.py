"""Restarts and replacements: executed step by step, each recorded in the journal before it is done."""
