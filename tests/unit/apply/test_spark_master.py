"""Whether the Spark master can be reached, by the exit code and the words of the SSH client."""

from __future__ import annotations

from pathlib import Path

from cassandra_views.apply.spark_master import find_unreachable_reason


def test_why_the_spark_master_cannot_be_reached_is_told(tmp_path: Path) -> None:
    assert find_unreachable_reason("spark@master", program="true") == ""
    assert find_unreachable_reason("spark@master", program="false") == "exit code 1"
    assert find_unreachable_reason("spark@master", program=str(tmp_path / "ssh")).endswith("No such file or directory")
    refused = tmp_path / "refused"
    refused.write_text("#!/bin/sh\necho 'Warning: new key' >&2\necho 'Permission denied' >&2\nexit 255\n")
    refused.chmod(0o755)
    assert find_unreachable_reason("spark@master", program=str(refused)) == "Permission denied"
    refused.write_text("#!/bin/sh\nexec sleep 60\n")
    assert find_unreachable_reason("spark@master", program=str(refused), timeout_seconds=0.2) == (
        "it gave no answer within 0.2 s"
    )
