"""Figures by one command: ``make bench`` prints them and writes docs/benchmarks.md."""
