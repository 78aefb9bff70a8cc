"""What the pages have in common: the client, errors in sentences, and where the data comes from."""

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from typing import Final, TypeVar

import streamlit as st

from breadboard.client import Client, ClientError, NotAllowed, NotFound, Stock
from breadboard.dashboard.place import PLACE

T = TypeVar("T")
_CLIENT, _KEY = "_client", "_key"
_SESSION: Final = ("breadboard_", "__Host-breadboard_")
"""How the cookies begin by which the server knows who is signed in."""
_BADGES: Final = {"synthetic": "orange", "live": "green", "delayed": "orange", "replay": "violet", "history": "blue"}


def client() -> Client:
    """Return the client of this visitor. It may no more than the visitor: these pages have no key of their own."""
    if _CLIENT not in st.session_state:
        key = st.session_state.get(_KEY) or ""  # and never the environment's
        st.session_state[_CLIENT] = Client(
            PLACE.address, key, cookies="" if key else session(), certificate=PLACE.certificate
        )
    found: Client = st.session_state[_CLIENT]
    return found


def session() -> str:
    """Return what this visitor's browser shows of being signed in, as it shows it; empty for nothing."""
    shown = st.context.cookies
    return "; ".join(f"{name}={value}" for name, value in shown.items() if name.startswith(_SESSION))


@contextmanager
def told() -> Iterator[None]:
    """Tell what goes wrong in this block in a sentence, with the hint, and end the page there."""
    try:
        yield
    except NotAllowed as error:
        st.error(error.sentence)
        _ask_for_key()
        st.stop()
    except ClientError as error:
        say(error)
        st.stop()


def say(error: ClientError) -> None:
    """Show an error."""
    st.error(error.sentence)
    if error.hint:
        st.caption("hint")
        st.code(error.hint, language=None)


def offered(ask: Callable[[], T]) -> T | None:
    """Return an answer; None where this server does not have what is asked for."""
    try:
        return ask()
    except NotFound:
        return None


def badges(stocks: Collection[Stock]) -> None:
    """Show where data comes from, as the data itself says: a badge for each origin that is there.

    Synthetic prices must never be taken for real ones, so no instrument speaks for another.
    """
    found = {stock.provenance for stock in stocks} | {"delayed" for stock in stocks if stock.delayed}
    words = sorted(
        found - {""}, key=lambda word: (list(_BADGES).index(word) if word in _BADGES else len(_BADGES), word)
    )
    with st.container(horizontal=True, gap="small"):
        for word in words or ["no data"]:
            st.badge(word.upper(), color=_BADGES.get(word, "gray"))  # type: ignore[arg-type] # of the colours there are


def _ask_for_key() -> None:
    st.markdown("[Sign in](/login), or use a key here:")
    with st.form("key"):
        key = st.text_input("API key", type="password", help="It stays in this tab, and is gone with it.")
        if st.form_submit_button("Use this key") and key:
            st.session_state[_KEY] = key
            st.session_state.pop(_CLIENT).close()
            st.rerun()
