"""Which instruments are the same thing at several venues: given in the configuration, or proposed from their names."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from breadboard.errors import UsageError
from breadboard.model.instruments import Instrument
from breadboard.model.nbbo import MAX_LEGS, Group

_QUOTES: Final = (
    "FDUSD",
    "USDT",
    "USDC",
    "BUSD",
    "TUSD",
    "USD",
    "EUR",
    "GBP",
    "JPY",
    "TRY",
    "BRL",
    "AUD",
    "BTC",
    "ETH",
)
"""Quote currencies as symbols without a separator end in them. A longer one comes before one that it ends in."""
_COINS: Final = frozenset(
    (
        *(
            "USDT",
            "BTC",
            "ETH",
            "BNB",
            "SOL",
            "XRP",
            "ADA",
            "DOGE",
            "LTC",
            "BCH",
            "LINK",
            "AVAX",
            "TRX",
            "SHIB",
            "XBT",
            "XDG",
        ),
        *(
            "ARB",
            "CKB",
            "BAT",
            "DOT",
            "GRT",
            "ANT",
            "APT",
            "FET",
            "QNT",
            "MNT",
            "NOT",
            "LPT",
            "FTT",
            "GMT",
            "HNT",
            "CVT",
            "TRB",
        ),
    )
)
"""What a symbol is taken to begin with where it can be: the last letter of ARB or DOT is not the first of its quote."""
_KNOWN: Final = _COINS | frozenset(_QUOTES)
_ALIASES: Final = {"XBT": "BTC", "XDG": "DOGE"}
"""Kraken's names."""
_FUTURES: Final = re.compile(r"[-_](PERP(?:ETUAL)?|SWAP|\d{6,8}|\d{1,2}[A-Z]{3}\d{2})$")
_SETTLED: Final = re.compile(r"([^/:]+/[^/:]+):[^-]+-?(.*)$")
"""As ccxt names contracts: ``BTC/USDT:USDT``, what it is settled in behind the colon; ``BTC/USD:BTC-251226``."""
_MANY: Final = re.compile(r"-.+-")
"""A pair has one hyphen. ``BTC-USD-251226-100000-C`` is an option, ``BTC-PERP-INTX`` a contract of one more market."""
_FUTURES_VENUES: Final = {"USDM": "PERP", "COINM": "PERP", "LINEAR": "PERP", "INVERSE": "PERP"}
"""Last words of the names of venues whose symbols do not say that they are contracts."""
_PAIR: Final = re.compile(r"([A-Z0-9]{2,})[-_/:]([A-Z0-9]{2,})$")


def groups_of(given: Mapping[str, Sequence[str]]) -> tuple[Group, ...]:
    """Return the groups of a configuration: names with ids like ``BTC-USDT.OKX``, in their order.

    Raises UsageError for an id without a venue, one that is in two places, and groups of none or too many.
    """
    found: list[Group] = []
    owners: dict[str, str] = {}
    for name, ids in given.items():
        if not 1 <= len(ids) <= MAX_LEGS:
            raise _wrong(f"group {name!r} has {len(ids)} instruments; it can have 1 to {MAX_LEGS}")
        legs: list[tuple[str, str]] = []
        for one in ids:
            symbol, _, venue = one.rpartition(".")
            if not symbol or not venue:
                raise _wrong(f"{one!r} of group {name!r} is no instrument")
            if one in owners:
                raise _wrong(f"{one!r} of group {name!r} is in group {owners[one]!r} already")
            owners[one] = name
            legs.append((venue, symbol))
        found.append(Group(name, tuple(legs)))
    return tuple(found)


def proposed(instruments: Iterable[Instrument]) -> dict[str, list[str]]:
    """Return groups of two and more by what their symbols say, for people to look over: names with ids, sorted.

    ``BTCUSDT.BINANCE``, ``BTC-USDT.OKX`` and ``BTC/USDT.KRAKEN_V2`` are one. Other quote currencies, and contracts
    (swaps, futures of a date), are others. A symbol that is no pair stands for itself (``AAPL``).
    """
    found: dict[str, list[str]] = {}
    for instrument in instruments:
        found.setdefault(normalised(instrument.venue, instrument.symbol), []).append(instrument.id)
    return {name: sorted(ids) for name, ids in sorted(found.items()) if len(ids) > 1}


