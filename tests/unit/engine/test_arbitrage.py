"""Arbitrage on tapes made by hand: what opens, what closes with which cause, and what never gives a signal."""

import random
from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

import arbitrage_reference as reference
from arbitrage_tapes import BUY, CONFIG, GROUPS, SELL, TRIANGLE, Desk, anything, book, change, config, status
from breadboard.engine.consolidated_legs import BOOK, STANDS
from breadboard.model.decimals import ABSENT
from breadboard.model.gaps import Gap
from breadboard.model.kinds import EventKind, Flag, GapReason, StatusCode
from breadboard.model.opportunities import Cause, OpportunityKind, OpportunityState, currency_text
from breadboard.model.tape import Tape
from tapes import SECOND, T0, cut, tape

OPENED, UPDATED, CLOSED = (int(state) for state in OpportunityState)
A_TO_B = 0
"""The route that buys at A and sells at B."""
A, B, C, USD, ETH_BTC, ETH_USDT = range(6)


def at(ms: float) -> dict[str, int]:
    return {"ts_recv": T0 + round(ms * 1_000_000)}


def crossed(ms: float = 0) -> list[dict[str, Any]]:
    """Return two books of which A asks 100 and B bids 101 for two units."""
    return [
        book(A, [(99, 5)], [(100, 3), (100.5, 4)], **at(ms)),
        book(B, [(101, 2), (100, 9)], [(102, 5)], **at(ms)),
    ]


def told(rows: NDArray[np.void] | None) -> list[tuple[str, str]]:
    found = [] if rows is None else list(rows)
    return [(OpportunityState(int(row["state"])).label, Cause(int(row["cause"])).label) for row in found]


def play(rows: list[dict[str, Any]], gaps: list[tuple[int, Gap]] | None = None, **more: Any) -> NDArray[np.void]:  # noqa: ANN401 - any setting
    """Return all that comes of rows under a configuration."""
    found = Desk(config(**more)).on_tape(tape(rows, gaps or []))
    assert found is not None, "nothing was told"
    return found


def test_it_opens_on_the_row_that_makes_it_with_all_that_can_be_taken() -> None:
    (row,) = play([*crossed(), status(StatusCode.HEARTBEAT, source=0, **at(5))])
    assert (row["offset"], row["state"], row["cause"], row["number"], row["legs"]) == (1, OPENED, 0, 1, 2)
    assert row["leg_instrument"].tolist() == [A, B, -1]
    assert row["leg_side"].tolist() == [BUY, SELL, 0]
    assert row["size"] == 2 * 10**8
    assert (row["cost"], row["gross"], row["fees"], row["net"]) == (200 * 10**9, 2 * 10**9, 0, 2 * 10**9)
    assert row["net_bps"] == row["gross_bps"] == 100.0
    assert row["rate_age"] == ABSENT
    assert currency_text(int(row["currency"])) == "USDT"


def test_fees_are_of_each_venue_and_rounded_against_us() -> None:
    (row,) = play(crossed(), fees={"A": 10, "B": 5, "C": 0})
    assert row["fees"] == 200_000_000 + 101_000_000
    assert row["net"] == row["gross"] - row["fees"]
    assert Desk(config(fees={"A": 60, "B": 60, "C": 0})).on_tape(tape(crossed())) is None


def test_the_margin_asked_for_is_of_each_unit_and_not_of_the_average() -> None:
    books = [book(A, [(99, 5)], [(100, 1), (100.9, 1)], **at(0)), book(B, [(101, 5)], [(102, 5)], **at(0))]
    assert play(books)[0]["size"] == 2 * 10**8
    assert play(books, min_net_bps=20)[0]["size"] == 10**8
    assert Desk(config(min_net_bps=100)).on_tape(tape(books)) is None, "exactly what is asked for is not more"


