"""Whether an instrument is known at all, and what somebody may have meant who names one that is not."""

from collections import Counter
from collections.abc import Iterable
from difflib import get_close_matches
from typing import Final

from breadboard.api.live import LiveMarket
from breadboard.api.problems import Problem
from breadboard.ports import Store

_MOST: Final = 5
_LIKE: Final = 0.7


def unknown(live: LiveMarket, store: Store, symbol: str, venue: str | None) -> Problem | None:
    """Return what is wrong with a name that is not seen now and not stored either; None where it is stored. Blocks.

    No rows of something that exists is an answer; no rows of a slip of the pen is none.
    """
    at = " AND venue = {venue:String}" if venue else ""
    params = {"symbol": symbol, "venue": venue} if venue else {"symbol": symbol}
    sql = f"SELECT count() AS found FROM instruments WHERE symbol = {{symbol:String}}{at}"  # noqa: S608 - our words
    if store.query(sql, params)["found"][0].as_py():
        return None
    stored = store.query("SELECT DISTINCT venue, symbol FROM instruments", {})
    names = {
        f"{one}.{where}" for where, one in zip(*(stored[name].to_pylist() for name in ("venue", "symbol")), strict=True)
    }
    names |= {live.instrument(index).id for index in range(len(live))}
    asked = f"{symbol}.{venue}" if venue else symbol
    return _missing(asked, "has been seen or stored", names, "/api/v1/history?symbol=")


def unseen(live: LiveMarket, asked: str) -> Problem:
    """Return what is wrong with a name that is not seen now. Looks through all that are: not for an event loop."""
    names = {live.instrument(index).id for index in range(len(live))}
    return _missing(asked, "has been seen", names, "/api/v1/stocks/")


def _missing(asked: str, where: str, names: set[str], path: str) -> Problem:
    ids = near(asked, names)
    hint = f"GET {path}{ids[0]}" if ids else "GET /api/v1/stocks names what is seen now"
    return Problem(404, f"no instrument {asked[:64]!r} {where}", hint=hint, ids=ids)


def near(asked: str, names: set[str]) -> list[str]:
    """Return the names most like what was asked for, whole or without their venue, the likest first."""
    spelled: dict[str, list[str]] = {}
    for name in sorted(names):
        for form in {name.upper(), name.rpartition(".")[0].upper()}:
            spelled.setdefault(form, []).append(name)
    forms = (asked.upper(), asked.rpartition(".")[0].upper())
    close = [like for form in forms if form for like in _close(form, spelled)]
    return list(dict.fromkeys(name for like in close for name in spelled[like]))[:_MOST]


def _close(form: str, others: Iterable[str]) -> list[str]:
    """Return what ``get_close_matches`` does, in a tenth of its time among thousands.

    Its ratio is twice the characters that match, by those of both: most others have too few that could.
    """
    has = Counter(form)
    could = (
        other
        for other in others
        if 2 * sum(has[each] for each in has.keys() & set(other)) >= _LIKE * (len(form) + len(other))
    )
    return get_close_matches(form, could, _MOST, _LIKE)
