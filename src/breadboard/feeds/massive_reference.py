"""Massive's reference data: which prints build bars, exchanges, splits, dividends, and when the market is open."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from breadboard.feeds.conditions import ConditionTable, Rule
from breadboard.feeds.massive_json import Payload, count, needed, number, object_of, parse_body, text
from breadboard.feeds.massive_rest import Page, page_of
from breadboard.feeds.reading import Refused, symbol_of
from breadboard.feeds.times import parse_rfc3339
from breadboard.model.decimals import ABSENT, parse_price
from breadboard.model.kinds import Uncounted


@dataclass(frozen=True, slots=True)
class ConditionRules:
    """What a print with each condition does not count for in bars over all exchanges, by its id."""

    uncounted: Mapping[int, Uncounted]
    names: Mapping[int, str]
    form_t: frozenset[int] = frozenset()
    """Conditions that say no more than that it was traded outside regular hours."""

    def table(self) -> ConditionTable:
        """Return the rules as a table; ``OUTSIDE`` is the condition of a print outside regular hours.

        What the rules say of Form T is meant for regular hours and for the day. Outside them nearly every print has
        it, and the vendor's bars take their prices from these (massive.com, knowledge base, "Does a Form T trade
        update …").
        """
        told = [(one, denied) for one, denied in sorted(self.uncounted.items()) if denied]
        of_day = [Rule(frozenset((one,)), Uncounted(denied.everywhere & ~Uncounted.ALL)) for one, denied in told]
        return ConditionTable(
            of_day
            + [
                Rule(frozenset((one,)), denied, frozenset((OUTSIDE,)) if one in self.form_t else frozenset())
                for one, denied in told
            ]
        )


@dataclass(frozen=True, slots=True)
class Exchange:
    """One exchange, trade reporting facility or SIP."""

    id: int
    type: str
    name: str
    mic: str | None
    operating_mic: str | None
    participant: str | None
    acronym: str | None


@dataclass(frozen=True, slots=True)
class Split:
    """``from`` old shares become ``to`` new ones on ``date`` (YYYY-MM-DD); digits as sent."""

    symbol: str
    date: str
    from_shares: str
    to_shares: str


@dataclass(frozen=True, slots=True)
class Dividend:
    """One dividend a share; dates are YYYY-MM-DD."""

    symbol: str
    cash: int
    """In 1e-9 of the currency."""
    currency: str | None
    kind: str
    """CD consistent, SC special, LT and ST capital gains."""
    ex_date: str
    declared: str | None
    record_date: str | None
    pay_date: str | None
    frequency: int
    """A year; 0 for once, ABSENT where it is not said."""


@dataclass(frozen=True, slots=True)
class MarketNow:
    """Whether the market is open: ``open``, ``closed`` or ``extended-hours``, in all and by exchange."""

    market: str
    ts_server: int
    early_hours: bool
    after_hours: bool
    exchanges: Mapping[str, str]
    currencies: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Holiday:
    """A day on which an exchange is closed, or closes early; times are ns, ABSENT where it is closed."""

    exchange: str
    name: str
    date: str
    status: str
    ts_open: int
    ts_close: int


OUTSIDE: Final = "outside regular hours"
_FORM_T: Final = "T"
"""On both tapes and on FINRA's."""
_KINDS: Final = {
    Uncounted.OPEN_CLOSE: "open_close",
    Uncounted.HIGH_LOW: "high_low",
    Uncounted.VOLUME: "volume",
}


