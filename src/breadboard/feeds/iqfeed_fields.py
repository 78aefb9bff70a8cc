"""The fields of an IQFeed line: which there are, where they stand, and their text as exact numbers.

Level 1 lines have the fields that were selected, in the order that the gateway echoes (``S,CURRENT UPDATE
FIELDNAMES``); a symbol comes first whatever was selected. A field may be empty: that is absent, never 0.
"""

from functools import lru_cache
from typing import Final

import msgspec

from breadboard.feeds.reading import Meaning, Refused, symbol_of
from breadboard.model.decimals import ABSENT, SIZE_EXP, parse_price, parse_size

SELECTED: Final = (
    # What the session counts by comes first, so that it need not look at the rest of a line.
    *("Message Contents", "Number of Trades Today", "Total Volume", "Most Recent Trade Size"),
    *("Most Recent Trade", "Most Recent Trade Time", "Most Recent Trade Date", "Most Recent Trade Market Center"),
    *("Most Recent Trade Conditions", "Most Recent Trade Aggressor", "Most Recent Trade Day Code", "TickID"),
    *("Bid", "Bid Size", "Bid Time", "Bid Market Center", "Ask", "Ask Size", "Ask Time", "Ask Market Center"),
    *("Delay", "Decimal Precision"),
)
"""What the session selects; the symbol comes first by itself."""

DEFAULT: Final = (
    *("Symbol", "Most Recent Trade", "Most Recent Trade Size", "Most Recent Trade Time"),
    *("Most Recent Trade Market Center", "Total Volume", "Bid", "Bid Size", "Ask", "Ask Size"),
    *("Open", "High", "Low", "Close", "Message Contents", "Most Recent Trade Conditions"),
)
"""What a gateway sends to who selects nothing (protocol 6.0)."""
DEFAULT_61: Final = (*DEFAULT, "Most Recent Trade Aggressor", "Most Recent Trade Day Code")

_RECENT: Final = "Most Recent Trade"
_OTHERS: Final = (
    *("7 Day Yield", "Ask Change", "Available Regions", "Average Maturity", "Bid Change", "Change"),
    *("Change From Open", "Close", "Close Range 1", "Close Range 2", "Days to Expiration", "Exchange ID"),
    *("Extended Trade", "Extended Trade Date", "Extended Trade Market Center", "Extended Trade Size"),
    *("Extended Trade Time", "Extended Trading Change", "Extended Trading Difference", "Financial Status Indicator"),
    *("Fraction Display Code", "Last", "Last Date", "Last Market Center", "Last Size", "Last Time"),
    *("Market Capitalization", "Market Open", "Net Asset Value", "Open Interest", "Open Range 1", "Open Range 2"),
    *("Percent Change", "Percent Off Average Volume", "Previous Day Volume", "Price-Earnings Ratio", "Range"),
    *("Restricted Code", "Settle", "Settlement Date", "Spread", "Tick", "Type", "Volatility", "VWAP"),
)
_OLDER: Final = ("Last Trade Date", "Net Asset Value 2")
_TIMED: Final = (_RECENT, "Last", "Extended Trade", "Bid", "Ask")
KNOWN: Final = frozenset({*SELECTED, *DEFAULT_61, *_OTHERS, *_OLDER, *(f"{name} TimeMS" for name in _TIMED)})
"""Every field that can be selected, as documented; protocols 5.x name the times ``TimeMS``, and have two names more."""

FUNDAMENTAL: Final = (
    *("Symbol", "Exchange ID", "PE", "Average Volume", "52 Week High", "52 Week Low", "Calendar Year High"),
    *("Calendar Year Low", "Dividend Yield", "Dividend Amount", "Dividend Rate", "Pay Date", "Ex-dividend Date"),
    *("Current Year EPS", "Next Year EPS", "Five-year Growth Percentage", "Fiscal Year End", "Company Name"),
    *("Root Option Symbol", "Percent Held By Institutions", "Beta", "Leaps", "Current Assets", "Current Liabilities"),
    *("Balance Sheet Date", "Long-term Debt", "Common Shares Outstanding", "Split Factor 1", "Split Factor 2"),
    *("Format Code", "Precision", "SIC", "Historical Volatility", "Security Type", "Listed Market"),
    *("52 Week High Date", "52 Week Low Date", "Calendar Year High Date", "Calendar Year Low Date", "Year End Close"),
    *("Maturity Date", "Coupon Rate", "Expiration Date", "Strike Price", "NAICS", "Exchange Root"),
    *("Option Premium Multiplier", "Option Multiple Deliverable", "Session Open Time", "Session Close Time"),
    *("Base Currency", "Contract Size", "Contract Months", "Minimum Tick Size", "First Delivery Date", "FIGI"),
    "Security SubType",
)

