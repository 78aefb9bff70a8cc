"""Every registered feed keeps the promises of ports.Feed, Session and Decoder."""

import json
import random
import re
from collections.abc import Sequence

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from breadboard.conversations import Fetch, Reconnect, Send
from breadboard.errors import UsageError
from breadboard.feeds import by_name, by_venue
from breadboard.model.frames import Frames
from breadboard.model.instruments import Instruments
from breadboard.model.kinds import EventKind, RecordKind, StatusCode
from breadboard.ports import Decoded, Wish
from feed_samples import NAMES, SAMPLES, content, decode, decode_frames, document, recorded, sessions

SEED = 20240808
JUNK = (b"", b"{}", b"[]", b"null", b"\xff\xfe", b'{"type":', b'{"e":"trade"}', b"[" * 100_000, b'{"a":' * 100_000)
feeds = pytest.mark.parametrize("name", NAMES)


def wish(
    name: str,
    symbols: Sequence[str] | None = None,
    channels: Sequence[str] | None = None,
    url: str = "",
    rest: str = "",
) -> Wish:
    """What the venue's sample wishes for, or other symbols, channels and addresses with its key."""
    sample = SAMPLES[name]
    wanted = sample.symbols if symbols is None else symbols
    return Wish(wanted, sample.channels if channels is None else channels, url, rest, sample.key)


@feeds
def test_its_capabilities_are_values_that_can_be_used(name: str) -> None:
    can = by_name(name).capabilities
    assert can.venue == can.venue.upper()
    assert by_venue(can.venue) is by_name(name)
    assert can.completeness in ("full", "conflated", "delayed")
    assert can.sequence_scope in ("symbol", "connection", "none")
    assert can.checksum in ("crc32", "none")
    assert can.frame_cap > 1_000_000
    assert can.client_messages_per_s > 0
    assert can.max_streams_per_connection > 0


@feeds
def test_every_sample_is_understood_and_counted_once(name: str) -> None:
    decoded, _ = decode(name, SAMPLES[name].frames)
    assert decoded.quarantined == ()
    assert decoded.data + decoded.control == len(SAMPLES[name].frames)
    assert decoded.control >= 1
    kinds = set(decoded.tape.kind.tolist())
    assert SAMPLES[name].kinds <= kinds


@feeds
def test_rows_carry_offset_source_and_receive_time_of_their_frame(name: str) -> None:
    samples = SAMPLES[name].frames
    stamps = [1_700_000_000_000_000_000 + 17 * i for i in range(len(samples))]
    frames = Frames.of(samples, stamps, kind=RecordKind.DATA, offset=5000, source=7)
    tape = by_name(name).decoder(Instruments()).decode(frames).tape
    assert set(tape.source.tolist()) == {7}
    assert tape.ts_recv.tolist() == [stamps[offset - 5000] for offset in tape.offset.tolist()]
    places = list(zip(tape.offset.tolist(), tape.index.tolist(), strict=True))
    assert places == sorted(set(places))


@feeds
@pytest.mark.parametrize("batch", [1, 7, 1000])
def test_batch_sizes_leave_no_trace(name: str, batch: int) -> None:
    frames = recorded(name)
    frames = frames.take(slice(0, 3000 if batch == 1 else 20_000))
    whole, ids = decode_frames(name, frames)
    parts, other_ids = decode_frames(name, frames, batch=batch)
    assert content(parts.tape) == content(whole.tape)
    assert (parts.data, parts.control, parts.quarantined) == (whole.data, whole.control, whole.quarantined)
    assert list(other_ids) == list(ids)


@feeds
def test_batch_sizes_leave_no_trace_among_junk_and_odd_frames(name: str) -> None:
    chance = random.Random(SEED)
    frames = [
        chance.choice((*SAMPLES[name].frames, *JUNK[:7], chance.choice(SAMPLES[name].frames).replace(b":", b" : ")))
        for _ in range(500)
    ]
    whole, ids = decode(name, frames)
    assert whole.quarantined
    for batch in (1, 7, 100):
        parts, other_ids = decode(name, frames, batch=batch)
        assert content(parts.tape) == content(whole.tape), f"seed {SEED}"
        assert parts.quarantined == whole.quarantined
        assert list(other_ids) == list(ids)