def test_changes_are_told_at_most_so_often_and_the_others_are_counted() -> None:
    sizes = [(10, 3), (20, 4), (30, 5), (120, 6), (130, 7), (140, 0)]
    rows = [*crossed(), *(change(B, BUY, 101, size, **at(ms)) for ms, size in sizes), change(B, BUY, 100, 0, **at(150))]
    found = play(rows, update_ms=100)
    assert found["state"].tolist() == [OPENED, UPDATED, CLOSED]
    assert found["changes"].tolist() == [1, 4, 2]
    assert found["offset"].tolist() == [1, 5, 7]
    assert found["size"].tolist() == [2 * 10**8, 6 * 10**8, 7 * 10**8], "a closing row has what held last, told or not"
    assert found["lifetime"][-1] == 140_000_000
    assert found["peak_net"][-1] == found["net"][-1] == (3 * 1 + 4 * 0.5) * 10**9


def test_what_was_held_back_is_told_when_its_time_has_come_though_nothing_changes_any_more() -> None:
    """Then the leg is heard below what is taken: its figures stay, and once they are told nothing is."""
    heard = [change(B, BUY, 98, size, **at(ms)) for size, ms in ((1, 60), (2, 101), (3, 150), (4, 300))]
    rows = [*crossed(), change(B, BUY, 101, 3, **at(20)), *heard, change(B, BUY, 101, 0, **at(310))]
    found = play(rows, update_ms=100)
    assert found["state"].tolist() == [OPENED, UPDATED, CLOSED]
    assert found["offset"].tolist() == [1, 4, 7], "101 ms after it opened"
    assert found["lifetime"].tolist() == [0, 101_000_000, 310_000_000]
    assert found["size"].tolist() == [2 * 10**8, 3 * 10**8, 3 * 10**8]
    assert found["net"].tolist() == [2 * 10**9, 3 * 10**9, 3 * 10**9]
    assert found["changes"].tolist() == [1, 1, 1], "to be told late is no change"
    assert found["leg_age"][1].tolist()[:2] == [101_000_000, 0], "of the row that tells it"


def test_ids_are_of_the_route_and_the_row_and_nothing_else() -> None:
    rows = [*crossed(), change(B, BUY, 101, 0, **at(1)), change(B, BUY, 101, 1, **at(2))]
    found = play(rows)
    assert found["state"].tolist() == [OPENED, CLOSED, OPENED]
    assert found["number"].tolist() == [1, 1, 2]
    assert found["id"][0] == found["id"][1] != found["id"][2]
    assert play(rows, groups=[], triangles=[TRIANGLE])["id"].tolist() == found["id"].tolist()


class Fault(NamedTuple):
    rows: list[dict[str, Any]]
    cause: Cause
    renewed: list[dict[str, Any]]
    """What makes it sound again, and crossed."""


def _gap(ms: float) -> dict[str, Any]:
    return {"kind": EventKind.GAP, "code": GapReason.DISCONNECT, "instrument": -1, "source": 1, **at(ms)}


