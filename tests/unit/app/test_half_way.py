"""What of an import that was ended half way has to be as it was, and what may be said anew."""

import msgspec
import pytest

from breadboard.app.imported import _says_the_same
from breadboard.model.gaps import EARLIEST_NS, LATEST_NS, NO_TIME, Epoch
from breadboard.model.kinds import Provenance

EPOCH = Epoch(3, 1, "MASSIVE", "https://example", ("AAPL",), Provenance.HISTORY, open=True)


def before(epoch: Epoch) -> bytes:
    """A connection as journals said it before they told what was asked for."""
    said = msgspec.json.decode(msgspec.json.encode(epoch))
    del said["asked"]
    return msgspec.json.encode(said)


@pytest.mark.parametrize("asked", [None, NO_TIME, (5, 9)])
def test_a_connection_that_did_not_say_yet_what_was_asked_for_is_gone_on_from(asked: tuple[int, int] | None) -> None:
    now = msgspec.structs.replace(EPOCH, asked=asked)
    assert _says_the_same(msgspec.json.encode(now), before(EPOCH))


def test_any_other_difference_of_a_connection_is_one() -> None:
    other = msgspec.json.encode(msgspec.structs.replace(EPOCH, wanted=("MSFT",)))
    assert not _says_the_same(other, before(EPOCH))
    asked, otherwise = (msgspec.json.encode(msgspec.structs.replace(EPOCH, asked=it)) for it in ((5, 9), (5, 8)))
    assert not _says_the_same(asked, otherwise)
    assert not _says_the_same(before(EPOCH), asked)


@pytest.mark.parametrize("asked", [(EARLIEST_NS, LATEST_NS), (EARLIEST_NS - 1, 0)])
def test_times_that_no_checkpoint_could_hold_are_none(asked: tuple[int, int]) -> None:
    said = msgspec.json.encode(msgspec.structs.replace(EPOCH, asked=asked))
    if asked[0] >= EARLIEST_NS:
        assert msgspec.json.decode(said, type=Epoch).asked == asked
        return
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(said, type=Epoch)
