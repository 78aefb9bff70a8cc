"""What a person types, run in this process, and what comes back as JSON."""

import json
from pathlib import Path
from typing import Any

import pytest

from breadboard.cli import run


def brought(capsys: pytest.CaptureFixture[str], data_dir: Path, *arguments: str) -> dict[str, Any]:
    """Run ``breadboard import``, which has to succeed, and return its JSON."""
    code = run(["import", *arguments, "--data-dir", str(data_dir), "--json"])
    captured = capsys.readouterr()
    assert code == 0, captured.err
    result: dict[str, Any] = json.loads(captured.out)
    return result


def ask(capsys: pytest.CaptureFixture[str], data_dir: Path, query: str) -> list[dict[str, Any]]:
    """Run ``breadboard sql`` and return the rows."""
    assert run(["sql", query, "--data-dir", str(data_dir), "--format", "json"]) == 0
    rows: list[dict[str, Any]] = json.loads(capsys.readouterr().out)["data"]
    return rows
