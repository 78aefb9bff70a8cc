"""The only reader of the environment: keys, addresses, and ``${NAME}`` in a configuration."""

import os
import re
from pathlib import Path
from tempfile import gettempdir
from typing import TYPE_CHECKING, Any

from breadboard.errors import UsageError

if TYPE_CHECKING:  # the client reads its key here, and does without what a configuration needs
    from breadboard.config import FeedConfig


def environment(*names: str) -> dict[str, str]:
    """Return these variables of the environment, those that are set and not empty."""
    return {name: os.environ[name] for name in names if os.environ.get(name)}


def runtime_dir() -> Path:
    """Return where processes of one user leave word for each other, whatever data directory each has."""
    given = os.environ.get("XDG_RUNTIME_DIR")
    return Path(given) / "breadboard" if given else Path(gettempdir()) / f"breadboard-{os.getuid()}"


def key_of(feed: "FeedConfig", *variables: str) -> str:
    """Return the key of a feed, from its ``${NAME}`` or the first of these variables that is set; empty where none is.

    Asked for where it is needed and nowhere kept. Blanks around it are left out. Raises UsageError for a name that the
    environment lacks, and for signs that no request can carry, without showing them.
    """
    if feed.key:
        return _clean_key(str(resolved(feed.key)), f"key of {feed.venue}")
    name = next((name for name in variables if os.environ.get(name, "").strip()), "")
    return _clean_key(os.environ[name], f"key in {name}") if name else ""


def resolved(node: Any) -> Any:  # noqa: ANN401 - any TOML value
    """Return a tree with every ``${NAME}`` in it replaced. Raises UsageError for a name that there is not."""
    if isinstance(node, dict):
        # A key stays a name until it is used: this tree is written to a file for child processes.
        return {key: value if key == "key" else resolved(value) for key, value in node.items()}
    if isinstance(node, list):
        return [resolved(value) for value in node]
    if isinstance(node, str):
        return re.sub(r"\$\{(\w+)\}", _from_environment, node)
    return node


def _clean_key(key: str, what: str) -> str:
    key = key.strip()
    if not (key.isascii() and key.isprintable()):
        raise UsageError(
            f"the {what} has signs that no request can carry: letters beyond ASCII, or unprintable ones",
            hint="copy it again from the venue's page, without the line's end",
        )
    return key


def _from_environment(match: re.Match[str]) -> str:
    name = match.group(1)
    if name not in os.environ:
        raise UsageError(f"the environment has no {name}, which the configuration asks for", hint=f"export {name}=…")
    return os.environ[name]