_TRADE: Final = {"price": _RECENT, "size": f"{_RECENT} Size", "time": f"{_RECENT} Time", "date": f"{_RECENT} Date"}
_ALSO: Final = {"": None, "C": "Last", "E": "Extended Trade", "O": None}
"""How the fields of a trade are named too, by its letter in Message Contents: ``Last`` is the last qualified trade,
``Extended Trade`` the last in extended hours, ``Most Recent Trade`` any. No letter: a trade that is held."""
_PLACES: Final = {
    "aggressor": "Most Recent Trade Aggressor",
    "tick_id": "TickID",
    "bid": "Bid",
    "bid_size": "Bid Size",
    "bid_time": "Bid Time",
    "ask": "Ask",
    "ask_size": "Ask Size",
    "ask_time": "Ask Time",
    "contents": "Message Contents",
    "delay": "Delay",
}
_NO_SIDE: Final = (ABSENT, ABSENT, SIZE_EXP)
_UNITS: Final[tuple[int, ...]] = tuple(int(10 ** (9 - decimals)) for decimals in range(10))


class Print(msgspec.Struct, frozen=True, gc=False):
    """Where a trade stands in a line; the same names as in ``_TRADE``."""

    price: int
    size: int
    time: int
    date: int


class Plan(msgspec.Struct, frozen=True, gc=False):
    """Where the fields that the tape wants stand in a line that was cut at its commas.

    A field that was not selected is at -1: the empty text that ends every line once it is cut.
    """

    names: tuple[str, ...]
    parts: int
    """Of a line once it is cut: its kind, the fields, and the empty text at its end."""
    trades: dict[str, Print]
    """By the letter of the trade."""
    aggressor: int
    tick_id: int
    bid: int
    bid_size: int
    bid_time: int
    ask: int
    ask_size: int
    ask_time: int
    contents: int
    delay: int

    @property
    def quoted(self) -> bool:
        """Whether a line has a side of the quote at all: without one nothing is known of either."""
        return self.bid > 0 or self.ask > 0


@lru_cache(maxsize=64)
def plan_of(names: tuple[str, ...]) -> Plan:
    """Return where the fields stand in lines with these names, the symbol among them or not; it comes first."""
    ordered = ("Symbol", *(name for name in names if name != "Symbol"))
    place = {name: at for at, name in enumerate(ordered, 1)}
    # Protocols 5.x: beside a `Time` in whole seconds one of the same moment to the ms, which most clients selected.
    place |= {name.removesuffix("MS"): at for name, at in place.items() if name.endswith(" TimeMS")}
    trades = {letter: _print(place, also) for letter, also in _ALSO.items()}
    others = {field: place.get(name, -1) for field, name in _PLACES.items()}
    return Plan(ordered, len(ordered) + 2, trades, **others)


def _print(place: dict[str, int], also: str | None) -> Print:
    """Return where a trade stands, under the other names where it was not selected under the first."""
    names = {field: (name, name.replace(_RECENT, also or _RECENT)) for field, name in _TRADE.items()}
    return Print(**{field: place.get(name, place.get(other, -1)) for field, (name, other) in names.items()})


_PLAN: Final = plan_of(DEFAULT)
_PLAN_61: Final = plan_of(DEFAULT_61)


def plan_for(parts: list[str], announced: Plan | None) -> Plan:
    """Return the plan of a cut line: what was announced, or the default that has as many fields. Raises Refused.

    One field fewer is a last one that is empty, in a line without a comma at its end. Fields after those that were
    announced are passed over, and told of as schema drift: a new version of the gateway may add some.
    """
    count = len(parts) - 2
    plan = announced or (_PLAN if count <= len(DEFAULT) else _PLAN_61)
    if count == len(plan.names) - 1:
        parts.append("")
    elif count < len(plan.names) or (count > len(plan.names) and announced is None):
        raise Refused(f"{count} fields where {len(plan.names)} were announced")
    return plan


