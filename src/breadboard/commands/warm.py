"""`breadboard warm`: compile what is compiled once."""

import sys

import click

from breadboard.commands.options import json_option


@click.command(name="warm")
@json_option
def warm(as_json: bool) -> None:
    """Compile the kernels for this machine, so that no later start waits for it. `make setup` does this."""
    from breadboard.app import warm as app_warm

    seconds = app_warm.run(lambda room: click.echo(f"compiling {room} …", err=True))
    sys.stdout.write(f'{{"seconds":{seconds:.1f}}}\n' if as_json else f"kernels ready after {seconds:.1f} s\n")
