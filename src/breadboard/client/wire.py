"""From JSON to rows, with times in either of their two forms."""

from collections.abc import Callable
from typing import Any, TypeVar

import msgspec

from breadboard.client.errors import Unreadable
from breadboard.client.instants import Instant

T = TypeVar("T")


def reader(kind: Any) -> Callable[[bytes | str], Any]:  # noqa: ANN401 - a class, or a union of them
    """Return a function from JSON to a row, or a list of them. It raises Unreadable, naming the field."""
    decoder = msgspec.json.Decoder(kind, dec_hook=_hook)

    def read_one(text: bytes | str) -> Any:  # noqa: ANN401 - an instance of ``kind``
        try:
            return decoder.decode(text)
        except (msgspec.DecodeError, ValueError) as error:
            raise Unreadable(
                f"the answer is not as this client knows it: {error}", hint="breadboard --version"
            ) from None

    return read_one


def read(text: bytes | str, kind: type[T]) -> T:
    """Return JSON as a row, or a list of them. Raises Unreadable, naming the field."""
    found: T = reader(kind)(text)
    return found


def _hook(kind: type, value: Any) -> Any:  # noqa: ANN401 - what msgspec could not read
    if kind is Instant and isinstance(value, int | str):
        return Instant.of(value)
    raise ValueError(f"{value!r} is no {kind.__name__}")
