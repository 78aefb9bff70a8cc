"""What an address needs on this machine is known before anything starts."""

import sys
from types import SimpleNamespace

import pytest

from breadboard.capture.connecting import refuse_unusable
from breadboard.errors import UsageError


def test_an_exchange_of_ccxt_is_refused_where_ccxt_is_not_there_or_does_not_have_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "ccxt", None)
    monkeypatch.setitem(sys.modules, "ccxt.pro", None)
    with pytest.raises(UsageError, match="ccxt-kraken needs the package ccxt") as told:
        refuse_unusable("ccxt://kraken")
    assert told.value.hint == "pip install 'breadboard[ccxt]'"
    pro = SimpleNamespace(exchanges=["kraken"])
    monkeypatch.setitem(sys.modules, "ccxt", SimpleNamespace(pro=pro))
    monkeypatch.setitem(sys.modules, "ccxt.pro", pro)
    refuse_unusable("ccxt://kraken")
    with pytest.raises(UsageError, match="no streaming exchange 'nope'"):
        refuse_unusable("ccxt://nope?rest=http://localhost")
    refuse_unusable("wss://example.org")
