"""Massive's history, page by page to its end. Sans-I/O, no clock; ``massive_calls.judge`` says when to ask again."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import msgspec

from breadboard.conversations import Fetch, Request
from breadboard.errors import UsageError
from breadboard.feeds.massive_calls import REST, Call, Failure, aggregates, judge, next_page
from breadboard.feeds.reading import Refused

DELAY_NS: Final = 900 * 1_000_000_000
"""How late the data of a plan without real time are; their answers say ``DELAYED``."""
_GOOD: Final = frozenset({"OK", "DELAYED"})
_SPANS: Final = ((604_800, "week"), (86_400, "day"), (3600, "hour"), (60, "minute"), (1, "second"))
_DAY_S: Final = 86_400
_CUT: Final = 0
"""The status of no answer at all: what came is not the whole of one."""


class _Envelope(msgspec.Struct):
    """Enough of an answer to go on."""

    results: list[msgspec.Raw] = []
    status: str = ""
    next_url: str | None = None


def bars_of(symbol: str, interval_s: int, from_ns: int, to_ns: int, days: tuple[str, str]) -> Call:
    """Return the call for bars that begin in ``[from_ns, to_ns)``; of days and weeks those of ``days``, both inclusive.

    Days begin when New York's do, and are asked for by their dates. Raises UsageError for months: none is a number of
    seconds.
    """
    if interval_s > _DAY_S and interval_s % _DAY_S:
        raise UsageError(f"Massive has no bars of {interval_s} seconds", hint="--interval 1d   # or 1m, 1h, 1wk")
    unit_s, span = next(each for each in _SPANS if interval_s % each[0] == 0)
    begin, end = days if interval_s >= _DAY_S else (str(-(-from_ns // 1_000_000)), str((to_ns - 1) // 1_000_000))
    return aggregates(symbol, interval_s // unit_s, span, begin, end)


@dataclass(slots=True)
class MassiveHistory:
    """One call and all its pages; a ``conversations.FetchedInquiry``."""

    tag: str
    call: Call
    key: str = field(repr=False)
    base: str = REST
    taken: int = 0
    empty: bool = False
    late_ns: int = 0
    stop_late: bool = False
    """End at the first answer that says that the plan's data are late, without taking it: ask for less then."""
    error: str | None = None
    failure: Failure | None = None
    """What the error is, where the venue said it with a status."""
    hint: str = ""
    remarks: Sequence[str] = ()
    _page: Fetch | None = None
    _tries: int = 0
    _asked: set[str] = field(default_factory=set)

    @property
    def done(self) -> bool:
        """Whether nothing is left to ask."""
        return self._page is None

    def requests(self) -> list[Request]:
        """Return the first page's request."""
        return self._turn_to(self.call.fetch(self.tag, self.key, self.base))

    def on_document(self, tag: str, status: int, body: bytes) -> list[Request]:
        """Return the next page's request, or the same once more, later."""
        if self._page is None or tag != self.tag:
            return []
        self._tries += 1
        envelope = _envelope(body) if status == 200 else None
        if envelope is None:
            return self._again(_CUT if status == 200 else status, body)
        if envelope.status not in _GOOD:  # every answer of the vendor's has one, a gateway's complaint may not
            return self._give_up(f"answered with the status {envelope.status[:40]!r}", "run it again later")
        if envelope.status == "DELAYED":
            self.late_ns = DELAY_NS
            if self.stop_late:
                self._page = None
                return []
        self.taken, self.empty = self.taken + 1, not envelope.results
        return self._go_on(envelope.next_url)

    def _go_on(self, next_url: str | None) -> list[Request]:
        if not next_url:
            self._page = None
            return []
        try:
            page = next_page(self.tag, next_url, self.key, self.base)
        except (Refused, ValueError) as error:
            return self._give_up(str(error), "--url is to be the address that the pages have")
        if page.url in self._asked:
            return self._give_up(f"leads from page {self.taken} back to one before", "run it again later")
        return self._turn_to(page)

    def _turn_to(self, page: Fetch) -> list[Request]:
        self._page, self._tries = page, 0
        self._asked.add(page.url)
        return [page]

    def _again(self, status: int, body: bytes) -> list[Request]:
        """Ask for the same page later, or give up: a key that is not good today is not asked with twice."""
        assert self._page is not None
        refusal = judge(status, b"" if status == _CUT else body, self._tries)
        assert refusal is not None
        if refusal.again_in_s is not None:
            return [replace(self._page, delay_s=refusal.again_in_s)]
        self.failure = refusal.failure
        words = refusal.message.replace(self.key, "…") if self.key else refusal.message
        said = f"{status} {words}".strip() if status else "no whole answer"
        match refusal.failure:
            case Failure.NO_KEY:
                return self._give_up(
                    f"does not take the key: {said}", "export MASSIVE_API_KEY=…   # a key that is valid"
                )
            case Failure.NOT_ENTITLED:
                return self._give_up(f"does not give this with your plan: {said}", "ask for an older day, or for bars")
            case Failure.BUSY | Failure.TOO_FAST:
                return self._give_up(f"gave {said}, {self._tries} times in a row", "run it again later")
        return self._give_up(f"refused: {said}", "breadboard import --help")

    def _give_up(self, what: str, hint: str) -> list[Request]:
        page = self.taken + 1
        self.error, self.hint, self._page = f"Massive {what} (page {page})", hint, None
        return []


def _envelope(body: bytes) -> _Envelope | None:
    """Return the answer, None where it is not the whole of one."""
    try:
        return msgspec.json.decode(body, type=_Envelope)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
