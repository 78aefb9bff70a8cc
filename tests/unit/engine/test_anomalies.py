"""Anomalies: against a plain reference, on real recordings and on tapes with everything that can go wrong."""

import random
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from anomalies_reference import reference
from breadboard.config import AnomalyConfig
from breadboard.engine.anomalies import BYTES_AN_INSTRUMENT, Anomalies
from breadboard.engine.books import Books
from breadboard.model.anomalies import ANOMALY, BY_NAME, TIMES_OF_DAY, Anomaly
from breadboard.model.decimals import ABSENT
from breadboard.model.kinds import EventKind, Flag, GapReason, SequenceRule, StatusCode, Uncounted
from breadboard.model.tape import Tape
from feed_samples import decode_frames, frames_of
from tapes import SECOND, T0, cut, tape, trade

Rule = Callable[[int], SequenceRule]
TOUCHY = AnomalyConfig(
    warmup=16,
    cooldown_s=5.0,
    jump_tails=1.0,
    jump_bps=0.01,
    return_tails=0.5,
    return_bps=0.01,
    volume_tails=0.5,
    volume_ratio=1.0,
    spread_tails=0.5,
    spread_ratio=1.0,
    spread_bps=0.0,
    burst_tails=0.5,
    burst_ratio=1.0,
    burst_rows=1.0,
    outside_bps=0.01,
    stuck_s=0.1,
    stuck_prints=2,
)
"""Limits at which an ordinary market is full of anomalies: so much for a reference to agree on."""


def plain(_: int) -> SequenceRule:
    return SequenceRule.NONE


def told(
    rows: Tape,
    rule: Rule = plain,
    cuts: Sequence[int] = (),
    limits: AnomalyConfig = TOUCHY,
    calendar: str = "",
    silence_s: float | None = None,
) -> NDArray[np.void]:
    """Return what a fresh stage concludes, with the books' moments, in pieces; each piece by a stage of its own."""

    def fresh() -> Anomalies:
        return Anomalies(tuple(BY_NAME), limits, 2000, 5.0, lambda _: calendar, lambda _: silence_s)

    books, stage = Books(rule, lambda _: True), fresh()
    parts = [np.zeros(0, ANOMALY)]
    for piece in cut(rows, cuts):
        state, stage = stage.snapshot(), fresh()
        stage.restore(state)
        assert stage.snapshot() == state
        books.on_tape(piece)
        stage.expect(books.tops, None)
        part = stage.on_tape(piece)
        parts += [] if part is None else [part]
    return np.concatenate(parts)


def agrees(
    rows: Tape,
    rule: Rule = plain,
    limits: AnomalyConfig = TOUCHY,
    calendar: str = "",
    silence_s: float | None = None,
) -> NDArray[np.void]:
    """Hold the stage against the reference; return what both found."""
    books = Books(rule, lambda _: True)
    books.on_tape(rows)
    theirs = reference(rows, books.tops, limits, lambda _: calendar, silence_s)
    ours = told(rows, rule, (), limits, calendar, silence_s)
    for one, other in zip(ours, theirs, strict=False):
        name = f"{Anomaly(one['kind']).label} at {one['offset']}"
        exact = ("offset", "index", "kind", "instrument", "source", "ts_event", "ts_recv", "samples", "suppressed")
        assert {key: int(one[key]) for key in exact} == {key: int(other[key]) for key in exact}, name
        assert (int(one["from_offset"]), int(one["to_offset"])) == other["evidence"], name
        assert TIMES_OF_DAY[one["bucket"]] == other["time"], name
        for key in ("value", "baseline", "threshold"):
            assert float(one[key]) == pytest.approx(other[key], rel=1e-12, abs=0.0), f"{key} of {name}"
    assert len(ours) == len(theirs)
    return ours


@pytest.mark.parametrize(
    ("venue", "path", "count", "limits"),
    [
        pytest.param("binance", "binance/btcusdt_20240808.gz", 15_000, TOUCHY, id="spot-btc"),
        pytest.param("binance-usdm", "binance/usdm/btcusdt_20240808.gz", 25_000, TOUCHY, id="usdm"),
        pytest.param("binance-coinm", "binance/coinm/btcusd_perp_20240808.gz", 15_000, AnomalyConfig(), id="coinm"),
    ],
)
def test_anomalies_of_a_recording_are_those_of_the_reference(
    venue: str, path: str, count: int, limits: AnomalyConfig
) -> None:
    decoded, instruments = decode_frames(venue, frames_of(venue, "hftbacktest", (path,)))
    found = agrees(decoded.tape.take(slice(0, count)), lambda which: instruments[which].sequence_rule, limits)
    if limits is TOUCHY:
        usual = {Anomaly.PRICE_JUMP, Anomaly.RETURN_OUTLIER, Anomaly.VOLUME_OUTLIER, Anomaly.BURST}
        assert usual <= {Anomaly(kind) for kind in found["kind"].tolist()}
        assert len(found) > 30
    else:
        assert len(found) == 0


