"""Checked books: the venues' own checksums on real recordings, and that no wrong digit passes."""

import random
import re
from collections import Counter
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from breadboard.feeds.book_watch import CheckedReader
from breadboard.feeds.checked_book import BookMemory, CheckedBook, kraken_sum, kraken_text, level_of, okx_sum, okx_text
from breadboard.feeds.kraken_messages import KrakenReader
from breadboard.feeds.kraken_v2_messages import KrakenV2Reader
from breadboard.feeds.okx_messages import OkxReader
from breadboard.feeds.readers import At
from breadboard.feeds.reading import Event
from breadboard.model.kinds import EventKind, GapReason, Side
from recordings import recording

AT = At(3, 1, 1_700_000_000_000_000_000)
SEED = 20210417
RECORDED: dict[str, tuple[Callable[[], CheckedReader], tuple[str, ...], int]] = {
    "kraken": (KrakenReader, tuple(f"kraken/KRAKEN.ws.{number}.0" for number in (48, 49, 50)), 4269),
    "kraken-v2": (KrakenV2Reader, ("kraken/kraken_v2_book_BTCUSD_depth10.jsonl",), 9),
    "okx": (OkxReader, ("okx/OKX.ws.1.0",), 290),
}
"""By feed: its reader, recordings, and how many book messages in them carry a checksum."""


def frames(name: str) -> list[bytes]:
    """Return what the venue sent, read without the code under test."""
    text = b"".join(recording(path).read_bytes() for path in RECORDED[name][1])
    return re.findall(rb"^(?:\d+\.\d+: )?([\[{].*)$", text, re.MULTILINE)


@pytest.mark.parametrize("name", RECORDED)
def test_every_recorded_checksum_is_right(name: str) -> None:
    reader, _, expected = RECORDED[name]
    subject = reader()
    verdicts = Counter(subject.read(frame, AT).checked for frame in frames(name))
    assert (verdicts[True], verdicts[False]) == (expected, 0)


def flipped(frame: bytes, chance: random.Random, field: str) -> bytes:
    """Return a book message with one digit of one level changed; ``field`` is a pattern of level texts."""
    places = [place for match in re.finditer(field.encode(), frame) for place in range(*match.span(1))]
    digits = [place for place in places if frame[place : place + 1].isdigit()]
    at = chance.choice(digits)
    other = chance.choice([digit for digit in b"0123456789" if digit != frame[at]])
    return frame[:at] + bytes([other]) + frame[at + 1 :]


LEVELS = {
    "kraken": r'\["(\d[\d.]*","\d[\d.]*)","\d+\.\d+"',
    "kraken-v2": r'\{"price":([\d.]+,"qty":[\d.]+)\}',
    "okx": r'\["([\d.]+","[\d.]+)","0","\d+"\]',
}


def top(book: CheckedBook, name: str) -> list[str]:
    count = 25 if name == "okx" else 10
    return book.asks.top(count) + book.bids.top(count)


