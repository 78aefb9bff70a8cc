"""`breadboard sql`: one read-only question to the store."""

import sys
from pathlib import Path

import click

from breadboard.commands.options import data_dir_option, json_option

FORMATS = ["table", "json", "csv", "arrow"]


@click.command(name="sql")
@click.argument("query")
@data_dir_option
@click.option("--format", "output", type=click.Choice(FORMATS), default="table", show_default=True)
@json_option
def sql(query: str, data_dir: Path, output: str, as_json: bool) -> None:
    """Ask the store, read-only. While `breadboard up` runs, the question goes to it."""
    from breadboard.app import sql as app_sql

    for part in app_sql.ask(data_dir, query, "json" if as_json else output):
        sys.stdout.buffer.write(part)
    sys.stdout.buffer.flush()
