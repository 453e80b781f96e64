"""The pipeline's sample application: follower counts of streamers, as history, as a live feed, and on pages.

Runs from the checkout: ``python -m followers --help``. ``web`` and ``demo`` alone import ``cassandra_views``.
"""