def read_conditions(body: bytes) -> tuple[ConditionRules, Page[int]]:
    """Return the rules of one page of ``/v3/reference/conditions`` for trades, and the page with the ids."""
    uncounted: dict[int, Uncounted] = {}
    names: dict[int, str] = {}
    form_t: set[int] = set()

    def take(result: Payload) -> int:
        identifier = _whole(result, "id")
        types = result.get("data_types")
        if not isinstance(types, list) or "trade" not in types:
            return identifier  # ids of quotes and of trades overlap
        names[identifier] = needed(text(result, "name"), "name")
        letters = _words(result, "sip_mapping")
        if letters and set(letters.values()) == {_FORM_T}:
            form_t.add(identifier)
        rules = _part(result, "update_rules")
        if "consolidated" in rules:
            consolidated = _part(rules, "consolidated")
            uncounted[identifier] = Uncounted(
                sum(what for what in _KINDS if not _truth(consolidated, f"updates_{_KINDS[what]}"))
            )
        return identifier

    page = page_of(body, take)
    return ConditionRules(uncounted, names, frozenset(form_t)), page


def read_exchanges(body: bytes) -> Page[Exchange]:
    """Return ``/v3/reference/exchanges``; several facilities share the id 4."""
    return page_of(
        body,
        lambda result: Exchange(
            _whole(result, "id"),
            needed(text(result, "type"), "type"),
            needed(text(result, "name"), "name"),
            *(text(result, name) for name in ("mic", "operating_mic", "participant_id", "acronym")),
        ),
    )


def read_splits(body: bytes) -> Page[Split]:
    """Return ``/v3/reference/splits``."""
    return page_of(
        body,
        lambda result: Split(
            _symbol(result),
            needed(text(result, "execution_date"), "execution_date"),
            needed(number(result, "split_from"), "split_from"),
            needed(number(result, "split_to"), "split_to"),
        ),
    )


def read_dividends(body: bytes) -> Page[Dividend]:
    """Return ``/v3/reference/dividends``."""
    return page_of(
        body,
        lambda result: Dividend(
            _symbol(result),
            parse_price(needed(number(result, "cash_amount"), "cash_amount")),
            text(result, "currency"),
            needed(text(result, "dividend_type"), "dividend_type"),
            needed(text(result, "ex_dividend_date"), "ex_dividend_date"),
            text(result, "declaration_date"),
            text(result, "record_date"),
            text(result, "pay_date"),
            count(result, "frequency"),
        ),
    )


def read_market_now(body: bytes) -> MarketNow:
    """Return ``/v1/marketstatus/now``."""
    answer = object_of(parse_body(body))
    return MarketNow(
        needed(text(answer, "market"), "market"),
        parse_rfc3339(needed(text(answer, "serverTime"), "serverTime")),
        _truth(answer, "earlyHours"),
        _truth(answer, "afterHours"),
        _words(answer, "exchanges"),
        _words(answer, "currencies"),
    )


def read_market_upcoming(body: bytes) -> tuple[Holiday, ...]:
    """Return ``/v1/marketstatus/upcoming``, which is a bare array."""
    answer = parse_body(body)
    if type(answer) is not list:
        raise Refused(f"not a JSON array but {type(answer).__name__}")
    return tuple(_holiday(object_of(each)) for each in answer)


def _holiday(day: Payload) -> Holiday:
    opens, closes = text(day, "open"), text(day, "close")
    return Holiday(
        needed(text(day, "exchange"), "exchange"),
        needed(text(day, "name"), "name"),
        needed(text(day, "date"), "date"),
        needed(text(day, "status"), "status"),
        ABSENT if opens is None else parse_rfc3339(opens),
        ABSENT if closes is None else parse_rfc3339(closes),
    )


def _symbol(result: Payload) -> str:
    return symbol_of(needed(text(result, "ticker"), "ticker"))


def _whole(result: Payload, key: str) -> int:
    found = count(result, key)
    if found == ABSENT:
        raise Refused(f"no {key}")
    return found


def _truth(result: Payload, key: str) -> bool:
    value: Any = result.get(key, False)  # what is false may be left out
    if type(value) is not bool:
        raise Refused(f"{key} is neither true nor false")
    return value


def _part(result: Payload, key: str) -> Payload:
    return object_of(result.get(key, {}))


def _words(answer: Payload, key: str) -> dict[str, str]:
    return {name: needed(text(part, name), name) for part in (_part(answer, key),) for name in part}
