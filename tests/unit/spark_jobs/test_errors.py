"""What is told of an error of Spark."""

from __future__ import annotations

import pytest

from spark_jobs.errors import first_line

WORKER = """An error occurred while calling z:org.apache.spark.api.python.PythonRDD.collectAndServe.
: org.apache.spark.SparkException: Job aborted due to stage failure: Task 0 in stage 0.0 failed 1 times
org.apache.spark.api.python.PythonException: Traceback (most recent call last):
  File "worker.py", line 1247, in main
    func, profiler, deserializer, serializer = read_command(pickleSer, infile)
ModuleNotFoundError: No module named 'spark_jobs'

\tat org.apache.spark.api.python.BasePythonRunner$ReaderIterator.handlePythonException(PythonRunner.scala:572)
Caused by: org.apache.spark.api.python.PythonException: Traceback (most recent call last):
"""


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (WORKER, "ModuleNotFoundError: No module named 'spark_jobs'"),
        ("An error occurred while calling o1.save.\n: java.io.IOException: no space", "java.io.IOException: no space"),
        ("failed\nCaused by: first\nCaused by: the last one", "the last one"),
    ],
)
def test_the_line_that_tells_most(text: str, told: str) -> None:
    assert first_line(RuntimeError(text)) == told
