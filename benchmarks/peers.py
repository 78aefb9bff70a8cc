"""What others do with the same frames, each in a process of its own, in the same run: nanoseconds of processor time."""

import json
import os
import subprocess
import time
from pathlib import Path
from typing import Any

import msgspec
from market import Run

from breadboard.model.kinds import RecordKind


def msgspec_decode_only(run: Run) -> float:
    """Return nanoseconds a frame for msgspec decoding into typed structs, the best a parser alone does in Python."""

    class Data(msgspec.Struct, gc=False):
        s: str = ""
        p: str = ""
        q: str = ""
        b: msgspec.Raw = msgspec.Raw()
        a: msgspec.Raw = msgspec.Raw()
        u: int = 0
        t: int = 0
        T: int = 0
        m: bool = False

    class Message(msgspec.Struct, gc=False):
        stream: str
        data: Data

    decode = msgspec.json.Decoder(Message).decode
    frames = [body for kind, body, _ in run.frames if kind is RecordKind.DATA]
    begin = time.process_time()
    for frame in frames:
        decode(frame)
    return (time.process_time() - begin) / len(frames) * 1e9


def cryptofeed_handler(run: Run) -> float | None:
    """Return nanoseconds a frame of cryptofeed's Binance handler, None where it is not to be had."""
    return _program("peer_cryptofeed.py", run, renamed=True)


def nautilus_engine(run: Run) -> float | None:
    """Return nanoseconds a frame of NautilusTrader's data engine, None where it is not to be had."""
    return _program("peer_nautilus.py", run, renamed=False)


def _program(name: str, run: Run, *, renamed: bool) -> float | None:
    """Run a peer's program over the frames; ``renamed`` gives trades the names that cryptofeed's handler knows."""
    python, program = os.environ.get("BREADBOARD_PEERS_PYTHON"), Path(__file__).with_name(name)
    if not python or not program.exists():
        return None
    documents: dict[str, Any] = {}
    frames = []
    for kind, body, _ in run.frames:
        if kind is RecordKind.DOCUMENT:
            head, _, document = body.partition(b"\n")
            documents[msgspec.json.decode(head)["tag"].removeprefix("depth:")] = msgspec.json.decode(document)
        elif renamed:
            frames.append(body.replace(b'"e":"trade"', b'"e":"aggTrade"').replace(b'"t":', b'"a":'))
        else:
            frames.append(body)
    text = b"\n".join([msgspec.json.encode(documents), *frames])
    done = subprocess.run([python, str(program)], input=text, capture_output=True, check=True)
    found = json.loads(done.stdout)
    result: float = found.get("cpu_ns_per_message", found["ns_per_message"])
    return result
