"""Rules over what other stages found: anomalies, opportunities, windows with features."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from breadboard.engine.rule_state import HOLE
from breadboard.engine.rules import Rules
from breadboard.model.alerts import ALERT
from breadboard.model.anomalies import ANOMALY, Anomaly
from breadboard.model.bars import BAR
from breadboard.model.decimals import ABSENT
from breadboard.model.features import FEATURE, Feature
from breadboard.model.instruments import Instruments
from breadboard.model.kinds import BarState
from breadboard.model.opportunities import OPPORTUNITY, OpportunityState
from breadboard.model.rules import Rule, RuleSet
from tapes import SECOND, T0, tape, trade


def stage(*wanted: Rule, calendar: str = "") -> Rules:
    instruments = Instruments()
    for venue, symbol in (("ONE", "A"), ("ONE", "B"), ("TWO", "A")):
        instruments.intern(venue, symbol)
    return Rules(instruments, lambda _: calendar, {0: "ONE", 1: "TWO"}, RuleSet(wanted))


def told(subject: Rules, bars: NDArray[np.void] | None = None, **streams: NDArray[np.void]) -> NDArray[np.void]:
    rows = tape([trade(n, n * SECOND, 100) for n in range(40)])
    found = subject.on_tape(rows, np.zeros(0, HOLE), np.zeros(0, BAR) if bars is None else bars, streams)
    return np.zeros(0, ALERT) if found is None else found


def anomaly(offset: int, kind: Anomaly, score: float, which: int = 0, source: int = 0) -> dict[str, Any]:
    where = {"offset": offset, "index": 2, "kind": kind, "score": score, "instrument": which, "source": source}
    return where | {
        "ts_event": T0 + offset * SECOND,
        "ts_recv": T0 + offset * SECOND,
        "baseline": 0.5,
        "from_offset": 3,
    }


def rows(dtype: Any, made: list[dict[str, Any]]) -> NDArray[np.void]:  # noqa: ANN401 - a numpy dtype
    found = np.zeros(len(made), dtype)
    for at, fields in enumerate(made):
        for name, value in fields.items():
            found[name][at] = value
    return found


def test_each_anomaly_of_the_kinds_asked_for_is_an_alert() -> None:
    jumps = Rule(name="jumps", kind="anomaly", of=("price_jump",), threshold=2.0, symbols=("*.ONE",))
    anything = Rule(name="any", kind="anomaly", symbols=("A.TWO",))
    wide = Rule(name="wide", kind="anomaly", of=("stale_venue",), symbols=("*.TWO",), cooldown="10s")
    found = rows(
        ANOMALY,
        [
            anomaly(5, Anomaly.PRICE_JUMP, 3.0),
            anomaly(6, Anomaly.PRICE_JUMP, 1.5),
            anomaly(7, Anomaly.BURST, 9.0, which=1),
            anomaly(8, Anomaly.PRICE_JUMP, 2.0, which=1),
            anomaly(9, Anomaly.BURST, 0.1, which=2, source=1),
            anomaly(10, Anomaly.STALE_VENUE, 1.0, which=-1, source=1),
            anomaly(11, Anomaly.STALE_VENUE, 1.0, which=-1, source=0),
            anomaly(12, Anomaly.STALE_VENUE, 1.0, which=-1, source=1),
        ],
    )
    subject = stage(jumps, anything, wide)
    alerts = told(subject, anomalies=found)
    named = [
        (subject.registry[a["rule"]].name, int(a["offset"]), int(a["instrument"]), int(a["cause"])) for a in alerts
    ]
    assert named == [
        ("jumps", 5, 0, Anomaly.PRICE_JUMP),
        ("jumps", 8, 1, Anomaly.PRICE_JUMP),
        ("any", 9, 2, Anomaly.BURST),
        ("wide", 10, -1, Anomaly.STALE_VENUE),
    ]
    assert subject.counters()["held"] == 1
    first = alerts[0]
    assert (first["value"], first["reference"], first["reference_offset"], first["index"]) == (3.0, 0.5, 3, 2)
    assert np.isnan(alerts["threshold"][2])


def test_anomalies_that_end_at_one_row_have_ids_of_their_own() -> None:
    found = rows(ANOMALY, [anomaly(5, kind, 2.0) for kind in (Anomaly.VOLUME_OUTLIER, Anomaly.BURST)])
    found = np.concatenate([found, found[:1]])
    found["ts_event"][2] += SECOND  # and so have windows that are over at once
    alerts = told(stage(Rule(name="any", kind="anomaly")), anomalies=found)
    assert len(set(alerts["id"].tolist())) == 3
    assert alerts["id"].tolist() == told(stage(Rule(name="any", kind="anomaly")), anomalies=found)["id"].tolist()


def opportunity(offset: int, state: OpportunityState, bps: float, route: int = 0) -> dict[str, Any]:
    when = {"offset": offset, "ts_event": ABSENT, "ts_recv": T0 + offset * SECOND, "id": 70 + route}
    return when | {"state": state, "net_bps": bps, "route": route, "leg_instrument": [0, 2, -1], "gross_bps": bps + 1}


def test_an_opportunity_is_told_when_its_net_comes_to_the_threshold_and_again_after_it_closed() -> None:
    opened, updated, closed = OpportunityState.OPENED, OpportunityState.UPDATED, OpportunityState.CLOSED
    found = rows(
        OPPORTUNITY,
        [
            opportunity(1, opened, 2.0),
            opportunity(2, updated, 5.0),
            opportunity(3, updated, 9.0),
            opportunity(4, opened, 7.0, route=1),
            opportunity(5, closed, 9.0),
            opportunity(6, opened, 6.0),
        ],
    )
    subject = stage(Rule(name="net", kind="arbitrage", threshold=5.0, symbols=("A.TWO",)))
    alerts = told(subject, opportunities=found)
    assert alerts["offset"].tolist() == [2, 4, 6]
    assert (alerts["value"][0], alerts["reference"][0], alerts["instrument"][0]) == (5.0, 6.0, 0)
    assert (
        len(told(stage(Rule(name="net", kind="arbitrage", threshold=5.0, symbols=("B.ONE",))), opportunities=found))
        == 0
    )


def test_an_opportunity_that_closes_at_night_is_over_in_the_morning() -> None:
    opened, closed = OpportunityState.OPENED, OpportunityState.CLOSED
    found = rows(OPPORTUNITY, [opportunity(n, state, 7.0) for n, state in enumerate((opened, closed, opened), 1)])
    hour, opening = 3600 * SECOND, 1_700_058_600 * SECOND  # 2023-11-15 09:30 in New York
    found["ts_recv"] = [opening + 6 * hour, opening + 7 * hour, opening + 24 * hour]
    subject = stage(Rule(name="net", kind="arbitrage", threshold=5.0, session="regular"), calendar="XNYS")
    assert told(subject, opportunities=found)["offset"].tolist() == [1, 3]


def test_opportunities_that_one_row_opens_have_ids_of_their_own_and_one_cooldown_of_their_instrument() -> None:
    opened, closed = OpportunityState.OPENED, OpportunityState.CLOSED
    both = [opportunity(offset, opened, 7.0, route=route) for offset in (1, 8) for route in (0, 1)]
    found = rows(OPPORTUNITY, [*both[:2], *(opportunity(5, closed, 7.0, route=route) for route in (0, 1)), *both[2:]])
    every = told(stage(Rule(name="net", kind="arbitrage", threshold=5.0)), opportunities=found)
    assert every["offset"].tolist() == [1, 1, 8, 8]
    assert len(set(every["id"].tolist())) == 4
    for cooldown, once, expected in (("5s", "", [1, 8]), ("", "day", [1])):
        subject = stage(Rule(name="net", kind="arbitrage", threshold=5.0, cooldown=cooldown, once_per=once))
        early = told(subject, opportunities=found[:1])
        after = stage()
        after.restore(subject.snapshot())
        late = told(after, opportunities=found[1:])
        assert [*early["offset"].tolist(), *late["offset"].tolist()] == expected
        assert after.counters()["held"] == 4 - len(expected)


def window(second: int, offset: int, **more: Any) -> dict[str, Any]:  # noqa: ANN401 - values of a row
    return {"instrument": 0, "interval": 1, "ts_open": T0 + second * SECOND, "offset": offset, **more}


def test_an_expression_sees_bar_features_and_last_price_of_one_window() -> None:
    one = Rule(name="x", kind="expression", expression="ofi > 5.0 && last > 99.5 && twap < last", window="1s")
    price = {"open": 10**11, "high": 10**11, "low": 10**11, "close": 10**11, "volume_whole": 2, "notional": 200.0}
    bars = rows(BAR, [window(0, 3, ts_close=T0 + SECOND, state=BarState.FINAL, completeness=0.5, **price)])
    features = rows(
        FEATURE,
        [
            window(0, 3, feature=Feature.OFI, value=6.0),
            window(0, 3, feature=Feature.TWAP, value=99.0),
            window(1, 4, feature=Feature.OFI, value=1.0),
            window(1, 4, feature=Feature.TWAP, value=99.0),
            window(2, 5, feature=Feature.OFI, value=9.0),
            window(2, 5, feature=Feature.TWAP, value=99.0),
            window(3, 6, feature=Feature.OFI, value=9.0),
        ],
    )
    subject = stage(one)
    alerts = told(subject, bars, features=features)
    # The last price is known also where nothing traded; where something in it is not known, nothing is concluded.
    assert [(int(a["offset"]), int(a["ts_window"]) - T0, int(a["gapped"])) for a in alerts] == [
        (3, 0, 1),
        (5, 2 * SECOND, 0),
    ]
    assert (alerts["ts_event"][0], alerts["ts_recv"][0]) == (T0 + SECOND, T0 + 3 * SECOND)
    assert len(told(stage(one), bars)) == 0


def test_a_number_has_a_threshold_and_a_way_back() -> None:
    one = Rule(name="x", kind="expression", expression="math.abs(ofi)", threshold=5.0, rearm=1.0, window="1s")
    values = (6.0, 2.0, 7.0, 0.5, -8.0)
    features = rows(FEATURE, [window(at, at, feature=Feature.OFI, value=value) for at, value in enumerate(values)])
    assert told(stage(one), features=features)["value"].tolist() == [6.0, 8.0]


def test_what_was_held_back_is_counted_once_however_often_rules_change() -> None:
    one = Rule(name="x", kind="expression", expression="ofi > 5.0", window="1s", cooldown="1h")
    features = rows(FEATURE, [window(at, at, feature=Feature.OFI, value=9.0 * (at % 2)) for at in range(8)])
    subject = Rules(stage()._instruments, lambda _: "", {})
    whole = tape([trade(n, n * SECOND, offset=n) for n in range(50)])
    edits = [(20 + n, RuleSet((one, Rule(name="gap", kind="gap"))[: n % 2 + 1])) for n in range(4)]
    no_holes, no_bars = np.zeros(0, HOLE), np.zeros(0, BAR)
    found = subject.on_tape(whole, no_holes, no_bars, {"features": features}, [(-1, RuleSet((one,))), *edits])
    assert found is not None
    assert (len(found), subject.counters()["held"]) == (1, 3)


@pytest.mark.parametrize("place", range(6))
def test_what_is_known_of_them_survives_a_restart(place: int) -> None:
    one = Rule(name="x", kind="expression", expression="ofi + last - last", threshold=5.0, rearm=1.0, window="1s")
    values = (6.0, 2.0, 7.0, 0.5, -8.0, 9.0)
    features = rows(FEATURE, [window(at, at, feature=Feature.OFI, value=value) for at, value in enumerate(values)])
    price = {"open": 1, "high": 1, "low": 1, "close": 1, "state": BarState.FINAL}
    bars = rows(BAR, [window(0, 0, **price)])
    whole = stage(one)
    expected = told(whole, bars, features=features)
    before, after = stage(one), stage()
    early = told(before, bars[:place], features=features[:place])
    after.restore(before.snapshot())
    late = told(after, bars[place:], features=features[place:])
    assert np.concatenate([early, late]).tobytes() == expected.tobytes()
    assert after.snapshot() == whole.snapshot()
