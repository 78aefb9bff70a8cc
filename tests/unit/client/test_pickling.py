"""What another process is to be given: errors and rows come there as they were."""

import copy
import pickle
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import pytest

from breadboard.client import Bar, Instant, Refused, Stock, errors, rows
from breadboard.client.errors import ClientError, refusal
from breadboard.client.wire import read

WAYS: list[Callable[[Any], Any]] = [
    copy.copy,
    copy.deepcopy,
    *(lambda one, by=protocol: pickle.loads(pickle.dumps(one, by)) for protocol in range(pickle.HIGHEST_PROTOCOL + 1)),
]


def kinds(kind: type[ClientError] = ClientError) -> Iterator[type[ClientError]]:
    yield kind
    for one in kind.__subclasses__():
        yield from kinds(one)


OURS = sorted({kind for kind in kinds() if kind.__module__ == errors.__name__}, key=lambda kind: kind.__name__)


def made(kind: type[ClientError]) -> ClientError:
    if issubclass(kind, Refused):
        return kind(429, "slowly", hint="wait", retry_after_s=2.0, members={"ids": ["A.B"]})
    return kind("it broke", hint="mend it", transient=False)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", OURS)
def test_an_error_comes_as_it_was(kind: type[ClientError], way: Callable[[Any], Any]) -> None:
    error = made(kind)
    error.add_note("of the third page")
    again = way(error)
    assert type(again) is kind
    assert vars(again) == vars(error)
    assert (str(again), again.args, again.hint) == (error.sentence, error.args, error.hint)
    assert again.__notes__ == ["of the third page"]


def test_these_are_all_kinds_and_what_they_are_asked_for_is_there() -> None:
    assert {kind.__name__ for kind in OURS} == {name for name, one in vars(errors).items() if _is_ours(one)}
    again = pickle.loads(pickle.dumps(refusal(409, "which?", members={"ids": ["A.B", "A.C"]})))
    assert (type(again), again.ids, again.status) == (errors.Ambiguous, ("A.B", "A.C"), 409)


def _is_ours(one: object) -> bool:
    return isinstance(one, type) and issubclass(one, ClientError)


@pytest.mark.parametrize("way", WAYS)
def test_a_row_of_some_columns_comes_as_it_was(way: Callable[[Any], Any]) -> None:
    bar = read(b'{"ts_open":5,"open":"1.50"}', rows.partial(Bar))
    again = way(bar)
    assert again == bar
    assert type(again) is type(bar)
    assert repr(again) == repr(bar)
    assert repr(bar).startswith("Bar(")
    assert (again.open, again.ts_open, again.close) == (Decimal("1.50"), Instant(5), None)
    told = b'{"id":"A.B","state":"live","price":"7.10","trade":7}'
    stock = read(told, rows.part(Stock, frozenset({"state", "price"})))
    again = way(stock)
    assert again == stock
    assert isinstance(again, Stock)
    assert again.as_dict() == stock.as_dict()
    assert (again.state, again.price, again.trade) == ("live", Decimal("7.10"), None)
