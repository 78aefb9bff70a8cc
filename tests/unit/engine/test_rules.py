"""Alert rules: each kind against a plain reading, on real recordings and on whatever hypothesis thinks of."""

import tomllib
from decimal import Decimal
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

import rule_reference as reference
from breadboard import feeds
from breadboard.config import EngineConfig
from breadboard.engine import Engine
from breadboard.engine.bars import Bars
from breadboard.engine.hiding import EVERY_SOURCE
from breadboard.engine.rule_state import HOLE
from breadboard.engine.rules import Rules
from breadboard.model.alerts import ALERT, AlertState, Silence
from breadboard.model.bars import BAR
from breadboard.model.decimals import ABSENT
from breadboard.model.gaps import Epoch
from breadboard.model.instruments import Instruments
from breadboard.model.kinds import BarState, EventKind, Flag, GapReason, Provenance, StatusCode
from breadboard.model.rule_words import told
from breadboard.model.rules import Rule, RuleKind, RuleSet, read
from breadboard.model.tape import Tape
from feed_samples import frames_of
from tapes import SECOND, T0, cut, tape, trade

BTC = "binance/btcusdt_20240808.gz"
Rows = list[dict[str, Any]]
NO_HOLES = np.zeros(0, HOLE)
NO_BARS = np.zeros(0, BAR)


def rules(text: str) -> RuleSet:
    return read(tomllib.loads(text), "test")


def rule(kind: str, **more: object) -> Rule:
    return read({"rules": [{"name": kind, "kind": kind, **more}]}, "test").rules[0]


def stage(*wanted: Rule, count: int = 2, calendar: str = "") -> Rules:
    instruments = Instruments()
    for each in range(count):
        instruments.intern("VENUE", f"S{each}")
    return Rules(instruments, lambda _: calendar, {0: "VENUE"}, RuleSet(wanted))


def alerts(subject: Rules, rows: Rows | Tape, bars: NDArray[np.void] = NO_BARS) -> NDArray[np.void]:
    found = subject.on_tape(rows if isinstance(rows, Tape) else tape(rows), NO_HOLES, bars, {})
    return np.zeros(0, ALERT) if found is None else found


def said(found: NDArray[np.void]) -> list[tuple[int, int, int, float]]:
    return [(int(a["offset"]), int(a["index"]), int(a["instrument"]), float(a["value"])) for a in found]


def quote(when: int, bid: int, ask: int, **more: int) -> dict[str, Any]:
    row = {"kind": EventKind.QUOTE, "ts_event": T0 + when, "ts_recv": T0 + when}
    return row | {"price": bid * 10**9, "ask_price": ask * 10**9} | more


def clock(when: int) -> dict[str, Any]:
    return {"kind": EventKind.CLOCK, "instrument": -1, "source": 0xFFFF, "ts_recv": T0 + when}


def status(when: int, code: StatusCode, **more: int) -> dict[str, Any]:
    return {"kind": EventKind.STATUS, "code": code, "ts_recv": T0 + when} | more


# --- against the plain reading ---

KINDS = (
    rule("rise", threshold=0.02, window="10s"),
    rule("rise", threshold=0.05, window="1m", rearm=0.02, cooldown="20s"),
    rule("drop", threshold=0.03, window="30s", rearm=0.01),
    rule("drop", threshold=0.01, window="500ms", once_per="hour"),
    rule("cross", threshold=61_700),
    rule("cross", threshold="61700.5", direction="up", rearm=61_690),
    rule("cross", threshold=61_650, direction="down", rearm=61_660.25),
    rule("spread", threshold=0.05),
    rule("spread", threshold=0.2, rearm=0.01, cooldown="5s"),
    rule("lag", threshold=0.5),
    rule("no_data", window="150ms"),
)


@pytest.fixture(scope="module")
def recorded() -> tuple[Tape, NDArray[np.void]]:
    engine = Engine(feeds.by_venue, EngineConfig())
    engine.adopt([Epoch(0, 1, "BINANCE", "", (), Provenance.REPLAY, open=True)])
    outputs = engine.process(frames_of("binance", "hftbacktest", (BTC,)))
    return outputs.tape, outputs.bars


@pytest.mark.parametrize("one", KINDS, ids=lambda one: f"{one.kind} {one.threshold} {one.window}")
def test_a_real_recording_fires_what_a_plain_reading_of_it_does(recorded: tuple[Tape, Any], one: Rule) -> None:
    short = recorded[0].take(slice(0, 12_000)) if one.kind in ("rise", "drop") else recorded[0]
    if one.kind == "lag":  # the recorder's clock is 1.27 s behind: moved, so that there is a lag to see
        short = short.take(slice(None))
        short.ts_recv[:] += 1_275_000_000
    expected = reference.follow(one, short)
    assert said(alerts(stage(one), short)) == expected
    if one.kind in ("lag", "no_data") or one.threshold in (61_650, 61_700, 0.05):
        assert expected


@pytest.mark.parametrize("times", [1.5, 5.0])
def test_volumes_of_a_real_recording_are_held_against_the_bars_before(
    recorded: tuple[Tape, NDArray[np.void]], times: float
) -> None:
    one = rule("volume", threshold=times, window="1s", rearm=0.5)
    found = alerts(stage(one), recorded[0], recorded[1])
    expected = reference.volumes(one, recorded[1])
    assert expected
    assert [(int(a["offset"]), int(a["instrument"])) for a in found] == [each[:2] for each in expected]
    assert found["value"] == pytest.approx([each[2] for each in expected], rel=1e-12)