def anything(chance: random.Random, count: int) -> Tape:
    """Return rows of two sources: late, impossible and missing times and prices, halts, gaps, books, duplicates."""
    rows: list[dict[str, Any]] = []
    now, price = chance.choice((0, 9_900 * SECOND)), 100_000  # an hour after the close in New York, or when all closes
    calm = chance.random() < 0.5  # one instrument and one source, of which little is lost: what is usual can be learned
    for at in range(count):
        now += chance.choice((0, 1000, 30_000_000, 200_000_000, 200_000_000, SECOND, 40 * SECOND))
        price += chance.choice((0, 0, 1, -1, 2, 3000, -3000))
        which, source = (0, 0) if calm else (chance.randrange(3), chance.randrange(2))
        common = {"instrument": which, "source": source, "ts_recv": T0 + now, "index": at % 3}
        late = chance.choice((0, 0, 0, 0, 40_000_000, 3 * SECOND, 200 * SECOND, -(2**61), -1_270_000_000))
        common["ts_event"] = chance.choice((T0 + now - late,) * 9 + (ABSENT,))
        odd = (0, 0, 0, 0, 0, Flag.AGGREGATED, Flag.HISTORY, Flag.CONFLATED, Flag.VOLUME_ONLY, Flag.DUPLICATE)
        common["flags"] = int(chance.choice((*odd, Flag.INELIGIBLE, Flag.LATE_PRINT)))
        match chance.randrange(10 if calm and chance.random() < 0.95 else 12):
            case 0 | 1 | 2 | 3 | 4 | 5:
                row = trade(at, 0, 1, 1) | common
                row |= {"price": chance.choice((price, price, price, 1, -5, 0, ABSENT, 2**62)) * 10**4}
                row["price"] = max(-(2**62), min(2**62, row["price"])) if row["price"] > ABSENT else ABSENT
                row |= {"size": chance.choice((1, 10**8, 10**17, 0, ABSENT)), "size_exp": chance.choice((-8, 0, -18))}
                row |= {"code": chance.choice((0, 0, 0, Uncounted.VOLUME))}
            case 6 | 7 | 8:
                row = common | {"kind": EventKind.QUOTE, "price": (price - 1) * 10**4, "size": at % 2}
                row |= {"ask_price": (price + chance.choice((1, 1, 5, -3))) * 10**4, "ask_size": 1}
                if chance.random() < 0.1:
                    row[chance.choice(("price", "ask_price"))] = chance.choice((ABSENT, 0, 2**62))
            case 9:
                levels = [(1, (price - 2) * 10**4, 1), (2, (price + 2) * 10**4, 1)]
                row = common | {"kind": EventKind.BOOK_SNAPSHOT, "levels": levels, "sequence": at}
            case 10:
                codes = (StatusCode.FEED_UP, StatusCode.FEED_DOWN, StatusCode.HEARTBEAT, StatusCode.STALE)
                code = chance.choice((*codes, StatusCode.HALTED, StatusCode.RESUMED, StatusCode.RESUMED))
                row = common | {"kind": EventKind.STATUS, "code": code, "instrument": chance.choice((-1, which))}
            case _:
                row = common | {"kind": chance.choice((EventKind.CLOCK, EventKind.CLOCK, EventKind.GAP))}
                row |= {"instrument": -1, "code": GapReason.RESTART if row["kind"] == EventKind.GAP else 0}
                row["source"] = chance.choice((source, 0xFFFF)) if row["kind"] == EventKind.GAP else 0
                row["flags"] = 0
                if row["kind"] == EventKind.CLOCK and chance.random() < 0.2:
                    row["size"] = chance.choice((-SECOND, 7 * SECOND))
        rows.append(row)
    return tape(rows)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32), calendar=st.sampled_from(["", "", "XNYS"]))
def test_on_hostile_tapes_they_are_those_of_the_reference(seed: int, calendar: str) -> None:
    agrees(anything(random.Random(seed), 400), calendar=calendar, silence_s=30.0)


def test_hostile_tapes_have_anomalies_of_every_kind() -> None:
    """Else the two could agree on nothing at all."""
    kinds: set[int] = set()
    for seed in range(30):
        kinds |= set(told(anything(random.Random(seed), 400), calendar="XNYS", silence_s=30.0)["kind"].tolist())
        kinds |= set(told(anything(random.Random(seed), 400), silence_s=30.0)["kind"].tolist())
    assert {Anomaly(kind).label for kind in kinds} == set(BY_NAME)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32), data=st.data())
