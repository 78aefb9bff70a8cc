"""`breadboard sim`: a fake venue that speaks the real protocol."""

from pathlib import Path

import click

from breadboard.commands.options import json_option, speed_of


@click.command(name="sim")
@click.argument("venue")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    help="Port on loopback; 0 takes a free one. Without it: a free one, for iqfeed 5009 and its other four.",
)
@click.option("--symbols", help="How many symbols, or their names with commas; the profile's own without it.")
@click.option("--profile", type=click.Choice(["breadboard", "smallcaps"]), default="breadboard", show_default=True)
@click.option("--rate", type=click.FloatRange(min=0), help="Messages a second in all; the profile's own without it.")
@click.option("--seed", type=int, default=1, show_default=True)
@click.option("--faults", default="", help="Comma list, e.g. disconnect:30,close:1012@60; docs/faults.md has all.")
@click.option("--activity", type=click.Choice(["peak", "average", "dead"]), help="Of small caps; iqfeed.")
@click.option("--at", help="Eastern time of day to begin at, e.g. 09:30, or 'now'; iqfeed. Without it: mid-session.")
@click.option("--symbol-limit", type=click.IntRange(1), help="Symbols one account may watch; iqfeed, 500 without it.")
@click.option(
    "--from-recording",
    "recordings",
    multiple=True,
    type=click.Path(path_type=Path, exists=True),
    help="Play these files.",
)
@click.option(
    "--format",
    "recording_format",
    type=click.Choice(["hftbacktest", "cryptofeed"]),
    default="hftbacktest",
    show_default=True,
    help="Of the recording.",
)
@click.option("--speed", default="1", show_default=True, help="Of the recording: max, or a multiple.")
@click.option("--loop", is_flag=True, help="Begin the recording again when it is over.")
@json_option
def sim(
    venue: str,
    port: int | None,
    symbols: str | None,
    profile: str,
    rate: float | None,
    seed: int,
    faults: str,
    activity: str | None,
    at: str | None,
    symbol_limit: int | None,
    recordings: tuple[Path, ...],
    recording_format: str,
    speed: str,
    loop: bool,
    as_json: bool,
) -> int:
    """Serve a fake VENUE on loopback: its WebSocket and its REST snapshots (iqfeed: its TCP ports).

    VENUE is e.g. binance, kraken-v2, massive or iqfeed; docs/feeds.md has all. What happens comes from a seeded market
    or from a recording.
    Prints one JSON line with the address once it listens.
    """
    del as_json  # the line is JSON either way
    from breadboard.app import sim as app_sim

    given: dict[str, str | int | None] = {"activity": activity, "at": at, "symbol_limit": symbol_limit}
    return app_sim.run(
        app_sim.Job(
            venue,
            port,
            symbols,
            profile,
            rate,
            seed,
            faults,
            recordings,
            recording_format,
            speed_of(speed) or 0.0,
            loop,
            {name: value for name, value in given.items() if value is not None},
        )
    )
