"""Where people's settings are, for commands that change them also before there is a run that notes it."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from breadboard.commands.options import DATA_DIR, configured_data_dir_option

if TYPE_CHECKING:
    from breadboard.app.desk import Desk
    from breadboard.app.places import Places
    from breadboard.config import Config

F = TypeVar("F", bound=Callable[..., Any])
T = TypeVar("T")
Where = dict[str, Path | None]
"""What the two options say, by their names."""


def where_options(function: F) -> F:
    """Add ``--config`` and ``--data-dir``: without the first, what ran last in the directory says it."""
    option = click.option(
        "--config", "config_path", type=click.Path(path_type=Path, dir_okay=False), help="A TOML file."
    )
    return configured_data_dir_option(option(function))


def at_desk(where: Where, work: Callable[["Desk"], Awaitable[T]]) -> T:
    """Return what ``work`` returns, which is done where the settings are. Raises BreadboardError."""
    from breadboard.app import desk

    return desk.at(*configured(where), work)


def configured(where: Where) -> tuple["Config", "Places"]:
    """Return the configuration, and its data directory. Raises UsageError."""
    from breadboard.app.places import Places
    from breadboard.config_file import load

    directory, file = where["data_dir"], where["config_path"]
    if file is not None:
        config = load(file, {} if directory is None else {"data_dir": str(directory)})
        return config, Places(config.root)
    places = Places(directory or Path(DATA_DIR))
    return places.config(), places
