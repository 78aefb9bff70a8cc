"""Where the real recordings are, and what a test does when they are not there."""

import os
from pathlib import Path

import pytest

ROOT = Path(os.environ.get("BREADBOARD_DATA") or Path(__file__).resolve().parents[1].parent / "shared" / "data")


def recording(relative: str) -> Path:
    """Return the path of a recording; skip the test without it, or fail where recordings are required."""
    path = ROOT / relative
    if not path.exists():
        reason = f"no recording at {path}; set BREADBOARD_DATA to the folder that holds {relative}"
        if os.environ.get("BREADBOARD_REQUIRE_DATA") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    return path
