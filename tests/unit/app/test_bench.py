"""The benchmarks run, and print what their readers rely on."""

import json

import pytest

from breadboard.cli import run


def test_the_pipeline_benchmark_prints_its_cases_and_peers(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["bench", "pipeline", "--seconds", "0.1", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    cases = {case["case"]: case for case in report["cases"]}
    assert report["name"] == "pipeline"
    assert report["machine"]
    for name in ("wire_to_engine", "wire_to_store"):
        assert cases[name]["unit"] == "events/s"
        assert cases[name]["events"] > 90_000, "two passes of about 50,000 frames"
        assert cases[name]["range"][0] <= cases[name]["value"] <= cases[name]["range"][1]
    stages = {
        "sender",
        "journal_read",
        "decode",
        "continuity",
        "books",
        "bars",
        "features",
        "anomalies",
        "rules",
        "digest",
        "engine",
        "store",
    }
    assert stages <= set(cases["stage_ns"]["value"])
    assert all(spent > 0 for spent in cases["stage_ns"]["value"].values())
    assert report["peers"]["msgspec_decode_only"] > 0
