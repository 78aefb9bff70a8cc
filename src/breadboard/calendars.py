"""Whether an exchange trades at a moment. The only file that knows exchange_calendars, which is slow to load: late."""

from functools import cache
from typing import Any, Final

CLOSED: Final = "closed"
EXTENDED: Final = "extended"
"""Before the opening or after the close: prints and quotes, but few."""
REGULAR: Final = "regular"

_HOUR_NS: Final = 3_600_000_000_000
BEFORE_NS: Final = int(5.5 * _HOUR_NS)
"""Extended hours begin at 04:00 New York time, the regular session at 09:30."""
AFTER_NS: Final = 4 * _HOUR_NS
"""They end at 20:00, four hours after the close; after an early close (13:00) at 17:00."""


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


@cache
def sessions(calendar: str) -> tuple[Any, Any]:
    """Return the openings and closings of all sessions, ns UTC, as sorted arrays."""
    import exchange_calendars

    known = exchange_calendars.get_calendar(calendar)
    opens, closes = (
        times.dt.tz_localize(None).to_numpy().astype("datetime64[ns]").astype("int64")
        for times in (known.opens, known.closes)
    )
    return opens, closes
