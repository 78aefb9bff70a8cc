"""Real-time Monitor: how the feeds are, and the terminal's monitor with its own socket."""

from collections.abc import Sequence

import streamlit as st

from breadboard.dashboard.changing import apart
from breadboard.dashboard.embed import is_built, terminal
from breadboard.dashboard.parts import badges, client, offered, origins, told

_COUNTED = ("state", "change", "provenance", "delayed")
"""What is read of thousands of rows every five seconds, in the process that serves everybody."""


@st.fragment(run_every=5)
def tiles() -> None:
    """Show how many instruments are how, every five seconds."""
    with told():
        found = client().stocks(columns=_COUNTED if is_built() else None)
        status = client().status()
    states = [stock.state for stock in found.data]
    changes = [stock.change for stock in found.data if stock.change is not None]
    cells = st.columns([1.2, 1, 1, 1, 1, 1], vertical_alignment="center")
    with cells[0]:
        badges(origins(found.data))
    figures = {
        "Instruments": len(states),
        "Live": states.count("live"),
        "▲ / ▼": f"{sum(change > 0 for change in changes)} / {sum(change < 0 for change in changes)}",
        "Feeds": f"{sum(feed['state'] == 'live' for feed in status['feeds'])} of {len(status['feeds'])}",
        "Gaps": status["gaps"],
    }
    for cell, (name, figure) in zip(cells[1:], figures.items(), strict=True):
        cell.metric(name, figure, border=True)
    for reason in status["reasons"]:
        st.warning(reason)
    if not is_built():
        st.dataframe(
            [
                {
                    "Instrument": stock.id,
                    "Last": str(stock.price or ""),
                    "Change %": "" if stock.change_percent is None else str(stock.change_percent),
                    "Since": (stock.change_from or "").replace("_", " "),
                    "Bid": str(stock.bid or ""),
                    "Ask": str(stock.ask or ""),
                    "Volume": str(stock.volume or ""),
                    "State": stock.state,
                    "Age ms": stock.age_ms,
                }
                for stock in found.data
            ],
            hide_index=True,
        )


tiles()
with told():
    lists = {each.name: each.symbols for each in offered(client().watchlists) or ()}
symbols: Sequence[str] = ("*",)
if lists:
    every = apart("All instruments", lists)
    choice = st.segmented_control("Watchlist", [every, *lists], default=every, label_visibility="collapsed")
    symbols = lists.get(choice or every, symbols)
terminal("monitor", symbols)
