"""Options that several commands share, and how results are printed."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click
import msgspec

from breadboard.errors import UsageError

F = TypeVar("F", bound=Callable[..., Any])

DATA_DIR = "breadboard-data"
_NAMES = frozenset({"pid", "stopped", "port", "written_ns", "started_ns"})
"""Numbers that name a process, a port or a moment: they are pasted, not counted, and have no thousands."""


def data_dir_option(function: F) -> F:
    """Add ``--data-dir``."""
    return click.option(
        "--data-dir",
        type=click.Path(path_type=Path, file_okay=False),
        default=Path(DATA_DIR),
        show_default=True,
        envvar="BREADBOARD_DATA_DIR",
        help="Where the journal and the store live.",
    )(function)


def configured_data_dir_option(function: F) -> F:
    """Add ``--data-dir`` to a command that has a configuration, which may name the directory as well."""
    return click.option(
        "--data-dir",
        type=click.Path(path_type=Path, file_okay=False),
        envvar="BREADBOARD_DATA_DIR",
        help=f"Where the journal and the store live.  [default: the configuration's, else {DATA_DIR}]",
    )(function)


def bars_option(function: F) -> F:
    """Add ``--bars``."""
    return click.option(
        "--bars",
        multiple=True,
        callback=_each,
        help="Bars by activity as well, e.g. tick:1000,volume:500,renko:0.25: docs/engine.md has all.",
    )(function)


def _each(_context: click.Context, _option: click.Parameter, given: tuple[str, ...]) -> tuple[str, ...]:
    """Return the names in words with commas, of an option that may be repeated; each once."""
    return tuple(dict.fromkeys(name for words in given for name in names_of(words)))


def names_of(words: str) -> tuple[str, ...]:
    """Return the names in a word with commas."""
    return tuple(name for name in words.replace(" ", "").split(",") if name)


def json_option(function: F) -> F:
    """Add ``--json``."""
    return click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout.")(function)


def speed_of(word: str) -> float | None:
    """Return the speed that a word names. Raises UsageError."""
    if word == "max":
        return None
    try:
        speed = float(word)
    except ValueError:
        speed = 0.0
    if not 0 < speed < float("inf"):
        raise UsageError(f"--speed takes max or a number above 0, not {word!r}", hint="--speed 20")
    return speed


def batch_of(word: str) -> int:
    """Return the batch size that a word names, 0 for no limit. Raises UsageError."""
    if word in ("all", "unlimited", "max"):
        return 0
    if not word.isdecimal():
        raise UsageError(f"--batch takes a number of frames, or all, not {word!r}", hint="--batch 1000")
    return int(word)


def begun(as_json: bool) -> Callable[[dict[str, Any]], None]:
    """Return how a command that runs until it is stopped says, once, where it is to be found: with --json, as JSON."""
    return (lambda place: emit(place, True, listing)) if as_json else (lambda _place: None)


def emit(result: Any, as_json: bool, text: Callable[[Any], str]) -> None:  # noqa: ANN401 - any JSON-able result
    """Print a result: one JSON object, or what ``text`` makes of it for a person."""
    line = msgspec.json.encode(result).decode() if as_json else text(msgspec.to_builtins(result))
    sys.stdout.write(line.rstrip("\n") + "\n")
    sys.stdout.flush()


def listing(result: Any, indent: str = "") -> str:  # noqa: ANN401 - any JSON-able result
    """Return nested values as indented ``name  value`` lines, for people."""
    if not isinstance(result, dict):
        return f"{indent}{result}\n"
    width = max((len(str(key)) for key in result), default=0)
    lines = []
    for key, value in result.items():
        if isinstance(value, dict) and value:
            inner = {name: str(each) for name, each in value.items()} if key == "processes" else value
            lines.append(f"{indent}{key}\n{listing(inner, indent + '  ')}")
        elif isinstance(value, list) and value and isinstance(value[0], dict):
            lines.append(f"{indent}{key}\n" + "".join(listing(item, indent + "  ") for item in value))
        else:
            lines.append(f"{indent}{str(key).ljust(width)}  {str(value) if key in _NAMES else _scalar(value)}\n")
    return "".join(lines)


def _scalar(value: Any) -> str:  # noqa: ANN401 - any JSON-able value
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "-"}[value]
    if isinstance(value, int):
        return f"{value:,}"
    return "none" if isinstance(value, dict | list | tuple) and not value else str(value)
