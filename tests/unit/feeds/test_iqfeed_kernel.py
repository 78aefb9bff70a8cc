"""Compiled code against the reader of IQFeed's lines: the same rows, refusals and memory, however batches are cut."""

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from breadboard.feeds.eastern import parse_clock
from breadboard.feeds.iqfeed import IQFEED
from breadboard.feeds.iqfeed_fields import DEFAULT, KNOWN, SELECTED, number, price, side
from breadboard.feeds.iqfeed_kernel import MOST_FIELDS
from breadboard.feeds.line_tokens import clock_at, pointed_price, quote_side, whole_at
from breadboard.feeds.readers import At
from breadboard.feeds.reading import Meaning
from breadboard.model.decimals import ABSENT
from breadboard.model.frames import Frames
from breadboard.model.instruments import Instruments
from breadboard.model.kinds import EventKind, RecordKind
from breadboard.model.tape import Tape
from feed_samples import SAMPLES, content, recorded

RECV = 1_795_534_200_000_000_000
"""2026-11-24T15:30:00Z, 10:30 in New York."""
ANNOUNCED = b"S,CURRENT UPDATE FIELDNAMES,%b," % ",".join(("Symbol", *SELECTED)).encode()
USUAL = {
    "Symbol": "XYZ",
    "Message Contents": "Cba",
    "Most Recent Trade Size": "100",
    "Most Recent Trade": "10.5000",
    "Most Recent Trade Time": "10:30:00.123456",
    "Most Recent Trade Date": "11/24/2026",
    "TickID": "4711",
    "Most Recent Trade Aggressor": "1",
    "Bid": "10.4900",
    "Bid Size": "200",
    "Bid Time": "10:29:59.000001",
    "Ask": "10.5100",
    "Ask Size": "300",
    "Ask Time": "10:29:58.000000",
    "Delay": "0",
}
NUMBERS: tuple[str, ...] = (
    "",
    "0",
    "0.0000",
    "12",
    "12.",
    "12.5",
    "007.25",
    ".5",
    "1e3",
    "-1",
    "-37.63",
    "-0.00",
    "9223372036.9",
    "1.0000000001",
    "٣",
    "x",
)
NUMBERS += ("123456789", "99999999999999999999", "1.123456789", "10,5", "100.000", "0.00000001")
CLOCKS: tuple[str, ...] = (
    "",
    "09:30:00",
    "09:30:00.5",
    "23:59:59.999999",
    "00:00:00.000000",
    "24:00:00",
    "9:30:00",
    "10:30:00.",
    "x",
)
CLOCKS += ("10:30:00.1234567891", "10-30:00", "10:60:00", "10:30:60", "22:29:59.9", "22:30:00.1", "10:30:00.٣", "12:30")
WORDS: dict[str, tuple[str, ...]] = {
    "Symbol": ("XYZ", "ABC", "", "X Y", "@ES#", "A" * 70, "É"),
    "Message Contents": ("C", "E", "O", "b", "a", "ba", "Cb", "vO", "", "v", "Ev", "COE", "t"),
    "Most Recent Trade Date": ("11/24/2026", "11/23/2026", "2026-11-24", "", "13/13/2026", "11/01/2026"),
    "Most Recent Trade Aggressor": ("", "1", "2", "3", "12"),
    "TickID": ("", "1", "x", "1234567890123456789", "-1", "007"),
    "Delay": ("", "0", "15", "00"),
    **dict.fromkeys(("Most Recent Trade", "Most Recent Trade Size", "Bid", "Bid Size", "Ask", "Ask Size"), NUMBERS),
    **dict.fromkeys(("Most Recent Trade Time", "Bid Time", "Ask Time"), CLOCKS),
}


def line(kind: str = "Q", names: Sequence[str] = SELECTED, end: str = ",", **fields: str) -> bytes:
    """Return a line of these fields, the usual ones where nothing is said; ``_`` in a name is a blank."""
    said = {**USUAL, **{name.replace("_", " "): text for name, text in fields.items()}}
    return (",".join((kind, said["Symbol"], *(said.get(name, "7") for name in names))) + end).encode("utf-8")


@st.composite
def odd_lines(draw: st.DrawFn) -> bytes:
    """Draw an update or a summary of which some fields are anything."""
    changed = draw(st.dictionaries(st.sampled_from(sorted(WORDS)), st.none(), max_size=4))
    fields = {name: draw(st.sampled_from(WORDS[name])) for name in changed}
    made = line(draw(st.sampled_from("QQQQQP")), end=draw(st.sampled_from((",", ",", ",", "", ",,", ",9,"))), **fields)
    cut = draw(st.sampled_from((None, None, None, None, 1, 2, 5, 40)))
    return made[:cut]