def convertible(instruments: Iterable[Instrument]) -> dict[str, list[str]]:
    """Return groups of two and more by base currency alone, for arbitrage, for people to look over: names with ids.

    Other quote currencies are in them (they need a rate), and contracts (whose prices differ by a basis, and whose
    sizes may be in something else). Only symbols that are pairs are looked at.
    """
    found: dict[str, list[str]] = {}
    for instrument in instruments:
        base, quote = currencies(instrument.symbol)
        if quote:
            found.setdefault(base, []).append(instrument.id)
    return {name: sorted(ids) for name, ids in sorted(found.items()) if len(ids) > 1}


def triangles(instruments: Iterable[Instrument]) -> list[tuple[str, str, str]]:
    """Return the ids of every A/B, B/C and A/C that one venue lists, contracts left out, in order of their names."""
    pairs: dict[str, dict[tuple[str, str], str]] = {}
    for instrument in instruments:
        base, quote = currencies(instrument.symbol)
        whole = normalised(instrument.venue, instrument.symbol)
        if quote and whole == f"{base}-{quote}":
            pairs.setdefault(instrument.venue, {})[base, quote] = instrument.id
    return sorted(
        (a_b, b_c, listed[a, c])
        for listed in pairs.values()
        for (a, b), a_b in listed.items()
        for (other, c), b_c in listed.items()
        if b == other and (a, c) in listed
    )


def normalised(venue: str, symbol: str) -> str:
    """Return what a symbol means, in one spelling: ``BTC-USDT``, ``BTC-USDT-PERP``, ``AAPL``."""
    text, kind = _parted(symbol)
    return "-".join(part for part in (*_split(text), kind or _listed_as(venue)) if part)


def is_contract(venue: str, symbol: str) -> bool:
    """Return whether a symbol means a contract (a swap, a future, an option), by its name or that of its venue."""
    return bool(_parted(symbol)[1] or _listed_as(venue) or _MANY.search(symbol))


def currencies(symbol: str, quote: str = "") -> tuple[str, str]:
    """Return base and quote currency of a symbol; the symbol itself and nothing where it is no pair.

    Where one without a separator ends in the ``quote`` that was said, it is split there.
    """
    return _split(_parted(symbol)[0], quote)


def may_be(symbol: str, base: str, quote: str) -> bool:
    """Return whether a symbol can mean a pair; for certain it is of another only with a separator, or known halves."""
    text = _parted(symbol)[0]
    said = _split(text)
    if said == (base, quote) or not said[1]:
        return True
    return not _PAIR.match(text) and (text == base + quote or not _KNOWN.issuperset(said))


def _parted(symbol: str) -> tuple[str, str]:
    """Return a symbol without what makes it a contract, and that: ``PERP``, a date; nothing where it says none."""
    text = symbol.upper()
    settled = _SETTLED.match(text)
    if settled:
        return settled[1], settled[2] or "PERP"
    contract = _FUTURES.search(text)
    if contract is None:
        return text, ""
    return text[: contract.start()], "PERP" if contract[1] in {"PERPETUAL", "SWAP"} else contract[1]


def _listed_as(venue: str) -> str:
    """Return what a venue of contracts lists under names that do not say so."""
    return _FUTURES_VENUES.get(venue.rpartition("_")[2], "")


def _split(text: str, said: str = "") -> tuple[str, str]:
    """Return base and quote currency; the text and nothing where it is no pair."""
    pair = _PAIR.match(text)
    if pair:
        base, quote = pair.groups()
    else:
        ends = [one for one in (said, *_QUOTES) if one and text.endswith(one) and len(text) > len(one) + 1]
        likely = [one for one in ends if one == said or text.removesuffix(one) in _COINS]
        quote = next(iter(likely or ends), "")
        base = text[: len(text) - len(quote)]
    return _ALIASES.get(base, base), _ALIASES.get(quote, quote)


def _wrong(sentence: str) -> UsageError:
    return UsageError(sentence, hint='[engine.groups]\n"BTC-USDT" = ["BTCUSDT.BINANCE", "BTC-USDT.OKX"]')