@pytest.mark.parametrize("name", RECORDED)
def test_one_wrong_digit_in_what_the_checksum_covers_is_always_noticed(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader, _, _ = RECORDED[name]
    good, chance = reader(), random.Random(SEED)
    tried = noticed = 0
    for number, frame in enumerate(frames(name)):
        often = number % 8 == 0 or name != "kraken"
        before = good.snapshot() if often else b""
        meaning = good.read(frame, AT)
        if not often or meaning.checked is None or not re.search(LEVELS[name], frame.decode()):
            continue
        event = meaning.events[0]
        right = top(good.memory.book(event.symbol or "", AT), name)
        for _ in range(60 if name == "kraken-v2" else 3):
            bad = reader()
            bad.restore(before)
            wrong = flipped(frame, chance, LEVELS[name])
            try:
                found = bad.read(wrong, AT)
            except ValueError:
                continue  # a price of 0 and the like: quarantined
            book = reader()
            book.restore(before)
            expected = _after(book, wrong, name, monkeypatch)
            if expected == right:
                continue  # the digit is below what the checksum covers
            tried += 1
            noticed += found.checked is False
            assert found.checked is False, f"seed {SEED}: {wrong[-200:]!r}"
            assert [event.kind for event in found.events][1:] == [EventKind.GAP]
    assert noticed == tried > (100 if name == "kraken-v2" else 300)


def _after(reader: CheckedReader, frame: bytes, name: str, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the covered texts after a message, whatever its checksum: the message without it is applied unchecked."""
    blank = {
        "kraken": (rb',"c":"\d+"', b""),
        "kraken-v2": (rb'"checksum":\d+', b'"checksum":0'),
        "okx": (rb'"checksum":-?\d+', b'"checksum":0'),
    }[name]
    with monkeypatch.context() as patched:
        patched.setattr(CheckedBook, "lose", lambda _: None)
        event = reader.read(re.sub(*blank, frame), AT).events[0]
    return top(reader.memory.book(event.symbol or "", AT), name)


Sides = list[dict[int, str]]


def made(levels: list[tuple[Side, int, int]], depth: int, text: Callable[[str, str], str]) -> tuple[CheckedBook, Sides]:
    """Return a checked book after levels came one a message, and a plain one made by sorting alone."""
    book, sides = CheckedBook(), [{}, {}]  # type: tuple[CheckedBook, Sides]
    book.begin()
    book.depth = depth
    for side, price, size in levels:
        words = f"{price}.50", f"0.{size:03d}"
        fell = book.apply([level_of(side, *words)], [text(*words)])
        mine = sides[side is Side.SELL]
        mine.pop(price, None)
        mine |= {price: text(*words)} if size else {}
        worst = sorted(mine, reverse=side is Side.BUY)[depth or None :] if depth else []
        assert [(level[0], level[1]) for level in fell] == [(side, p * 10**9 + 500_000_000) for p in worst]
        for each in worst:
            del mine[each]
    return book, sides


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from((Side.BUY, Side.SELL)), st.integers(1, 60), st.sampled_from((0, 1, 20, 300)))),
    st.sampled_from((0, 3, 10, 25)),
)
def test_a_book_is_what_sorting_makes_of_it_and_the_sums_are_those_of_its_texts(
    levels: list[tuple[Side, int, int]], depth: int
) -> None:
    from zlib import crc32

    book, (bids, asks) = made(levels, depth, kraken_text)
    best = [[side[p] for p in sorted(side, reverse=down)] for side, down in ((asks, False), (bids, True))]
    assert book.asks.top(1000) == best[0]
    assert book.bids.top(1000) == best[1]
    assert kraken_sum(book) == crc32("".join(best[0][:10] + best[1][:10]).encode())
    other, (bids, asks) = made(levels, depth, okx_text)
    best = [[side[p] for p in sorted(side, reverse=down)][:25] for side, down in ((bids, True), (asks, False))]
    turns = [side[place] for place in range(25) for side in best if place < len(side)]
    assert okx_sum(other) % 2**32 == crc32(":".join(turns).encode())
    assert -(2**31) <= okx_sum(other) < 2**31


def test_the_checksum_of_the_venues_own_example_is_right() -> None:
    """The example of docs.kraken.com/api/docs/guides/spot-ws-book-v2, by its numbers."""
    asks = "45285.2 0.00100000,45286.4 1.54571953,45286.6 1.54571109,45289.6 1.54560911,45290.2 0.15890660"
    asks += ",45291.8 1.54553491,45294.7 0.04454749,45296.1 0.35380000,45297.5 0.09945542,45299.5 0.18772827"
    bids = "45283.5 0.10000000,45283.4 1.54582015,45282.1 0.10000000,45281.0 0.10000000,45280.3 1.54592586"
    bids += ",45279.0 0.07990000,45277.6 0.03310103,45277.5 0.30000000,45277.3 1.54602737,45276.6 0.15445238"
    book = CheckedBook()
    for side, rows in ((Side.SELL, asks), (Side.BUY, bids)):
        words = [row.split() for row in rows.split(",")]
        book.apply([level_of(side, *row) for row in words], [kraken_text(*row) for row in words])
    assert kraken_sum(book) == 3310070434


@pytest.mark.parametrize("name", RECORDED)
def test_a_memory_survives_as_bytes_and_is_forgotten_with_its_connection(name: str) -> None:
    one, two = RECORDED[name][0](), RECORDED[name][0]()
    whole = frames(name)
    half = whole[: len(whole) // 2]
    for frame in half:
        one.read(frame, AT)
    two.restore(one.snapshot())
    assert two.snapshot() == one.snapshot()
    for frame in whole[len(half) :]:
        assert two.read(frame, AT) == one.read(frame, AT)
    assert two.snapshot() == one.snapshot()
    assert not any(book.ready for book in two.memory.of(At(3, 2, 0)).values())


def test_sources_do_not_share_books() -> None:
    memory = BookMemory()
    memory.book("A", At(1, 1, 0)).begin()
    assert not memory.book("A", At(2, 1, 0)).ready
    memory.lose("", At(2, 1, 0))
    assert memory.book("A", At(1, 1, 0)).ready


def kinds(events: tuple[Event, ...]) -> list[EventKind]:
    return [event.kind for event in events]


def test_after_a_mismatch_the_book_is_unchecked_until_the_next_snapshot() -> None:
    snapshot, *updates = frames("kraken-v2")
    subject = KrakenV2Reader()
    subject.read(snapshot, AT)
    wrong = subject.read(updates[1], At(3, 1, AT.ts_recv + 5))  # its predecessor is missing
    gap = wrong.events[1].gap
    assert gap is not None
    assert (wrong.checked, kinds(wrong.events)) == (False, [EventKind.BOOK_DELTA, EventKind.GAP])
    assert (gap.reason, gap.symbol, gap.channel) == (GapReason.CHECKSUM, "BTC/USD", "book")
    assert (gap.source, gap.ts_from, gap.ts_to) == (3, AT.ts_recv, AT.ts_recv + 5)
    after = subject.read(updates[2], AT)
    assert (after.checked, kinds(after.events)) == (None, [EventKind.BOOK_DELTA])
    assert subject.read(snapshot, AT).checked is True