OTHERS = (
    ANNOUNCED,
    b"S,CURRENT UPDATE FIELDNAMES,%b," % ",".join(DEFAULT).encode(),
    b"S,CUST,delayed,127.0.0.1,60001,abc,6.2.0.25,0,NYSE,,500,0,",
    b"S,CUST,real_time,127.0.0.1,60001,abc,6.2.0.25,0,NYSE,,500,0,",
    b"T,20261124 10:30:00",
    b"Q",
    b"",
    b"\xff\xfe",
    b"C,XYZ,I,11/24/2026,10:30:00.000001,10.5,100,4711,01,11,",
    *(frame for frame in SAMPLES["iqfeed"].frames if len(frame) < 200),
)
lines = st.one_of(odd_lines(), st.just(line()), st.sampled_from(OTHERS))


def decoded(frames: Frames, cuts: Sequence[int], *, fast: bool) -> dict[str, Any]:
    """Return all that comes of frames, decoded in batches that end at these rows."""
    instruments = Instruments()
    decoder: Any = IQFEED.decoder(instruments, fast=fast)
    bounds = [0, *sorted({cut % (len(frames) + 1) for cut in cuts}), len(frames)]
    parts = [decoder.decode(frames.take(slice(a, b))) for a, b in itertools.pairwise(bounds)]
    ignored: dict[str, int] = {}
    for part in parts:
        for name, count in part.ignored.items():
            ignored[name] = ignored.get(name, 0) + count
    return {
        **content(Tape.merge([part.tape for part in parts])),
        "gaps": [gap for part in parts for gap in part.tape.gaps],
        "quarantined": [one for part in parts for one in part.quarantined],
        "ignored": ignored,
        "counts": [sum(part.data for part in parts), sum(part.control for part in parts)],
        "names": [instrument.id for instrument in instruments],
        "state": decoder.snapshot(),
    }


def framed(raw: Sequence[bytes], sources: Sequence[int] = (), stamps: Sequence[int] = ()) -> Frames:
    frames = Frames.of(list(raw), stamps or [RECV + at * 1000 for at in range(len(raw))], kind=RecordKind.DATA)
    frames.source[:] = sources or [0] * len(raw)
    frames.epoch[:] = 1
    return frames


@settings(max_examples=300, deadline=None)
@given(
    raw=st.lists(st.tuples(lines, st.integers(0, 1), st.sampled_from((0, 0, 0, 0, 43_000, 86_400))), max_size=40),
    cuts=st.lists(st.integers(0, 100), max_size=3),
)
@example(raw=[(line(Bid_Time="22:29:59.9", Ask_Time="22:30:00.1"), 0, 0)] * 3, cuts=[])
def test_all_that_comes_of_lines_is_what_the_reader_says(raw: list[tuple[bytes, int, int]], cuts: list[int]) -> None:
    begun = [ANNOUNCED, ANNOUNCED, line(), line(Symbol="ABC")]
    stamps, now = [], RECV
    for _, _, away in [(b"", 0, 0)] * 4 + raw:
        now += away * 1_000_000_000 + 1000
        stamps.append(now)
    frames = framed([*begun, *(one for one, _, _ in raw)], [0, 1, 0, 1, *(source for _, source, _ in raw)], stamps)
    assert decoded(frames, cuts, fast=True) == decoded(frames, [], fast=False)


OTHER_NAMES = {
    f"{also}{field}": text
    for also, price in (("Last", "10.2500"), ("Extended Trade", "10.7500"))
    for field, text in (("", price), (" Size", "200"), (" Time", "10:29:00.5"), (" Date", "11/24/2026"))
} | {f"{name} TimeMS": "10:28:00.25" for name in ("Most Recent Trade", "Last", "Extended Trade", "Bid", "Ask")}


@settings(max_examples=150, deadline=None)
@given(
    names=st.lists(st.sampled_from(sorted({*USUAL, *OTHER_NAMES} - {"Symbol"})), unique=True, min_size=1),
    contents=st.lists(st.sampled_from(WORDS["Message Contents"]), min_size=20, max_size=40),
    empty=st.sets(st.sampled_from(sorted({*USUAL, *OTHER_NAMES} - {"Symbol", "Message Contents"})), max_size=2),
    kind=st.sampled_from("QQQQP"),
)
@example(names=["Bid", "Ask"], contents=["C"] * 20, empty=set(), kind="Q")
@example(names=["Most Recent Trade", "Most Recent Trade Size"], contents=["C"] * 20, empty=set(), kind="Q")
@example(
    names=["Last", "Last Size", "Last TimeMS", "Message Contents"], contents=["C", "E"] * 10, empty=set(), kind="Q"
)
@example(names=["Last", "Last Size", "Last Time", "Message Contents"], contents=["C", "E"] * 10, empty=set(), kind="Q")
def test_whatever_fields_were_selected_both_say_the_same(
    names: list[str], contents: list[str], empty: set[str], kind: str
) -> None:
    announced = b"S,CURRENT UPDATE FIELDNAMES,%b," % ",".join(("Symbol", *names)).encode()
    raw = [ANNOUNCED, line(), announced]  # which tells the day, and is read before compiled code begins
    for letters in contents:
        fields = USUAL | OTHER_NAMES | {"Message Contents": letters} | dict.fromkeys(empty, "")
        raw.append((",".join((kind, "XYZ", *(fields[name] for name in names))) + ",").encode())
    frames = framed(raw)
    assert decoded(frames, [3], fast=True) == decoded(frames, [], fast=False)


