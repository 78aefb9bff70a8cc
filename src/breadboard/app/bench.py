"""`breadboard bench`: runs a file of ``benchmarks/``, which comes with the source."""

import importlib.util
import inspect
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from breadboard.errors import UsageError

_HOME = Path(__file__).resolve().parents[3] / "benchmarks"


Table = Callable[[dict[str, Any]], str]


def run(name: str, options: Mapping[str, Any]) -> tuple[dict[str, Any], Table | None]:
    """Run one benchmark; return its report, and its own way to print it for people, where it has one.

    Its ``run`` gets those of the options that it names. Raises UsageError where the source is not here.
    """
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
    sys.modules[spec.name] = module  # dataclasses look up the module they are made in
    spec.loader.exec_module(module)
    known = inspect.signature(module.run).parameters
    with _ending_in_order():
        report: dict[str, Any] = module.run(**{name: value for name, value in options.items() if name in known})
    return {"peers": {}, **report}, getattr(module, "table", None)


@contextmanager
def _ending_in_order() -> Iterator[None]:
    """Have SIGTERM end the benchmark as Ctrl-C does: what it started is ended, too."""

    def end(number: int, _frame: object) -> None:
        raise SystemExit(128 + number)

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
