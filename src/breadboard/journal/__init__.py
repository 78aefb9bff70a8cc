"""The truth: append-only segment files of checksummed records, raw bytes as received.

``docs/journal.md`` gives the format byte by byte, and the reasons.
"""

from breadboard.journal.reader import Reader
from breadboard.journal.scan import warm
from breadboard.journal.writer import Writer

__all__ = ["Reader", "Writer", "warm"]
