"""What a session looks at in one turn of the loop is bounded, and comes in order."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from random import Random

import pytest

from breadboard.capture.appender import Appender
from breadboard.capture.backoff import Pacer
from breadboard.capture.clockwatch import ClockWatch
from breadboard.capture.conversation import HEARD_AT_ONCE, MOST_UNHEARD, TAKEN_NS, Conversation
from breadboard.capture.recorder import Recorder
from breadboard.capture.source import Source, Surroundings
from breadboard.capture.status import Counters
from breadboard.capture.turns import Turnstiles
from breadboard.clock import ManualClock
from breadboard.conversations import Denied, Reconnect, Request, Send
from breadboard.model.kinds import GapReason, Provenance
from breadboard.ports import Keepalive
from capture_fakes import MemoryJournal, PlainSession, capabilities

LARGE = HEARD_AT_ONCE * 2 // 3


def conversation(
    session: PlainSession,
    clock: ManualClock | None = None,
    journal: MemoryJournal | None = None,
    epoch: int = 0,
    **rules: object,
) -> Conversation:
    clock = clock or ManualClock(mono_ns=1)
    appender = Appender(journal or MemoryJournal(), clock)
    around = Surroundings(appender, clock, ClockWatch(clock, appender), Random(7), Pacer(clock), Turnstiles(clock))
    counters = Counters(0, "BINANCE", 1, epoch=0)
    recorder = Recorder(appender, clock, counters, 0, "BINANCE", "ws://v", ("BTCUSDT",), epoch, None)
    return Conversation(Source(0, ("BTCUSDT",), capabilities(**rules), session), around, recorder, counters)


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


@dataclass
class Talker:
    """A connection that notes when what was said."""

    clock: ManualClock
    said: list[tuple[int, str]] = field(default_factory=list)
    provenance: Provenance = Provenance.LIVE
    dismissed: bool = False

    def send(self, text: str) -> None:
        self.said.append((self.clock.wall(), text))

    def ping(self) -> bool:
        return True

    def close(self, reason: str) -> None:
        raise AssertionError(reason)

    abort = close


def test_the_gap_of_a_new_connection_lasts_until_the_last_subscription_is_said_whatever_else_is_said_meanwhile() -> (
    None
):
    clock, journal = ManualClock(mono_ns=1_000_000_000), MemoryJournal()
    session = PlainSession("ws://v", first=[Send(f"subscribe {number}") for number in range(40)])
    rules = {"client_messages_per_s": 2.0, "keepalive": Keepalive("alive", 1.0)}
    talk, talker = conversation(session, clock, journal, 2, **rules), Talker(clock)

    async def scenario() -> None:
        talk.begin(talker)
        for _ in range(60 * 4):
            clock.advance(250_000_000)
            talk.tick(clock.mono())

    asyncio.run(scenario())
    subscribed = [at for at, text in talker.said if text.startswith("subscribe")]
    assert len(subscribed) == 40
    assert sum(text == "alive" for _, text in talker.said) > 30
    gaps = journal.gaps()
    assert {gap.reason for gap in gaps} == {GapReason.SUBSCRIPTION}
    assert all(one.ts_to == other.ts_from for one, other in pairwise(gaps)), "without a hole"
    assert gaps[-1].ts_to - subscribed[-1] == 1_000_000_000, "and a second until the venue has made it"


def test_what_a_later_connection_is_not_refused_is_named_no_more(caplog: pytest.LogCaptureFixture) -> None:
    clock = ManualClock(mono_ns=1)
    session = PlainSession("ws://v")
    talk = conversation(session, clock)
    counters, recorder = talk._counters, talk._recorder

    def connected(*refused: Request, lives_ns: int = TAKEN_NS) -> list[str]:
        recorder.opened(Provenance.LIVE)
        talk.begin(Talker(clock))
        before = list(counters.refused)
        session.due = [list(refused)]
        clock.advance(1_000_000_000)
        talk.tick(clock.mono())
        assert set(before) <= set(counters.refused), "they are asked for, and nobody has answered"
        clock.advance(lives_ns)
        talk.tick(clock.mono())
        talk.end()
        return list(counters.refused)

    book, new = Denied("XRPUSDT", "book", "no entitlement"), Denied("NEWUSDT", None, "no such symbol")

    async def scenario() -> None:
        assert connected(book, new, new) == ["XRPUSDT book", "NEWUSDT"]
        assert connected(lives_ns=TAKEN_NS // 2) == ["XRPUSDT book", "NEWUSDT"], "too short to know"
        assert connected(book) == ["XRPUSDT book"]
        assert counters.refusals == 2, "each once for as long as it is refused"
        assert connected(new, book) == ["XRPUSDT book", "NEWUSDT"]
        assert counters.refusals == 3
        assert connected() == []

    asyncio.run(scenario())
    told = [one.getMessage().partition(": ")[2] for one in caplog.records]
    assert told == [
        "the venue refuses XRPUSDT book: no entitlement",
        "the venue refuses NEWUSDT: no such symbol",
        "the venue no longer refuses NEWUSDT",
        "the venue refuses NEWUSDT: no such symbol",
        "the venue no longer refuses XRPUSDT book, NEWUSDT",
    ]


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
