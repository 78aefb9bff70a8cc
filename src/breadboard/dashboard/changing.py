"""What people keep is changed as it was shown: a page writes over nothing that it has not shown."""

from collections.abc import Callable, Container

import streamlit as st

from breadboard.client import Outdated, Rule, Watchlist
from breadboard.dashboard.parts import told

Kept = Watchlist | Rule


def change(work: Callable[[], None], now: Kept | None, name: str) -> bool:
    """Carry out a change and return whether it was made: not where what it changes is no longer as it was seen.

    Then it is shown as it is ``now``: once more, and the change is meant, if the page has it for seen.
    """
    with told():
        try:
            work()
        except Outdated:
            _say(now, name)
            return False
    return True


def _say(now: Kept | None, name: str) -> None:
    match now:
        case Watchlist():
            st.error("Somebody has changed this watchlist meanwhile. Once more, and yours is in the place of this:")
            st.code("\n".join(now.symbols), language=None)
        case Rule():
            st.error("Somebody has changed this rule meanwhile. Once more, and what you do is done to this:")
            st.code(now.sentence, language=None, wrap_lines=True)
        case None:
            st.error(f"Somebody has made or removed {name!r} meanwhile.")
            st.caption("Once more, and what you do is done to what is there now.")


def apart(word: str, names: Container[str]) -> str:
    """Return a choice that is no name, told apart from names: somebody may call something of theirs so."""
    while word in names:
        word = f"({word})"
    return word
