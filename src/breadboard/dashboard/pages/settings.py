"""Settings & Watchlist: names for groups of instruments, and keys for those who ask from elsewhere."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final
from urllib.parse import quote

import streamlit as st

from breadboard.client import Client, Key, NotAllowed, Outdated, Stock, Watchlist
from breadboard.dashboard.changing import apart, change
from breadboard.dashboard.parts import client, offered, session, told

MOST_OF_AN_ADDRESS: Final = 3_500
"""Bytes of names in one question: an address has at most 4,096."""
_CHOICE, _MADE = "_watchlist", "_made_watchlist"


def names_in(text: str) -> list[str]:
    """Return the names of a pasted list, each once: by lines, commas, semicolons or blanks."""
    return list(dict.fromkeys(name for name in re.split(r"[\s,;]+", text) if name))


def unknown_sentence(unknown: list[str], count: int) -> str:
    """Return how many of the names nobody knows, with the first of them."""
    shown = ", ".join(unknown[:5]) + (", …" if len(unknown) > 5 else "")
    return f"{len(unknown)} of {count} unknown: {shown}"


def meanings(names: Iterable[str], known: Sequence[Stock]) -> dict[str, list[str]]:
    """Return the ids that each name stands for, in any letters: its own, or one of each venue that has the symbol."""
    by_id = {row.id.upper(): row.id for row in known} | {row.id: row.id for row in known}
    by_symbol: dict[str, list[str]] = {}
    for row in known:
        by_symbol.setdefault(row.symbol.upper(), []).append(row.id)
    found: dict[str, list[str]] = {}
    for name in names:
        own = by_id.get(name) or by_id.get(name.upper())
        found[name] = [own] if own else sorted(set(by_symbol.get(name.upper(), ())))
    return {name: ids for name, ids in found.items() if ids}


def respelled_sentence(ids: Mapping[str, str]) -> str:
    """Return what is saved in the place of which names, the first of them."""
    shown = ", ".join(f"{name} → {ids[name]}" for name in list(ids)[:5]) + (", …" if len(ids) > 5 else "")
    return f"saved as ids: {shown}"


def parts_of(names: Sequence[str]) -> Iterator[list[str]]:
    """Yield names in parts that an address holds: a name may have 128 characters, and each of them nine of its own."""
    part: list[str] = []
    length = 0
    for name in names:
        own = len(quote(f"{name},", safe=""))
        if part and length + own > MOST_OF_AN_ADDRESS:
            yield part
            part, length = [], 0
        part.append(name)
        length += own
    if part:
        yield part


def watchlists(kept: list[Watchlist], server: Client) -> None:
    """Show one watchlist to edit, checked as it is written.

    It is kept as it was when the text was made of it: what is saved takes the place of that, and of nothing newer.
    """
    lists = {each.name: each for each in kept}
    new = apart("New watchlist", lists)
    if made := st.session_state.pop(_MADE, None):
        st.session_state[_CHOICE] = made if made in lists else new  # what was made is what is shown
    choice = st.selectbox("Watchlist", [*lists, new], key=_CHOICE)
    name = choice if choice in lists else st.text_input("Name", max_chars=64).strip()
    text, begun = f"symbols-{choice}", f"seen-{choice}"
    if text not in st.session_state or begun not in st.session_state:
        st.session_state[begun] = lists.get(choice)
    if text not in st.session_state:
        st.session_state[text] = "\n".join(lists[choice].symbols) if choice in lists else ""
    symbols = names_in(st.text_area("Symbols", height=260, key=text, help="Paste any list."))
    symbols = check(symbols, server)
    if choice in lists and lists[choice].source == "configuration":  # removing would take its namesake away
        st.caption("of the configuration, and changed there")
        return
    with st.container(horizontal=True):
        save = st.button("Save", type="primary", icon=":material/save:", disabled=not (name and symbols))
        delete = choice in lists and st.button("Delete", icon=":material/delete:")
    if save and choice not in lists:
        make(name, symbols, server, taken=name in lists)
    elif save or delete:
        seen: Watchlist | None = st.session_state[begun]

        def work() -> None:
            server.put_watchlist(name, symbols, seen=seen) if save else server.delete_watchlist(name, seen=seen)

        if change(work, lists[name], name):
            for shown in (begun, text):  # what is kept is what is shown
                st.session_state.pop(shown, None)
            st.rerun()
        st.session_state[begun] = lists[name]


def check(symbols: list[str], server: Client) -> list[str]:
    """Return the names as they are saved, each once: by id, as the server wants them.

    Shows which it does not know, which are other than they were written, and which a person has to choose between.
    ``*.KRAKEN`` is whatever is traded there.
    """
    if not symbols:
        return symbols
    with told():
        written = [name for name in symbols if not name.startswith("*")]
        answers = [server.stocks(part, columns=("id", "symbol")) for part in parts_of(written)]
        unknown = [name for answer in answers for name in answer.unknown]
        found = meanings(written, [row for answer in answers for row in answer.data])
    if unknown:
        st.warning(unknown_sentence(unknown, len(symbols)))
    else:
        st.caption(f"{len(symbols)} symbols, all known")
    for name, ids in found.items():
        if len(ids) > 1:
            st.warning(f"{name} is traded at {len(ids)} venues. Write {' or '.join(ids)}.")
    one = {name: ids[0] for name, ids in found.items() if len(ids) == 1}
    if others := {name: its for name, its in one.items() if its != name}:
        st.caption(respelled_sentence(others))
    return list(dict.fromkeys(one.get(name, name) for name in symbols))


def make(name: str, symbols: Sequence[str], server: Client, *, taken: bool) -> None:
    """Keep a watchlist under a name that none has, also none that somebody has made just now."""
    with told():
        try:
            if not taken:
                server.put_watchlist(name, symbols, new=True)
        except Outdated:
            taken = True
    if taken:
        st.error(f"There is a watchlist {name!r} already. Choose it above to change it, or give yours another name.")
        return
    st.session_state[_MADE] = name
    st.rerun()


def row_of(key: Key) -> dict[str, str | None]:
    """Return what the table says of a key; times to the second, UTC."""
    state = "holds" if key.holds else "revoked" if key.revoked else "over"
    times = {"Made (UTC)": key.created, "Until (UTC)": key.expires}
    told = {name: None if time is None else str(time)[:19].replace("T", " ") for name, time in times.items()}
    return {"Key": key.id, "User": key.name, "Scope": key.scope, "State": state, **told}


def keys(server: Client) -> None:
    """Show the API keys; a new one is shown once. Who may not see them is told so, and sees the rest of the page."""
    with told():
        try:
            found = offered(server.keys)
        except NotAllowed as error:
            if error.status != 403:
                raise
            st.info(f"{error.sentence}. [Sign in](/login) with another to see them.")
            return
    if found is None:
        st.info("This server has no API keys: it listens on this machine alone.")
        return
    st.dataframe([row_of(key) for key in found], hide_index=True)
    with st.form("new key", border=True):
        cells = st.columns(3)
        name = cells[0].text_input("User")
        scope = cells[1].selectbox("Scope", ["read", "write", "admin"])
        days = cells[2].number_input("Days", 1, 365, 90)
        if st.form_submit_button("Make a key") and name:
            with told():
                made = server.make_key(name=name, scope=scope, days=int(days))
            st.success("Copy it now: it is not shown again.")
            st.code(made.key or "", language=None)
    number = st.selectbox("Revoke", [key.id for key in found if key.holds], index=None)
    if number and st.button("Revoke this key", icon=":material/block:"):
        with told():
            server.delete_key(number)
        st.rerun()


server = client()
left, right = st.columns(2, gap="large")
with left:
    st.subheader("Watchlists")
    with told():
        kept = offered(server.watchlists)
    if kept is None:
        st.info("This server keeps no watchlists by its API. `breadboard rules watch` does.")
    else:
        watchlists(kept, server)
with right:
    st.subheader("API keys")
    keys(server)
    st.subheader("Server")
    with told():
        status = server.status()
    rows = [{"Setting": "address", "Value": server.address, "Source": "this page's own server"}]
    rows += [
        {"Setting": f"feed {feed['feed']}", "Value": feed["state"], "Source": feed["provenance"]}
        for feed in status["feeds"]
    ]
    st.dataframe(rows, hide_index=True)
    if session():
        out = '<a href="/logout" target="_self">Sign out</a>'
        st.markdown(f"You are signed in, and these pages do what your key allows. {out}", unsafe_allow_html=True)