def test_quotes_without_message_contents_are_read_by_compiled_code(monkeypatch: pytest.MonkeyPatch) -> None:
    decoder: Any = IQFEED.decoder(Instruments())
    names = ("Bid", "Ask", "Bid Size", "Ask Size", "Bid Time", "TickID")
    announced = b"S,CURRENT UPDATE FIELDNAMES,%b," % ",".join(("Symbol", *names)).encode()
    decoder.decode(framed([ANNOUNCED, line(), announced]))  # a line with a time tells which day it is
    read: list[bytes] = []
    monkeypatch.setattr(decoder._reader, "read", lambda frame, _: read.append(frame))
    found = decoder.decode(framed([line(names=names, Bid=f"{at}.5") for at in range(1, 101)]))
    assert (read, found.tape.kind.tolist()) == ([], [EventKind.QUOTE] * 100)
    assert found.tape.price.tolist() == [at * 10**9 + 500_000_000 for at in range(1, 101)]
    assert found.tape.ask_price.tolist() == [10_510_000_000] * 100
    assert found.tape.ts_event.tolist() == [ABSENT] * 100


def test_the_day_on_which_clocks_turn_is_left_to_the_reader() -> None:
    sunday = 1_793_512_800_000_000_000  # 2026-11-01T06:00Z: one o'clock comes a second time
    clocks = [f"0{hour}:{minute}:00.000000" for hour in (0, 1, 2) for minute in (10, 40)] * 20
    raw = [ANNOUNCED, *(line(Most_Recent_Trade_Time=clock, Most_Recent_Trade_Date="11/01/2026") for clock in clocks)]
    frames = framed(raw, stamps=[sunday + at * 60_000_000_000 for at in range(len(raw))])
    assert decoded(frames, [], fast=True) == decoded(frames, [], fast=False)


@pytest.mark.parametrize("count", [MOST_FIELDS - 3, MOST_FIELDS - 2, MOST_FIELDS - 1, MOST_FIELDS])
def test_a_line_of_more_fields_than_announced_is_told_of_however_many_there_are(count: int) -> None:
    names = ("Symbol", *SELECTED, *sorted(KNOWN - {"Symbol", *SELECTED}))[:count]
    announced = b"S,CURRENT UPDATE FIELDNAMES,%b," % ",".join(names).encode()
    usual = line(names=names[1:])
    frames = framed([announced, *[usual] * 400, usual + b"more,", *[usual] * 100])
    assert decoded(frames, [], fast=True) == decoded(frames, [], fast=False)


@pytest.mark.parametrize("cuts", [(), (1, 7, 1000, 1001)])
def test_the_lines_of_every_port_one_after_the_other(cuts: tuple[int, ...]) -> None:
    frames = recorded("iqfeed")
    assert decoded(frames, cuts, fast=True) == decoded(frames, [], fast=False)


def test_plain_lines_are_read_by_compiled_code(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[bytes] = []
    decoder: Any = IQFEED.decoder(Instruments())
    reader, usual = decoder._reader, decoder._reader.read

    def heard(frame: bytes, at: At) -> Meaning:
        read.append(frame)
        return usual(frame, at)  # type: ignore[no-any-return] # the decoder is any

    monkeypatch.setattr(reader, "read", heard)
    decoder.decode(framed([ANNOUNCED, line()]))
    read.clear()
    found = decoder.decode(framed([line(TickID=str(at)) for at in range(1000)]))
    assert read == []
    assert found.tape.kind.tolist() == [EventKind.TRADE, EventKind.QUOTE] * 1000
    assert found.tape.trade_id[::2].tolist() == list(range(1000))
    assert reader.known(0, 1).last_trade == {"XYZ": ("10:30:00.123456", "999")}


@pytest.mark.parametrize("text", NUMBERS)
def test_numbers_are_read_as_the_reader_does_or_left_to_it(text: str) -> None:
    raw = np.frombuffer(text.encode() + b"100", np.uint8)
    end = len(raw) - 3
    paid, ok = pointed_price(raw, 0, end)
    if ok and paid:
        assert paid == price(text)
    bid = quote_side(raw, 0, end, end, end + 3)
    if bid[3]:
        assert bid[:3] == side(text, "100")
    tick, ok = whole_at(raw, 0, end)
    if ok:
        assert tick == number(text)


@pytest.mark.parametrize("text", CLOCKS)
def test_clocks_are_read_as_the_reader_does_or_left_to_it(text: str) -> None:
    raw = np.frombuffer(text.encode() + b" ", np.uint8)
    found = clock_at(raw, 0, len(raw) - 1)
    try:
        expected = parse_clock(text)
    except ValueError:
        expected = -1
    assert found in (expected, -1)
    assert found == expected or len(text) < 8 or not text.isascii()
