"""The pipeline's sample application: follower counts of streamers, as history and as a live feed.

Runs from the checkout: ``python -m followers --help``. Imports nothing of ``cassandra_views``.
"""
