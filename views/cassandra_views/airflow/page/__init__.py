"""The page ``Views`` in the Airflow UI: what the registry holds, for those whom Airflow lets see it."""
