"""What is stored in the cluster itself: checks for some days, the journal for good."""
