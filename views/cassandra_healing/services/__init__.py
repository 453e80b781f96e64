"""What works beside the nodes: Spark's master and workers, the feed. Restarted, then replaced, by simpler rules."""
