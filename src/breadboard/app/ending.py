"""Signals that ask a process to end."""

import signal
import threading


def listen(stop: threading.Event) -> list[int]:
    """Have SIGINT and SIGTERM set ``stop``; return the list in which they are noted."""
    signals: list[int] = []

    def heard(number: int, _frame: object) -> None:
        signals.append(number)
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, heard)
    return signals
