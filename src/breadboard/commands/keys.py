"""`breadboard keys`: who may ask the API from elsewhere."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from breadboard.commands.options import DATA_DIR, configured_data_dir_option, emit, json_option
from breadboard.settings.credentials import MOST_DAYS, Scope

if TYPE_CHECKING:
    from breadboard.app.desk import Desk
    from breadboard.app.places import Places
    from breadboard.config import Config

F = TypeVar("F", bound=Callable[..., Any])
T = TypeVar("T")


def _where(function: F) -> F:
    """Add the options that say whose keys they are: the first comes before there is a run that notes its settings."""
    option = click.option(
        "--config", "config_path", type=click.Path(path_type=Path, dir_okay=False), help="A TOML file."
    )
    return configured_data_dir_option(option(function))


@click.group(name="keys")
def keys() -> None:
    """Give out and revoke the keys without which nobody is served from elsewhere."""


@keys.command(name="add")
@click.argument("name")
@click.option(
    "--scope",
    type=click.Choice([scope.value for scope in Scope]),
    default=Scope.READ.value,
    show_default=True,
    help="Good for what.",
)
@click.option("--days", type=click.IntRange(1, MOST_DAYS), default=90, show_default=True, help="For how long.")
@_where
@json_option
def add(name: str, scope: str, days: int, as_json: bool, **where: Path | None) -> None:
    """Make a key for the user NAME, and show it this once."""
    from breadboard.app.access import elsewhere

    address = elsewhere(_configured(where)[0].api)
    made = _at_desk(where, lambda desk: desk.keys.add(name, scope, days)) | {"address": address}
    emit(made, as_json, _shown)


@keys.command(name="list")
@_where
@json_option
def list_(as_json: bool, **where: Path | None) -> None:
    """Show every key that there ever was, without what makes it one."""
    found = _at_desk(where, lambda desk: desk.keys.described())
    emit({"keys": found}, as_json, lambda result: "\n".join(map(_line, result["keys"])) or "no keys")


@keys.command(name="revoke")
@click.argument("number", metavar="ID")
@_where
@json_option
def revoke(number: str, as_json: bool, **where: Path | None) -> None:
    """Revoke the key ID; a running server refuses it after two seconds at the latest."""
    _at_desk(where, lambda desk: desk.keys.revoke(number))
    emit({"revoked": number}, as_json, lambda result: f"revoked {result['revoked']}")


def _at_desk(where: dict[str, Path | None], work: Callable[["Desk"], Awaitable[T]]) -> T:
    from breadboard.app import desk

    return desk.at(*_configured(where), work)


def _configured(where: dict[str, Path | None]) -> tuple["Config", "Places"]:
    from breadboard.app.places import Places
    from breadboard.config_file import load

    directory, file = where["data_dir"], where["config_path"]
    if file is not None:
        config = load(file, {} if directory is None else {"data_dir": str(directory)})
        return config, Places(config.root)
    places = Places(directory or Path(DATA_DIR))
    return places.config(), places


def _shown(made: dict[str, Any]) -> str:
    address = made["address"] or "http://HOST:8080"
    use = f'curl -H "Authorization: Bearer $BREADBOARD_KEY" {address}/api/v1/stocks'
    until = f"{made['name']} may {made['scope']} until {made['expires'][:10]}; this is shown once:"
    return f"{until}\n\nexport BREADBOARD_KEY={made['key']}\n{use}"


def _line(key: dict[str, Any]) -> str:
    state = "holds" if key["holds"] else "revoked" if key["revoked"] else "over"
    return f"{key['id']}  {key['scope']:<5}  {state:<7}  until {key['expires'][:10]}  {key['name']}"
