"""The entry that Streamlit runs: what every page has, and the pages."""

from pathlib import Path

import streamlit as st

HOME = Path(__file__).parent

# The icon is a file of ours: for a named one Streamlit asks another host.
st.set_page_config(page_title="Breadboard", page_icon=str(HOME / "icon.svg"), layout="wide")
pages = [
    st.Page(HOME / "pages/monitor.py", title="Real-time Monitor", icon=":material/monitoring:", default=True),
    st.Page(HOME / "pages/history.py", title="Historical Analysis", icon=":material/query_stats:"),
    st.Page(HOME / "pages/alerts.py", title="Alerts & Notifications", icon=":material/notifications:"),
    st.Page(HOME / "pages/settings.py", title="Settings & Watchlist", icon=":material/settings:"),
]
st.navigation(pages, position="top").run()
