"""`breadboard sql`: what a form cannot tell is refused before anything is written."""

from pathlib import Path

import pytest

from breadboard.cli import run
from breadboard.store.clickhouse import ClickHouseStore


def test_two_columns_of_one_name_are_refused_in_json_and_in_no_other_form(
    tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    with ClickHouseStore.open(f"chdb://{tmp_path}/store"):
        pass
    words = ["sql", "select 1, 1", "--data-dir", str(tmp_path)]
    for form in (["--json"], ["--format", "json"]):
        assert run([*words, *form]) == 2
        said = capfdbinary.readouterr()
        assert said.out == b""
        assert said.err.startswith(b"error: two columns are called '1', and JSON tells columns by name\nhint: SELECT ")
    assert run([*words, "--format", "csv"]) == 0
    assert capfdbinary.readouterr().out == b"1,1\n1,1\n"
    assert run(words) == 0
    assert capfdbinary.readouterr().out == b"1  1\n-  -\n1  1\n"
