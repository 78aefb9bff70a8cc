"""The lookup port (9100): requests in the vendor's field order, and answers told apart by their request ids.

Every request carries an id, because the answers of several may interleave. Times are New York's, ``YYYYMMDD HHMMSS``.
The vendor allows fifty requests a second.
"""

from dataclasses import dataclass, field
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


@dataclass(slots=True)
class Answer:
    """One request's answer so far."""

    rows: list[list[str]] = field(default_factory=list)
    error: str = ""
    done: bool = False


class Answers:
    """Puts interleaved lines together by request id. ``most`` bounds the rows that are kept of one answer."""

    def __init__(self, most: int = 1_000_000) -> None:
        self._open: dict[str, Answer] = {}
        self._most = most
        self.strays = 0
        """Lines of requests that nobody made, or of no request."""

    def expect(self, request_id: str) -> None:
        """Wait for the answer to a request."""
        self._open[request_id] = Answer()

    def take(self, line: str) -> tuple[str, Answer] | None:
        """Take a line; return the request and its whole answer once that has ended. Never raises."""
        request_id, _, rest = line.rstrip("\r\n").partition(",")
        answer = self._open.get(request_id)
        if answer is None:
            self.strays += 1
            return None
        fields = rest.removesuffix(",").split(",")
        if fields == [ENDING]:
            answer.done = True
            return request_id, self._open.pop(request_id)
        error = error_of(fields)
        if error is not None:
            answer.error = error
        elif len(answer.rows) < self._most:
            answer.rows.append(fields[1:] if fields[0] == _MARK else fields)
        else:
            answer.error = f"more than {self._most} rows"
        return None


def _count(number: int) -> str:
    return str(number) if number else ""


def _dated(text: str) -> bool:
    """Tell whether a field begins with ``YYYY-MM-DD``."""
    return len(text) >= 10 and text[4] == text[7] == "-" and text[:4].isdecimal()
