"""What the pages have in common: the client, errors in sentences, and where the data comes from."""

from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from typing import Final, TypeVar
from urllib.parse import quote, urlsplit

import streamlit as st

from breadboard.client import Client, ClientError, NotAllowed, NotFound, Stock
from breadboard.dashboard.place import PLACE

T = TypeVar("T")
_CLIENT, _KEY, _SHOWN = "_client", "_key", "_session"
_SESSION: Final = ("breadboard_", "__Host-breadboard_")
"""How the cookies begin by which the server knows who is signed in."""
_BADGES: Final = {"synthetic": "orange", "replay": "violet", "history": "blue", "delayed": "orange", "live": "green"}


def client() -> Client:
    """Return the client of this visitor. It may no more than the visitor: these pages have no key of their own.

    A tab that comes back, after somebody has signed in anew in another, shows another session than its client does:
    it gets another client.
    """
    key = st.session_state.get(_KEY) or ""  # and never the environment's
    shown = "" if key else session()
    if st.session_state.get(_SHOWN) != shown and _CLIENT in st.session_state:
        st.session_state.pop(_CLIENT).close()
    if _CLIENT not in st.session_state:
        st.session_state[_SHOWN] = shown
        st.session_state[_CLIENT] = Client(PLACE.address, key, cookies=shown, certificate=PLACE.certificate)
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


def origins(stocks: Iterable[Stock]) -> set[str]:
    """Return where the prices of instruments come from: no instrument speaks for another."""
    found = set()
    for stock in stocks:
        found |= {stock.provenance, "delayed"} if stock.delayed else {stock.provenance}
    return found


def badges(words: Collection[str]) -> None:
    """Show where data comes from, as the data itself says: a badge for each origin that is there.

    Synthetic prices must never be taken for real ones.
    """
    known = [word for word in _BADGES if word in words]
    with st.container(horizontal=True, gap="small"):
        for word in [*known, *sorted(set(words) - {*known, ""})] or ["no data"]:
            st.badge(word.upper(), color=_BADGES.get(word, "gray"))  # type: ignore[arg-type] # of the colours there are


def _ask_for_key() -> None:
    # Links of Markdown open a tab of their own, and this one would go on with the cookie that it came with.
    here = quote(urlsplit(st.context.url or "").path or "/")
    st.markdown(
        f'<a href="/login?next={here}" target="_self">Sign in</a>. If you have done so in another tab, '
        '<a href="?" target="_self">load this page again</a>. Or use a key here:',
        unsafe_allow_html=True,
    )
    with st.form("key"):
        key = st.text_input("API key", type="password", help="It stays in this tab, and is gone with it.")
        if st.form_submit_button("Use this key") and key:
            st.session_state[_KEY] = key
            st.session_state.pop(_CLIENT).close()
            st.rerun()
