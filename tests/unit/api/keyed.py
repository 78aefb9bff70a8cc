"""A server that others can reach, with a desk and keys of its own, and a clock that tests move."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import httpx

from breadboard.api.app import create_app
from breadboard.api.server import running
from breadboard.api.services import Services
from breadboard.app.access import access, door
from breadboard.app.desk import Desk, opened
from breadboard.app.places import Places
from breadboard.clock import ManualClock
from breadboard.config import ApiConfig, Config
from breadboard.model.rules import RuleSet
from unit.api.market import Market, services

T = TypeVar("T")
API = ApiConfig(host="0.0.0.0", hosts=("desk.example.com",), requests_per_minute=60_000, burst=10_000)


class Served:
    """What stands behind the address."""

    def __init__(self, home: Path, api: ApiConfig = API, rules: RuleSet | None = None) -> None:
        self.clock = ManualClock()
        self.config = Config(data_dir=str(home), api=api, rules=rules or RuleSet())
        self.places = Places(self.config.root).made()
        self.address = ""

    def at_desk(self, work: Callable[[Desk], Awaitable[T]]) -> T:
        """Do something at the desk, as a command would: in another process, as far as the server knows."""

        async def whole() -> T:
            desk = opened(self.config, self.places, self.clock)
            try:
                return await work(desk)
            finally:
                await desk.close()

        return asyncio.run(whole())

    def key(self, name: str, scope: str = "read", days: int = 90) -> str:
        """Return a new key."""
        made: str = self.at_desk(lambda desk: desk.keys.add(name, scope, days))["key"]
        return made

    def client(self, key: str = "", **headers: str) -> httpx.Client:
        """Return a client that shows a key."""
        shown = {"Authorization": f"Bearer {key}"} if key else {}
        return httpx.Client(base_url=self.address, headers=shown | headers, timeout=60)  # a busy machine is no defect

    def services(self, base: Services | None = None) -> Services:
        """Return services over an empty market, with this desk."""
        way = door(self.config, self.places, self.clock)
        reached = access(self.config, self.places, way, self.clock)
        return replace(base or services(Market(self.clock)), access=reached, desk=way)


@contextmanager
def served(
    home: Path, api: ApiConfig = API, base: Services | None = None, rules: RuleSet | None = None
) -> Iterator[Served]:
    """Serve on loopback what is configured for every address: what counts is that keys are wanted."""
    here = Served(home, api, rules)
    with running(create_app(here.services(base)), keyed=True, tls=api.tls) as here.address:
        yield here
