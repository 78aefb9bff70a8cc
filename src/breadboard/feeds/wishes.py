"""What a user may wish for, checked before anything is said to a venue."""

import re
from collections.abc import Mapping, Sequence
from typing import Final

from breadboard.errors import UsageError

_SYMBOL: Final = re.compile(r"[\w.-]{1,64}")


def wanted_symbols(venue: str, symbols: Sequence[str]) -> tuple[str, ...]:
    """Return the symbols in upper case, each once, in order. Raises UsageError for none, or an impossible one."""
    for symbol in symbols:
        if not _SYMBOL.fullmatch(symbol):
            raise UsageError(
                f"{symbol!r} cannot be a symbol of {venue}", hint="use the venue's own spelling, e.g. BTCUSDT"
            )
    if not symbols:
        raise UsageError(f"no symbol to ask {venue} for", hint="name at least one")
    return tuple(dict.fromkeys(symbol.upper() for symbol in symbols))


def wanted_channels(venue: str, channels: Sequence[str], known: Mapping[str, str]) -> tuple[str, ...]:
    """Return the venue's names of the channels, each once. Raises UsageError for none or an unknown one."""
    for channel in channels:
        if channel not in known:
            raise UsageError(f"{venue} has no channel {channel!r} here", hint=f"choose from: {' '.join(known)}")
    if not channels:
        raise UsageError(f"no channel to ask {venue} for", hint=f"choose from: {' '.join(known)}")
    return tuple(dict.fromkeys(known[channel] for channel in channels))
