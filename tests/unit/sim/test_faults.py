import asyncio

import pytest

from breadboard.errors import UsageError
from breadboard.sim.faults import Faults, parse_faults
from capture_fakes import simulator


def test_faults_are_read_from_words() -> None:
    assert parse_faults("disconnect:30, drop-depth:100,mute:2.5") == Faults(30.0, 100, 2.5)
    assert parse_faults("") == Faults()


@pytest.mark.parametrize(
    "text", ["fire", "mute", "mute:x", "mute:-1", "mute:0", "mute:inf", "mute:nan", "fire:3", "drop-depth:0.5"]
)
def test_a_wrong_word_is_named(text: str) -> None:
    with pytest.raises(UsageError, match=text.replace("-", ".")) as error:
        parse_faults(f"disconnect:1,{text}")
    assert error.value.hint


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"venue": "nyse"}, "no simulated venue 'nyse'"),
        ({"profile": "giant"}, "no market profile 'giant'"),
        ({"symbols": 0}, "not 0"),
        ({"symbols": ()}, "needs symbols"),
        ({"faults": "fire:1"}, "fire:1"),
    ],
)
def test_what_cannot_be_simulated_is_refused_in_words(options: dict[str, object], words: str) -> None:
    async def scenario() -> None:
        async with simulator(**options):  # type: ignore[arg-type]
            pass

    with pytest.raises(UsageError, match=words):
        asyncio.run(scenario())


def test_a_port_that_is_taken_is_named() -> None:
    async def scenario() -> None:
        async with simulator(rate=1) as sim, simulator(rate=1, port=sim.port):
            pass

    with pytest.raises(UsageError, match=r"port \d+ on 127.0.0.1 cannot be had"):
        asyncio.run(scenario())
