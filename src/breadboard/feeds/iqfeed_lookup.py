"""The lookup port (9100): requests in the vendor's field order, and what a row of an answer is.

Every request carries an id, because the answers of several may interleave. Times are New York's, ``YYYYMMDD HHMMSS``.
The vendor allows fifty requests a second.
"""

from dataclasses import dataclass
from typing import Final

ENDING: Final = "!ENDMSG!"
NO_DATA: Final = "!NO_DATA!"
"""An error that is none: nothing was there to be told."""
REQUESTS_PER_S: Final = 50
_MARK: Final = "LH"
"""Stands before the fields of history rows since protocol 6.2."""
_OLDEST_FIRST: Final = "1"
_AT_BEGINNING: Final = "1"
"""Bars are stamped with their first second."""


@dataclass(frozen=True, slots=True)
class Span:
    """What part of history is asked for; empty is the vendor's default. ``begin``/``end`` are ``YYYYMMDD HHMMSS``."""

    begin: str = ""
    end: str = ""
    days: int = 0
    most: int = 0
    """Rows; 0 for all that there are."""
    from_time: str = ""
    to_time: str = ""
    """Of each day, ``HHMMSS``."""


def ticks_request(symbol: str, request_id: str, span: Span) -> str:
    """Return ``HTT``, ``HTD`` or ``HTX``, oldest first: for dates, for the last days, or for the last ticks."""
    most, tail = _count(span.most), f"{_OLDEST_FIRST},{request_id},"
    if span.begin or span.end:
        return f"HTT,{symbol},{span.begin},{span.end},{most},{span.from_time},{span.to_time},{tail}"
    if span.days:
        return f"HTD,{symbol},{span.days},{most},{span.from_time},{span.to_time},{tail}"
    return f"HTX,{symbol},{most},{tail}"


def bars_request(symbol: str, request_id: str, span: Span, interval: int, kind: str = "s") -> str:
    """Return ``HIT``, ``HID`` or ``HIX``, oldest first, stamped at the beginning.

    ``kind`` of the interval is ``s`` for seconds, ``v`` for volume, ``t`` for ticks.
    """
    most, tail = _count(span.most), f"{_OLDEST_FIRST},{request_id},,{kind},{_AT_BEGINNING}"
    if span.begin or span.end:
        return f"HIT,{symbol},{interval},{span.begin},{span.end},{most},{span.from_time},{span.to_time},{tail}"
    if span.days:
        return f"HID,{symbol},{interval},{span.days},{most},{span.from_time},{span.to_time},{tail}"
    return f"HIX,{symbol},{interval},{most},{tail}"


def days_request(symbol: str, request_id: str, span: Span) -> str:
    """Return ``HDT`` (``begin`` and ``end`` are ``YYYYMMDD``) or ``HDX``, oldest first."""
    most, tail = _count(span.most), f"{_OLDEST_FIRST},{request_id},"
    if span.begin or span.end:
        return f"HDT,{symbol},{span.begin[:8]},{span.end[:8]},{most},{tail}"
    return f"HDX,{symbol},{most},{tail}"


def fields_of(line: str) -> list[str]:
    """Return the fields of a row after its request id and ``LH``, without the empty one that a comma at the end makes.

    A request id is known by what follows it: the mark, the ending, or an error; or by not being a date where the
    second field is one.
    """
    fields = line.rstrip("\r\n").removesuffix(",").split(",")
    if fields == [""]:
        return []
    if fields[0] == _MARK:
        return fields[1:]
    if len(fields) > 1 and (fields[1] in {_MARK, ENDING} or (not _dated(fields[0]) and _dated(fields[1]))):
        return fields[2:] if fields[1] == _MARK else fields[1:]
    if error_of(fields) is None and error_of(fields[1:]) is not None:
        return fields[1:]
    return fields


def error_of(fields: list[str]) -> str | None:
    """Return what an error row says; None for data. ``E,7,1,ENI`` is data: an error has the E and one field more."""
    return fields[1] if fields[:1] == ["E"] and len(fields) > 1 and fields[1] and not any(fields[2:]) else None


def _count(number: int) -> str:
    return str(number) if number else ""


def _dated(text: str) -> bool:
    """Tell whether a field begins with ``YYYY-MM-DD``."""
    return len(text) >= 10 and text[4] == text[7] == "-" and text[:4].isdecimal()
