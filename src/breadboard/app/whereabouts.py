"""Notices that a data directory in use was removed, moved or replaced, before much has gone where nobody finds it."""

import logging
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final

from breadboard.errors import JournalError

log = logging.getLogger(__name__)

LOOK_EVERY_S: Final = 0.5


def watch(
    root: Path, astray: Callable[[], Path | None], ended: threading.Event, lost: Callable[[JournalError], None]
) -> None:
    """Look twice a second until ``ended``; tell ``lost``, once, and return.

    ``astray`` returns the path of what is in use and cannot be found under it; a file that is just being replaced
    may look so, and does not the next time.
    """
    before: Path | None = None
    while not ended.wait(LOOK_EVERY_S):
        found = astray()
        if found is not None and found == before:
            error = JournalError(
                f"{found} was removed, moved or replaced while it was in use: what was written since then is nowhere",
                hint=f"breadboard down --data-dir {root}   # before anything under it is moved or removed",
            )
            log.critical(error.sentence)
            lost(error)
            return
        before = found
