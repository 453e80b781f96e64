"""What is kept in the cluster itself: looks for some days, the journal for good."""
