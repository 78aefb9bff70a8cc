"""What was loaded for the first ticks is set aside after them, and never by a process that ends."""

import threading
from types import SimpleNamespace
from typing import Any

import pytest

from breadboard.app import memory, serve


@pytest.mark.parametrize("ticked", [True, False])
@pytest.mark.parametrize("ending", [True, False])
def test_it_waits_for_a_tick_and_does_nothing_at_the_end(
    monkeypatch: pytest.MonkeyPatch, ticked: bool, ending: bool
) -> None:
    monkeypatch.setattr(serve, "_SETTLED_S", 0.01)
    calls: list[bool] = []
    live: Any = SimpleNamespace(ticked=ticked)
    monkeypatch.setattr(memory, "set_aside", lambda: calls.append(live.ticked))
    stop = threading.Event()
    if ending:
        stop.set()
    thread = threading.Thread(target=serve._set_aside_again, args=(stop, live))
    thread.start()
    thread.join(0.5)
    assert thread.is_alive() == (not ticked and not ending)
    live.ticked = True
    thread.join(60)
    assert calls == ([] if ending else [True])
