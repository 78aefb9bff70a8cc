"""Machine code is not used again once anything that it was compiled from has changed."""

import subprocess
import sys
from pathlib import Path

from breadboard.model import kernel_cache

LEAF = """
from breadboard.model.kernels import inlined

FACTOR = {factor}


@inlined
def part(x):
    return x * FACTOR
"""
ROOT = """
from breadboard.model.kernels import kernel
from breadboard.model.leaf_of_a_test import part


@kernel
def whole(x):
    return part(x) + 1
"""


def whole(home: Path) -> int:
    """Return what the kernel of the copy gives for 10."""
    program = "from breadboard.model.root_of_a_test import whole; print(whole(10))"
    done = subprocess.run(
        [sys.executable, "-c", program], env={"PYTHONPATH": str(home)}, capture_output=True, check=True, text=True
    )
    return int(done.stdout)


def test_a_kernel_is_compiled_anew_when_a_file_that_it_calls_has_changed(tmp_path: Path) -> None:
    source = Path(kernel_cache.__file__).parents[1]
    model = tmp_path / "breadboard" / "model"
    model.mkdir(parents=True)
    (tmp_path / "breadboard" / "__init__.py").write_text("")
    (model / "__init__.py").write_text("")
    for name in ("kernels.py", "kernel_cache.py"):
        (model / name).write_text((source / "model" / name).read_text())
    (model / "root_of_a_test.py").write_text(ROOT)
    (model / "leaf_of_a_test.py").write_text(LEAF.format(factor=2))
    assert whole(tmp_path) == 21
    before = sorted(each.name for each in (model / "__pycache__").glob("root*.nb*"))
    assert before, "it is kept"
    assert whole(tmp_path) == 21
    (model / "leaf_of_a_test.py").write_text(LEAF.format(factor=300))
    assert whole(tmp_path) == 3001
