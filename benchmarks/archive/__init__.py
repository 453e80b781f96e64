"""Benchmarks that answered a question which is closed; `make bench` does not run them."""
