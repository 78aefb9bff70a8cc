"""Consolidated books on real recordings, against best bids and offers that json and Decimal make of the venues' own."""

import json
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

import three_venues
from breadboard.model.frames import Frames
from breadboard.model.kinds import Flag
from breadboard.model.nbbo import NbboState
from breadboard.model.outputs import Outputs

Side = tuple[Decimal, Decimal, int]
"""Price, size, and who has it."""


@pytest.fixture(scope="module")
def quoted() -> Frames:
    """Only what the venues say of their own best bid and offer."""
    whole = three_venues.frames()
    return whole.take(np.array([b"@bookTicker" in body[:60] for body in whole.frames()]))


@pytest.fixture(scope="module")
def everything() -> tuple[Any, Outputs]:
    subject = three_venues.engine()
    return subject, subject.process(three_venues.frames())


def expected(frames: Frames) -> list[tuple[int, Side, Side]]:
    """Return ``(offset, best bid, best offer)`` each time one of them changes."""
    said: dict[int, dict[str, Any]] = {}
    found: list[tuple[int, Side, Side]] = []
    for offset, source, body in zip(frames.offset.tolist(), frames.source.tolist(), frames.frames(), strict=True):
        said[source] = json.loads(body)["data"]
        bids = [(Decimal(one["b"]), -leg, Decimal(one["B"])) for leg, one in said.items()]
        asks = [(Decimal(one["a"]), leg, Decimal(one["A"])) for leg, one in said.items()]
        bid, ask = max(bids), min(asks)
        best = (offset, (bid[0], bid[2], -bid[1]), (ask[0], ask[2], ask[1]))
        if not found or best[1:] != found[-1][1:]:
            found.append(best)
    return found


def sides(row: np.void) -> tuple[Side, Side]:
    bid, ask = (
        (Decimal(int(row[side])).scaleb(-9), Decimal(int(row[f"{side}_size"])).scaleb(int(row[f"{side}_size_exp"])))
        for side in ("bid", "ask")
    )
    return (*bid, int(row["bid_leg"])), (*ask, int(row["ask_leg"]))


def test_it_is_the_best_of_what_the_venues_quote_at_every_change(quoted: Frames) -> None:
    rows = three_venues.engine().process(quoted).nbbo
    told = [(int(row["offset"]), *sides(row)) for row in rows]
    changes = [one for before, one in zip([None, *told], told, strict=False) if not before or before[1:] != one[1:]]
    oracle = expected(quoted)
    assert (len(quoted), len(oracle)) == (113_265, 48_805)
    assert changes == oracle


def test_books_make_the_same_market_of_the_same_minutes(everything: tuple[Any, Outputs]) -> None:
    """At the end every leg stands with its book, the market is crossed by the basis, and the clock is suspect."""
    subject, outputs = everything
    rows = outputs.nbbo
    assert len(rows) == 7_008
    assert {NbboState(one).label: int((rows["state"] == one).sum()) for one in np.unique(rows["state"])} == {
        "normal": 15,
        "crossed": 6_993,
    }
    last = rows[-1]
    tops = [subject.books.top(which) for which in range(3)]
    ids = [one.id for one in subject.instruments]
    assert tuple(ids) == three_venues.LEGS
    assert int(last["bid"]) == max(top[0] for top in tops)
    assert int(last["ask"]) == min(top[3] for top in tops)
    assert (last["standing"], last["stale"], last["gapped"], last["suspect"]) == (7, 0, 0, 7)
    assert last["flags"] == Flag.REPLAYED
    assert not rows["inverted"].any()


def test_the_whole_depth_is_what_the_books_add_up_to(everything: tuple[Any, Outputs]) -> None:
    subject, _ = everything
    depth = subject.consolidated.depth(0, subject.books)
    assert depth.left_out == {}
    for side in ("bids", "asks"):
        mine = [(price, *level) for price, levels in getattr(depth, side) for level in levels]
        theirs = [
            (price, three_venues.LEGS[which], size, exponent)
            for which in range(3)
            for price, size, exponent in getattr(subject.books.view(which), side)
        ]
        assert sorted(mine) == sorted(theirs)
        assert len(mine) > 3_000
        prices = [price for price, _ in getattr(depth, side)]
        assert prices == sorted(set(prices), reverse=side == "bids")


@pytest.mark.parametrize("size", [997, 20_000])
def test_batches_of_any_size_give_the_same_digest(everything: tuple[Any, Outputs], size: int) -> None:
    whole, outputs = everything
    subject, frames = three_venues.engine(), three_venues.frames()
    parts = [subject.process(frames.take(slice(at, at + size))).nbbo for at in range(0, len(frames), size)]
    assert np.concatenate(parts).tobytes() == outputs.nbbo.tobytes()
    assert subject.digest() == whole.digest()
    assert subject.snapshot() == whole.snapshot()


def test_a_restart_goes_on_where_it_was(everything: tuple[Any, Outputs]) -> None:
    whole, outputs = everything
    before, after, frames = three_venues.engine(), three_venues.engine(), three_venues.frames()
    first = before.process(frames.take(slice(0, 100_001))).nbbo
    after.restore(before.snapshot())
    second = after.process(frames.take(slice(100_001, None))).nbbo
    assert np.concatenate((first, second)).tobytes() == outputs.nbbo.tobytes()
    assert after.snapshot() == whole.snapshot()
    assert outputs.nbbo["offset"][len(first)] >= 100_001


def test_groups_do_not_change_what_else_is_concluded(everything: tuple[Any, Outputs]) -> None:
    subject = three_venues.engine({})
    outputs = subject.process(three_venues.frames())
    assert (len(outputs.nbbo), outputs.groups) == (0, ())
    assert outputs.bars.tobytes() == everything[1].bars.tobytes()
    assert subject.books.snapshot() == everything[0].books.snapshot()
    assert subject.summary()["nbbo"] == 0
    assert everything[0].summary()["nbbo"] == len(everything[1].nbbo)
    assert subject.digest() != everything[0].digest()


def test_features_watch_every_book_and_change_no_best_bid_or_offer() -> None:
    """Two of three instruments are legs; with features on, the books tell of the third as well."""
    part = three_venues.frames().take(slice(0, 60_000))
    groups: dict[str, tuple[str, ...]] = {"BTC": three_venues.LEGS[:2]}
    alone = three_venues.engine(groups).process(part)
    both = three_venues.engine(groups, ("mid", "ofi")).process(part)
    assert len(alone.nbbo) > 1000
    assert both.nbbo.tobytes() == alone.nbbo.tobytes()
    assert len(alone.features) == 0
    assert set(both.features["instrument"].tolist()) == {0, 1, 2}
