"""Tells whoever sits before `breadboard up` that a feed cannot be reached, and that it can again."""

from collections.abc import Callable

from breadboard.app.places import Places
from breadboard.capture.status import name_of


class FeedNews:
    """Reads what capture says of its sources; speaks once an outage, and once more at its end.

    A connection that ends and is there again at the next attempt is no news: only failed attempts are.
    """

    def __init__(self, places: Places, say: Callable[[str], None]) -> None:
        self._places = places
        self._say = say
        self._failures: dict[int, int] = {}
        """Failed attempts of a source that have been forgiven or told of."""
        self._out: set[int] = set()
        self._hinted = False

    def look(self, capture_pid: int | None) -> None:
        """Say what is new. Words of another process than ``capture_pid`` are old and are passed over."""
        status = self._places.read_status("capture")
        if status is None or status["pid"] != capture_pid:
            return
        for source in status["sources"]:
            number, failures = source["source"], source["failures"]
            name = name_of(source)
            if source["connected"]:
                if number in self._out:
                    self._say(f"{name} is connected")
                self._out.discard(number)
                self._failures[number] = failures
            elif failures > self._failures.get(number, 0) and number not in self._out:
                self._out.add(number)
                lost = "no data is lost without it, and " if source.get("aside") else ""
                self._say(f"{name} cannot be reached: {source['last_error']}; {lost}it is tried again until it can")
                if not lost:
                    self._say_hint()

    def _say_hint(self) -> None:
        if not self._hinted:
            self._hinted = True
            self._say("hint: breadboard up   # without --live: a simulated market, which needs no network")
