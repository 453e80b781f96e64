"""What the registry holds, for people to look at: questions, the values they are answered with, and pages of them.

Shared by the page in Airflow and the pages of the Flask extension; knows neither. Reads only.
"""
