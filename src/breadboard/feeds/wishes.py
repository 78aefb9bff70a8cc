"""What a user may wish for, checked before anything is said to a venue."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from breadboard.errors import UsageError

_SYMBOL: Final = re.compile(r"[\w.-]{1,64}", re.ASCII)
ANY_ALPHABET: Final = re.compile(_SYMBOL.pattern)
"""The same in the letters and digits of any alphabet."""


def wanted_symbols(
    venue: str,
    symbols: Sequence[str],
    *,
    pattern: re.Pattern[str] = _SYMBOL,
    example: str = "BTCUSDT",
    spell: Callable[[str], str] = str.upper,
) -> tuple[str, ...]:
    """Return the symbols as the venue spells them, each once, in order.

    ``pattern`` is what a symbol may look like, ``spell`` turns any case into the venue's. Raises UsageError for none,
    or an impossible one.
    """
    for symbol in symbols:
        # Some letters have no capital of their own: that of ß is SS, and another instrument would be asked for.
        if not pattern.fullmatch(symbol) or symbol.upper().lower() != symbol.lower():
            raise UsageError(
                f"{symbol!r} cannot be a symbol of {venue}", hint=f"use the venue's own spelling, e.g. {example}"
            )
    if not symbols:
        raise UsageError(f"no symbol to ask {venue} for", hint="name at least one")
    return tuple(dict.fromkeys(map(spell, symbols)))


def wanted_channels(venue: str, channels: Sequence[str], known: Mapping[str, str]) -> tuple[str, ...]:
    """Return the venue's names of the channels, each once. Raises UsageError for none or an unknown one."""
    for channel in channels:
        if channel not in known:
            raise UsageError(f"{venue} has no channel {channel!r} here", hint=f"choose from: {' '.join(known)}")
    if not channels:
        raise UsageError(f"no channel to ask {venue} for", hint=f"choose from: {' '.join(known)}")
    return tuple(dict.fromkeys(known[channel] for channel in channels))