def test_any_batches_and_a_restart_between_any_two_give_the_same(seed: int, data: st.DataObject) -> None:
    rows = anything(random.Random(seed), 150)
    whole = told(rows, silence_s=30.0)
    cuts = data.draw(st.lists(st.integers(1, 149), max_size=30))
    assert told(rows, cuts=cuts, silence_s=30.0).tobytes() == whole.tobytes()


def test_a_restart_after_every_row_of_a_recording_changes_nothing() -> None:
    frames = frames_of("binance", "hftbacktest", ("binance/btcusdt_20240808.gz",))
    decoded, instruments = decode_frames("binance", frames)
    rows = decoded.tape.take(slice(0, 3_000))
    whole = told(rows, lambda which: instruments[which].sequence_rule)
    each = told(rows, lambda which: instruments[which].sequence_rule, range(2_500, len(rows)))
    assert np.count_nonzero(whole["offset"] > rows.offset[2_500]) == 2
    assert each.tobytes() == whole.tobytes()


def quote(when: int, bid: int, ask: int) -> dict[str, Any]:
    row = {"kind": EventKind.QUOTE, "ts_event": T0 + when, "ts_recv": T0 + when, "size": 1, "ask_size": 1}
    return row | {"price": bid * 10**9, "ask_price": ask * 10**9}


def test_of_two_prints_outside_the_farther_has_half_a_second_of_its_own() -> None:
    rows = [quote(0, 100, 101), trade(1, 10**9, 103), trade(2, 1_450_000_000, 105), quote(1_600_000_000, 104, 105)]
    limits, last = AnomalyConfig(cooldown_s=0.1), quote(9 * SECOND, 104, 105)
    found = told(tape([*rows, last]), limits=limits)
    assert found["value"].tolist() == pytest.approx([103])
    found = told(tape([*rows[:3], last]), limits=limits)
    assert found["value"].tolist() == pytest.approx([103, 105])
    assert set(found["kind"].tolist()) == {Anomaly.TRADE_OUTSIDE}


def test_prints_outside_each_farther_than_the_one_before_do_not_put_off_what_is_told_of_the_first() -> None:
    """The book stands still as they run away from it, and has caught up with the last of them when they end."""
    run = [trade(at, at * 400_000_000) | {"price": (102_000 + 1_000 * at) * 10**6} for at in range(40)]
    rows = [quote(0, 100, 100), *run, quote(39 * 400_000_000 + 1, 140, 141), quote(90 * SECOND, 140, 141)]
    found = told(tape(rows), limits=AnomalyConfig(stuck_s=1e6))
    assert [int(row["offset"]) for row in found] == [3]
    assert float(found[0]["value"]) == pytest.approx(102)


def test_a_print_outside_that_waits_behind_another_moves_up_when_a_quote_reaches_that_one() -> None:
    rows = [quote(0, 100, 101), trade(1, 10**9, 103), trade(2, 1_200_000_000, 98), quote(1_300_000_000, 102, 103)]
    (found,) = told(tape([*rows, quote(9 * SECOND, 102, 103)]), limits=AnomalyConfig())
    assert float(found["value"]) == pytest.approx(98)
    assert (int(found["from_offset"]), int(found["to_offset"])) == (0, 2)


def test_a_print_outside_has_among_its_evidence_the_quote_that_its_baseline_is_of() -> None:
    rows = [quote(0, 100, 110), quote(100_000_000, 100, 101), trade(1, 200_000_000, 120), quote(9 * SECOND, 100, 101)]
    (found,) = told(tape(rows), limits=AnomalyConfig())
    assert float(found["baseline"]) == pytest.approx(110)
    assert (int(found["from_offset"]), int(found["to_offset"])) == (0, 2)


def test_a_spread_has_among_its_evidence_the_quote_that_had_it() -> None:
    """It was in force as the window began, and the others of the window were wider."""
    rows = [quote(at * SECOND, 1_000, 1_001) for at in range(20)]
    rows += [quote(20 * SECOND, 1_000, 1_060), trade(1, 21 * SECOND, 1_030), quote(21 * SECOND + 1, 1_000, 1_090)]
    found = told(tape([*rows, quote(30 * SECOND, 1_000, 1_001)]), limits=AnomalyConfig(warmup=16, cooldown_s=0.1))
    spreads = [
        (int(row["from_offset"]), int(row["to_offset"])) for row in found[found["kind"] == Anomaly.SPREAD_OUTLIER]
    ]
    assert spreads == [(20, 22)]


def test_state_is_bounded_and_as_large_as_promised() -> None:
    stage = Anomalies(tuple(BY_NAME), TOUCHY, 2000, 5.0)
    sizes = []
    for seed in range(4):
        stage.on_tape(anything(random.Random(seed), 2_000))
        sizes.append(len(stage.snapshot()))
    assert len(set(sizes[1:])) == 1
    assert sizes[0] - 3 * BYTES_AN_INSTRUMENT < 2_000
    assert BYTES_AN_INSTRUMENT == 9_226
