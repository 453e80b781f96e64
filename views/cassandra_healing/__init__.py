"""The health of a cluster, what is to be done about it, and the replacement of nodes. Knows no views."""
