"""`breadboard status`."""

from pathlib import Path

import click

from breadboard.commands.options import data_dir_option, emit, json_option, listing

EXIT_DEGRADED = 3


@click.command(name="status")
@data_dir_option
@json_option
def status(data_dir: Path, as_json: bool) -> int:
    """Say what runs on a data directory, how far it is, and how late. Exits 3 when something is not as it should be."""
    from breadboard.app import status as app_status

    result = app_status.read(data_dir)
    emit(result, as_json, listing)
    return EXIT_DEGRADED if result["state"] == app_status.DEGRADED else 0
