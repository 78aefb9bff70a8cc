"""Lists of symbols with their tiers, in files of their own."""

import tomllib
from pathlib import Path
from typing import Any

import msgspec

from breadboard.config import TIERS
from breadboard.errors import UsageError


class _Listed(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One table of a list, as it is written."""

    name: str
    tier: str
    venues: dict[str, str] = {}


def read_symbols(path: Path, venue: str) -> dict[str, str]:
    """Return the tier of each symbol of a list, spelled for ``venue`` (its feed's name), in the order of the file.

    The file has one ``[[symbol]]`` table each: ``name``, ``tier`` (liquid, semi, illiquid) and, where a venue has a
    spelling of its own, ``venues = { binance = "BTCUSDT" }``. Raises UsageError naming file, line and value.
    """
    text, entries = _symbol_tables(path)
    lines = [
        number for number, line in enumerate(text.splitlines(), 1) if line.replace(" ", "").startswith("[[symbol]]")
    ]

    def wrong(at: int, what: str) -> UsageError:
        line = lines[at] if at < len(lines) else 1
        return UsageError(f"{path} line {line}: {what}", hint=f"sed -n {line},{line + 4}p {path}")

    tiers: dict[str, str] = {}
    for at, entry in enumerate(entries):
        try:
            listed = msgspec.convert(entry, _Listed, strict=True)
        except msgspec.ValidationError as error:
            raise wrong(at, f"the symbol is wrong: {error}") from None
        name = listed.venues.get(venue, listed.name)
        if not name:
            raise wrong(at, "a symbol without a name")
        if listed.tier not in TIERS:
            raise wrong(at, f"there is no tier {listed.tier!r} (of {listed.name}); there are {', '.join(TIERS)}")
        if name in tiers:
            raise wrong(at, f"{name!r} is there a second time")
        tiers[name] = listed.tier
    if not tiers:
        raise UsageError(f"{path} line 1: no symbol in it", hint='[[symbol]] name = "BTC-USD" tier = "liquid"')
    return tiers


def _symbol_tables(path: Path) -> tuple[str, list[Any]]:
    try:
        text = path.read_text(encoding="utf-8")
        tree = tomllib.loads(text)
    except OSError as error:
        raise UsageError(f"the symbols file {path} cannot be read: {error.strerror}", hint=f"ls -l {path}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} is not TOML: {error}", hint=f"cat {path}") from None
    entries = tree.pop("symbol", [])
    if tree or not isinstance(entries, list):
        odd = next(iter(tree), "symbol")
        line = next((at for at, each in enumerate(text.splitlines(), 1) if odd in each), 1)
        raise UsageError(f"{path} line {line}: {odd!r} is no [[symbol]] table", hint=f"sed -n {line}p {path}")
    return text, entries
