"""`breadboard up` and `breadboard down`."""

import threading
from functools import partial
from pathlib import Path
from typing import Any

import click

from breadboard.app import up as app_up
from breadboard.app.places import Places
from breadboard.commands.options import begun, configured_data_dir_option, data_dir_option, emit, json_option, listing
from breadboard.config_file import load


@click.command(name="up")
@configured_data_dir_option
@click.option("--port", type=click.IntRange(1, 65535), help="Port of the web server.  [default: 8080]")
@click.option("--config", "config_path", type=click.Path(path_type=Path, dir_okay=False), help="A TOML file.")
@click.option("--live", multiple=True, metavar="VENUE:SYM,…", help="Record a real venue; may be given several times.")
@json_option
def up(data_dir: Path | None, port: int | None, config_path: Path | None, live: tuple[str, ...], as_json: bool) -> int:
    """Run everything on this machine and print its address.

    Without --live and without configured feeds a small simulated market starts, labelled SYNTHETIC everywhere.
    With --json the address is the one object on stdout, once it answers, and the rest goes to stderr.
    """
    overrides: dict[str, Any] = {}
    if data_dir is not None:
        overrides["data_dir"] = str(data_dir)
    if port is not None:
        overrides["api.port"] = port
    config = load(config_path, overrides)
    if live:
        config = app_up.with_feeds(config, live)
    return app_up.run(config, partial(click.echo, err=as_json), threading.Event(), begun(as_json))


@click.command(name="down")
@data_dir_option
@json_option
def down(data_dir: Path, as_json: bool) -> None:
    """Stop what `breadboard up` started, cleanly."""
    state = app_up.down(Places(data_dir))
    emit({"stopped": state.pid, "data_dir": str(data_dir)}, as_json, listing)
