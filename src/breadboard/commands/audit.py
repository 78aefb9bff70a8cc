"""`breadboard audit`: whether the store still holds all that was written, and its repair."""

from pathlib import Path

import click

from breadboard.commands.options import data_dir_option, emit, json_option, listing

EXIT_FOUND = 3


@click.command(name="audit")
@data_dir_option
@click.option("--deep", is_flag=True, help="Read every checksum of every part, too.")
@click.option("--repair", is_flag=True, help="Build a damaged store anew from the journal; the old one is kept aside.")
@json_option
def audit(data_dir: Path, deep: bool, repair: bool, as_json: bool) -> int:
    """Compare the store with its own ledger. Exits 3 when something is missing or damaged.

    While `breadboard up` runs, the question goes to it; --repair needs it stopped.
    """
    from breadboard.app import auditing

    result = (auditing.repair if repair else auditing.check)(data_dir, deep=deep)
    emit(result, as_json, listing)
    return 0 if result["ok"] else EXIT_FOUND
