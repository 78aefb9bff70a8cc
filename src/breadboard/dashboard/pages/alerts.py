"""Alerts & Notifications: what to be told of, how often that would have been, and what was told."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import streamlit as st

from breadboard.client import ClientError, Rule
from breadboard.dashboard.parts import client, offered, say, told
from breadboard.dashboard.reading import newest_alerts
from breadboard.dashboard.rule_form import KINDS, rule_of


def fields(kind: str) -> Mapping[str, Any]:
    """Show the fields of a kind and return what they hold."""
    needed, said = KINDS[kind][1], dict[str, Any]()
    cells = iter(st.columns(3))
    if "threshold" in needed:
        said["threshold"] = next(cells).number_input("Threshold", value=3.0, min_value=0.0, format="%g")
    if "window" in needed:
        said["window"] = next(cells).text_input("Within", "5m", help="ms, s, m, h or d: 500ms, 5m")
    if "direction" in needed:
        said["direction"] = next(cells).selectbox("Direction", ["either", "up", "down"])
    if "expression" in needed:
        said["expression"] = next(cells).text_input("Expression", "close > vwap * 1.01")
    cells = iter(st.columns(4))
    on = next(cells).text_input("On", "*", help="BTCUSDT.BINANCE, *.BINANCE, @watchlist, or *; several with commas")
    said["symbols"] = [name.strip() for name in on.split(",") if name.strip()]
    said["cooldown"] = next(cells).text_input("Cooldown", "15m")
    said["once_per"] = next(cells).selectbox("At most once per", ["always", "session", "day", "hour"])
    said["session"] = next(cells).selectbox("Session", ["always", "regular", "extended"])
    return said


def build() -> None:
    """Show the rule builder. A rule is saved only after it was tried as it stands."""
    name, kind = st.columns(2)
    named = name.text_input("Name", "my rule", max_chars=64)
    chosen = kind.selectbox("Kind", list(KINDS), format_func=lambda key: KINDS[key][0])
    rule = rule_of(named.strip(), chosen, fields(chosen))
    days = st.segmented_control("Try it over", [1, 7, 30], default=7, format_func=lambda n: f"{n} d") or 7
    if st.button("Back-test", icon=":material/play_arrow:"):
        start = datetime.now(UTC) - timedelta(days=days)
        try:
            found = client().test_rule(rule, start=start.strftime("%Y-%m-%dT%H:%M"))
            st.session_state["tried"] = (rule, days, found)
        except ClientError as error:
            st.session_state.pop("tried", None)
            say(error)
    tried = st.session_state.get("tried")
    if tried is None or tried[0] != rule:
        st.caption("Back-test it first: how often would it have fired?")
        return
    trial = tried[2]
    st.markdown(f"> {trial.sentence}")
    st.metric(f"Fires in {tried[1]} days", f"{trial.fires:,}", border=True)
    if trial.alerts:
        st.dataframe(list(trial.alerts), hide_index=True, height=180)
    if st.button("Save", type="primary", icon=":material/save:"):
        with told():
            client().put_rule(rule["name"], rule)
        st.toast(f"saved {rule['name']!r}; it holds from the next second on")


def kept(rules: list[Rule]) -> None:
    """Show the rules with their versions."""
    if not rules:
        st.caption("No rules yet.")
    for rule in rules:
        with st.expander(f"**{rule.name}** · {rule.version}"):
            st.write(rule.sentence)
            st.json(rule.rule, expanded=False)
            with told():
                history = offered(lambda name=rule.name: client().rule(name).history)  # type: ignore[misc] # the default binds it
            if history:
                st.dataframe([dict(version) for version in history], hide_index=True)
            if st.button("Remove", key=f"remove-{rule.name}", icon=":material/delete:"):
                with told():
                    client().delete_rule(rule.name)
                st.rerun()


@st.fragment(run_every=5)
def feed() -> None:
    """Show the newest alerts of the last day, every five seconds."""
    with told():
        found = newest_alerts(client())
    if not found.rows:
        st.caption("No alert in the last 24 hours.")
        return
    st.dataframe(
        [
            {
                "Time (UTC)": str(alert["ts_event"] or alert["ts_recv"])[:23].replace("T", " "),
                "Rule": alert["rule"],
                "Instrument": f"{alert['symbol']}.{alert['venue']}",
                "What": alert["message"],
                "Value": alert["value"],
                "Threshold": alert["threshold"],
                "Data": alert["provenance"],
            }
            for alert in found.rows
        ],
        hide_index=True,
    )
    st.caption(f"{'the newest ' if found.more else ''}{len(found.rows):,} of the last 24 hours")


with told():
    rules = offered(client().rules)
left, right = st.columns([3, 2], gap="large")
with left:
    st.subheader("New rule")
    if rules is None:
        st.info("This server keeps no rules by its API. `breadboard rules add` does.")
    else:
        build()
with right:
    st.subheader("Rules")
    kept(rules or [])
st.subheader("Alerts")
feed()
