"""`breadboard bench`: runs a file of ``benchmarks/``, which comes with the source."""

import importlib.util
import sys
from pathlib import Path
from typing import Any

from breadboard.errors import UsageError

_HOME = Path(__file__).resolve().parents[3] / "benchmarks"


def run(name: str, recording: Path | None, seconds: float) -> dict[str, Any]:
    """Run one benchmark and return its report. Raises UsageError where the source is not here."""
    path = _HOME / f"{name}.py"
    if not path.exists():
        raise UsageError(
            f"the benchmark {name} comes with the source, and {_HOME} is not there", hint="git clone, then make bench"
        )
    sys.path.insert(0, str(_HOME))
    spec = importlib.util.spec_from_file_location(f"breadboard_bench_{name}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    report: dict[str, Any] = module.run() if name == "journal" else module.run(recording, seconds)
    return {"peers": {}, **report}
