"""Massive's JSON: frames that are arrays of events, of which a bad one is kept apart, and numbers that stay digits.

As strict as ``reading.parse_object``: UTF-8, no key twice at any depth, no NaN. Prices and sizes are JSON numbers here,
so the digits are kept as they were written and never become a float.
"""

import json
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from breadboard.feeds.reading import Digits, Refused
from breadboard.model.decimals import ABSENT, INT64_MAX

Payload = Mapping[str, Any]


class Bad(NamedTuple):
    """A part of a frame that cannot be understood, and why."""

    reason: str


def parse_array(frame: bytes) -> list[Any]:
    """Return the elements of a frame, ``Bad`` where one breaks the rules of JSON inside itself.

    Raises Refused where the frame as a whole is no JSON array, or an empty one.
    """
    found = _parsed(frame)
    if not isinstance(found, list):
        raise Refused(found.reason if isinstance(found, Bad) else f"not a JSON array but {type(found).__name__}")
    if not found:
        raise Refused("an array without events")
    return found


def parse_body(body: bytes) -> Any:  # noqa: ANN401 - any JSON value
    """Return the JSON value of an answer. Raises Refused where any part of it breaks the rules."""
    found = _parsed(body)
    bad = next((each for each in found if isinstance(each, Bad)), None) if type(found) is list else found
    if isinstance(bad, Bad):
        raise Refused(bad.reason)
    return found


def object_of(value: object) -> Payload:
    """Return a JSON object. Raises Refused for anything else."""
    if type(value) is dict:
        return value
    raise Refused(value.reason if isinstance(value, Bad) else f"not a JSON object but {type(value).__name__}")


def number(payload: Payload, key: str) -> str | None:
    """Return the digits of a number, None where it is absent or null. Raises Refused for anything that is no number."""
    value = payload.get(key)
    if value is None or type(value) is Digits:
        return value
    if type(value) is int:
        return str(value)
    raise Refused(f"{key} is not a number")


def count(payload: Payload, key: str) -> int:
    """Return a whole number, ABSENT where it is absent or null. Raises Refused for anything else."""
    value = payload.get(key)
    if value is None:
        return ABSENT
    if type(value) is not int or not 0 <= value <= INT64_MAX:
        raise Refused(f"{key} is not a whole number of 64 bits")
    return value


def counts(payload: Payload, key: str) -> list[int]:
    """Return whole numbers, none where the key is absent or null. Raises Refused for anything else."""
    value = payload.get(key)
    if value is None:
        return []
    if type(value) is not list or not all(type(each) is int for each in value):
        raise Refused(f"{key} is not a list of whole numbers")
    return value


def text(payload: Payload, key: str) -> str | None:
    """Return text, None where it is absent or null. Raises Refused for anything else."""
    value = payload.get(key)
    if value is None or type(value) is str:
        return value
    raise Refused(f"{key} is not text")


def needed(value: str | None, key: str) -> str:
    """Return what must be there. Raises Refused naming the key."""
    if value is None:
        raise Refused(f"no {key}")
    return value


def _parsed(raw: bytes) -> Any:  # noqa: ANN401 - any JSON value
    """Return the value; one that breaks a rule, or an element of an array that does, is ``Bad``."""
    try:
        words = raw.decode("utf-8")
        try:
            return _STRICT.decode(words)
        except _Broken:
            value = _LENIENT.decode(words)
        return [_first_bad(each) or each for each in value] if type(value) is list else _first_bad(value) or value
    except UnicodeDecodeError:
        raise Refused("not UTF-8 text") from None
    except json.JSONDecodeError as error:
        raise Refused(f"not JSON: {error.msg} at byte {error.pos}") from None
    except RecursionError:
        raise Refused("JSON nested too deeply") from None
    except ValueError:
        raise Refused("a number of thousands of digits") from None


class _Broken(ValueError):
    """A rule that JSON leaves open is broken somewhere in the frame."""


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _Broken
    return found


def _never(_name: str) -> float:
    raise _Broken


def _once_or_bad(pairs: list[tuple[str, Any]]) -> dict[str, Any] | Bad:
    found = dict(pairs)
    if len(found) == len(pairs):
        return found
    seen: set[str] = set()
    twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value] # adds
    return Bad(f"the key {twice[:40]!r} is given twice")


def _constant_is_bad(name: str) -> Bad:
    return Bad(f"{name} is not a number")


def _first_bad(value: Any) -> Bad | None:  # noqa: ANN401 - any JSON value
    """Return the first part, depth first, that breaks a rule."""
    if isinstance(value, Bad):
        return value
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return next((bad for each in parts if (bad := _first_bad(each)) is not None), None)


_STRICT: Final = json.JSONDecoder(object_pairs_hook=_once, parse_float=Digits, parse_constant=_never)
_LENIENT: Final = json.JSONDecoder(object_pairs_hook=_once_or_bad, parse_float=Digits, parse_constant=_constant_is_bad)
