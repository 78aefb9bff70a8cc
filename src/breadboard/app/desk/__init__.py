"""Where people's settings are seen and changed: for the command line, for capture, and for the API.

`rules`, `watchlists`, `keys` and `sessions` are what can be done, the first two for a person who may see and change
some of it and not the rest; `wanted` is the set of rules that comes of it, checked before it is written and left for
capture afterwards.
"""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from breadboard.app.desk.keys import KeyDesk
from breadboard.app.desk.rules import RuleDesk
from breadboard.app.desk.sessions import SessionDesk
from breadboard.app.desk.wanted import Wanted
from breadboard.app.desk.watchlists import WatchlistDesk
from breadboard.app.places import Places
from breadboard.clock import Clock, SystemClock
from breadboard.config import Config
from breadboard.settings.database import Database, asked, sqlite

T = TypeVar("T")


class Desk:
    """The settings of one data directory, in one event loop."""

    def __init__(self, config: Config, places: Places, database: Database) -> None:
        self._database = database
        self.wanted = Wanted(config, places, database)
        self.rules = RuleDesk(self.wanted)
        self.watchlists = WatchlistDesk(self.wanted)
        self.keys = KeyDesk(self.wanted)
        self.sessions = SessionDesk(self.wanted)

    async def close(self) -> None:
        """Let go of the database."""
        await self._database.close()


def opened(config: Config, places: Places, clock: Clock) -> Desk:
    """Return the desk of a data directory; nothing is read, and no database made, before it is used."""
    return Desk(config, places, Database(url(config, places), clock))


def at(config: Config, places: Places, work: Callable[[Desk], Awaitable[T]]) -> T:
    """Return what ``work`` returns, for whoever has no event loop."""
    return asked(url(config, places), SystemClock(), lambda database: work(Desk(config, places, database)))


def url(config: Config, places: Places) -> str:
    """Return where the settings of a data directory are."""
    return config.settings.url or sqlite(places.settings)
