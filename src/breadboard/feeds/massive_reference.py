"""Massive's reference data: which prints build bars, exchanges, splits, dividends, and when the market is open."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from breadboard.feeds.massive_json import Payload, count, needed, number, object_of, parse_body, text
from breadboard.feeds.massive_rest import Page, page_of
from breadboard.feeds.reading import Refused, symbol_of
from breadboard.feeds.times import parse_rfc3339
from breadboard.model.decimals import ABSENT, parse_price


@dataclass(frozen=True, slots=True)
class Updates:
    """What a print may change in a bar that covers all exchanges (the consolidated rules)."""

    high_low: bool = True
    open_close: bool = True
    volume: bool = True


@dataclass(frozen=True, slots=True)
class ConditionRules:
    """What each condition does to bars, by its id."""

    updates: Mapping[int, Updates]
    names: Mapping[int, str]

    def of(self, conditions: Iterable[int]) -> Updates:
        """Return what a trade with these conditions may change: what all of them allow, all where there are none.

        A condition without rules, or one that is not in the table, allows all.
        """
        rules = [self.updates[one] for one in conditions if one in self.updates]
        return Updates(
            all(rule.high_low for rule in rules),
            all(rule.open_close for rule in rules),
            all(rule.volume for rule in rules),
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


def read_conditions(body: bytes) -> tuple[ConditionRules, Page[int]]:
    """Return the rules of one page of ``/v3/reference/conditions`` for trades, and the page with the ids."""
    updates: dict[int, Updates] = {}
    names: dict[int, str] = {}

    def take(result: Payload) -> int:
        identifier = _whole(result, "id")
        types = result.get("data_types")
        if not isinstance(types, list) or "trade" not in types:
            return identifier  # ids of quotes and of trades overlap
        names[identifier] = needed(text(result, "name"), "name")
        rules = _part(result, "update_rules")
        if "consolidated" in rules:
            consolidated = _part(rules, "consolidated")
            updates[identifier] = Updates(
                *(_truth(consolidated, f"updates_{what}") for what in ("high_low", "open_close", "volume"))
            )
        return identifier

    page = page_of(body, take)
    return ConditionRules(updates, names), page


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
