"""The commands, one file each. A command parses its words, calls ``app``, and prints."""

from collections.abc import Sequence
from typing import Final

import click

from breadboard.commands.audit import audit
from breadboard.commands.bench import bench
from breadboard.commands.decode import decode
from breadboard.commands.importing import import_history
from breadboard.commands.journal import journal
from breadboard.commands.keys import keys
from breadboard.commands.replay import replay
from breadboard.commands.rules import rules
from breadboard.commands.run import capture, serve
from breadboard.commands.sim import sim
from breadboard.commands.sql import sql
from breadboard.commands.status import status
from breadboard.commands.up import down, up
from breadboard.commands.warm import warm

COMMANDS: Final[Sequence[click.Command]] = (
    up,
    down,
    status,
    replay,
    rules,
    keys,
    import_history,
    sql,
    audit,
    decode,
    journal,
    sim,
    capture,
    serve,
    bench,
    warm,
)
