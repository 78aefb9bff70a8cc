"""`breadboard import`: history in."""

from pathlib import Path

import click

from breadboard.commands.options import data_dir_option, emit, json_option, listing

EXIT_NOTHING_UNDERSTOOD = 3
FORMATS = ("iqfeed-ticks", "iqfeed-bars", "yahoo-chart", "massive-aggs")


@click.command(name="import")
@click.argument("files", nargs=-1, required=True, metavar="FILE…", type=click.Path(path_type=Path))
@click.option("--format", "form", required=True, type=click.Choice(FORMATS), help="What the files are.")
@click.option("--symbol", required=True, help="What they are about, as the venue spells it.")
@click.option("--interval", type=click.IntRange(min=1), help="Seconds a bar, where the file does not say.")
@data_dir_option
@json_option
def import_history(
    files: tuple[Path, ...], form: str, symbol: str, interval: int | None, data_dir: Path, as_json: bool
) -> int:
    """Bring a vendor's history in, as it was sent, with its provenance.

    Ticks become trades, and bars by the vendor's own rules; a vendor's bars are kept as they are. Exits 3 when nothing
    could be understood.
    """
    from breadboard.app import importing

    result = importing.run(importing.Job(files, form, symbol, data_dir, interval))
    emit(result, as_json, listing)
    if result["quarantined"]:
        query = "select reason, count() from quarantine group by reason"
        click.echo(
            f"note: {result['quarantined']:,} of {result['frames']:,} documents could not be understood in full\n"
            f'hint: breadboard sql "{query}" --data-dir {data_dir}',
            err=True,
        )
    return EXIT_NOTHING_UNDERSTOOD if result["quarantined"] and not result["data"] else 0
