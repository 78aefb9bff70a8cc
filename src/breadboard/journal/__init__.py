"""The truth: append-only segment files of checksummed records, raw bytes as received.

``docs/journal.md`` gives the format byte by byte, and the reasons.
"""

from breadboard.journal.check import Damage, Info, Report, bases, identity, info, salvage, verify
from breadboard.journal.place import Place
from breadboard.journal.reader import Reader
from breadboard.journal.retention import acknowledge, floors, forget, retire
from breadboard.journal.scan import warm
from breadboard.journal.writer import Writer

__all__ = [
    "Damage",
    "Info",
    "Place",
    "Reader",
    "Report",
    "Writer",
    "acknowledge",
    "bases",
    "floors",
    "forget",
    "identity",
    "info",
    "retire",
    "salvage",
    "verify",
    "warm",
]
