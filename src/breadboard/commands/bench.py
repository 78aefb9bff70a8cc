"""`breadboard bench`: measured on this machine, beside a peer or a limit measured in the same run."""

from pathlib import Path

import click

from breadboard.commands.options import emit, json_option, listing

NAMES = ["pipeline", "journal"]


@click.command(name="bench")
@click.argument("name", type=click.Choice(NAMES))
@click.option(
    "--recording",
    type=click.Path(path_type=Path, exists=True),
    help="Frames to run on (a Binance spot capture in hftbacktest format); a simulated market without it.",
)
@click.option("--seconds", type=float, default=10.0, show_default=True, help="About how long each case runs.")
@json_option
def bench(name: str, recording: Path | None, seconds: float, as_json: bool) -> None:
    """Run one benchmark and print its cases, its machine and its peers."""
    from breadboard.app import bench as app_bench

    emit(app_bench.run(name, recording, seconds), as_json, listing)