@feeds
def test_junk_between_good_frames_changes_nothing_about_the_good_ones(name: str) -> None:
    good = recorded(name).take(slice(0, 2000))
    whole, _ = decode_frames(name, good)
    chance = random.Random(SEED)
    mixed: list[tuple[bytes, int, int]] = []
    places: list[int] = []
    for raw, kind, stamp in zip(good.frames(), good.kind.tolist(), good.ts_recv.tolist(), strict=True):
        if chance.random() < 0.1:
            mixed.append((chance.choice(JUNK), RecordKind.DATA, stamp))
        places.append(len(mixed))
        mixed.append((raw, kind, stamp))
    frames = Frames.of([raw for raw, _, _ in mixed], [stamp for _, _, stamp in mixed], kind=RecordKind.DATA)
    frames.kind[:] = [kind for _, kind, _ in mixed]
    found, _ = decode_frames(name, frames)
    assert len(found.quarantined) == len(mixed) - len(good), f"seed {SEED}"
    assert found.data + found.control + len(found.quarantined) == len(mixed)
    expected = content(whole.tape) | {"offset": [places[offset] for offset in whole.tape.offset.tolist()]}
    assert content(found.tape) == expected


def schema_rows(decoded: Decoded) -> list[bool]:
    """Say of each row whether it tells of schema drift."""
    rows = zip(decoded.tape.kind.tolist(), decoded.tape.code.tolist(), strict=True)
    return [(kind, code) == (EventKind.STATUS, StatusCode.SCHEMA) for kind, code in rows]


@feeds
@pytest.mark.parametrize("fast", [True, False])
def test_what_a_venue_never_said_before_is_told_once_and_the_rest_of_the_frame_is_read_as_before(
    name: str, fast: bool
) -> None:
    sample, told = SAMPLES[name], 0
    for place, frame in enumerate(sample.frames):
        before, _ = decode(name, sample.frames[:place], fast=fast)
        plain, _ = decode(name, sample.frames[: place + 1], fast=fast)
        refused = any(word in frame for word in sample.closed)
        ignored = sum(plain.ignored.values()) > sum(before.ignored.values())
        heard = not ignored or place in plain.tape.offset
        for grown in sample.grow(frame):
            decoded, _ = decode(name, [*sample.frames[:place], grown, grown], fast=fast)
            new = [where for where, is_new in enumerate(schema_rows(decoded)) if is_new]
            if refused:
                assert [offset for offset, _ in decoded.quarantined][:1] == [place], grown
                continue
            alone, _ = decode(name, [*sample.frames[:place], grown], fast=fast)
            assert alone.quarantined == (), grown
            assert (alone.data, alone.control, alone.ignored) == (plain.data, plain.control, plain.ignored), grown
            assert len(new) == sum(schema_rows(alone)) == heard, grown
            old = [where for where, is_new in enumerate(schema_rows(alone)) if not is_new]
            assert content(alone.tape.take(np.array(old, np.int64))) == content(plain.tape), grown
            assert decoded.tape.offset[new].tolist() == [place] * heard
            told += heard
    assert told >= 3


@feeds
def test_a_message_of_an_unknown_type_is_quarantined_or_ignored_by_name(name: str) -> None:
    decoded, _ = decode(name, [*SAMPLES[name].frames[:1], SAMPLES[name].novelty])
    assert [offset for offset, _ in decoded.quarantined] == [1] or "novelty" in decoded.ignored


