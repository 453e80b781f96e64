"""Builds the DAGs of the rollups: each file beside this folder holds one DAG.

Needs Airflow and its SSH provider and nothing of this project, so the folder `dags` is all that Airflow's host gets.
"""
