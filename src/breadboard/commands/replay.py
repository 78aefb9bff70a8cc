"""`breadboard replay`: recordings through the whole pipeline."""

from pathlib import Path

import click

from breadboard.commands.options import (
    bars_option,
    batch_of,
    data_dir_option,
    emit,
    json_option,
    listing,
    names_of,
    speed_of,
)

EXIT_NOTHING_UNDERSTOOD = 3


@click.command(name="replay")
@click.argument("sources", nargs=-1, required=True, metavar="SOURCE…", type=click.Path(path_type=Path))
@click.option(
    "--venue",
    default="",
    help="Whose bytes these are, e.g. binance (docs/feeds.md has all); with commas, one for each SOURCE.",
)
@click.option(
    "--format",
    "recording_format",
    type=click.Choice(["breadboard", "hftbacktest", "cryptofeed"]),
    default="breadboard",
    show_default=True,
    help="Our journal, or a recording of another tool.",
)
@data_dir_option
@click.option("--speed", default="max", show_default=True, help="max, or a multiple of the recorded speed.")
@click.option("--batch", default="0", show_default=True, help="Frames the engine takes at a time; 0 or all: no limit.")
@bars_option
@click.option("--features", default="", help="Which features to tell, e.g. vwap,ofi: docs/engine.md has all.")
@click.option("--anomalies", default="", help="Which kinds of anomaly to tell, e.g. price_jump,burst, or all.")
@click.option("--config", type=click.Path(path_type=Path, dir_okay=False), help="A TOML file: groups, arbitrage.")
@click.option("--arbitrage", default="", help="Groups of the file between which to look for arbitrage, or all.")
@click.option(
    "--rules",
    "rules_file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="A file of alert rules that hold from the first record on: docs/rules.md.",
)
@click.option("--depth", default="", help="How often to tell the ten best levels of every book, e.g. 1s.")
@click.option(
    "--partitions",
    type=click.IntRange(1, 8),
    help="Threads that books and features are dealt out to (left out: 1); what is told is the same.",
)
@json_option
def replay(
    sources: tuple[Path, ...],
    venue: str,
    recording_format: str,
    data_dir: Path,
    speed: str,
    batch: str,
    bars: tuple[str, ...],
    features: str,
    anomalies: str,
    config: Path | None,
    arbitrage: str,
    rules_file: Path | None,
    depth: str,
    partitions: int | None,
    as_json: bool,
) -> int:
    """Run recordings through journal, engine and store under --data-dir.

    Several files of a venue are one recording; those of several venues (--venue binance,binance-usdm) are taken
    together, by the time of their receipt. The result says what was found in them. Exits 3 when no
    frame could be understood.
    """
    from breadboard.app import replay as app_replay

    job = app_replay.Job(
        sources=sources,
        venues=names_of(venue),
        format=recording_format,
        data_dir=data_dir,
        speed=speed_of(speed),
        batch=batch_of(batch),
        bars=bars,
        features=names_of(features),
        anomalies=names_of(anomalies),
        config=config,
        arbitrage=names_of(arbitrage),
        rules=rules_file,
        depth=depth,
        partitions=partitions,
    )
    result = app_replay.run(job)
    emit(result, as_json, listing)
    for remark in app_replay.remarks(result, data_dir):
        click.echo(f"note: {remark}", err=True)
    return EXIT_NOTHING_UNDERSTOOD if result["quarantined"] and not result["data"] else 0
