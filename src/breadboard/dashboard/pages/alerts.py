"""Alerts & Notifications: what to be told of, how often that would have been, and what was told."""

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import streamlit as st

from breadboard.client import ClientError, Rule, Trial
from breadboard.dashboard.changing import change
from breadboard.dashboard.parts import client, offered, say, told
from breadboard.dashboard.reading import Recorded, newest_alerts, recorded
from breadboard.dashboard.rule_form import KINDS, a_day, lasting, looked_at, rule_of

_BEGUN: Final = "_standing_rule"
"""The rule that had the name when one was tried; None: none had."""
_SHOWN: Final = "_shown_rules"
"""The rules as somebody has them before them."""
_SAID: Final = "_said"
_CONFIGURATION: Final = "configuration"
_RETRACTED: Final = "retracted"


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


def build(rules: Mapping[str, Rule]) -> None:
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
            st.session_state["tried"] = (rule, days, found, recorded_or_none(days))
            st.session_state[_BEGUN] = rules.get(rule["name"])
        except ClientError as error:
            st.session_state.pop("tried", None)
            say(error)
    tried = st.session_state.get("tried")
    if tried is None or tried[0] != rule:
        st.caption("Back-test it first: how often would it have fired?")
        return
    show(*tried[1:])
    standing: Rule | None = st.session_state.setdefault(_BEGUN, rules.get(rule["name"]))
    if standing is not None:
        st.caption(f"There is a rule {standing.name!r}: saved, this is the next version of it, in the place of")
        st.code(standing.sentence, language=None, wrap_lines=True)
    if st.button("Save", type="primary", icon=":material/save:"):

        def save() -> None:
            client().put_rule(rule["name"], rule, seen=standing, new=standing is None)

        if change(save, rules.get(rule["name"]), rule["name"]):
            del st.session_state["tried"], st.session_state[_BEGUN]
            st.session_state[_SAID] = f"saved {rule['name']!r}; it holds from the next second on"
            st.rerun()  # the rules beside it were read before
        st.session_state[_BEGUN] = rules.get(rule["name"])


def recorded_or_none(days: int) -> Recorded | None:
    """Return what was recorded of the last days; None where that could not be asked."""
    try:
        return recorded(client(), days)
    except ClientError:
        return None


def show(days: int, trial: Trial, heard: Recorded | None) -> None:
    """Show what a rule would have told, and of how much time: most of the days asked for may not be recorded."""
    st.markdown(f"> {trial.sentence}")
    figures = {"Fires": f"{trial.fires:,}", "Recorded": "—", "Fires a day": "—"}
    if heard is not None and heard.minutes:
        figures |= {"Recorded": lasting(heard.minutes), "Fires a day": a_day(trial.fires, heard.minutes)}
    for cell, (name, figure) in zip(st.columns(len(figures)), figures.items(), strict=True):
        cell.metric(name, figure, border=True)
    st.caption(looked_at(days, trial, heard))
    if trial.alerts:
        st.dataframe(list(trial.alerts), hide_index=True, height=180)
        if len(trial.alerts) < trial.fires + trial.retracted:
            st.caption(f"the first {len(trial.alerts):,}")


def kept(rules: Sequence[Rule]) -> None:
    """Show the rules, with their versions where somebody asks. One is removed as it was shown.

    Of one name there may be two: the configuration's, which is changed there, and one that is left out.
    """
    if not rules:
        st.caption("No rules yet.")
    seen: dict[str, Rule] = st.session_state.get(_SHOWN, {})
    st.session_state[_SHOWN] = {rule.name: rule for rule in rules if rule.source != _CONFIGURATION}
    unsaid = st.container()  # of a rule that has changed the place below is another one
    for rule in rules:
        name = rule.name
        with st.expander(f"**{name}** · {rule.version}"):
            if rule.left_out:
                st.caption(f"left out: {rule.left_out}")
            st.write(rule.sentence)
            st.json(rule.rule, expanded=False)
            if rule.source == _CONFIGURATION:  # it has no versions, and removing would take its namesake away
                st.caption("of the configuration, and changed there")
                continue
            if not rule.left_out and st.toggle("Versions", key=f"versions-{name}"):
                with told():
                    history = offered(lambda name=name: client().rule(name).history)  # type: ignore[misc] # the default binds it
                if history:
                    st.dataframe([dict(version) for version in history], hide_index=True)
            if st.button("Remove", key=f"remove-{name}", icon=":material/delete:"):
                with unsaid:
                    removed = change(
                        lambda rule=rule: client().delete_rule(rule.name, seen=seen.get(rule.name, rule)),  # type: ignore[misc] # the default binds it
                        rule,
                        name,
                    )
                if removed:
                    st.rerun()


def state_of(alert: Mapping[str, Any], gone: Collection[str]) -> str:
    """Return what a row says of its alert: the row of one that was taken back later is still there, and says so."""
    if alert["state"] == _RETRACTED:
        return "taken back"
    return "fired, taken back since" if alert["alert_id"] in gone else "fired"


@st.fragment(run_every=5)
def feed() -> None:
    """Show the newest alerts of the last day, every five seconds."""
    with told():
        found = newest_alerts(client())
    if not found.rows:
        st.caption("No alert in the last 24 hours.")
        return
    gone = {alert["alert_id"] for alert in found.rows if alert["state"] == _RETRACTED}
    fired = sum(alert["state"] != _RETRACTED for alert in found.rows)
    st.dataframe(
        [
            {
                "Time (UTC)": str(alert["ts_event"] or alert["ts_recv"])[:23].replace("T", " "),
                "State": state_of(alert, gone),
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
    newest = f"the newest {len(found.rows):,}" if found.more else f"{len(found.rows):,}"
    st.caption(f"{newest} of the last 24 hours: {fired:,} fired, {len(gone):,} taken back")


if said := st.session_state.pop(_SAID, None):
    st.toast(said)
with told():
    answered = offered(client().rules)
rules = {rule.name: rule for rule in sorted(answered or (), key=lambda rule: not rule.left_out)}  # who holds last
left, right = st.columns([3, 2], gap="large")
with left:
    st.subheader("New rule")
    if answered is None:
        st.info("This server keeps no rules by its API. `breadboard rules add` does.")
    else:
        build(rules)
with right:
    st.subheader("Rules")
    kept(answered or ())
st.subheader("Alerts")
feed()
