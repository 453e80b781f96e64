"""Probes of a node: gossip of its peers, CQL, TCP, and the machine provider's view of it."""
