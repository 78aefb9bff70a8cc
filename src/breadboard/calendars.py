"""Whether an exchange trades at a moment. The only file that knows exchange_calendars, which is slow to load: late."""

from functools import cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

CLOSED: Final = "closed"
EXTENDED: Final = "extended"
"""Before the opening or after the close: prints and quotes, but few."""
REGULAR: Final = "regular"

PRE: Final = "pre"
POST: Final = "post"
SESSIONS: Final = (PRE, REGULAR, POST)
"""The extended hours told apart, in the order of a day."""
ZONES: Final = {"XNYS": "America/New_York"}
"""Where each exchange is whose days bars keep."""

_HOUR_NS: Final = 3_600_000_000_000
BEFORE_NS: Final = int(5.5 * _HOUR_NS)
"""Extended hours begin at 04:00 New York time, the regular session at 09:30."""
AFTER_NS: Final = 4 * _HOUR_NS
"""They end at 20:00, four hours after the close; after an early close (13:00) at 17:00."""
FIRSTS: Final = ("1990-01-02", "2000-01-03")
"""The first days that are asked for, one after the other: the calendars of some exchanges begin later."""
AUCTION_NS: Final = _HOUR_NS // 12
"""For so long after the close, prints may be those of its auction."""


def phase(calendar: str, wall_ns: int) -> str:
    """Return ``closed``, ``extended`` or ``regular`` at a moment, ns UTC; always ``regular`` where there are no hours.

    ``calendar`` is a name of exchange_calendars, for example ``XNYS``. Outside the years that the package knows the
    market counts as open: then silence is judged, rather than a dead feed believed.
    """
    if not calendar:
        return REGULAR
    opens, closes = sessions(calendar)
    at = int(opens.searchsorted(wall_ns + BEFORE_NS, side="right")) - 1
    if at < 0 or (at == len(opens) - 1 and wall_ns > int(closes[at]) + 24 * _HOUR_NS):
        return REGULAR
    begin, end = int(opens[at]), int(closes[at])
    if begin <= wall_ns < end:
        return REGULAR
    return EXTENDED if begin - BEFORE_NS <= wall_ns < end + AFTER_NS else CLOSED


def session_at(calendar: str, wall_ns: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return for each moment 0 where the exchange is closed, else 1 and the place in ``SESSIONS``.

    -1 outside the years that the package knows: of those nothing is said.
    """
    opens, closes = sessions(calendar)
    at = np.searchsorted(opens, wall_ns + BEFORE_NS, side="right") - 1
    begin, end = opens[at], closes[at]
    found = np.where(wall_ns < begin, 1, np.where(wall_ns < end, 2, np.where(wall_ns < end + AFTER_NS, 3, 0)))
    unknown = (at < 0) | ((at == len(opens) - 1) & (wall_ns >= end + 24 * _HOUR_NS))
    told: NDArray[np.int64] = np.where(unknown, -1, found)
    return told


@cache
def sessions(calendar: str) -> tuple[Any, Any]:
    """Return the openings and closings of all sessions that are known, ns UTC, as sorted arrays."""
    known = _known(calendar)
    opens, closes = (
        times.dt.tz_localize(None).to_numpy().astype("datetime64[ns]").astype("int64")
        for times in (known.opens, known.closes)
    )
    return opens, closes


def _known(calendar: str) -> Any:  # noqa: ANN401 - the package has no types
    """Return a calendar with all of its days. By itself it begins twenty years before today.

    What is concluded of an old day would then depend on when its replay is run.
    """
    import exchange_calendars

    for first in FIRSTS:
        try:
            return exchange_calendars.get_calendar(calendar, start=first)
        except ValueError:  # it begins later
            continue
    return exchange_calendars.get_calendar(calendar)
