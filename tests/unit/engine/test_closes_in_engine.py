"""Two days of a venue's frames through the whole engine: what is known at their end, however they came."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from breadboard import feeds
from breadboard.config import EngineConfig
from breadboard.engine import Engine
from breadboard.feeds.iqfeed_fields import SELECTED
from breadboard.model.decimals import ABSENT, price_text
from breadboard.model.frames import Frames
from breadboard.model.gaps import Epoch
from breadboard.model.kinds import Provenance, RecordKind
from breadboard.model.listing import MARKET_HOURS, QUOTE_TYPES
from breadboard.sim.yahoo_protobuf import framed

NEW_YORK = ZoneInfo("America/New_York")
PRE, REGULAR, POST = range(3)
EQUITY, ETF, COIN = 8, 20, 41


def frames() -> Frames:
    """Return the 24th and the 26th of November 2021: AAPL with the venue's change, SPY without, and a coin."""
    raw: list[bytes] = []
    stamps: list[int] = []
    for day, hour, minute, session, price, change in (
        (24, 9, 0, PRE, 160.75, -0.66),
        (24, 9, 30, REGULAR, 160.75, -0.66),
        (24, 15, 59, REGULAR, 161.94, 0.53),
        (24, 16, 30, POST, 161.8, -0.14),
        (26, 8, 0, PRE, 159.5, -2.44),
        (26, 9, 30, REGULAR, 159.565, -2.375),
        (26, 12, 59, REGULAR, 156.81, -5.13),
        (26, 13, 30, POST, 156.9, 0.09),
    ):
        when = int(datetime(2021, 11, day, hour, minute, tzinfo=NEW_YORK).timestamp()) * 1000
        common: dict[str, Any] = {"time": when, "market_hours": session, "price_hint": 2}
        told: tuple[dict[str, Any], ...] = (
            common | {"id": "AAPL", "price": price, "change": change, "quote_type": EQUITY},
            common | {"id": "SPY", "price": 3 * price, "quote_type": ETF},
            {"id": "BTC-USD", "time": when, "price": 200 * price, "change": 7.0, "price_hint": 2, "quote_type": COIN},
        )
        raw += [framed(fields) for fields in told]
        stamps += [when * 1_000_000 + 40_000_000 + at for at in range(len(told))]
    return Frames.of(raw, stamps, kind=RecordKind.DATA)


def ran(batch: int, *, restarts: bool) -> Engine:
    """Return an engine that took the frames in batches, with a new engine from a checkpoint after each."""
    whole = frames()

    def fresh() -> Engine:
        engine = Engine(feeds.by_venue, EngineConfig())
        engine.adopt([Epoch(0, 1, "YAHOO", "", (), Provenance.LIVE, open=True)])
        return engine

    engine = fresh()
    for at in range(0, len(whole), batch):
        if restarts:
            other = fresh()
            other.restore(engine.snapshot())
            engine = other
        engine.process(whole.take(slice(at, at + batch)))
    return engine


def told(engine: Engine) -> dict[str, tuple[str, str | None, str, str]]:
    """Return the price of each instrument, what it is compared with, what it is and in which hours."""
    found = {}
    for instrument, record in zip(engine.instruments, engine.latest.records, strict=True):
        close = int(record["previous_close"])
        compared = None if close == ABSENT else price_text(close, 2)
        words = QUOTE_TYPES[record["quote_type"]], MARKET_HOURS[record["market_hours"]]
        found[instrument.symbol] = (price_text(int(record["price"]), 2), compared, *words)
    return found


def test_the_venues_close_is_kept_and_our_own_is_the_last_regular_print() -> None:
    assert told(ran(1, restarts=False)) == {
        "AAPL": ("156.90", "156.81", "equity", "post"),
        "SPY": ("470.70", "470.43", "etf", "post"),
        "BTC-USD": ("31380.00", None, "cryptocurrency", ""),
    }


@pytest.mark.parametrize(("batch", "restarts"), [(1, True), (3, False), (5, True), (24, False)])
def test_live_is_replay(batch: int, restarts: bool) -> None:
    expected, found = ran(1, restarts=False), ran(batch, restarts=restarts)
    assert found.digest() == expected.digest()
    assert found.latest.records.tobytes() == expected.latest.records.tobytes()
    assert found.snapshot() == expected.snapshot()


def test_a_close_is_told_to_the_store_when_it_is_another() -> None:
    engine, whole = Engine(feeds.by_venue, EngineConfig()), frames()
    engine.adopt([Epoch(0, 1, "YAHOO", "", (), Provenance.LIVE, open=True)])
    details = engine.process(whole).details
    assert [words["market_hours"] for words in details.values() if words.get("quote_type") == "equity"] == [
        *("pre", "regular", "post", "pre", "regular", "post")
    ]


def printed(kind: str, clock: str, price: str, number: int, contents: str) -> bytes:
    """Return a line of Level 1 of the 24th about XYZ."""
    said = {"Message Contents": contents, "Most Recent Trade": price, "Most Recent Trade Size": "100"}
    said |= {"Most Recent Trade Date": "11/24/2021", "Most Recent Trade Time": clock, "TickID": str(number)}
    said |= {"Bid": "9", "Bid Size": "100", "Ask": "11", "Ask Size": "100", "Delay": "0"}
    return f"{kind},XYZ,{','.join(said.get(name, '') for name in SELECTED)},".encode()


@pytest.mark.parametrize(
    ("line", "close"),
    [
        (printed("P", "15:59:58.000000", "12", 77, "C"), "12.00"),
        (printed("P", "16:02:30.000000", "12", 77, "Cbav"), None),  # it may be a Form T
        (b"C,XYZ,I,11/24/2021,15:59:58.000000,12,100,77,01,11,", "12.00"),
        (b"C,XYZ,I,11/24/2021,16:02:30.000000,12,100,77,17,11,", None),
        (printed("Q", "16:02:30.000000", "12", 77, "C"), "12.00"),  # qualified: the auction
        (printed("Q", "16:02:30.000000", "12", 77, "E"), None),
    ],
)
def test_what_iqfeed_holds_or_puts_in_is_no_close_after_the_sessions_end(line: bytes, close: str | None) -> None:
    at = int(datetime(2021, 11, 24, 16, 10, tzinfo=NEW_YORK).timestamp()) * 10**9
    fields = f"S,CURRENT UPDATE FIELDNAMES,{','.join(('Symbol', *SELECTED))},".encode()
    raw = [fields, line, printed("Q", "16:20:00.000000", "13", 78, "E")]
    engine = Engine(feeds.by_venue, EngineConfig())
    engine.adopt([Epoch(0, 1, "IQFEED", "", (), Provenance.LIVE, open=True)])
    engine.process(Frames.of(raw, [at, at + 10**9, at + 10 * 60 * 10**9], kind=RecordKind.DATA))
    (found,) = told(engine).values()
    assert found[:2] == ("13.00", close)
