"""`breadboard bench`: measured on this machine, beside a peer or a limit measured in the same run."""

from pathlib import Path

import click

from breadboard.commands.options import emit, json_option, listing

EXIT_DEGRADED = 3
NAMES = [
    "pipeline",
    "latency",
    "journal",
    "faults",
    "smallcaps",
    "anomalies",
    "arbitrage",
    "partitions",
    "fanout",
    "query",
    "terminal",
]


@click.command(name="bench")
@click.argument("name", type=click.Choice(NAMES))
@click.option(
    "--recording",
    type=click.Path(path_type=Path, exists=True),
    help="Frames to run on (a Binance spot capture in hftbacktest format); a simulated market without it.",
)
@click.option(
    "--seconds",
    type=click.FloatRange(min=0, min_open=True),
    default=10.0,
    show_default=True,
    help="About how long each case runs.",
)
@click.option(
    "--venue",
    default="",
    help="Of faults: the venues to try them on, with commas; the usual ones without it. Of anomalies: the recordings "
    "with this in their name or venue.",
)
@click.option(
    "--case",
    default="",
    help="Of faults: only those with this in their words, e.g. mute; of anomalies: their kind; of latency: the "
    "messages a second, e.g. 13000, or 13000-full; of fanout: how many clients how often a second, e.g. 1000x10.",
)
@click.option("--rate", type=float, default=13_000.0, show_default=True, help="Of smallcaps: lines a second.")
@json_option
def bench(name: str, recording: Path | None, seconds: float, venue: str, case: str, rate: float, as_json: bool) -> int:
    """Run one benchmark and print its cases, its machine and its peers.

    Exits 3 when a case of faults, or the floor of terminal, does not hold.
    """
    from breadboard.app import bench as app_bench

    options = {"recording": recording, "seconds": seconds, "venue": venue, "case": case, "rate": rate}
    report, table = app_bench.run(name, options)
    emit(report, as_json, table or listing)
    return 0 if report.get("ok", True) else EXIT_DEGRADED
