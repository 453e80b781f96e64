"""Services beside the nodes, such as Spark and the feed: probed, assessed and decided about, by simpler rules."""