B_AGAIN = [book(B, [(101, 2)], [(102, 5)], **at(40_000)), change(A, BUY, 99, 6, **at(40_000))]
FAULTS = {
    "a hole in the journal": Fault([_gap(10)], Cause.GAPPED, B_AGAIN),
    "its feed went down": Fault([status(StatusCode.FEED_DOWN, source=1, **at(10))], Cause.GAPPED, B_AGAIN),
    "the venue says it is stale": Fault([status(StatusCode.STALE, B, **at(10))], Cause.STALE, B_AGAIN),
    "its source is silent": Fault([status(StatusCode.HEARTBEAT, source=0, **at(30_000))], Cause.STALE, B_AGAIN),
    "it has said nothing for a second": Fault(
        [change(A, BUY, 98, 1, **at(900)), status(StatusCode.HEARTBEAT, source=1, **at(1_001))], Cause.AGED, B_AGAIN
    ),
    "it is crossed all by itself": Fault([change(B, SELL, 100.9, 1, **at(10))], Cause.INVERTED, B_AGAIN),
    "it is locked all by itself": Fault([change(B, SELL, 101, 1, **at(10))], Cause.INVERTED, B_AGAIN),
    "its prices are sent late": Fault([change(B, BUY, 99, 1, flags=Flag.DELAYED, **at(10))], Cause.DELAYED, B_AGAIN),
    "it is halted": Fault(
        [status(StatusCode.HALTED, B, **at(10))], Cause.HALTED, [status(StatusCode.RESUMED, B, **at(39_999)), *B_AGAIN]
    ),
    "its whole venue is halted": Fault(
        [status(StatusCode.HALTED, source=1, **at(10))],
        Cause.HALTED,
        [status(StatusCode.RESUMED, source=1, **at(39_999)), *B_AGAIN],
    ),
    "nothing is left": Fault([change(B, BUY, 101, 0, **at(10))], Cause.GONE, B_AGAIN),
    "a side is empty": Fault([change(B, BUY, 100, 0, **at(10)), change(B, BUY, 101, 0, **at(10))], Cause.GONE, B_AGAIN),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_closes_what_is_open_and_lets_nothing_open_until_it_is_over(name: str) -> None:
    fault = FAULTS[name]
    rows = [*crossed(), *fault.rows]
    gaps = [
        (place, Gap(1, GapReason.DISCONNECT, T0, T0)) for place, row in enumerate(rows) if row["kind"] == EventKind.GAP
    ]
    closed = play(rows, gaps, max_age_ms=1000 if fault.cause == Cause.AGED else 60_000)
    assert [one for one in told(closed) if one[0] != "updated"] == [("opened", ""), ("closed", fault.cause.label)]
    assert closed[-1]["lifetime"] == closed[-1]["ts_recv"] - T0 > 0
    desk = Desk(config(max_age_ms=60_000))
    desk.on_tape(tape([*rows, *fault.renewed][: len(rows)], gaps))
    # Prices that would be an opportunity, while the fault lasts: of the other leg alone where B itself would heal it.
    if fault.cause not in {Cause.GONE, Cause.AGED}:
        tempting = change(A, SELL, 99.5, 1, **at(30_001))
        assert desk.on_tape(tape([tempting], first=50)) is None
    healed = desk.on_tape(tape(fault.renewed, first=60))
    assert healed is not None
    assert ("opened", "") in told(healed)


@pytest.mark.parametrize("which", [-1, B])
def test_what_is_said_of_a_whole_venue_holds_for_legs_that_do_not_stand(which: int) -> None:
    said = {"instrument": which, "source": 1}
    whole = status(StatusCode.HALTED, **said, **at(10))
    resumed = status(StatusCode.RESUMED, **said, **at(30))
    crossing, apart = book(B, [(101, 2)], [(102, 5)], **at(40)), book(B, [(98, 2)], [(102, 5)])
    ours = book(A, [(99, 5)], [(100, 3)])
    desk = Desk(config())
    assert told(desk.on_tape(tape([ours, apart, _gap(5), whole, crossing]))) == []
    assert told(play([ours, apart, whole, _gap(20), resumed, crossing])) == [("opened", "")]


def test_a_halt_that_was_told_before_the_line_was_lost_is_not_known_after_it() -> None:
    halted, down = status(StatusCode.HALTED, source=1, **at(10)), status(StatusCode.FEED_DOWN, source=1, **at(20))
    rows = [book(A, [(99, 5)], [(100, 3)]), book(B, [(98, 2)], [(102, 5)]), halted]
    up, again = status(StatusCode.FEED_UP, source=1, **at(30)), book(B, [(101, 2)], [(102, 5)], **at(40))
    assert told(play([*rows, down, up, again])) == [("opened", "")]
    assert told(play([*rows, up, again])) == [("opened", "")], "it may have been lost with the process"
    assert told(Desk(config()).on_tape(tape([*rows, again]))) == []
    other = [status(code, source=0, **at(20)) for code in (StatusCode.FEED_DOWN, StatusCode.FEED_UP)]
    assert told(Desk(config()).on_tape(tape([*rows, *other, book(A, [(99, 5)], [(100, 3)], **at(35)), again]))) == []


def test_a_clock_that_is_suspect_gives_no_signal_unless_that_is_allowed() -> None:
    late = [change(B, BUY, 50 + ms, 1, ts_event=T0 + SECOND, **at(ms)) for ms in range(30)]
    rows = [*late, *crossed(40), change(B, BUY, 101, 3, ts_event=T0 + SECOND, **at(50))]
    first = book(B, [(1, 1)], [(102, 1)], **at(0))
    assert Desk(config()).on_tape(tape([first, *rows])) is None
    found = play([first, *rows], suspect_clock=True)
    assert found["state"].tolist() == [OPENED, UPDATED]
    assert found["suspect"].tolist() == [2, 2], "and the row says so"
    sound = [row | {"ts_event": row["ts_recv"]} for row in rows]
    assert told(play([first, *sound]))[0] == ("opened", "")
    turning = [first, *crossed(), *(row | at(60 + place) for place, row in enumerate(late))]
    assert told(play(turning))[-1] == ("closed", "clock")


def test_ages_are_measured_on_our_clock_and_not_on_the_venues() -> None:
    """The venue stamps an hour ago, and then an hour ahead: the leg is as old as its receipt."""
    rows = crossed()
    rows[0]["ts_event"], rows[1]["ts_event"] = T0 - 3600 * SECOND, T0 + 3600 * SECOND
    found = play([*rows, change(A, SELL, 100, 1, ts_event=T0 - 3600 * SECOND, **at(700))])
    assert found["leg_age"][:, :2].tolist() == [[0, 0], [0, 700_000_000]]


def test_a_step_of_our_clock_makes_no_leg_older() -> None:
    step = {"kind": EventKind.CLOCK, "instrument": -1, "size": 3600 * SECOND, **at(3_600_000 + 20)}
    found = play([*crossed(), step, change(A, SELL, 100, 1, **at(3_600_000 + 30))])
    assert found["state"].tolist() == [OPENED, UPDATED]
    assert found["lifetime"][-1] == 30_000_000
    assert found["leg_age"][-1].tolist()[:2] == [0, 30_000_000]


def inverse(ms: float = 0) -> list[dict[str, Any]]:
    """Return a spot book at 100 USDT, and a contract of 100 USD each bid at 101 USD."""
    return [book(A, [(99, 5)], [(100, 3)], **at(ms)), book(C, [(101, 2)], [(110, 1)], **at(ms))]


def usd(bid: float, ask: float, ms: float = 0) -> dict[str, Any]:
    return book(USD, [(bid, 1)], [(ask, 1)], **at(ms))


def test_an_inverse_contract_is_so_much_of_its_quote_currency() -> None:
    """Two contracts of 100 USD at 101 USD are 200 / 101 units of the thing, rounded down to 1e-8."""
    (row,) = play([usd(0.9999999, 1), *inverse()])
    base = int(Fraction(200, 101) * 10**8)
    assert row["size"] == base
    assert row["leg_size"].tolist()[:2] == [base, 2 * 10**8]
    assert row["cost"] == base * 1000
    proceeds = int(Fraction(base * 1010, 10**10) * Fraction("0.9999999") * 10**10)
    assert abs(int(row["gross"]) - (proceeds - base * 1000)) <= 1
    assert row["leg_price"].tolist()[:2] == [100 * 10**9, 101 * 10**9], "as its venue says it"


def test_a_linear_contract_is_so_much_of_its_base_currency() -> None:
    """100 contracts of 0.01 each at 60,000 are one unit, whatever the other book holds at 60,060."""
    books = [book(B, [(60_060, 100)], [(60_070, 100)], **at(0)), book(A, [(59_990, 100)], [(60_000, 100)], **at(0))]
    (row,) = play(books, instruments={"BTC-USDT.A": {"inverse": False, "amount": "0.01", "step": "1"}}, groups=["BTC"])
    assert row["size"] == 10**8
    assert (row["cost"], row["net"]) == (60_000 * 10**9, 60 * 10**9)
    assert row["leg_size"].tolist()[:2] == [100 * 10**8, 10**8]


def test_less_than_one_contract_is_no_opportunity() -> None:
    small = [book(A, [(99, 5)], [(100, 0.5)], **at(0)), book(C, [(101, 2)], [(110, 1)], **at(0))]
    assert Desk().on_tape(tape([usd(1, 1.0001), *small])) is None
    assert play([usd(1, 1.0001), *small], instruments={"BTC-USD.C": {"inverse": True, "amount": "10"}})[0]["size"] > 0


def test_the_dearer_side_of_the_rate_is_paid() -> None:
    """USD are received, so USD are sold: at the bid. What is bought for USD is paid at the ask."""
    sold = play([usd(0.995, 1), *inverse()])[0]
    assert sold["gross"] < 0.006 * sold["cost"]
    assert Desk().on_tape(tape([usd(0.99, 1), *inverse()])) is None, "101 USD are 99.99 USDT"
    bought = [book(A, [(102, 5)], [(103, 3)], **at(0)), book(C, [(90, 2)], [(100, 1)], **at(0))]
    assert play([usd(0.9, 1.01), *bought])[0]["gross"] > 0
    assert Desk().on_tape(tape([usd(0.9, 1.03), *bought])) is None


def test_a_conversion_that_is_old_or_lost_closes_and_prevents() -> None:
    rates = {"USD-USDT": {"instrument": "USD-USDT.A", "max_age_s": 2}}
    keep = [change(A, BUY, 98, 1, **at(ms)) for ms in range(500, 4000, 500)]
    keep += [change(C, BUY, 90, 1, **at(ms)) for ms in range(500, 4000, 500)]
    keep.sort(key=lambda row: row["ts_recv"])
    found = play([usd(1, 1.0001), *inverse(), *keep], rates=rates)
    assert told(found)[0] == ("opened", "")
    assert told(found)[-1] == ("closed", "rate")
    assert found["ts_recv"][-1] == T0 + 2_500 * 10**6, "the first row beyond two seconds"
    assert found["rate_age"][0] == 0
    halted = play([usd(1, 1.0001), *inverse(), status(StatusCode.HALTED, USD, **at(10))])
    assert told(halted) == [("opened", ""), ("closed", "rate")]
    back = play([usd(1, 1.0001), *inverse(), change(USD, BUY, 0.5, 1, **at(2_500)), *crossed(2_500)], rates=rates)
    assert Cause.AGED in back["cause"].tolist()
    assert Desk().on_tape(tape(inverse())) is None, "a rate that was never heard of"


def test_a_clock_set_back_a_moment_takes_no_rate_away() -> None:
    found = play([*inverse(), usd(1, 1.0001, ms=3), change(A, BUY, 99, 6, **at(1))])
    assert [one for one in told(found) if one[0] != "updated"] == [("opened", "")]


def test_a_rate_that_moves_moves_what_depends_on_it() -> None:
    found = play([usd(1, 1.0001), *inverse(), change(USD, BUY, 1, 0, **at(10)), change(USD, BUY, 0.995, 1, **at(20))])
    assert [(one, int(row["offset"])) for (one, _), row in zip(told(found), found, strict=True)] == [
        ("opened", 2),
        ("closed", 3),
        ("opened", 4),
    ]


def test_a_configured_rate_has_an_age_and_is_not_known_before_its_time() -> None:
    fixed = {"rate": "1", "as_of": "2023-11-14T22:13:19Z", "max_age_s": 10}
    (row,) = play(inverse(), rates={"USD-USDT": fixed})
    assert row["rate_age"] == SECOND
    turned = play(inverse(), rates={"USDT-USD": fixed | {"rate": "0.9999"}})[0]
    assert turned["gross"] > row["gross"], "a dollar is worth more than one then"
    for when in ("2023-11-14T22:13:09Z", "2023-11-14T22:13:21Z"):
        assert Desk(config(rates={"USD-USDT": fixed | {"as_of": when}})).on_tape(tape(inverse())) is None


def test_a_rate_of_a_date_is_as_old_as_our_clock_says_when_that_was_set() -> None:
    fixed = {"rate": "1", "as_of": "2023-11-14T22:13:19Z", "max_age_s": 10}
    step = {"kind": EventKind.CLOCK, "instrument": -1, "size": 20 * SECOND, **at(20_020)}
    found = play([*inverse(), step], rates={"USD-USDT": fixed}, max_age_ms=60_000)
    assert told(found) == [("opened", ""), ("closed", "rate")]
    assert found["lifetime"][-1] == 20_000_000


def triangle(ms: float = 0) -> list[dict[str, Any]]:
    """Return books in which ETH costs 0.05 BTC, BTC 100 USDT, and ETH is bid at 5.1 USDT."""
    return [
        book(A, [(99, 5)], [(100, 0.15), (100.5, 1)], **at(ms)),
        book(ETH_BTC, [(0.049, 5)], [(0.05, 4), (0.0501, 4)], **at(ms)),
        book(ETH_USDT, [(5.1, 6), (5.0, 9)], [(5.2, 1)], **at(ms)),
    ]


def test_a_triangle_goes_round_as_far_as_it_pays() -> None:
    (row,) = play(triangle(), triangles=[TRIANGLE])
    assert (row["kind"], row["legs"]) == (OpportunityKind.TRIANGULAR, 3)
    assert row["leg_instrument"].tolist() == [A, ETH_BTC, ETH_USDT]
    assert row["leg_side"].tolist() == [BUY, BUY, SELL]
    assert row["size"] == 6 * 10**8
    assert row["leg_size"][0] == round((4 * 0.05 + 2 * 0.0501) * 10**8), "BTC that buy so many ETH"
    # 3 ETH on BTC at 100, one more at 100.5, then two at 0.0501 BTC
    cost = 3 * 5 * 10**9 + 5_025_000_000 + 2 * 5_035_050_000
    assert (row["cost"], row["gross"]) == (cost, 6 * 5_100_000_000 - cost)


def test_a_triangle_goes_round_the_other_way() -> None:
    books = [
        book(A, [(100, 0.1)], [(101, 5)], **at(0)),
        book(ETH_BTC, [(0.05, 4)], [(0.051, 5)], **at(0)),
        book(ETH_USDT, [(4.8, 1)], [(4.9, 6)], **at(0)),
    ]
    (row,) = play(books, triangles=[TRIANGLE])
    assert row["leg_instrument"].tolist() == [ETH_USDT, ETH_BTC, A]
    assert row["leg_side"].tolist() == [BUY, SELL, SELL]
    assert row["leg_size"][2] == 10**7, "A takes no more BTC than 0.1"
    assert 2 * 10**8 <= row["size"] < 2 * 10**8 + 20, "so much ETH as brings that, to the last 1e-8 BTC"
    assert (row["cost"] + row["gross"], round(row["gross"], -4)) == (10**10, 200_000_000)


def test_a_triangle_needs_no_rate_though_a_leg_of_it_is_of_a_group_that_is_quoted_otherwise() -> None:
    """The group begins with C and is quoted in USD; the triangle begins and ends in USDT, whatever that is worth."""
    groups = {**GROUPS, "BTC": ("BTC-USD.C", "BTC-USDT.A", "BTC-USDT.B")}
    alone = play(triangle(), triangles=[TRIANGLE])[0]
    for usd in ([], [book(USD, [(1.03, 5)], [(1.04, 5)], **at(0))]):
        found = Desk(config(triangles=[TRIANGLE]), groups=groups).on_tape(tape([*usd, *triangle()]))
        assert found is not None
        rows = [row for row in found if row["kind"] == OpportunityKind.TRIANGULAR]
        assert [(row["size"], row["net"], row["rate_age"]) for row in rows] == [(alone["size"], alone["net"], ABSENT)]


class _Book:
    """What a leg of the desk offers, for the reference."""

    def __init__(self, desk: Desk, leg: int) -> None:
        self._desk, self._leg = desk, leg
        self.source = reference.INVERSE if leg == C else 0

    def levels(self, side: int) -> Iterator[reference.Level]:
        known = self._desk.consolidated.moved[self._leg]
        if known["face"] == BOOK:
            view = self._desk.books.view(self._leg)
            found = view.asks if side else view.bids
        else:
            name = "ask" if side else "bid"
            found = [(int(known[name]), int(known[f"{name}_size"]), int(known[f"{name}_size_exp"]))]
        for price, size, exponent in found:
            yield reference.level(self.source, Decimal(price).scaleb(-9), Decimal(size).scaleb(exponent))


class _Believed:
    """The rules of what gives a signal, one by one."""

    def __init__(self, desk: Desk, max_age: int) -> None:
        self._desk, self._max_age = desk, max_age
        self.halted: dict[int, int] = {}
        """By leg, the source that told so."""

    def note(self, row: Tape) -> None:
        lines = {StatusCode.FEED_DOWN, StatusCode.FEED_UP}
        if int(row.kind[0]) == EventKind.STATUS and int(row.code[0]) in {StatusCode.HALTED, StatusCode.RESUMED, *lines}:
            which, source, code = int(row.instrument[0]), int(row.source[0]), int(row.code[0])
            moved = self._desk.consolidated.moved
            told = {leg for leg, teller in self.halted.items() if teller == source}
            wide = told | {leg for leg in range(6) if moved[leg]["source"] == source}
            for leg in told if code in lines else wide if which < 0 else {which}:
                self.halted.pop(leg, None)
                if code == StatusCode.HALTED:
                    self.halted[leg] = source

    def leg(self, leg: int, now: int) -> bool:
        known = self._desk.consolidated.moved[leg]
        troubles = (known["delayed"], known["suspect"], known["inverted"], leg in self.halted)
        young = abs(now - known["ts_recv"]) <= self._max_age
        return bool(known["made"] == STANDS and not any(troubles) and young)

    def rate(self, now: int) -> tuple[Decimal, Decimal] | None:
        known = self._desk.consolidated.moved[USD]
        if not self.leg(USD, now) or ABSENT in (known["bid"], known["ask"]):
            return None
        return Decimal(int(known["bid"])).scaleb(-9), Decimal(int(known["ask"])).scaleb(-9)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32), bps=st.sampled_from([0, 3]))
