"""Arbitrage on real recordings: every row against json and Decimal, in batches of any size, through restarts."""

from decimal import Decimal
from functools import cache
from typing import Any

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray

import arbitrage_reference as reference
import three_venues
from breadboard.config import ArbitrageConfig, PaperConfig
from breadboard.model.executions import FillState
from breadboard.model.kinds import Flag
from breadboard.model.opportunities import Cause, OpportunityState
from breadboard.model.outputs import Outputs

VENUES = ("BINANCE", "BINANCE_USDM", "BINANCE_COINM")


@cache
def config(bps: float | None = 0.0, rate: str = "1", **more: Any) -> ArbitrageConfig:  # noqa: ANN401 - any setting
    """Return a configuration; one recorder stamped all three, so its wrong clock says nothing against it."""
    fees = {} if bps is None else dict.fromkeys(VENUES, bps)
    rates = {"USD-USDT": {"rate": rate, "as_of": "2024-08-08T23:50:00Z", "max_age_s": 3600}}
    return msgspec.convert({"suspect_clock": True, "fees": fees, "rates": rates, **more}, ArbitrageConfig)


@pytest.fixture(scope="module")
def everything() -> tuple[Any, Outputs]:
    subject = three_venues.engine(arbitrage=_on_paper())
    return subject, subject.process(three_venues.frames())


def _on_paper() -> ArbitrageConfig:
    return msgspec.structs.replace(config(), paper=PaperConfig(default_latency_ms=20))


def told(rows: NDArray[np.void]) -> list[reference.Row]:
    """Return rows of the stage as the reference tells them."""

    def money(values: Any) -> tuple[Decimal, ...]:  # noqa: ANN401 - one number or several
        return tuple(Decimal(int(one)).scaleb(-9) for one in values)

    def units(values: Any) -> tuple[Decimal, ...]:  # noqa: ANN401 - one number or several
        return tuple(Decimal(int(one)).scaleb(-8) for one in values)

    found = []
    for row in rows:
        prices, limits = money(row["leg_price"][:2]), money(row["leg_limit"][:2])
        (size,), (cost, gross, fees) = units([row["size"]]), money([row["cost"], row["gross"], row["fees"]])
        contracts = units(row["leg_size"][:2])
        figures = reference.Figures(
            size, cost, gross, fees, _pair(prices), _pair(limits), _pair(contracts), bool(row["capped"])
        )
        labels = (OpportunityState(int(row["state"])).label, Cause(int(row["cause"])).label)
        times = (int(row["opened_ts"]), int(row["lifetime"]), int(row["changes"]))
        ages = (int(row["leg_age"][0]), int(row["leg_age"][1]))
        found.append(reference.Row(int(row["offset"]), int(row["route"]), *labels, *times, figures, ages))
    return found


def _pair(of_legs: tuple[Decimal, ...]) -> tuple[Decimal, Decimal]:
    buy, sell = of_legs
    return buy, sell


def test_every_row_of_the_whole_recordings_is_what_json_and_decimal_make_of_them(
    everything: tuple[Any, Outputs],
) -> None:
    rows = everything[1].opportunities
    assert told(rows) == reference.expected(three_venues.frames(), [Decimal(0)] * 3, [Decimal(1)] * 3)
    states = [int((rows["state"] == state).sum()) for state in OpportunityState]
    assert states == [90, 8_907, 87]
    assert set(rows["flags"].tolist()) == {int(Flag.REPLAYED)}


def test_what_is_told_seldom_is_what_holds_then_and_counts_every_change(everything: tuple[Any, Outputs]) -> None:
    seldom = everything[1].opportunities
    always = three_venues.engine(arbitrage=config(update_ms=0)).process(three_venues.frames()).opportunities
    last = {int(row["route"]): int(row["offset"]) for row in seldom}
    untold = sum(int(row["offset"]) > last[int(row["route"])] for row in always)
    assert (len(always), untold) == (26_033, 1), "the recordings end before the last one's time"
    assert seldom["changes"].sum() == len(always) - untold
    names = ["route", "id", "size", "cost", "gross", "fees", "leg_price", "leg_size"]
    held: dict[int, np.void] = {}
    at = 0
    for row in seldom:
        while at < len(always) and always["offset"][at] <= row["offset"]:
            held[int(always["route"][at])] = always[at]
            at += 1
        now = held[int(row["route"])]
        assert all(np.array_equal(row[name], now[name]) for name in names), int(row["offset"])


def test_so_it_is_with_fees_a_rate_a_margin_and_a_short_memory() -> None:
    part = three_venues.frames().take(slice(0, 60_000))
    given = config(0.5, "0.9997", min_net_bps=0.2, max_age_ms=60.0, update_ms=0.0)
    rows = three_venues.engine(arbitrage=given).process(part).opportunities
    fees, rates = [Decimal("0.00005")] * 3, [Decimal(1), Decimal(1), Decimal("0.9997")]
    least = Decimal("0.00002")
    assert told(rows) == reference.expected(part, fees, rates, least=least, max_age=60_000_000, update=0)
    assert {Cause(cause).label for cause in np.unique(rows["cause"])} == {"", "gone", "aged"}
    assert (rows["cause"] == Cause.AGED).sum() > 50
    assert (rows["fees"] > 0).all()


