"""Binance spot, USD-M and COIN-M of the same minutes, stamped by one recorder's clock: three venues in one journal.

They are not the same thing (a spot price and two perpetuals), so their best bid and offer is crossed nearly always:
what a basis looks like, and a hard case for whoever consolidates.
"""

from functools import cache

import msgspec
import numpy as np

from breadboard import feeds
from breadboard.config import ArbitrageConfig, EngineConfig
from breadboard.engine import Engine
from breadboard.model.frames import Frames
from breadboard.model.gaps import Epoch
from breadboard.model.kinds import Provenance
from feed_samples import frames_of

PATHS = {
    "binance": "binance/btcusdt_20240808.gz",
    "binance-usdm": "binance/usdm/btcusdt_20240808.gz",
    "binance-coinm": "binance/coinm/btcusd_perp_20240808.gz",
}
"""By feed; the source is the place here."""
LEGS = ("BTCUSDT.BINANCE", "BTCUSDT.BINANCE_USDM", "BTCUSD_PERP.BINANCE_COINM")
GROUPS: dict[str, tuple[str, ...]] = {"BTC": LEGS}
ARBITRAGE = msgspec.convert(
    {
        "groups": ["BTC"],
        "suspect_clock": True,
        "rates": {"USD-USDT": {"rate": "1", "as_of": "2024-08-08T23:50:00Z", "max_age_s": 3600}},
        "fees": dict.fromkeys(("BINANCE", "BINANCE_USDM", "BINANCE_COINM"), 0),
        "paper": {"default_latency_ms": 20},
    },
    ArbitrageConfig,
)
"""Between all three, with orders on paper; one recorder stamped them, so its wrong clock says nothing against it."""


@cache
def frames() -> Frames:
    """Return all frames of the three recordings in the order of their receipt."""
    parts = [frames_of(feed, "hftbacktest", (path,)) for feed, path in PATHS.items()]
    for source, part in enumerate(parts):
        part.source[:] = source
    whole = Frames.join(parts)
    whole = whole.take(np.argsort(whole.ts_recv, kind="stable"))
    whole.offset[:] = np.arange(len(whole))
    return whole


def engine(
    groups: dict[str, tuple[str, ...]] | None = None,
    features: tuple[str, ...] = (),
    bars: tuple[str, ...] = (),
    partitions: int = 1,
    arbitrage: ArbitrageConfig | None = None,
) -> Engine:
    """Return an engine that knows the three sources."""
    groups = GROUPS if groups is None else groups
    config = EngineConfig(groups=groups, features=features, bars=bars, partitions=partitions, arbitrage=arbitrage)
    made = Engine(feeds.by_venue, config)
    adopt(made)
    return made


def adopt(made: Engine) -> None:
    """Tell an engine of the three sources."""
    made.adopt(epochs())


def epochs() -> list[Epoch]:
    """Return the three connections."""
    venues = [feed.upper().replace("-", "_") for feed in PATHS]
    return [Epoch(at, 1, venue, "", (), Provenance.REPLAY, open=True) for at, venue in enumerate(venues)]
