"""Which connections a configuration calls for, and which symbols go over which: the same ones as yesterday.

Symbols are spread by rendezvous hashing: each ranks the connections of its feed by a hash of both names and takes the
first that has room. So one more symbol moves no other, and one more connection takes about its share of symbols from
the others and leaves the rest where they were. Room is planned at three quarters of what the venue allows, so that
hardly ever a symbol has to take its second choice.

A connection has a *place* by which its source number is remembered: ``binance/0/1/2`` is the third connection of the
second channel group of the first ``binance`` feed. Numbers are for ever, because the journal's history is by number.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from math import ceil
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit
from zlib import crc32

from breadboard.capture.owner import Owner
from breadboard.capture.source import Source
from breadboard.config import FeedConfig
from breadboard.errors import UsageError
from breadboard.model.gaps import Epoch
from breadboard.ports import Capabilities, Feed, Wish

FILL: Final = 0.75
_CARRIED: Final = ("ws://", "wss://", "tcp://")
_ASKED: Final = ("http://", "https://")


@dataclass(frozen=True, slots=True)
class History:
    """What the journal already holds of one source."""

    epoch: int
    """The number of its last connection."""
    last_ts: int
    """The receive stamp of its last record."""
    carried: bool = False
    """Its records were brought in from files (replay, import): no connection goes on from them."""
    told: Epoch | None = field(default=None, compare=False)
    """Its last connection, in the journal's words."""
    is_open: bool = field(default=False, compare=False)
    """Whether that is not told to have ended."""


def plan_sources(
    wanted: Sequence[FeedConfig],
    feeds: Mapping[str, Feed],
    history: Mapping[int, History] | None = None,
    numbers: MutableMapping[str, int] | None = None,
    owners: Path | None = None,
) -> list[Source]:
    """Return the connections that the configuration calls for.

    A feed with more streams or symbols than its venue carries on one connection is spread over several. ``feeds`` maps
    the configured venue names to feeds; ``history`` source numbers to what the journal has; ``numbers`` places to
    source numbers given before, and is added to (numbers begin at 0 and are never given again, nor is one that records
    from files have). ``owners`` is where locks of keys lie. Raises UsageError for symbols or channels that the venue
    cannot have, for an address that cannot be one, or for a key that would be used twice where once is allowed;
    KeyError for a venue that ``feeds`` lacks.
    """
    numbers, history = {} if numbers is None else numbers, history or {}
    planned: list[Source] = []
    keys: set[tuple[str, str]] = set()
    asked: Counter[str] = Counter()
    told: set[str] = set()
    """Addresses that tell of a venue's own state: two feeds at one gateway hear it once."""
    for config in wanted:
        feed = feeds[config.venue]
        can = feed.capabilities
        _refuse_addresses(config)
        for slot, symbols, channels in spread(config, can):
            session = feed.session(Wish(symbols, channels, config.url, config.rest_url, config.key))
            aside = "" if set(channels).isdisjoint(can.asides) else channels[0]
            if aside and session.url in told:
                continue
            told |= {session.url} if aside else set()
            place = f"{config.venue}/{asked[config.venue]}/{slot}"
            number = numbers.setdefault(place, _fresh(numbers, history))
            known = history.get(number)
            owner = _owner(config, can, keys, owners)
            planned.append(
                Source(
                    number,
                    symbols,
                    can,
                    session,
                    known.epoch if known else 0,
                    (known.last_ts if known else None) if aside else _good_until(can.venue, symbols, history, known),
                    config.subscribe_per_s,
                    owner,
                    {symbol: config.tiers[symbol] for symbol in symbols if symbol in config.tiers},
                    aside,
                )
            )
        asked[config.venue] += 1
    return planned


def _fresh(numbers: Mapping[str, int], history: Mapping[int, History]) -> int:
    """Return the next source number that neither a connection nor records from files ever had."""
    number = max(numbers.values(), default=-1) + 1
    while number in history and history[number].carried:
        number += 1
    return number


