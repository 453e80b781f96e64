"""Clusters of several data centres: one is cut off, one is added."""
