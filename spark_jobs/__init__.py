"""The Spark jobs of the pipeline: seconds to minutes, hours, days, and days to aggregations by category.

Run on the Spark master by the scripts in ``scripts/``; no part of the wheel. They know the tables of
``cql_templates/`` and read them through the views that serve, as applications do.
"""