def test_a_suspect_clock_gives_no_signal_on_the_same_recordings() -> None:
    """The recorder was 1.27 s behind: until twenty lags are known it is believed, and nothing crosses so early."""
    given = msgspec.structs.replace(config(), suspect_clock=False)
    assert len(three_venues.engine(arbitrage=given).process(three_venues.frames()).opportunities) == 0


def test_no_taker_of_the_lowest_tier_could_earn_anything() -> None:
    subject = three_venues.engine(arbitrage=config(None))
    assert len(subject.process(three_venues.frames()).opportunities) == 0
    assert subject.arbitrage is not None
    assert subject.arbitrage.counters()["looked"] > 100_000


@pytest.mark.parametrize("size", [997, 20_000])
def test_batches_of_any_size_give_the_same_digest(everything: tuple[Any, Outputs], size: int) -> None:
    whole, outputs = everything
    subject, frames = three_venues.engine(arbitrage=_on_paper()), three_venues.frames()
    parts = [subject.process(frames.take(slice(at, at + size))) for at in range(0, len(frames), size)]
    for name in ("opportunities", "paper_fills"):
        assert b"".join(getattr(part, name).tobytes() for part in parts) == getattr(outputs, name).tobytes()
    assert subject.digest() == whole.digest()
    assert subject.snapshot() == whole.snapshot()


@pytest.mark.parametrize("at", [400, 1_310, 55_555, 100_001])
def test_a_restart_goes_on_where_it_was(everything: tuple[Any, Outputs], at: int) -> None:
    whole, outputs = everything
    before, after = (three_venues.engine(arbitrage=_on_paper()) for _ in range(2))
    frames = three_venues.frames()
    first = before.process(frames.take(slice(0, at))).opportunities
    after.restore(before.snapshot())
    second = after.process(frames.take(slice(at, None))).opportunities
    assert np.concatenate((first, second)).tobytes() == outputs.opportunities.tobytes()
    assert after.snapshot() == whole.snapshot()


def test_arbitrage_does_not_change_what_else_is_concluded(everything: tuple[Any, Outputs]) -> None:
    plain = three_venues.engine()
    outputs = plain.process(three_venues.frames())
    assert outputs.nbbo.tobytes() == everything[1].nbbo.tobytes()
    assert outputs.bars.tobytes() == everything[1].bars.tobytes()
    assert plain.books.snapshot() == everything[0].books.snapshot()
    assert (plain.summary()["opportunities"], plain.summary()["paper_fills"]) == (0, 0)
    assert everything[0].summary()["opportunities"] == 9_084


def test_arbitrage_that_is_asked_for_later_begins_there() -> None:
    """A checkpoint of an engine without it: books and legs are taken as they are, and looked at as they move."""
    frames = three_venues.frames()
    plain, later = three_venues.engine(), three_venues.engine(arbitrage=config())
    plain.process(frames.take(slice(0, 100_001)))
    later.restore(plain.snapshot())
    rows = later.process(frames.take(slice(100_001, 110_000))).opportunities
    assert rows["state"][0] == OpportunityState.OPENED
    assert rows["number"][0] == 1
    straight = three_venues.engine(arbitrage=config())
    straight.process(frames.take(slice(0, 100_001)))
    same = straight.process(frames.take(slice(100_001, 110_000))).opportunities
    last = {int(row["route"]): row for row in rows if row["state"] != OpportunityState.CLOSED}
    for row in same[same["state"] == OpportunityState.UPDATED][-3:]:
        assert int(row["route"]) in last


def test_without_latency_it_takes_exactly_what_was_told() -> None:
    """The oracle of paper: the same books a moment later are the same books, so P&L is what was expected."""
    given = msgspec.structs.replace(config(0.1), paper=PaperConfig(default_latency_ms=0))
    outputs = three_venues.engine({"BTC": three_venues.LEGS[:2]}, arbitrage=given).process(three_venues.frames())
    opened = outputs.opportunities[outputs.opportunities["state"] == OpportunityState.OPENED]
    fills = outputs.paper_fills
    settled = fills[fills["settled"] == 1]
    assert settled["number"].tolist() == opened["number"].tolist()
    assert len(opened) == 8
    assert (fills["state"] == FillState.FILLED).all()
    assert (settled["left"] == 0).all()
    # A walk rounds against us once a match, the account once an order.
    more = settled["pnl"] - settled["expected"]
    assert 0 <= more.min() <= more.max() < 1_000


def test_with_latency_legs_are_missed_and_it_says_what_that_cost(everything: tuple[Any, Outputs]) -> None:
    fills = everything[1].paper_fills
    assert len(fills) == 180
    assert {FillState(state).label for state in np.unique(fills["state"])} >= {"filled", "partial", "missed"}
    settled = fills[fills["settled"] == 1]
    assert len(settled) == 90
    assert (fills["ts_recv"] - fills["ts_sent"] == 20_000_000).all()
    assert settled["pnl"].sum() < settled["expected"].sum()
    one_legged = [
        int(row["number"])
        for row in settled
        if 0 in (mine := fills[fills["number"] == row["number"]])["filled"].tolist() and mine["filled"].any()
    ]
    assert one_legged, "one leg taken and the other not"
    assert all(settled["left"][settled["number"] == number] != 0 for number in one_legged)
