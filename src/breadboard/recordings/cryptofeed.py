"""Raw captures of cryptofeed (``--capture``): one line a thing that happened, times in float seconds.

``URL <-> time`` a connection was made; ``URL <- time: text`` we sent; ``time: text`` we received;
``URL -> time: body [header: {…}]`` an HTTP answer. Times go from text to nanoseconds, never through a float. Where the
recorder was handed bytes it wrote them as Python does, ``b'…'``: then the frame is what that says.
"""

import ast
import re
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Final
from urllib.parse import unquote

from breadboard.model.kinds import RecordKind
from breadboard.recordings.lines import Item, Malformed, document, plausible, read_items

EXPECTED: Final = "`<seconds>: <text>` or `<url> <->|<-|-> <seconds>`"
_RECEIVED: Final = re.compile(rb"(\d{9,10}(?:\.\d{1,9})?): (.*)", re.DOTALL)
_ELSEWHERE: Final = re.compile(rb"(\S+) (<->|<-|->) (\d{9,10}(?:\.\d{1,9})?)(?:: (.*))?", re.DOTALL)
_STREAMS: Final = re.compile(r"streams?=([^&\s]+)")
_BOOK_PATH: Final = re.compile(r"/order_book/([^/]+)$")
_SYMBOL: Final = re.compile(r"[?&]symbol=([^&]+)")


def read(path: Path) -> tuple[tuple[str, ...], Iterator[Item]]:
    """Return the symbols that the first connection's URL names (none if it names none) and what happened, in order."""
    items = read_items(path, parse, other="hftbacktest")
    first = next(items, None)
    if first is None:
        return (), items
    streams = _STREAMS.search(first.payload.decode("utf-8", "replace")) if first.kind is RecordKind.EPOCH else None
    named = unquote(streams.group(1)).split("/") if streams else []
    return tuple(dict.fromkeys(name.partition("@")[0].upper() for name in named)), chain([first], items)


def parse(line: bytes) -> Item | None:
    """Return a line's item; None for what we sent. Raises Malformed."""
    received = _RECEIVED.fullmatch(line)
    if received:
        return Item(nanoseconds(received.group(1)), RecordKind.DATA, _unwrapped(received.group(2)))
    elsewhere = _ELSEWHERE.fullmatch(line)
    if elsewhere is None:
        raise Malformed(EXPECTED)
    url, arrow, seconds, text = elsewhere.groups()
    if arrow == b"<-":
        return None
    if arrow == b"<->":
        return Item(nanoseconds(seconds), RecordKind.EPOCH, url)
    body, _, _ = (text or b"").partition(b" header: {")
    address = url.decode("utf-8", "replace")
    return Item(nanoseconds(seconds), RecordKind.DOCUMENT, document(_tag(address), address, body))


def _unwrapped(text: bytes) -> bytes:
    """Return the bytes that ``b'…'`` stands for, and any other text as it is. Raises Malformed."""
    if text[:2] not in (b"b'", b'b"'):
        return text
    try:
        found = ast.literal_eval(text.decode("ascii"))
    except (ValueError, SyntaxError):
        raise Malformed(EXPECTED) from None
    if not isinstance(found, bytes):
        raise Malformed(EXPECTED)
    return found


def nanoseconds(seconds: bytes) -> int:
    """Return ``1633998512.0633569`` as 1633998512063356900. Raises Malformed."""
    whole, _, fraction = seconds.partition(b".")
    return plausible(int(whole + fraction.ljust(9, b"0")), EXPECTED)


def _tag(url: str) -> str:
    """Return ``depth:SYMBOL`` for a depth answer, else the last word of the path."""
    path = url.partition("?")[0].rstrip("/")
    book = _BOOK_PATH.search(path)
    if book:
        return f"depth:{unquote(book.group(1))}"
    what = path.rpartition("/")[2]
    symbol = _SYMBOL.search(url)
    return f"{what}:{unquote(symbol.group(1))}" if symbol else what