@feeds
@pytest.mark.parametrize("batch", [1, 3, None])
def test_drift_is_told_alike_whatever_the_batches_and_restarts(name: str, batch: int | None) -> None:
    sample = SAMPLES[name]
    frames = [each for frame in sample.frames for each in (frame, *sample.grow(frame), frame)]
    stamped = Frames.of(frames, [1_700_000_000_000_000_000 + i for i in range(len(frames))], kind=RecordKind.DATA)
    whole, ids = decode_frames(name, stamped)
    parts, other_ids = decode_frames(name, stamped, batch=batch)
    assert (content(parts.tape), parts.notes, list(other_ids)) == (content(whole.tape), whole.notes, list(ids))
    instruments, rows = Instruments(), []
    decoder = by_name(name).decoder(instruments)
    for begin in range(0, len(frames), batch or 7):
        state, decoder = decoder.snapshot(), by_name(name).decoder(instruments)
        decoder.restore(state)
        assert decoder.snapshot() == state
        rows += schema_rows(decoder.decode(stamped.take(slice(begin, begin + (batch or 7)))))
    assert rows == schema_rows(whole)


@feeds
def test_nothing_that_was_recorded_is_news(name: str) -> None:
    decoded, _ = decode_frames(name, recorded(name))
    assert not any(schema_rows(decoded)), decoded.notes
    samples, _ = decode(name, SAMPLES[name].frames)
    assert not any(schema_rows(samples)), samples.notes


@st.composite
def mutated(draw: st.DrawFn, samples: list[bytes]) -> bytes:
    """A sample with bytes changed, cut out, doubled, or put in."""
    frame = bytearray(draw(st.sampled_from(samples)))
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, max(0, len(frame) - 1)))
        length = draw(st.integers(1, 12))
        match draw(st.integers(0, 4)):
            case 0:
                frame[at : at + 1] = draw(st.binary(min_size=1, max_size=1))
            case 1:
                del frame[at : at + length]
            case 2:
                frame[at:at] = frame[at : at + length]
            case 3:
                frame[at:at] = draw(st.sampled_from((b" ", b",", b'"', b"0", b"-", b"e9", b"\\", b"{", b"]", b"null")))
            case _:
                other = draw(st.sampled_from(samples))
                frame[at : at + length] = other[at : at + length]
    return bytes(frame)


EXAMPLES = 500
TOGETHER = 20
"""Frames of an example: 10,000 in all for each decoder, on every push. An example is one seed, which a plain function
turns into frames: to draw each byte of them takes ten times as long."""


def words_of(name: str) -> list[str]:
    """Return the keys that a feed knows, where it has tables of them for the kernel."""
    language = getattr(by_name(name).decoder(Instruments()), "language", None)
    return sorted(language.words) if language is not None else ["symbol"]


VALUES = (b'"OTHER"', b'"1.5"', b"7", b"-1", b"1.5", b"true", b"null", b"[]", b'[["1.5","2"]]', b"{}")
"""What a key may have that comes where it is not expected."""


def changed(chance: random.Random, samples: list[bytes], words: Sequence[str]) -> bytes:
    """Return a sample with bytes changed, cut out, doubled, or put in, or a known key more; now and then nonsense."""
    if chance.random() < 0.1:
        return chance.randbytes(chance.randrange(80))
    frame = bytearray(chance.choice(samples))
    for _ in range(chance.randint(1, 3)):
        at, length = chance.randrange(len(frame) + 1), chance.randint(1, 12)
        match chance.randrange(6):
            case 0:
                frame[at : at + 1] = chance.randbytes(1)
            case 1:
                del frame[at : at + length]
            case 2:
                frame[at:at] = frame[at : at + length]
            case 3:
                frame[at:at] = chance.choice(
                    (b" ", b",", b'"', b"0", b"-", b"e9", b"\\", b"{", b"]", b"null", b'"a":1,')
                )
            case 4:
                if members := [match.end() for match in re.finditer(rb'[{,](?=")', frame)]:
                    at = chance.choice(members)
                    frame[at:at] = b'"%b":%b,' % (chance.choice(words).encode(), chance.choice(VALUES))
            case _:
                other = chance.choice(samples)
                frame[at : at + length] = other[at : at + length]
    return bytes(frame)


