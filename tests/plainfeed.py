"""A venue for tests of the engine: one line of JSON a frame, the columns of one tape row, and frames that misbehave."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import msgspec

from breadboard.conversations import Session
from breadboard.errors import UsageError
from breadboard.model.frames import Frames
from breadboard.model.gaps import Epoch, Gap
from breadboard.model.instruments import Instruments
from breadboard.model.kinds import Provenance, RecordKind, SequenceRule
from breadboard.ports import Capabilities, Decoded, Decoder, Feed, Wish
from tapes import T0, tape

CAPABILITIES = Capabilities(
    venue="PLAIN",
    completeness="full",
    sequence_rule=SequenceRule.OVERLAP,
    sequence_scope="symbol",
    checksum="none",
    heartbeat_s=None,
    ts_event_unit="ns",
    trade_ids_contiguous=True,
    connection_lifetime_s=None,
    max_streams_per_connection=1,
    client_messages_per_s=1.0,
    frame_cap=1 << 20,
)


class PlainDecoder:
    """``{"symbol": …, columns…}`` is an event; ``hello`` is control, ``news`` ignored, ``boom`` trips a planted bug.

    Anything else is quarantined. Counts its frames as state, so that a restart that forgets it would show.
    """

    guarded = False

    def __init__(self, capabilities: Capabilities, instruments: Instruments) -> None:
        self._capabilities = capabilities
        self._instruments = instruments
        self._seen = 0

    def decode(self, frames: Frames) -> Decoded:
        rows: list[dict[str, Any]] = []
        bad: list[tuple[int, str]] = []
        control = ignored = 0
        for at, body in enumerate(frames.frames()):
            offset = int(frames.offset[at])
            self._seen += 1
            if body == b"boom":
                raise ZeroDivisionError("planted")
            control += body == b"hello"
            ignored += body == b"news"
            if body in {b"hello", b"news"}:
                continue
            try:
                row = msgspec.json.decode(body, type=dict[str, Any])
                symbol = row.pop("symbol")
            except (msgspec.DecodeError, KeyError):
                bad.append((offset, "not a row"))
                continue
            which = self._instruments.intern(self._capabilities.venue, symbol, self._capabilities.sequence_rule)
            place = {"offset": offset, "source": int(frames.source[at]), "ts_recv": int(frames.ts_recv[at])}
            rows.append(row | place | {"instrument": which, "trade_id": row.get("trade_id", -(2**63))})
        data = len(frames) - control - len(bad)
        return Decoded(tape(rows), data, control, tuple(bad), {"news": ignored} if ignored else {})

    def snapshot(self) -> bytes:
        return str(self._seen).encode()

    def restore(self, state: bytes) -> None:
        self._seen = int(state)


class PlainFeed:
    """The feed of a made-up venue."""

    def __init__(self, capabilities: Capabilities = CAPABILITIES) -> None:
        self.capabilities = capabilities

    def session(self, wish: Wish) -> Session:
        raise NotImplementedError

    def decoder(self, instruments: Instruments) -> Decoder:
        return PlainDecoder(self.capabilities, instruments)


def feeds(*venues: str, **changes: Any) -> Callable[[str], Feed]:  # noqa: ANN401 - any capability
    """Return what an engine asks for its feeds: these venues, all alike."""
    known: Mapping[str, Feed] = {
        venue: PlainFeed(replace(CAPABILITIES, venue=venue, **changes)) for venue in venues or ("PLAIN",)
    }

    def find(venue: str) -> Feed:
        if venue not in known:
            raise UsageError(f"there is no venue {venue!r}")
        return known[venue]

    return find


def epoch(
    source: int = 0,
    venue: str = "PLAIN",
    *,
    up: bool = True,
    provenance: Provenance = Provenance.LIVE,
    reason: str = "",
) -> Epoch:
    """Return one connection of a source."""
    return Epoch(source, 1, venue, "", (), provenance, open=up, reason=reason)


Record = tuple[RecordKind, int, bytes | Mapping[str, Any] | Epoch | Gap]
"""Kind, source, and what the record holds: bytes as they are, anything else as JSON."""


def journal(records: Sequence[Record], first: int = 0) -> Frames:
    """Return journal frames a millisecond apart, beginning at offset ``first``."""
    bodies = [body if isinstance(body, bytes) else msgspec.json.encode(body) for _, _, body in records]
    stamps = [T0 + (first + at) * 1_000_000 for at in range(len(records))]
    frames = Frames.of(bodies, stamps, kind=RecordKind.DATA, offset=first)
    for at, (kind, source, _) in enumerate(records):
        frames.kind[at], frames.source[at] = kind, source
    return replace(frames, ts_journal=frames.ts_recv + 7)


def row(symbol: str, kind: int, when: int = 0, **columns: Any) -> dict[str, Any]:  # noqa: ANN401 - any tape column
    """Return the body of a PLAIN event, at ``when`` ns after T0."""
    return {"symbol": symbol, "kind": kind, "ts_event": T0 + when, **columns}