def test_an_expression_is_evaluated_once_a_bar(recorded: tuple[Tape, NDArray[np.void]]) -> None:
    one = rule("expression", expression="close > open * 1.00005", window="1s")
    found = alerts(stage(one), recorded[0], recorded[1])
    bars = [bar for bar in recorded[1] if bar["interval"] == 1]
    true = [bool(bar["close"] / 1e9 > bar["open"] / 1e9 * 1.00005) for bar in bars]
    expected = [int(bar["ts_open"]) for at, bar in enumerate(bars) if true[at] and not (at and true[at - 1])]
    assert found["ts_window"].tolist() == expected
    assert len(expected) > 3


FLAGS = (Flag.AGGREGATED, Flag.DUPLICATE, Flag.HISTORY, Flag.SYNTHETIC, Flag.DELAYED)


@st.composite
def hypothetical(draw: st.DrawFn) -> Tape:
    rows: Rows = []
    now = 0
    for _ in range(draw(st.integers(5, 60))):
        now += draw(st.sampled_from([0, 1_000_000, 40_000_000, 400_000_000, 2_100_000_000]))
        event = now - draw(st.sampled_from([0, 0, 5_000_000, 90_000_000, -70_000_000_000]))
        which = draw(st.integers(0, 1))
        kind = draw(st.sampled_from("ttttqqsgc"))
        price = draw(st.integers(95, 105))
        flags = draw(st.sampled_from([0, 0, 0, 0, *map(int, FLAGS)]))
        common = {"instrument": which, "flags": flags}
        if kind == "t":
            row = trade(len(rows), event, price, **common) | {"ts_recv": T0 + now}
        elif kind == "q":
            row = quote(event, price, price + draw(st.integers(0, 3)), **common) | {"ts_recv": T0 + now}
        elif kind == "s":
            row = status(now, draw(st.sampled_from([StatusCode.HALTED, StatusCode.RESUMED])), **common)
        elif kind == "g":
            row = {"kind": EventKind.GAP, "code": GapReason.TRADE_ID, "instrument": which, "ts_recv": T0 + now}
        else:
            row = clock(now)
        rows.append(row)
    return tape(rows)


HYPOTHETICAL = (
    rule("rise", threshold=2, window="1s"),
    rule("rise", threshold=3, window="5s", rearm=1, cooldown="2s"),
    rule("drop", threshold=2, window="3s", rearm=0.5),
    rule("cross", threshold=100),
    rule("cross", threshold=100, cooldown="2s", once_per="hour"),
    rule("cross", threshold=101, direction="up", rearm=99, once_per="day"),
    rule("cross", threshold=99, direction="down", rearm=102),
    rule("lag", threshold=5, rearm=1),
    rule("halt", cooldown="1s"),
)


@settings(max_examples=120, deadline=None)
@given(hypothetical())
def test_whatever_comes_fires_what_a_plain_reading_of_it_does(whole: Tape) -> None:
    for one in HYPOTHETICAL:
        assert said(alerts(stage(one), whole)) == reference.follow(one, whole), one


# --- once a crossing ---


@settings(max_examples=150, deadline=None)
@given(st.lists(st.integers(90, 110), min_size=1, max_size=80), st.integers(95, 105), st.integers(0, 8))
def test_every_crossing_is_told_exactly_once(path: list[int], level: int, margin: int) -> None:
    """Between two alerts lies a price at the re-arm level, and after each such price the next crossing is told.

    The first one needs only to come from the other side: there is nothing to come back from.
    """
    more = {"rearm": level - margin} if margin else {}
    one = rule("cross", threshold=level, direction="up", **more)
    found = {int(a["offset"]) for a in alerts(stage(one), [trade(n, n, price) for n, price in enumerate(path)])}
    armed, expected = False, set()
    for at, price in enumerate(path):
        if armed and price >= level:
            expected.add(at)
            armed = False
        armed |= price <= level - margin if margin and expected else price < level
    assert found == expected


def test_who_begins_beyond_a_price_has_not_crossed_it() -> None:
    up = rule("cross", threshold=100, direction="up")
    assert said(alerts(stage(up), [trade(1, 0, 101), trade(2, 1, 102)])) == []
    found = alerts(stage(up), [trade(1, 0, 101), trade(2, 1, 99), trade(3, 2, 100)])
    assert said(found) == [(2, 0, 0, 100.0)]
    assert (found["reference"][0], found["reference_offset"][0], found["price"][0]) == (99.0, 1, 100 * 10**9)


@pytest.mark.parametrize("kind", ["rise", "drop"])
def test_a_price_that_moves_by_exactly_the_threshold_fires(kind: str) -> None:
    for base in (10, 20, 50, 100, 1000, 61_000):
        for percent in ("0.07", "0.14", "0.28", "0.29", "0.3", "0.55", "0.58", "1.1", "1.15", "2.3", "4.35"):
            moved = base * (1 + Decimal(percent) / (100 if kind == "rise" else -100))
            path = [trade(1, 0, base), trade(2, SECOND) | {"price": int(moved * 10**9)}]
            found = alerts(stage(rule(kind, threshold=float(percent), window="1m"), count=1), path)
            assert found["value"].tolist() == [float(percent)], (base, percent)


