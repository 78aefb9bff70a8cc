"""`breadboard keys`: who may ask the API from elsewhere."""

from pathlib import Path
from typing import Any

import click

from breadboard.commands.options import emit, json_option
from breadboard.commands.where import at_desk, configured, where_options
from breadboard.settings.credentials import MOST_DAYS, Scope


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
@where_options
@json_option
def add(name: str, scope: str, days: int, as_json: bool, **where: Path | None) -> None:
    """Make a key for the user NAME, and show it this once."""
    from breadboard.app.access import elsewhere

    address = elsewhere(configured(where)[0].api)
    made = at_desk(where, lambda desk: desk.keys.add(name, scope, days)) | {"address": address}
    emit(made, as_json, _shown)


@keys.command(name="list")
@where_options
@json_option
def list_(as_json: bool, **where: Path | None) -> None:
    """Show every key that there ever was, without what makes it one."""
    found = at_desk(where, lambda desk: desk.keys.described())
    emit({"keys": found}, as_json, lambda result: "\n".join(map(_line, result["keys"])) or "no keys")


@keys.command(name="revoke")
@click.argument("number", metavar="ID")
@where_options
@json_option
def revoke(number: str, as_json: bool, **where: Path | None) -> None:
    """Revoke the key ID; a running server refuses it after two seconds at the latest."""
    at_desk(where, lambda desk: desk.keys.revoke(number))
    emit({"revoked": number}, as_json, lambda result: f"revoked {result['revoked']}")


def _shown(made: dict[str, Any]) -> str:
    address = made["address"] or "http://HOST:8080"
    use = f'curl -H "Authorization: Bearer $BREADBOARD_KEY" {address}/api/v1/stocks'
    until = f"{made['name']} may {made['scope']} until {made['expires'][:10]}; this is shown once:"
    return f"{until}\n\nexport BREADBOARD_KEY={made['key']}\n{use}"


def _line(key: dict[str, Any]) -> str:
    state = "holds" if key["holds"] else "revoked" if key["revoked"] else "over"
    return f"{key['id']}  {key['scope']:<5}  {state:<7}  until {key['expires'][:10]}  {key['name']}"
