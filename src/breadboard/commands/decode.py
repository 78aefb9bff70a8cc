"""`breadboard decode`: what a frame means."""

import sys
from typing import BinaryIO

import click
import msgspec


@click.command(name="decode")
@click.argument("file", type=click.File("rb"), default="-")
@click.option("--venue", required=True, help="Whose frames these are, e.g. binance, kraken-v2: docs/feeds.md has all.")
@click.option("--channel", help="The channel they came on, where the bytes alone do not say.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line, as without it.")
def decode(file: BinaryIO, venue: str, channel: str | None, as_json: bool) -> None:
    """Read one frame a line and print the events it means, one JSON object a line, in exact digits."""
    from breadboard.app.describing import describer

    del as_json  # the output is JSON either way
    describe = describer(venue, channel)
    for line in file:
        frame = line.rstrip(b"\r\n")
        if not frame:
            continue
        for event in describe(frame):
            sys.stdout.write(msgspec.json.encode(event).decode() + "\n")
        sys.stdout.flush()