def hold(name: str, frames: list[bytes]) -> None:
    """Hold the kernel against the reference reader, and a session against whatever comes."""
    fast, fast_ids = decode(name, frames)
    slow, slow_ids = decode(name, frames, fast=False)
    assert content(fast.tape) == content(slow.tape)
    assert (fast.data, fast.control, fast.quarantined, fast.ignored, fast.notes) == (
        *(slow.data, slow.control, slow.quarantined),
        *(slow.ignored, slow.notes),
    )
    assert list(fast_ids) == list(slow_ids)
    assert fast.data + fast.control + len(fast.quarantined) == len(frames)
    for session in sessions(name):
        masked = getattr(session, "masked", bytes)
        session.on_frames([masked(frame) for frame in frames])
        for frame in frames:
            session.on_document("depth:BTCUSDT", 200, frame)
        if (report := getattr(session, "report", None)) is not None:
            msgspec.json.encode(report())


@feeds
def test_mutated_and_random_frames_never_raise_and_the_kernel_agrees_with_the_reference(name: str) -> None:
    taken = 0
    words = words_of(name)

    @settings(max_examples=EXAMPLES, deadline=None, derandomize=True, database=None)
    @given(seed=st.integers(0, 2**64 - 1))
    def examples(seed: int) -> None:
        nonlocal taken
        chance = random.Random(seed)
        frames = [changed(chance, SAMPLES[name].frames, words) for _ in range(TOGETHER)]
        try:
            hold(name, frames)
        except Exception:
            for frame in frames:
                hold(name, [frame])  # one that fails alone says more
            raise
        taken += len(frames)

    examples()
    assert taken >= EXAMPLES * TOGETHER


@feeds
def test_the_kernel_agrees_with_the_reference_on_a_real_recording(name: str) -> None:
    frames = recorded(name).take(slice(0, 12_000))
    fast, _ = decode_frames(name, frames)
    slow, _ = decode_frames(name, frames, fast=False)
    assert content(fast.tape) == content(slow.tape)
    assert fast.quarantined == slow.quarantined == ()


@feeds
@settings(max_examples=150, deadline=None, derandomize=True)
@given(data=st.data())
def test_documents_never_raise_whatever_they_hold(name: str, data: st.DataObject) -> None:
    bodies = st.one_of(mutated(SAMPLES[name].frames), st.binary(max_size=60))
    heads = st.sampled_from(("depth:BTCUSDT", "depth:", "depth", "", "depth:a b", "exchangeInfo", "depth:\u5e01"))
    records = data.draw(
        st.lists(
            st.one_of(st.binary(max_size=60), st.builds(document, heads, bodies, st.sampled_from((200, 429, 500)))),
            min_size=1,
            max_size=6,
        )
    )
    fast, _ = decode(name, records, kind=RecordKind.DOCUMENT)
    slow, _ = decode(name, records, kind=RecordKind.DOCUMENT, fast=False)
    assert content(fast.tape) == content(slow.tape)
    assert fast.quarantined == slow.quarantined
    assert fast.data + fast.control + len(fast.quarantined) == len(records)


@feeds
def test_a_frame_over_the_cap_is_quarantined_and_its_neighbours_are_not(name: str) -> None:
    huge = SAMPLES[name].frames[2] + b" " * by_name(name).capabilities.frame_cap  # without a cap it would be understood
    decoded, _ = decode(name, [SAMPLES[name].frames[0], huge, SAMPLES[name].frames[1]])
    assert [offset for offset, _ in decoded.quarantined] == [1]
    assert "over the cap" in decoded.quarantined[0][1]
    assert set(decoded.tape.offset.tolist()) == {0, 2}


@feeds
def test_no_frames_make_an_empty_tape(name: str) -> None:
    decoded, _ = decode(name, [])
    assert len(decoded.tape) == 0
    assert (decoded.data, decoded.control, decoded.quarantined) == (0, 0, ())


