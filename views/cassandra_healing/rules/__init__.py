"""The rules that decide about the nodes of a cluster. Pure."""