def _good_until(
    venue: str, symbols: Sequence[str], history: Mapping[int, History], known: History | None
) -> int | None:
    """Return since when something of these symbols may be missing, whichever connection brought it before."""
    ours = [
        (each.last_ts, each.told.wanted)
        for each in history.values()
        if each.told is not None and each.told.venue == venue and not (each.carried or each.told.aside)
    ]
    newest = [max((ts for ts, wanted in ours if symbol in wanted), default=None) for symbol in symbols]
    return min([*(ts for ts in newest if ts is not None), *([known.last_ts] if known else [])], default=None)


def _refuse_addresses(config: FeedConfig) -> None:
    """Refuse an address that nothing can connect to: a connection would find out, and end capture each time."""
    for name, url, schemes in (("url", config.url, _CARRIED), ("rest_url", config.rest_url, _ASKED)):
        try:
            parts = urlsplit(url)
            usable = f"{parts.scheme}://" in schemes and bool(parts.hostname) and parts.port != 0
        except ValueError:  # a port that is no number
            usable = False
        if url and not usable:
            raise UsageError(
                f"{name} = {url!r} of {config.venue} is no address that begins with {', '.join(schemes)}",
                hint=f'{name} = "{schemes[0]}127.0.0.1:8765"',
            )


def spread(config: FeedConfig, can: Capabilities) -> Iterator[tuple[str, tuple[str, ...], tuple[str, ...]]]:
    """Yield ``(place in the feed, symbols, channels)`` of each connection that has symbols, or is an aside."""
    channels = config.channels or can.channels
    for group, names in enumerate(can.channel_groups or (channels,)):
        # A channel that no group has is the session's to refuse, with a sentence.
        mine = tuple(name for name in channels if name in names or not any(name in each for each in can.channel_groups))
        if not mine:
            continue
        if set(mine) <= set(can.asides):
            yield f"{group}/0", (), mine
            continue
        room = max(1, can.max_streams_per_connection // len(mine))
        if can.max_symbols_per_connection is not None:
            room = min(room, can.max_symbols_per_connection - len(can.canary))
        for slot, symbols in enumerate(assign(config.symbols, room, config.connections)):
            if symbols or not config.symbols:  # none at all is the session's to refuse
                yield f"{group}/{slot}", symbols, mine


def assign(symbols: Sequence[str], room: int, at_least: int = 0) -> list[tuple[str, ...]]:
    """Return the symbols of each connection, in the order given. At most ``room`` on one; all on one where they fit."""
    symbols = tuple(dict.fromkeys(symbols))
    count = 1 if len(symbols) <= room else ceil(len(symbols) / max(1.0, FILL * room))
    count = max(count, at_least)
    slots: list[list[str]] = [[] for _ in range(count)]
    for symbol in symbols:
        ranked = sorted(range(count), key=lambda slot: _rank(symbol, slot)) if count > 1 else [0]
        next(slots[slot] for slot in ranked if len(slots[slot]) < room).append(symbol)
    return [tuple(slot) for slot in slots]


def _rank(symbol: str, slot: int) -> int:
    """Return how much a symbol likes a connection, the least first.

    CRC-32 is linear: over names that differ only in the slot it would rank all symbols alike, so its bits are mixed.
    """
    mixed = (crc32(symbol.upper().encode()) ^ (slot * 0x9E3779B1)) * 0x2545F4914F6CDD1D
    mixed ^= mixed >> 29
    return (mixed * 0xBF58476D1CE4E5B9) >> 16 & 0xFFFFFFFF


def _owner(config: FeedConfig, can: Capabilities, keys: set[tuple[str, str]], directory: Path | None) -> Owner | None:
    """Return the lock of a key that may have one connection. Raises UsageError where this configuration needs two."""
    if not can.single_connection or not config.key:
        return None
    if (can.venue, config.key) in keys:
        raise UsageError(
            f"{config.venue} allows one connection a key, and this configuration needs a second one with the same key",
            hint=f"put all symbols of {config.venue} into one [[feeds]] entry, or give the other one its own key",
        )
    keys.add((can.venue, config.key))
    return None if directory is None else Owner(directory, can.venue, config.key)
