"""What a symbol's trades came to, held against the venue's own count of them."""

from dataclasses import dataclass


@dataclass(slots=True)
class Tally:
    """What one symbol's trades came to since they were last held against the venue's count."""

    count: int
    """Number of Trades Today then; -1 where the venue gives none."""
    volume: int
    """Total Volume then; -1 likewise."""
    since_s: float
    trades: int = 0
    """That came since."""
    shares: int = 0
    doubted: bool = False
    """The venue counted more, and was asked again."""


def missing_of(tally: Tally, count: int, volume: int) -> str:
    """Return by how much the venue counts further than what came; empty where it does not.

    Volume is asked only where there is no count of trades: corrections move it.
    """
    if count >= 0 and tally.count >= 0:
        moved, came, what = count - tally.count, tally.trades, "trades"
    elif volume >= 0 and tally.volume >= 0:
        moved, came, what = volume - tally.volume, tally.shares, "of volume"
    else:
        return ""
    return f"the venue counts {moved} more {what}, {came} came" if moved > came else ""


def counts_of(rest: bytes) -> tuple[int, int]:
    """Return Number of Trades Today and Total Volume, with which the rest of a line begins; -1 for none."""
    fields = rest.split(b",", 2)
    return number_of(fields[:1], -1), number_of(fields[1:2], -1)


def number_of(found: list[bytes], missing: int = 0) -> int:
    """Return the whole number of a field, or ``missing`` where it is none."""
    text = found[0] if found else b""
    return int(text) if text.isdigit() and len(text) < 19 else missing
