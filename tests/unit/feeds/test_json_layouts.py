"""Layouts make reading faster and nothing else: what was learned of a frame is never taken for another one."""

import json
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


NESTED = (
    *('{"y":[1,2]}', "[]", "{}", "[[],{}]", "null", '[null,true,false,-0,1.50,"a b"]', '{"a":{"a":1},"b":[{"a":2}]}'),
    *('{ "y" :\t[ 1 ,\n2 ] , "z" : { } }', "[" * 8 + "]" * 8, '["]}",{"k":"[{"}]', '{"p":"1","s":"X","e":"trade"}'),
)
"""Values that nobody knows and that are stepped over."""
ODD = (
    *('{"a":1,"a":2}', '[{"a":1,"b":{"c":1,"c":2}}]', "[" * 9 + "]" * 9, "[1,]", '{"a":1,}', "[1 2]", '{"a" 1}', "[}"),
    *('{"a":1]', "[", "{", '{"a"', '{"a":', "{1:2}", "[01]", "[1.]", "[1e5]", "[nul]", "[NaN]", '["\\u0041"]', '["é"]'),
    *('{"a":1,"\\u0061":2}', "[" + "1" * 5000 + "]", json.dumps({f"k{k}": 1 for k in range(31)}), "]", "}", ","),
    *("[" * 3000 + "]" * 3000, "nulL", "tru", "[,1]", '{,"a":1}', "[[1],[2]", '["a\x01"]', "[--1]", '{"a":}'),
)
"""Those that are left to the reference, which takes some of them."""


def unknown(value: str, count: int = 3) -> list[bytes]:
    """Return good frames of three kinds with a key that nobody knows, ``count`` times the same kinds."""
    member = b'"x":%s' % value.encode()
    depth, _, trade = SAMPLES["binance-usdm"].frames[:3]
    spot = b'{"u":7,"s":"BTCUSDT",%s,"b":"2.5","B":"1","a":"3.5","A":"1"}' % member
    return [spot, depth.replace(b'"data":{', b'"data":{%s,' % member), trade[:-1] + b"," + member + b"}"] * count


def same_as_reference(name: str, frames: list[bytes]) -> None:
    fast, fast_ids = decode(name, frames)
    slow, slow_ids = decode(name, frames, fast=False)
    assert content(fast.tape) == content(slow.tape)
    assert fast.quarantined == slow.quarantined
    assert fast.notes == slow.notes
    assert (fast.data, fast.control, fast.ignored) == (slow.data, slow.control, slow.ignored)
    assert list(fast_ids) == list(slow_ids)


@pytest.mark.parametrize("value", NESTED)
def test_a_nested_value_that_nobody_knows_sends_no_frame_to_the_reference(
    value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    same_as_reference("binance-usdm", unknown(value))
    left: list[object] = []
    monkeypatch.setattr(JsonDecoder, "_read_one", lambda *told: left.append(told))
    decoded, _ = decode("binance-usdm", unknown(value))
    assert left == []
    assert decoded.data == 9


def test_sixteen_new_keys_send_no_frame_to_the_reference(monkeypatch: pytest.MonkeyPatch) -> None:
    many = '1,"x2":[],' + ",".join(f'"y{k}":{k}' for k in range(14))
    same_as_reference("binance-usdm", [*unknown(many), *unknown(many + ',"z":1')])
    left: list[object] = []
    monkeypatch.setattr(JsonDecoder, "_read_one", lambda *told: left.append(told))
    decode("binance-usdm", unknown(many))
    assert left == []


@pytest.mark.parametrize("value", ODD)
def test_an_unknown_value_that_is_not_plain_is_what_the_reference_says(value: str) -> None:
    same_as_reference("binance-usdm", [*unknown("[1]"), *unknown(value), *unknown("[2]")])


PIECES = st.sampled_from([*'{}[],:" \\0-1e', '"a":', '"b":', "null", "true", '"a"', "1.5", *NESTED])


@settings(max_examples=400, deadline=None, derandomize=True)
@given(
    good=st.recursive(
        st.sampled_from([None, True, 1, -2.5, "", "a", "}]"]),
        lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.sampled_from("abcde"), inner)),
        max_leaves=20,
    ),
    bad=st.lists(PIECES, max_size=8),
    seed=st.integers(0, 2**32),
)
def test_nested_values_of_any_form_mean_what_the_reference_says(good: object, bad: list[str], seed: int) -> None:
    chance = random.Random(seed)
    text = json.dumps(good, indent=chance.choice((None, 1)))
    torn = bytearray(text.encode())
    torn[chance.randrange(len(torn))] = chance.choice(b'{}[],:"\\ 0a')
    same_as_reference("binance-usdm", [*unknown(text, 2), *unknown("".join(bad), 1), *unknown(torn.decode(), 1)])


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
