"""Clients that others wrote of the protocols that we simulate, run as processes of their own.

Their dependencies need not agree with ours (one pins an older ``websockets``), so they may live in an environment of
their own: ``BREADBOARD_CLIENTS_PYTHON`` is its interpreter.
"""

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

PYTHON = os.environ.get("BREADBOARD_CLIENTS_PYTHON") or sys.executable
CLIENTS = Path(__file__).parent / "e2e" / "clients"


def needs_client(package: str, requirement: str) -> None:
    """Skip the test where there is no such client; fail where clients are required."""
    words = [PYTHON, "-c", f"import {package}"]
    if not subprocess.run(words, capture_output=True, check=False, env=_environment()).returncode:
        return
    reason = f"{PYTHON} has no {package}: it needs {requirement}; BREADBOARD_CLIENTS_PYTHON names another interpreter"
    if os.environ.get("BREADBOARD_REQUIRE_CLIENTS") == "1":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


class Independent:
    """A client that listens until it is asked what it heard."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    @staticmethod
    async def start(script: str, *arguments: str) -> "Independent":
        pipe = asyncio.subprocess.PIPE
        words = (PYTHON, str(CLIENTS / script), *arguments)
        return Independent(
            await asyncio.create_subprocess_exec(*words, stdin=pipe, stdout=pipe, stderr=pipe, env=_environment())
        )

    async def heard(self) -> dict[str, Any]:
        """End it and return what it heard."""
        out, err = await asyncio.wait_for(self._process.communicate(b""), 30)
        assert self._process.returncode == 0, err.decode()
        told: dict[str, Any] = json.loads(out)
        return told

    def kill(self) -> None:
        if self._process.returncode is None:
            self._process.kill()


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
