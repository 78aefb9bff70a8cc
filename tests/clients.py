"""Independent clients of the venues' protocols, and what a test does where one is not installed.

They are many and large, so `make test` does without; `make clients` installs them and runs the tests that need them.
"""

import importlib.util
import os

import pytest


def needs(*modules: str) -> None:
    """Skip the whole test file unless these modules are installed; fail where they are required."""
    missing = [name for name in modules if importlib.util.find_spec(name) is None]
    if missing and os.environ.get("BREADBOARD_REQUIRE_CLIENTS") == "1":
        pytest.fail(f"{', '.join(missing)} is not installed", pytrace=False)
    if missing:
        pytest.skip(f"{', '.join(missing)} is not installed; `make clients` runs these tests", allow_module_level=True)