@example(seed=600202, bps=0)  # our clock is set back just after a rate was heard
def test_what_is_open_after_each_row_is_what_the_rules_say(seed: int, bps: int) -> None:
    """The figures of every open route, and that no other is open, against Decimal and the rules one by one."""
    desk = Desk(config(fees=dict.fromkeys("ABC", bps), triangles=[TRIANGLE], max_age_ms=500, min_net_bps=1))
    believed, least, fee = _Believed(desk, SECOND // 2), Decimal("0.0001"), Decimal(bps) / 10_000
    state: dict[int, np.void] = {}
    whole = anything(random.Random(seed), 150)
    for row in cut(whole, range(1, len(whole))):
        found = desk.on_tape(row)
        believed.note(row)
        for line in [] if found is None else found:
            state[int(line["route"])] = line
        now = int(row.ts_recv[0])
        for place, route in enumerate(desk.arbitrage.terms.routes):
            legs = [int(leg) for leg in route["legs"] if leg >= 0]
            books = [_Book(desk, leg) for leg in legs]
            sound = all(believed.leg(leg, now) for leg in legs)
            rate = believed.rate(now) if C in legs else (Decimal(1), Decimal(1))
            expected: tuple[Decimal, ...] | None = None
            if sound and rate is not None and len(legs) == 2:
                rates = [Decimal(1), Decimal(1), rate[1] if legs[0] == C else rate[0]]
                figures = reference.walk(books[0], books[1], [fee] * 3, rates, least)
                expected = None if figures is None else figures[:4]
            elif sound and len(legs) == 3:
                order = (1, 2, 0) if route["back"] else (1, 0, 2)
                round_ = reference.walk_round([books[one] for one in order], [fee] * 3, bool(route["back"]), least)
                expected = None if round_ is None else round_[:4]
            line = state.get(place)
            is_open = line is not None and line["state"] != CLOSED
            assert is_open == (expected is not None), (int(row.offset[0]), place, expected)
            if expected is not None and line is not None:
                got = [
                    Decimal(int(line["size"])).scaleb(-8),
                    *(Decimal(int(line[one])).scaleb(-9) for one in ("cost", "gross", "fees")),
                ]
                assert got == list(expected), (int(row.offset[0]), place)


def test_the_tapes_have_every_cause_in_them() -> None:
    """What the tests above are run on: nothing is proved by tapes on which nothing happens."""
    found: dict[tuple[int, int], set[int]] = {}
    for seed in range(40):
        desk = Desk(config(triangles=[TRIANGLE]))
        for row in [] if (rows := desk.on_tape(anything(random.Random(seed), 400))) is None else rows:
            found.setdefault((int(row["kind"]), int(row["state"])), set()).add(int(row["cause"]))
    causes = {Cause.GONE, Cause.AGED, Cause.STALE, Cause.GAPPED, Cause.INVERTED, Cause.DELAYED, Cause.HALTED}
    for kind in OpportunityKind:
        assert found[kind, CLOSED] >= causes
        assert found[kind, UPDATED] == {0}
    assert Cause.RATE in found[OpportunityKind.CROSS_VENUE, CLOSED]


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_a_restart_at_any_row_goes_on_where_it_was(seed: int) -> None:
    given_ = config(triangles=[TRIANGLE], update_ms=50, paper={"default_latency_ms": 30})
    whole = anything(random.Random(seed), 120)
    unbroken = Desk(given_)
    expected = unbroken.on_tape(whole)
    desk, parts = Desk(given_), []
    for row in cut(whole, range(1, len(whole))):
        parts.append(desk.on_tape(row))
        state, desk = desk.snapshot(), Desk(given_)
        desk.restore(state)
        assert desk.snapshot() == state
    found = [part for part in parts if part is not None]
    assert b"".join(part.tobytes() for part in found) == (b"" if expected is None else expected.tobytes())
    assert desk.fills.tobytes() == unbroken.fills.tobytes()
    assert desk.snapshot() == unbroken.snapshot()


def test_the_books_that_are_followed_are_the_books() -> None:
    for seed in range(10):
        desk = Desk(config(triangles=[TRIANGLE]))
        for piece in cut(anything(random.Random(seed), 400), range(7, 400, 41)):
            desk.on_tape(piece)
            for which in range(6):
                view = desk.books.view(which)
                if view.bids or view.asks:
                    assert (desk.arbitrage.levels(which, 0), desk.arbitrage.levels(which, 1)) == (view.bids, view.asks)


def test_other_terms_begin_anew() -> None:
    """Fees that changed since: what was open is nothing to them, and what is there now opens under them."""
    desk = Desk()
    desk.on_tape(tape(crossed()))
    state = desk.snapshot()
    other = Desk(config(fees={"A": 1, "B": 1, "C": 1}))
    other.restore(state)
    found = other.on_tape(tape([change(A, SELL, 100, 1, **at(10))], first=2))
    assert told(found) == [("opened", "")]
    assert other.arbitrage.counters()["opened"] == 1
    assert CONFIG["fees"] == {"A": 0, "B": 0, "C": 0}
