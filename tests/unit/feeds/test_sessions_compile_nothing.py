"""Sessions run on the loop of capture: a compiled function's first call would stop it for a quarter of a second."""

import subprocess
import sys
from pathlib import Path

SCRIPT = """
import gc
from numba.core.registry import CPUDispatcher
from feed_samples import NAMES, SAMPLES, sessions

for name in NAMES:
    sample = SAMPLES[name]
    for session in sessions(name):
        session.on_connect()
        for second, frame in enumerate(sample.frames):
            session.on_frames([frame])
            session.on_document("depth:" + sample.symbols[0], 200, frame)
            session.on_time(100.0 + second)
kernels = [each for each in gc.get_objects() if isinstance(each, CPUDispatcher)]
assert len(kernels) > 20, kernels
print([each.__name__ for each in kernels if each.signatures])
"""


def test_no_session_calls_a_compiled_function() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        env={"PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.stderr, done.stdout) == ("", "[]\n")
