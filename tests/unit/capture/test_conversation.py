"""What a session looks at in one turn of the loop is bounded, and comes in order."""

import asyncio
from collections.abc import Sequence
from random import Random

from breadboard.capture.appender import Appender
from breadboard.capture.backoff import Pacer
from breadboard.capture.clockwatch import ClockWatch
from breadboard.capture.conversation import HEARD_AT_ONCE, MOST_UNHEARD, Conversation
from breadboard.capture.recorder import Recorder
from breadboard.capture.source import Source, Surroundings
from breadboard.capture.status import Counters
from breadboard.capture.turns import Turnstiles
from breadboard.clock import ManualClock
from breadboard.conversations import Reconnect, Request
from capture_fakes import MemoryJournal, PlainSession, capabilities

LARGE = HEARD_AT_ONCE * 2 // 3


def conversation(session: PlainSession) -> Conversation:
    clock = ManualClock(mono_ns=1)
    appender = Appender(MemoryJournal(), clock)
    around = Surroundings(appender, clock, ClockWatch(clock, appender), Random(7), Pacer(clock), Turnstiles(clock))
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


class Leaving(PlainSession):
    """Asks to stay away for a minute where the venue says so."""

    def on_frames(self, frames: Sequence[bytes]) -> list[Request]:
        super().on_frames(frames)
        return [Reconnect("the venue says so", 60.0)] if b"go away" in frames else []


def test_the_venues_last_word_is_heard_when_the_connection_ends() -> None:
    async def scenario() -> None:
        session = Leaving("ws://v")
        talk = conversation(session)
        hear(talk, *[b"z" * LARGE] * 3, b"go away")
        assert (len(session.seen), talk.wait_s) == (1, 0.0)
        talk.end()
        assert (len(session.seen), talk.wait_s) == (4, 60.0)
        await asyncio.sleep(0)
        assert len(session.seen) == 4, "and not once more"

    asyncio.run(scenario())


def test_no_more_than_a_bound_waits_to_be_heard() -> None:
    async def scenario() -> None:
        session = PlainSession("ws://v")
        talk = conversation(session)
        sent = 0
        for _ in range(20):  # five times as much comes each turn as is heard
            hear(talk, *[b"w" * HEARD_AT_ONCE] * 5)
            sent += 5
            assert (sent - len(session.seen)) * HEARD_AT_ONCE <= MOST_UNHEARD
            await asyncio.sleep(0)
        assert len(session.seen) > sent // 2

    asyncio.run(scenario())
