"""What the registry holds, for people to look at: queries, the values that they return, and pages of those.

Shared by Airflow's page and the Flask extension; knows neither. Reads only.
"""
