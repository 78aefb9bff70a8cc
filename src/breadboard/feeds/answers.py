"""What the readers of several venues say alike: quotes of two texts a side, answers to subscriptions, documents."""

from typing import TypeVar

import msgspec

from breadboard.feeds.reading import Event, Meaning, Refused, quote_side, refused_document, symbol_of
from breadboard.model.decimals import ABSENT
from breadboard.model.gaps import DocumentHead
from breadboard.model.kinds import EventKind, Flag, StatusCode

T = TypeVar("T")


def converted(payload: object, message: type[T]) -> T:
    """Return a JSON value as a message or a list. Raises Refused naming what was expected."""
    try:
        return msgspec.convert(payload, message, strict=True)
    except msgspec.ValidationError as error:
        raise Refused(f"{getattr(message, '__name__', 'list').strip('_')}: {error}") from None


def unasked(head: DocumentHead) -> Meaning:
    """Return what a document means of a venue that is never asked over HTTP."""
    if head.status != 200:
        return refused_document(None)
    return Meaning(ignored=f"document:{head.tag.partition(':')[0][:40]}")


def best(
    symbol: str,
    bid: tuple[str, str | None],
    ask: tuple[str, str | None],
    ts_event: int,
    flags: Flag,
    sequence: int = ABSENT,
) -> Event:
    """Return a quote of ``(price, size)`` a side as the venue wrote them."""
    bid_price, bid_size, bid_exp = quote_side(*bid)
    ask_price, ask_size, ask_exp = quote_side(*ask)
    return Event(
        kind=EventKind.QUOTE,
        symbol=symbol,
        flags=flags,
        ts_event=ts_event,
        sequence=sequence,
        price=bid_price,
        size=bid_size,
        size_exp=bid_exp,
        ask_price=ask_price,
        ask_size=ask_size,
        ask_size_exp=ask_exp,
    )


def subscription(code: StatusCode, symbol: str | None, error: str = "") -> Meaning:
    """Return what the venue's answer to a subscription means; a refusal without a symbol is an error of the feed."""
    notes = {"error": error[:200]} if error else {}
    if symbol is None:
        code = StatusCode.VENUE_ERROR if code == StatusCode.REFUSED else code
        event = Event(kind=EventKind.STATUS, symbol=None, flags=Flag.FEED_WIDE, code=code, notes=notes)
    else:
        event = Event(kind=EventKind.STATUS, symbol=symbol_of(symbol), code=code, notes=notes)
    return Meaning((event,), control=True)