def longer(meaning: Meaning, parts: list[str]) -> Meaning:
    """Return what a cut line means, and that it has more fields than a line of its kind was ever said to have."""
    return msgspec.structs.replace(meaning, unknown=(*meaning.unknown, f"{parts[0]} of {len(parts) - 2} fields"))


def cut(line: str) -> list[str]:
    """Return a line cut at its commas, ending in an empty text whether or not the line ended in a comma."""
    parts = line.split(",")
    if parts[-1]:
        parts.append("")
    return parts


symbol: Final = lru_cache(maxsize=1 << 16)(symbol_of)
"""A symbol, checked once."""


@lru_cache(maxsize=1 << 16)
def _known_price(text: str) -> int:
    """Return what ``parse_price`` does; the usual form, a few digits before and after a point, without its checks.

    A point may end it (``2938.``). The same prices come again and again, so they are remembered, as sizes are.
    """
    before, _, after = text.partition(".")
    if before.isdecimal() and len(before) < 9 and after.isdecimal() and len(after) < 10:
        return int(before + after) * _UNITS[len(after)]
    return parse_price(text.removesuffix("."))


def price(text: str) -> int:
    """Return a price above zero in 1e-9. Raises ValueError."""
    found = _known_price(text)
    if found <= 0:
        raise Refused(f"an impossible price: {text[:40]!r}")
    return found


def paid(text: str, beside: str) -> int:
    """Return the price of a trade or of a bar, in 1e-9. Raises ValueError.

    It may be below zero: spreads of futures trade there every day, and oil did in April 2020. A price of 0 is one where
    the price ``beside`` it (the bid; a bar's low) is below zero, and a missing one anywhere else.
    """
    found = _known_price(text)
    if found == 0 and not (beside and _known_price(beside) < 0):
        raise Refused(f"an impossible price: {text[:40]!r}")
    return found


@lru_cache(maxsize=1 << 16)
def size(text: str) -> tuple[int, int]:
    """Return ``(size, size_exp)``. Raises ValueError."""
    return parse_size(text)


def price_and_size(parts: list[str], plan: Plan, letter: str) -> tuple[int, int, int]:
    """Return ``(price, size, size_exp)`` of a trade with this letter. Raises ValueError."""
    told = plan.trades[letter]
    amount, paid_text = parts[told.size], parts[told.price]
    if not amount or not paid_text:
        raise Refused(f"a trade without {_named(letter, 'size' if paid_text else 'price')}")
    return (paid(paid_text, parts[plan.bid]), *size(amount))


def _named(letter: str, field: str) -> str:
    """Return what a field of a trade with this letter may be called."""
    name, also = _TRADE[field], _ALSO[letter]
    return f"{name} or {name.replace(_RECENT, also)}" if also else name


def side(price_text: str, size_text: str) -> tuple[int, int, int]:
    """Return ``(price, size, size_exp)`` of one side of a quote; absent where it is empty, or of price or size 0.

    A spread may be quoted below zero; one quoted at 0 cannot be told from a side that is not there.
    """
    if not price_text:
        return _NO_SIDE
    found = _known_price(price_text)
    amount, exponent = size(size_text) if size_text else (ABSENT, SIZE_EXP)
    if found == 0 or amount == 0:
        return _NO_SIDE
    return found, amount, exponent


def number(text: str) -> int:
    """Return a whole number of a tick, or ABSENT for an empty field. Raises Refused."""
    if not text:
        return ABSENT
    if not text.isdecimal() or len(text) > 18:
        raise Refused(f"not a number: {text[:40]!r}")
    return int(text)


def conditions(text: str) -> list[str]:
    """Return the two-digit hexadecimal trade conditions of ``8717``."""
    return [text[at : at + 2] for at in range(0, len(text), 2)]


def whole(text: str) -> int | str | None:
    """Return text as a number where that loses nothing of it, as it is otherwise, None where there is none."""
    if not text:
        return None
    return int(text) if text.isdecimal() and len(text) < 18 and (text[0] != "0" or text == "0") else text