def test_cooldown_holds_crossings_back_and_counts_them() -> None:
    subject = stage(rule("cross", threshold=100, direction="up", cooldown="10s"))
    path = [(0, 99), (1, 100), (2, 99), (3, 100), (4, 99), (12, 100)]
    found = alerts(subject, [trade(n, when * SECOND, price) for n, (when, price) in enumerate(path)])
    assert [offset for offset, *_ in said(found)] == [1, 5]
    assert subject.counters()["held"] == 1


def test_once_an_hour_is_once_an_hour() -> None:
    subject = stage(rule("cross", threshold=100, direction="up", once_per="hour"))
    step = 20 * 60 * SECOND
    found = alerts(subject, [trade(n, n * step, 100 if n % 2 else 99) for n in range(12)])
    hours = [(T0 + offset * step) // (3600 * SECOND) for offset, *_ in said(found)]
    assert len(hours) == len(set(hours)) == 4


def test_a_trade_taken_back_retracts_its_alert_under_the_same_id() -> None:
    subject = stage(rule("cross", threshold=100, direction="up"))
    rows = [trade(1, 0, 99), trade(2, 1, 100), trade(3, 2, 101), trade(2, 3, 100, flags=int(Flag.WITHDRAWN))]
    found = alerts(subject, rows)
    assert found["state"].tolist() == [AlertState.FIRED, AlertState.RETRACTED]
    assert found["id"][0] == found["id"][1]
    assert found["offset"].tolist() == [1, 3]
    again = alerts(subject, [trade(2, 4, 100, flags=int(Flag.WITHDRAWN))])
    assert len(again) == 0


def up_and_down(*ids: int) -> Rows:
    """Each odd second a trade that comes to 100 or above, the first at 101, the next at 102."""
    return [trade(one, n * SECOND, 101 + n // 2 if n % 2 else 90) for n, one in enumerate(ids)]


def taken_back(row: dict[str, Any], **more: int) -> dict[str, Any]:
    return row | {"flags": int(Flag.WITHDRAWN), "ts_recv": T0 + 3600 * SECOND} | more


UP = rule("cross", threshold=100, direction="up")


def test_ids_alone_do_not_name_a_trade_that_is_taken_back() -> None:
    path = [trade(1, 0, 90), trade(5, SECOND, 110), trade(5, 2 * SECOND, 90)]
    others = [taken_back(path[2]), taken_back(path[1], size=7), taken_back(path[1], size_exp=3)]
    assert alerts(stage(UP), [*path, *others])["state"].tolist() == [AlertState.FIRED]
    found = alerts(stage(UP), [*path, *others, taken_back(path[1])])
    assert found["state"].tolist() == [AlertState.FIRED, AlertState.RETRACTED]


def test_of_several_trades_that_fired_the_one_that_is_taken_back_is_retracted() -> None:
    path = up_and_down(*range(1, 13))
    for at in (1, 3, 5, 9, 11):
        subject = stage(UP)
        early = alerts(subject, path)
        after = stage()
        after.restore(subject.snapshot())
        late = alerts(after, tape([taken_back(path[at]), taken_back(path[at])], first=20))
        assert late["id"].tolist() == [early["id"][at // 2]]
        assert (late["reference_offset"][0], late["price"][0]) == (at, path[at]["price"])
    edited = RuleSet((UP, rule("gap")))
    subject = stage()
    alike = Rules(subject._instruments, lambda _: "", {})
    whole = tape([*path, taken_back(path[3], offset=20)])
    told = alike.on_tape(whole, NO_HOLES, NO_BARS, {}, [(-1, RuleSet((UP,))), (15, edited)])
    assert told is not None
    assert told["id"][-1] == told["id"][1], "a rule that stays remembers"


def test_a_trade_without_an_id_is_taken_back_by_its_time() -> None:
    path = up_and_down(*[ABSENT] * 4)
    near = taken_back(path[1], ts_event=path[1]["ts_event"] + 900_000)
    found = alerts(stage(UP), [*path, taken_back(path[1], ts_event=path[1]["ts_event"] + 1_000_000), near])
    assert found["state"].tolist() == [AlertState.FIRED, AlertState.FIRED, AlertState.RETRACTED]
    assert found["id"][2] == found["id"][0]


WITHDRAWN = int(Flag.WITHDRAWN)


def states(found: NDArray[np.void]) -> list[tuple[int, AlertState]]:
    return [(int(row["offset"]), AlertState(int(row["state"]))) for row in found]


@pytest.mark.parametrize("bound", [{"once_per": "day"}, {"cooldown": "1h"}, {}], ids=str)
@pytest.mark.parametrize("restarted", [False, True])
def test_an_alert_that_is_taken_back_uses_up_no_cooldown(bound: dict[str, str], restarted: bool) -> None:
    one = rule("rise", threshold=5, window="1h", **bound)
    misprint = trade(2, 2 * SECOND, 150)
    early = [trade(1, SECOND, 100), misprint]
    late = [misprint | {"flags": WITHDRAWN}, trade(3, 4 * SECOND, 100), trade(4, 600 * SECOND, 110)]
    subject = stage(one)
    assert states(alerts(subject, early)) == [(1, AlertState.FIRED)]
    if restarted:
        before, subject = subject, stage(one)
        subject.restore(before.snapshot())
    found = alerts(subject, tape(late, first=2))
    assert states(found) == [(2, AlertState.RETRACTED), (4, AlertState.FIRED)]
    assert found["value"][1] == pytest.approx(10.0)
    assert subject.counters()["held"] == 0


def test_cooldown_after_an_alert_that_is_taken_back_is_that_of_the_alerts_that_stand() -> None:
    one = rule("cross", threshold=100, direction="up", cooldown="10s")
    path = [trade(n, n * 6 * SECOND, 101 if n % 2 else 90) for n in range(8)]
    found = alerts(stage(one), path)
    assert states(found) == [(at, AlertState.FIRED) for at in (1, 3, 5, 7)]
    # Of 18 s and of 30 s, in either order: the next may be told from 16 s on, which is 10 s after the one that stands.
    for gone in ((3, 5), (5, 3)):
        rows = [*path[:6], *(path[at] | {"flags": WITHDRAWN} for at in gone), trade(9, 31 * SECOND, 90)]
        rows.append(trade(10, 31 * SECOND + 1, 102))
        told = [AlertState.FIRED] * 3 + [AlertState.RETRACTED] * 2 + [AlertState.FIRED]
        assert [state for _, state in states(alerts(stage(one), rows))] == told
    # The last one stands, at 30 s: it holds the next back, whatever is taken back before it.
    rows = [*path[:6], path[3] | {"flags": WITHDRAWN}, trade(9, 31 * SECOND, 90), trade(10, 32 * SECOND, 102)]
    subject = stage(one)
    assert states(alerts(subject, rows))[-1] == (6, AlertState.RETRACTED)
    assert subject.counters()["held"] == 1


def test_a_price_that_is_taken_back_is_no_lowest_of_a_window() -> None:
    one = rule("rise", threshold=5, window="1h")
    low = trade(2, 2 * SECOND, 10)
    gone = low | {"flags": WITHDRAWN, "ts_recv": low["ts_recv"] + 1}
    path = [trade(1, SECOND, 100), low, gone, trade(3, 3 * SECOND, 100)]
    assert said(alerts(stage(one), path)) == []
    told = alerts(stage(one), [*path[:3], trade(4, 60 * SECOND, 110)])
    assert told["offset"].tolist() == [3]
    assert told["value"] == pytest.approx([10.0])
    later = [path[0], low, trade(3, 3 * SECOND, 101), gone, trade(4, 60 * SECOND, 102), trade(5, 61 * SECOND, 110)]
    found = alerts(stage(one), later)
    assert [(int(row["offset"]), float(row["reference"])) for row in found] == [(2, 10.0), (5, 101.0)]


def test_a_price_that_is_taken_back_has_crossed_nothing_and_left_nothing() -> None:
    up, both = rule("cross", threshold=100, direction="up"), rule("cross", threshold=100)
    low = trade(2, 2 * SECOND, 50)
    gone = low | {"flags": WITHDRAWN, "ts_recv": low["ts_recv"] + 1}
    path = [trade(1, SECOND, 120), low, gone, trade(3, 3 * SECOND, 121)]
    assert said(alerts(stage(up), path)) == []
    assert states(alerts(stage(both), path)) == [(1, AlertState.FIRED), (2, AlertState.RETRACTED)]
    # A misprint was told as the crossing, and the real one came before the misprint was taken back.
    high = trade(2, 2 * SECOND, 150)
    gone = high | {"flags": WITHDRAWN, "ts_recv": high["ts_recv"] + 1}
    rows = [trade(1, SECOND, 99), high, trade(3, 3 * SECOND, 110), gone, trade(4, 4 * SECOND, 111)]
    for one in (up, both):
        told = [(1, AlertState.FIRED), (3, AlertState.RETRACTED), (4, AlertState.FIRED)]
        assert states(alerts(stage(one), rows)) == told


def test_a_history_that_goes_back_in_time_begins_anew() -> None:
    rise = rule("rise", threshold=5, window="30s", cooldown="1m")
    cross = msgspec.structs.replace(UP, name="cross", cooldown="1m", once_per="day")
    day = 86_400 * SECOND
    rows: Rows = []
    for source, begins in enumerate((0, -day)):
        prices = [100 if n % 20 < 10 else 110 for n in range(20)]
        more = {"source": source, "flags": int(Flag.HISTORY), "ts_recv": T0 + day}
        rows += [trade(100 * source + n, begins + n * SECOND, price, **more) for n, price in enumerate(prices)]
    rows += [trade(500 + n, (30 + n) * SECOND, 100 + 10 * n, source=5, ts_recv=T0 + day) for n in range(2)]
    subject = stage(rise, msgspec.structs.replace(cross, threshold=105))
    found = [offset for offset, *_ in said(alerts(subject, rows))]
    assert found == [10, 10, 30, 30, 41, 41]
    assert subject.counters()["late"] == 0
    forth = stage(rise, msgspec.structs.replace(cross, threshold=105))
    assert [offset for offset, *_ in said(alerts(forth, tape([*rows[20:40], *rows[:20]])))] == [10, 10, 30, 30]
    live = [row | {"flags": 0} for row in rows[:40]]
    alerts(other := stage(rise), live)
    assert other.counters()["late"] == 20, "two live sources of one instrument are one market"


# --- gaps, halts, silence ---


def test_a_gap_of_a_source_is_one_alert_and_one_of_an_instrument_is_its_own() -> None:
    subject = stage(rule("gap"), count=3)
    heard = [trade(1, 0, instrument=which, source=4) for which in (0, 1, 2)]
    gap = {"kind": EventKind.GAP, "code": GapReason.DISCONNECT, "instrument": -1, "source": 4}
    other = gap | {"source": 5}
    own = gap | {"instrument": 2, "code": GapReason.SEQUENCE}
    found = alerts(subject, [*heard, gap, other, own])
    assert [(int(a["offset"]), int(a["instrument"]), int(a["cause"])) for a in found] == [
        (3, -1, GapReason.DISCONNECT),
        (5, 2, GapReason.SEQUENCE),
    ]


def test_cooldown_holds_back_the_gaps_of_a_source_whatever_instruments_it_has() -> None:
    subject = stage(rule("gap", cooldown="10s"), count=3)
    heard = [trade(1, 0, instrument=which, source=4) for which in (0, 1, 2)]
    gap = {"kind": EventKind.GAP, "code": GapReason.DISCONNECT, "instrument": -1, "source": 4}
    found = alerts(subject, [*heard, *(gap | {"ts_recv": T0 + n * 4 * SECOND} for n in range(5))])
    assert [int(a["offset"]) - 3 for a in found] == [0, 3]
    assert subject.counters()["held"] == 3


def test_trades_and_books_of_an_instrument_may_come_from_two_sources() -> None:
    gap = {"kind": EventKind.GAP, "code": GapReason.DISCONNECT, "instrument": -1, "source": 4}
    book = {"kind": EventKind.BOOK_DELTA, "source": 5}
    path = [trade(1, 0, 99, source=4), book, gap, trade(2, 1, 100, source=4)]
    found = alerts(stage(rule("cross", threshold=100, direction="up")), path)
    assert [(int(a["offset"]), int(a["gapped"])) for a in found] == [(3, 1)]


def test_a_hole_that_a_stage_found_is_told_at_its_row() -> None:
    hole = np.array([(1, 0, 0, 4, int(GapReason.TRADE_ID), T0, 0)], HOLE)
    rows = tape([trade(1, 0, 99, source=4), trade(9, 1, 100, source=4)])
    subject = stage(rule("gap"), rule("cross", threshold=100, direction="up"))
    found = subject.on_tape(rows, hole, NO_BARS, {})
    assert found is not None
    assert [(int(a["offset"]), int(a["gapped"])) for a in found] == [(1, 1), (1, 1)]


def test_who_is_heard_of_after_a_gap_of_every_source_lacks_nothing_whatever_the_batches() -> None:
    restart = {"kind": EventKind.GAP, "code": GapReason.RESTART, "instrument": -1, "source": EVERY_SOURCE}
    whole = tape([restart, trade(1, 0, 100), trade(2, SECOND, 103), restart])
    watched = (rule("gap"), rule("rise", threshold=2, window="1m"))
    at_once = alerts(stage(*watched), whole)
    assert [(int(a["offset"]), int(a["gapped"])) for a in at_once] == [(2, 0), (3, 1)]
    instruments = Instruments()
    subject = Rules(instruments, lambda _: "", {0: "VENUE"}, RuleSet(watched))
    parts = []
    for each in cut(whole, (1,)):
        parts.append(alerts(subject, each))
        instruments.intern("VENUE", "S0")
    assert b"".join(part.tobytes() for part in parts) == at_once.tobytes()


def test_an_alert_over_a_window_with_a_gap_in_it_says_so() -> None:
    gap = {"kind": EventKind.GAP, "code": GapReason.DISCONNECT, "instrument": -1, "ts_recv": T0 + SECOND}
    path = [trade(1, 0, 100), gap, trade(2, 2 * SECOND, 102), trade(3, 3 * SECOND, 100), trade(4, 70 * SECOND, 100)]
    path += [trade(5, 71 * SECOND, 102)]
    found = alerts(stage(rule("rise", threshold=2, window="1m")), path)
    assert [(int(a["offset"]), int(a["gapped"])) for a in found] == [(2, 1), (5, 0)]


def test_a_halt_is_told_once_until_it_is_over() -> None:
    codes = (StatusCode.HALTED, StatusCode.HALTED, StatusCode.RESUMED, StatusCode.HALTED)
    found = alerts(stage(rule("halt")), [status(n, code) for n, code in enumerate(codes)])
    assert [offset for offset, *_ in said(found)] == [0, 3]


@pytest.mark.parametrize("code", [StatusCode.FEED_DOWN, StatusCode.FEED_UP])
@pytest.mark.parametrize("wide", [False, True])
def test_a_halt_is_unknown_once_whoever_told_of_it_was_away(code: StatusCode, wide: bool) -> None:
    halted = status(SECOND, StatusCode.HALTED, source=3, instrument=-1 if wide else 0)
    first = [quote(0, 100, 101, source=3), halted, quote(2 * SECOND, 100, 102, source=3)]
    away = status(3600 * SECOND, code, instrument=-1, source=3)
    then = [quote(3601 * SECOND, 100, 103, source=3), halted | {"ts_recv": T0 + 3602 * SECOND}]
    watched = (rule("halt"), rule("spread", threshold=10, name="wide"), rule("no_data", window="30s", name="quiet"))

    def told(*rows: dict[str, Any]) -> list[tuple[int, int]]:
        return [(int(a["offset"]), int(a["kind"])) for a in alerts(stage(*watched), [*rows])]

    halt, spread, silence = RuleKind.HALT, RuleKind.SPREAD, RuleKind.NO_DATA
    assert told(*first, away, *then) == [(0, spread), (1, halt), (5, halt)]
    narrow = quote(0, 100_000, 100_001, source=3)
    assert told(narrow, *first[1:], away, *then) == [(1, halt), (4, spread), (5, halt)]
    assert told(narrow, *first[1:], away | {"source": 4}, *then) == [(1, halt)], "of another source"
    clocks = [clock((3600 + n) * SECOND) for n in range(1, 32)]
    assert told(narrow, halted, away, *clocks) == [(1, halt), (2 + 30, silence)]
    # Where quotes and halts are of two sources, it is the second that has to be away.
    other = quote(0, 100_000, 100_001, source=5), halted | {"instrument": 0}, away | {"source": 5}
    assert told(*other, quote(3601 * SECOND, 100, 103, source=5)) == [(1, halt)]
    assert told(*other[:2], away, quote(3601 * SECOND, 100, 103, source=5)) == [(1, halt), (3, spread)]


def test_a_quote_that_its_vendor_finds_suspicious_has_no_spread() -> None:
    odd = quote(0, 100, 200) | {"flags": Flag.INELIGIBLE}
    assert not len(alerts(stage(rule("spread", threshold=10)), [odd, quote(SECOND, 100_000, 100_001)]))


def test_silence_says_who_is_silent() -> None:
    subject = stage(rule("no_data", window="10s"))
    quiet = [trade(1, 0), *[clock(n * SECOND) for n in range(1, 9)], quote(9 * SECOND, 1, 2, instrument=1)]
    found = alerts(subject, [*quiet, clock(10 * SECOND), *[clock(n * SECOND) for n in range(11, 25)]])
    assert [(int(a["instrument"]), int(a["cause"]), float(a["value"])) for a in found] == [
        (0, Silence.QUIET, 10.0),
        (1, Silence.SOURCE, 10.0),
    ]
    down = [trade(1, 0), status(SECOND, StatusCode.FEED_DOWN, instrument=-1)]
    found = alerts(stage(rule("no_data", window="10s")), [*down, *[clock(n * SECOND) for n in range(2, 12)]])
    assert [(int(a["instrument"]), int(a["cause"])) for a in found] == [(0, Silence.DOWN)]


def test_nothing_is_said_of_silence_in_a_halt_or_while_nobody_listened() -> None:
    one = rule("no_data", window="10s")
    seconds = [clock(n * SECOND) for n in range(1, 30)]
    assert len(alerts(stage(one), [trade(1, 0), *seconds])) == 1
    assert len(alerts(stage(one), [trade(1, 0), status(0, StatusCode.HALTED), *seconds])) == 0
    asleep = [trade(1, 0), clock(SECOND), clock(3600 * SECOND), clock(3601 * SECOND)]
    assert len(alerts(stage(one), asleep)) == 0
    restart = {"kind": EventKind.GAP, "code": GapReason.RESTART, "instrument": -1, "ts_recv": T0 + 5 * SECOND}
    assert len(alerts(stage(one), [trade(1, 0), *seconds[:4], restart, *seconds[4:13]])) == 0
    moved = clock(2 * SECOND) | {"size": 3600 * SECOND, "ts_recv": T0 + 3602 * SECOND}
    assert len(alerts(stage(one), [trade(1, 0), clock(SECOND), moved, clock(3603 * SECOND)])) == 0


NEW_YORK_OPEN = 1_700_058_600 * SECOND - T0
"""2023-11-15 09:30 in New York, ns after T0."""


def test_a_clock_of_ours_that_is_set_back_blinds_nobody() -> None:
    hour = 3600 * SECOND
    watched = (rule("rise", threshold=5, window="10s"), rule("gap", cooldown="1m"), rule("halt", cooldown="1m"))
    subject = stage(*watched)
    gap = {"kind": EventKind.GAP, "code": GapReason.DISCONNECT, "instrument": -1}
    halts = [status(n * SECOND, code) for n, code in enumerate((StatusCode.HALTED, StatusCode.RESUMED), 90)]
    early = [trade(1, 0), gap | {"ts_recv": T0 + 1}, *[one | {"ts_event": one["ts_recv"]} for one in halts]]
    set_back = clock(100 * SECOND - hour) | {"size": -hour}
    later = [
        trade(2, 200 * SECOND, 100, ts_recv=T0 + 200 * SECOND - hour),
        trade(3, 205 * SECOND, 110, ts_recv=T0 + 205 * SECOND - hour),
        gap | {"ts_recv": T0 + 206 * SECOND - hour},
        status(207 * SECOND - hour, StatusCode.HALTED) | {"ts_event": T0 + 207 * SECOND},
    ]
    found = alerts(subject, [*early, set_back, *later])
    assert [offset for offset, *_ in said(found)] == [1, 2, 6, 7, 8]
    assert subject.counters() == {"held": 0, "late": 0, "implausible": 0}
    forth = clock(300 * SECOND) | {"size": hour}
    mistaken = [trade(4, 400 * SECOND + hour, 100, ts_recv=T0 + 400 * SECOND)]
    alerts(subject, tape([forth, *mistaken], first=20))
    assert subject.counters()["implausible"] == 1, "set forth again, a minute is what is believed"


def test_hours_are_those_of_the_venues_calendar() -> None:
    one = rule("cross", threshold=100, direction="up", session="regular")
    early, late = NEW_YORK_OPEN - 60 * SECOND, NEW_YORK_OPEN + 60 * SECOND
    path = [trade(1, early - 2, 99), trade(2, early, 100), trade(3, late, 100), trade(4, late + 1, 99)]
    path += [trade(5, late + 2, 100)]
    assert [offset for offset, *_ in said(alerts(stage(one, calendar="XNYS"), path))] == [4]
    assert [offset for offset, *_ in said(alerts(stage(one), path))] == [1, 4]
    quiet = rule("no_data", window="10m")
    night = [trade(1, early), *[clock(early + n * 4 * SECOND) for n in range(1, 180)]]
    found = alerts(stage(quiet, calendar="XNYS"), [clock(0), *night])
    assert [offset for offset, *_ in said(found)] == [1 + 660 // 4], "silence counts from the opening on"


def test_a_gap_of_a_source_is_told_where_any_of_its_instruments_is_in_hours() -> None:
    instruments = Instruments()
    for each in range(2):
        instruments.intern("VENUE", f"S{each}")
    calendars = {0: "XNYS", 1: ""}
    subject = Rules(instruments, calendars.__getitem__, {0: "VENUE"}, RuleSet((rule("gap", session="regular"),)))
    night = NEW_YORK_OPEN - 6 * 3600 * SECOND
    gap = {"kind": EventKind.GAP, "code": GapReason.DISCONNECT, "instrument": -1, "ts_recv": T0 + night + 2}
    found = alerts(subject, [trade(1, night), trade(1, night + 1, instrument=1), gap])
    assert said(found) == [(2, 0, -1, 1.0)]
    assert len(alerts(stage(rule("gap", session="regular"), calendar="XNYS"), [trade(1, night), gap])) == 0


def test_a_window_of_lags_is_in_the_hours_in_which_it_begins() -> None:
    one = rule("lag", threshold=100, session="regular")
    for bell, offsets in ((NEW_YORK_OPEN, []), (NEW_YORK_OPEN + 6 * 3600 * SECOND + 1800 * SECOND, [1])):
        late, early = trade(1, bell - SECOND // 2), trade(2, bell + SECOND // 2)
        late["ts_event"] -= SECOND
        found = alerts(stage(one, calendar="XNYS"), [late, early])
        assert [offset for offset, *_ in said(found)] == offsets


def test_a_halt_that_ends_at_night_is_over_in_the_morning() -> None:
    hours = (6, 22, 24)  # in the afternoon, before the next opening, in the next session
    codes = (StatusCode.HALTED, StatusCode.RESUMED, StatusCode.HALTED)
    days = [status(NEW_YORK_OPEN + hour * 3600 * SECOND, code) for hour, code in zip(hours, codes, strict=True)]
    found = alerts(stage(rule("halt", session="regular"), calendar="XNYS"), [trade(1, 0), *days])
    assert [offset for offset, *_ in said(found)] == [1, 3]


def test_a_halt_of_a_year_to_come_blinds_nobody() -> None:
    one = rule("halt", cooldown="1m")
    codes = (StatusCode.HALTED, StatusCode.RESUMED, StatusCode.HALTED)
    rows = [trade(1, 0), *(status(n * 100 * SECOND, code) for n, code in enumerate(codes, 1))]
    rows[1]["ts_event"] = T0 + 10**17
    assert [offset for offset, *_ in said(alerts(stage(one), rows))] == [1, 3]


def test_which_way_a_price_was_crossed_does_not_depend_on_what_was_paid_outside_of_the_hours() -> None:
    morning, day = NEW_YORK_OPEN - 3600 * SECOND, NEW_YORK_OPEN - 18 * 3600 * SECOND
    path = [trade(1, day, 99), trade(2, morning, 102), trade(3, NEW_YORK_OPEN, 101)]
    for more in ({}, {"direction": "up"}):
        one = rule("cross", threshold=100, session="regular", **more)
        found = alerts(stage(one, calendar="XNYS"), path)
        assert [told(row, one, "S0") for row in found] == ["cross: S0 is past 100: 101 after 102"]


def test_once_a_session_is_once_a_session() -> None:
    one = rule("cross", threshold=100, direction="up", once_per="session")
    days = [trade(n, NEW_YORK_OPEN + n * 6 * 3600 * SECOND, 100 if n % 2 else 99) for n in range(10)]
    found = alerts(stage(one, calendar="XNYS"), days)
    assert [offset for offset, *_ in said(found)] == [1, 5, 9]


# --- the same whatever the batches ---

WINDOWED = (
    rule("expression", expression="close >= 100.0", window="1s"),
    rule("expression", expression="last", threshold=98, window="5s"),
)
BATCHED = (
    *(*HYPOTHETICAL, rule("spread", threshold=150, rearm=50), rule("no_data", window="1s"), rule("gap")),
    *WINDOWED,
)
ALL = tuple(msgspec.structs.replace(one, name=f"rule {at}") for at, one in enumerate(BATCHED))


def run(subject: Rules, parts: list[Tape], bars: NDArray[np.void]) -> bytes:
    mine = [np.isin(bars["offset"], part.offset) for part in parts]
    return b"".join(alerts(subject, part, bars[its]).tobytes() for part, its in zip(parts, mine, strict=True))


@settings(max_examples=60, deadline=None)
@given(hypothetical(), st.data())
def test_any_batches_and_a_restart_at_any_place_give_the_same_alerts_and_state(
    whole: Tape, data: st.DataObject
) -> None:
    one = stage(*ALL)
    found = Bars(0, 5.0).on_tape(whole)
    bars = NO_BARS if found is None else found
    expected = run(one, [whole], bars)
    at = sorted(data.draw(st.sets(st.integers(1, len(whole)), max_size=6)))
    other = stage(*ALL)
    assert run(other, cut(whole, at), bars) == expected
    assert other.snapshot() == one.snapshot()
    for place in range(len(whole)):
        before, after = stage(*ALL), stage()
        told = run(before, [whole.take(slice(0, place))], bars)
        after.restore(before.snapshot())
        assert after.snapshot() == before.snapshot()
        assert told + run(after, [whole.take(slice(place, None))], bars) == expected


def test_alerts_of_windows_say_what_the_market_was_as_they_were_over_whatever_the_batches() -> None:
    flags = (0, int(Flag.DELAYED), int(Flag.SYNTHETIC))
    path = [trade(n, n * SECOND, 2 - n % 2, 50 if n == 31 else 1, flags=flags[n % 3]) for n in range(50)]
    whole = tape(path)
    bars = Bars(0, 5.0).on_tape(whole)
    assert bars is not None
    wanted = (rule("expression", expression="close > 1.0", window="1s"), rule("volume", threshold=5, window="1s"))
    at_once = alerts(stage(*wanted), whole, bars)
    assert set(at_once["kind"].tolist()) == {RuleKind.EXPRESSION, RuleKind.VOLUME}
    assert at_once["flags"].tolist() == [flags[int(a["offset"]) % 3] for a in at_once]
    for size in (1, 7):
        assert run(stage(*wanted), cut(whole, range(size, 50, size)), bars) == at_once.tobytes()


def test_bars_and_bars_stage_agree_on_what_is_final() -> None:
    bars = Bars(0, 5.0)
    made = bars.on_tape(tape([trade(n, n * SECOND, 100, 1 if n < 25 else 50) for n in range(30)]))
    assert made is not None
    found = alerts(stage(rule("volume", threshold=10, window="1s")), [trade(1, 0)], made)
    assert [int(a["ts_window"]) - T0 for a in found] == [25 * SECOND]


def test_a_rule_that_is_kept_remembers_what_it_has_told_and_an_edited_one_begins_anew() -> None:
    kept = (
        rule("rise", threshold=2, window="1m"),
        rule("expression", expression="close", threshold=101, window="1s"),
    )
    edited = msgspec.structs.replace(kept[0], name="edited")
    changes = [
        (-1, RuleSet((*kept, edited))),
        (2, RuleSet((rule("gap"), msgspec.structs.replace(edited, threshold=1.5), *reversed(kept)))),
    ]
    places = ((0, 100), (1, 104), (3, 106), (4, 109))
    whole = tape([trade(at, at * SECOND, price, offset=at) for at, price in places])
    bars = np.zeros(4, BAR)
    bars["interval"], bars["state"] = 1, BarState.FINAL
    bars["offset"], bars["close"], bars["ts_open"] = whole.offset, whole.price, whole.ts_event

    def told(*calls: tuple[Tape, NDArray[np.void], list[tuple[int, RuleSet]]]) -> list[tuple[str, float, int]]:
        subject = Rules(stage()._instruments, lambda _: "", {})
        found = [subject.on_tape(rows, NO_HOLES, mine, {}, records) for rows, mine, records in calls]
        rows = np.concatenate([each for each in found if each is not None])
        return [(subject.registry[a["rule"]].name, float(a["threshold"]), int(a["offset"])) for a in rows]

    at_once = told((whole, bars, changes))
    assert at_once == [("rise", 2.0, 1), ("expression", 101.0, 1), ("edited", 2.0, 1), ("edited", 1.5, 4)]
    first, second = cut(whole, [2])
    assert told((first, bars[:2], changes[:1]), (second, bars[2:], changes[1:])) == at_once


@pytest.mark.parametrize("restarted", [False, True])
def test_a_rule_with_hours_that_is_added_beside_one_without_looks_in_its_hours_only(restarted: bool) -> None:
    saturday = 1_723_291_200 * SECOND - T0
    rises = rule("rise", threshold=50, window="1m")
    timely = (rule("cross", threshold=100, session="regular"), rule("no_data", window="30s"))
    prices = [trade(n, saturday + n * SECOND, price, offset=n) for n, price in enumerate((90, 91, 110))]
    silence = [clock(saturday + n * SECOND) | {"offset": n} for n in range(3, 60)]
    subject = Rules(stage()._instruments, lambda _: "XNYS", {0: "VENUE"})
    rows = tape([*prices, *silence])
    assert subject.on_tape(rows.take(slice(0, 1)), NO_HOLES, NO_BARS, {}, [(-1, RuleSet((rises,)))]) is None
    later = [(0, RuleSet((rises, *timely)))]
    if restarted:
        assert subject.on_tape(rows.take(slice(1, 2)), NO_HOLES, NO_BARS, {}, later) is None
        before, subject = subject, Rules(stage()._instruments, lambda _: "XNYS", {0: "VENUE"})
        subject.restore(before.snapshot())
        assert subject.snapshot() == before.snapshot()
        assert subject.on_tape(rows.take(slice(2, None)), NO_HOLES, NO_BARS, {}) is None
    else:
        assert subject.on_tape(rows.take(slice(1, None)), NO_HOLES, NO_BARS, {}, later) is None
