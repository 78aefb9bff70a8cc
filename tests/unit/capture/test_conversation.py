"""What a session looks at in one turn of the loop is bounded, and comes in order."""

import asyncio
from random import Random

from breadboard.capture.appender import Appender
from breadboard.capture.backoff import Pacer
from breadboard.capture.clockwatch import ClockWatch
from breadboard.capture.conversation import HEARD_AT_ONCE, Conversation
from breadboard.capture.recorder import Recorder
from breadboard.capture.source import Source, Surroundings
from breadboard.capture.status import Counters
from breadboard.clock import ManualClock
from capture_fakes import MemoryJournal, PlainSession, capabilities

LARGE = HEARD_AT_ONCE * 2 // 3


def conversation(session: PlainSession) -> Conversation:
    clock = ManualClock(mono_ns=1)
    appender = Appender(MemoryJournal(), clock)
    around = Surroundings(appender, clock, ClockWatch(clock, appender), Random(7), Pacer(clock))
    counters = Counters(0, "BINANCE", 1, epoch=0)
    recorder = Recorder(appender, clock, counters, 0, "BINANCE", "ws://v", ("BTCUSDT",), 0, None)
    return Conversation(Source(0, ("BTCUSDT",), capabilities(), session), around, recorder, counters)


def hear(talk: Conversation, *frames: bytes) -> None:
    talk.frames(frames, sum(map(len, frames)))


def test_many_large_frames_are_heard_one_a_turn_and_what_comes_meanwhile_after_them() -> None:
    async def scenario() -> None:
        session = PlainSession("ws://v")
        talk = conversation(session)
        large = [bytes([number]) * LARGE for number in range(3)]
        hear(talk, *large)
        assert session.seen == large[:1]
        hear(talk, b"small")
        assert session.seen == large[:1], "it waits its turn"
        await asyncio.sleep(0)
        assert session.seen == large[:2]
        await asyncio.sleep(0)
        assert session.seen == [*large, b"small"]
        await asyncio.sleep(0)
        hear(talk, b"next")
        assert session.seen[-1] == b"next"

    asyncio.run(scenario())


def test_a_single_frame_however_large_and_many_small_ones_are_heard_at_once() -> None:
    session = PlainSession("ws://v")
    talk = conversation(session)
    hear(talk, b"x" * (4 * HEARD_AT_ONCE))
    hear(talk, *[b"y" * 100] * (HEARD_AT_ONCE // 100))
    assert len(session.seen) == 1 + HEARD_AT_ONCE // 100


def test_what_was_not_heard_when_the_connection_ended_is_not_heard_on_the_next() -> None:
    async def scenario() -> None:
        session = PlainSession("ws://v")
        talk = conversation(session)
        hear(talk, *[b"z" * LARGE] * 3)
        talk.end()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert len(session.seen) == 1

    asyncio.run(scenario())
