"""Layouts make reading faster and nothing else: what was learned of a frame is never taken for another one."""

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from breadboard.feeds import FEEDS
from breadboard.feeds.decoding import JsonDecoder
from breadboard.feeds.json_layouts import COUNT
from breadboard.model.frames import Frames
from breadboard.model.instruments import Instruments
from breadboard.model.kinds import RecordKind
from feed_samples import SAMPLES, content, decode

kernels = pytest.mark.parametrize("name", ["binance", "coinbase"])


def known(decoder: JsonDecoder) -> int:
    """Return how many layouts a decoder has learned."""
    return int(decoder._layouts.order[0])


@kernels
def test_each_kind_of_message_is_learned_once_and_the_second_is_read_the_same(name: str) -> None:
    decoder = FEEDS[name].decoder(Instruments())
    assert isinstance(decoder, JsonDecoder)
    frames = [frame for frame in SAMPLES[name].frames if decode(name, [frame])[0].data]
    batch = Frames.of(frames, [1] * len(frames), kind=RecordKind.DATA)
    first = decoder.decode(batch)
    learned = known(decoder)
    assert 3 <= learned <= len(frames)
    assert content(decoder.decode(batch).tape) == content(first.tape)
    assert known(decoder) == learned


@kernels
@settings(max_examples=300, deadline=None, derandomize=True)
@given(seed=st.integers(0, 2**64 - 1))
def test_one_changed_byte_means_the_same_to_who_knows_layouts_as_to_who_does_not(name: str, seed: int) -> None:
    chance = random.Random(seed)
    good = list(SAMPLES[name].frames)
    changed = []
    for _ in range(12):
        frame = bytearray(chance.choice(good))
        at = chance.randrange(len(frame))
        frame[at] = chance.choice((*b'"0123456789.,:{}[]-eE\\ tfnx', frame[at] ^ 1 << chance.randrange(8)))
        changed.append(bytes(frame[: chance.choice((len(frame), len(frame), at))]))
    fast, fast_ids = decode(name, [*good, *changed])
    slow, slow_ids = decode(name, [*good, *changed], fast=False)
    assert content(fast.tape) == content(slow.tape)
    assert fast.quarantined == slow.quarantined
    assert (fast.data, fast.control, fast.ignored) == (slow.data, slow.control, slow.ignored)
    assert list(fast_ids) == list(slow_ids)


def test_more_kinds_than_there_is_room_for_are_read_all_the_same() -> None:
    frames = [
        b'{"e":"trade","E":1700000000000,"s":"BTCUSDT","t":%d,"p":"2","q":"1","T":1700000000000,"m":true,%s"M":true}'
        % (number, b"".join(b'"x%d":1,' % each for each in range(number % 8)) + b" " * (number // 8))
        for number in range(3 * COUNT)
    ]
    decoder = FEEDS["binance"].decoder(Instruments())
    assert isinstance(decoder, JsonDecoder)
    decoded = decoder.decode(Frames.of(frames, [1] * len(frames), kind=RecordKind.DATA))
    assert known(decoder) == COUNT
    again = [frames[-1]] * 3
    decoder.decode(Frames.of(again, [1] * 3, kind=RecordKind.DATA))
    layouts = decoder._layouts
    assert sorted(layouts.order[1:].tolist()) == list(range(COUNT)), "the one met last has taken another's place"
    ids = decoded.tape.trade_id[decoded.tape.trade_id >= 0]
    assert np.array_equal(ids, np.arange(len(frames)))


@settings(max_examples=400, deadline=None, derandomize=True)
@given(
    price=st.from_regex(r"[0-9]{0,12}(\.[0-9]{0,12})?", fullmatch=True),
    size=st.from_regex(r"[0-9]{0,22}(\.[0-9]{0,22})?", fullmatch=True),
    count=st.from_regex(r"-?[0-9]{0,21}(\.[0-9])?(e[0-9])?", fullmatch=True),
)
def test_numbers_of_every_length_are_read_as_the_reference_reads_them(price: str, size: str, count: str) -> None:
    frame = f'{{"u":{count},"s":"BTCUSDT","b":"{price}","B":"{size}","a":"61837.64000000","A":"1.54698000"}}'.encode()
    frames = [SAMPLES["binance"].frames[0], frame, frame]
    fast, _ = decode("binance", frames)
    slow, _ = decode("binance", frames, fast=False)
    assert content(fast.tape) == content(slow.tape)
    assert fast.quarantined == slow.quarantined
