"""`breadboard journal`: look at, check and rescue journal files."""

from pathlib import Path

import click

from breadboard.commands.options import data_dir_option, emit, json_option, listing

EXIT_DAMAGED = 3


@click.group(name="journal")
def journal() -> None:
    """Look at, check and rescue journal files."""


@journal.command(name="info")
@data_dir_option
@json_option
def info(data_dir: Path, as_json: bool) -> None:
    """Say what a journal holds: segments, offsets, times, bytes."""
    from breadboard.app import journals

    emit(journals.look(data_dir), as_json, listing)


@journal.command(name="verify")
@data_dir_option
@json_option
def verify(data_dir: Path, as_json: bool) -> int:
    """Check every record and the chain of segments. Exits 3 when something is damaged; changes nothing."""
    from breadboard.app import journals

    report, sound = journals.check(data_dir)
    emit(report, as_json, listing)
    return 0 if sound else EXIT_DAMAGED


@journal.command(name="salvage")
@click.argument("target", type=click.Path(path_type=Path, file_okay=False))
@data_dir_option
@json_option
def salvage(target: Path, data_dir: Path, as_json: bool) -> None:
    """Copy every sound record to a new data directory TARGET, with GAP records where bytes are missing."""
    from breadboard.app import journals

    emit(journals.rescue(data_dir, target), as_json, listing)