@feeds
def test_a_restored_decoder_goes_on_as_if_nothing_had_happened(name: str) -> None:
    frames = recorded(name).take(slice(0, 1000))
    half = len(frames) // 2  # some recordings are short
    whole, _ = decode_frames(name, frames)
    instruments = Instruments()
    first = by_name(name).decoder(instruments)
    head = first.decode(frames.take(slice(0, half)))
    state = first.snapshot()
    second = by_name(name).decoder(Instruments(tuple(instruments)))
    second.restore(state)
    first.restore(state)
    for decoder in (first, second):
        tail = decoder.decode(frames.take(slice(half, None)))
        joined = content(head.tape)
        shift = len(head.tape.level_price)
        for column, values in content(tail.tape).items():
            moved = [value + shift for value in values] if column in ("level_begin", "level_end") else values
            joined[column] = joined[column] + moved
        assert joined == content(whole.tape)


@feeds
def test_decoding_does_not_touch_the_frames(name: str) -> None:
    frames = recorded(name).take(slice(0, 500))
    before = {column: np.array(getattr(frames, column)) for column in ("begin", "end", "kind", "offset")}
    raw = frames.buffer.tobytes()
    decode_frames(name, frames)
    for column, values in before.items():
        assert np.array_equal(getattr(frames, column), values), column
    assert frames.buffer.tobytes() == raw


@feeds
def test_a_session_takes_any_case_and_says_the_same_again_after_a_reconnect(name: str) -> None:
    can = by_name(name).capabilities
    one, two = SAMPLES[name].symbols
    lower = by_name(name).session(wish(name, [one.lower(), two.lower()]))
    upper = by_name(name).session(wish(name, [one.upper(), two.upper(), one.upper()]))
    assert lower.url == upper.url
    assert lower.url.startswith(SAMPLES[name].scheme)
    first = lower.on_connect()
    assert first == upper.on_connect() == lower.on_connect()
    sends = [request for request in first if isinstance(request, Send)]
    assert len(sends) <= can.client_messages_per_s
    for send in sends if SAMPLES[name].json else ():
        json.loads(send.text)


@feeds
def test_a_session_forgets_the_old_connections_books(name: str) -> None:
    frames = SAMPLES[name].frames
    session = by_name(name).session(wish(name))
    runs = []
    for _ in range(2):
        said = session.on_connect()
        runs.append((said, session.on_frames(frames)))
    assert runs[0] == runs[1]


@feeds
def test_a_session_lives_where_it_is_told_to(name: str) -> None:
    sample = SAMPLES[name]
    here = "tcp://127.0.0.1:9" if sample.scheme == "tcp://" else "ws://127.0.0.1:9"
    session = by_name(name).session(wish(name, sample.symbols[:1], sample.channels[-1:], here, "http://127.0.0.1:8"))
    assert here in session.url
    friendly = [raw for raw in sample.frames if not any(word in raw for word in sample.goodbyes)]
    requests = session.on_connect() + session.on_frames(friendly)
    for request in requests:
        assert not isinstance(request, Reconnect)
        assert not isinstance(request, Fetch) or request.url.startswith("http://127.0.0.1:8/")


@feeds
def test_a_wish_that_cannot_be_met_is_a_usage_error(name: str) -> None:
    one, channels = SAMPLES[name].symbols[:1], SAMPLES[name].channels
    impossible = [
        ((), channels),
        (one, ()),
        (one, ("level3",)),
        *(((word,), channels) for word in SAMPLES[name].impossible),
    ]
    for symbols, asked in impossible:
        with pytest.raises(UsageError) as error:
            by_name(name).session(wish(name, symbols, asked))
        assert error.value.hint


@feeds
def test_a_session_takes_the_passing_of_time_without_a_word_from_the_venue(name: str) -> None:
    for session in sessions(name):
        for second in range(200):
            session.on_time(1000.0 + second)
