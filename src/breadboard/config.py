"""One frozen tree of settings. `config_file` reads it."""

from datetime import datetime
from pathlib import Path
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from breadboard.model.depth import MOST_LEVELS
from breadboard.model.rules import RuleSet


class Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A part of the tree. An unknown key is an error that names its path."""


class JournalConfig(Section, frozen=True):
    """The journal's files."""

    segment_mib: Annotated[int, Meta(ge=1, le=4096)] = 64
    retention_days: Annotated[float, Meta(ge=0)] = 8.0
    compress: bool = True
    """Compress segments when they are sealed."""


class StoreConfig(Section, frozen=True):
    """The store of copies that can be asked."""

    dsn: str = ""
    """``chdb:///path`` or ``clickhouse://user@host:8123/db``; empty means chDB under the data directory."""
    tick_days: Annotated[int, Meta(ge=1)] = 90
    bar_years: Annotated[int, Meta(ge=1)] = 5
    flush_ms: Annotated[int, Meta(ge=1)] = 1000
    """How long rows may wait before they are written: a write costs an embedded store 0.1 s of a processor, or more."""


class AnomalyConfig(Section, frozen=True):
    """When something is an anomaly; formulas are in docs/engine.md.

    A *tail* is the 95th percentile less the median of what is usual at that time of day (of volume, spread and rate:
    the one divided by the other, and tails are powers). A threshold is also at least ``…_bps`` or ``…_rows``, and
    ``…_ratio`` medians.
    """

    warmup: Annotated[int, Meta(ge=16, le=4000)] = 60
    """Seconds with something in them at a time of day (for ``price_jump`` prints) before any is judged by them."""
    cooldown_s: Annotated[float, Meta(ge=0)] = 60.0
    """A finding so soon after one of its kind and instrument is the same: told where it got worse, else counted."""
    jump_tails: Annotated[float, Meta(gt=0)] = 6.0
    jump_bps: Annotated[float, Meta(ge=0)] = 10.0
    return_tails: Annotated[float, Meta(gt=0)] = 6.0
    return_bps: Annotated[float, Meta(ge=0)] = 10.0
    volume_tails: Annotated[float, Meta(gt=0)] = 2.0
    volume_ratio: Annotated[float, Meta(ge=1)] = 20.0
    spread_tails: Annotated[float, Meta(gt=0)] = 2.0
    spread_ratio: Annotated[float, Meta(ge=1)] = 4.0
    spread_bps: Annotated[float, Meta(ge=0)] = 2.0
    burst_tails: Annotated[float, Meta(gt=0)] = 2.0
    burst_ratio: Annotated[float, Meta(ge=1)] = 5.0
    burst_rows: Annotated[float, Meta(ge=1)] = 50.0
    outside_bps: Annotated[float, Meta(ge=0)] = 5.0
    """How far outside best bid and offer a print may be."""
    grace_ms: Annotated[int, Meta(ge=1)] = 500
    """How much earlier or later than the trade a quote may be that explains it."""
    stuck_s: Annotated[float, Meta(gt=0)] = 2.0
    stuck_prints: Annotated[int, Meta(ge=1)] = 5
    """Prints through best bid and offer that have stood still for ``stuck_s``."""


class TradedConfig(Section, frozen=True):
    """What an instrument is, where its symbol and its venue do not say it."""

    base: str = ""
    quote: str = ""
    amount: str = ""
    """What one contract stands for: so much of the base currency; of the quote currency where it is inverse."""
    inverse: bool | None = None
    step: str = ""
    """The smallest order, in contracts (units)."""


class RateConfig(Section, frozen=True):
    """What one unit of a currency is worth in another: the best prices of an instrument, or a number and its date."""

    instrument: str = ""
    rate: str = ""
    as_of: datetime | None = None
    max_age_s: Annotated[float, Meta(gt=0)] | None = None
    """Older than that it converts nothing; None: as for legs."""


class PaperConfig(Section, frozen=True):
    """Execution on paper: what would have been taken."""

    latency_ms: dict[str, Annotated[float, Meta(ge=0)]] = {}
    """By venue, from the row that shows an opportunity to the moment at which an order is there."""
    default_latency_ms: Annotated[float, Meta(ge=0)] = 50.0


class ArbitrageConfig(Section, frozen=True):
    """What arbitrage is looked for between, and on which terms."""

    groups: tuple[str, ...] = ()
    """Of ``groups`` of the engine; empty: all."""
    triangles: tuple[tuple[str, str, str], ...] = ()
    """Three instruments of one venue each: A/B, B/C and A/C."""
    min_net_bps: Annotated[float, Meta(ge=0, le=10_000)] = 0.0
    """What each unit has to earn at least, after fees; at 0, anything above nothing."""
    max_age_ms: Annotated[float, Meta(gt=0)] = 1000.0
    """A leg that has said nothing for longer, on our clock, gives no signal."""
    update_ms: Annotated[float, Meta(ge=0)] = 100.0
    """Changes of one that is open are told no more often; the others are counted."""
    suspect_clock: bool = False
    """Whether a leg gives signals whose source's clock is suspect. Ages are measured on ours alone."""
    fees: dict[str, Annotated[float, Meta(ge=0, lt=10_000)]] = {}
    """Taker, in basis points, by venue or instrument; on top of ``model.costs``."""
    instruments: dict[str, TradedConfig] = {}
    rates: dict[str, RateConfig] = {}
    """By name: ``USDC-USDT`` is what one USDC is worth in USDT. It serves both ways."""
    paper: PaperConfig | None = None


class EngineConfig(Section, frozen=True):
    """The stages."""

    lateness_ms: Annotated[int, Meta(ge=0)] = 2000
    """How far the watermark stays behind the newest event time of a source."""
    idle_s: Annotated[float, Meta(gt=0)] = 5.0
    """A source this silent no longer holds its watermark back (measured on CLOCK records)."""
    checkpoint_s: Annotated[float, Meta(gt=0)] = 10.0
    instruments: Annotated[int, Meta(ge=1)] = 20_000
    """The most of each venue; a frame that names one more is quarantined."""
    partitions: Annotated[int, Meta(ge=1, le=8)] = 1
    """Sets of books and features, each of some instruments and in a thread of its own; what is told is the same."""
    bars: tuple[str, ...] = ()
    """Bars by activity besides those of time: tick:1000, volume:500, dollar:1000000, imbalance:200, renko:0.25."""
    groups: dict[str, tuple[str, ...]] = {}
    """By name, instruments that are the same thing at several venues: ``BTC-USDT = ["BTCUSDT.BINANCE", …]``."""
    features: tuple[str, ...] = ()
    """Which features are told, by name; empty: the stage does not run."""
    anomalies: tuple[str, ...] = ()
    """Which kinds of anomaly are told, by name, or ``all``; empty: the stage does not run."""
    anomaly: AnomalyConfig = AnomalyConfig()
    arbitrage: ArbitrageConfig | None = None
    """None: the stage does not run."""
    depth: str = ""
    """How often the best levels of every book are told: ``1s`` to ``1d``, of event time; empty: never."""
    depth_levels: Annotated[int, Meta(ge=1, le=MOST_LEVELS)] = 10
    """How many, a side."""


class ApiConfig(Section, frozen=True):
    """The web server."""

    host: str = "127.0.0.1"
    """Any other needs an API key that holds, or nothing is started."""
    port: Annotated[int, Meta(ge=0, le=65535)] = 8080
    hosts: tuple[str, ...] = ()
    """Names, without a port, under which others reach it, also by way of a proxy. With any, a key is needed."""
    origins: tuple[str, ...] = ()
    """Web origins whose pages may ask it: ``https://desk.example.com``."""
    tls_cert: str = ""
    """A PEM file with the certificate and what is between it and its authority; relative to the configuration file."""
    tls_key: str = ""
    """The PEM file of its key, without a passphrase. With both we speak TLS, and nothing else."""
    requests_per_minute: Annotated[int, Meta(ge=1)] = 60
    """Of one key; nothing is counted where none is needed."""
    burst: Annotated[int, Meta(ge=1)] = 20
    connections_per_key: Annotated[int, Meta(ge=1)] = 20
    """WebSockets that are open at once; nothing is counted where no key is needed."""
    session_hours: Annotated[int, Meta(ge=1, le=720)] = 12
    """How long somebody who signed in with a browser stays so; never longer than the key holds."""

    @property
    def tls(self) -> tuple[str, str] | None:
        """Certificate and key; None: we speak plain HTTP."""
        return (self.tls_cert, self.tls_key) if self.tls_cert else None


class SettingsConfig(Section, frozen=True):
    """The database of what people set: keys, watchlists and alert rules."""

    url: str = ""
    """For example ``postgresql://user@host/breadboard``; empty: SQLite under the data directory."""


TIERS: Final = ("liquid", "semi", "illiquid")
"""How busy a symbol is thought to be; ``capture`` measures what it is."""


class FeedConfig(Section, frozen=True):
    """One live source."""

    venue: str
    symbols: tuple[str, ...] = ()
    symbols_file: str = ""
    """A TOML list of symbols (see ``read_symbols``) on top of ``symbols``; relative to the configuration file."""
    channels: tuple[str, ...] = ()
    """Empty: all that the venue has."""
    url: str = ""
    """Empty: the venue's own address."""
    rest_url: str = ""
    key: str = ""
    """The venue's key, as ``${NAME}``; empty: the environment variable that the venue's feed names, where it is set."""
    connections: Annotated[int, Meta(ge=0, le=1000)] = 0
    """At least so many connections, where the symbols shall not move when one more is needed; 0: as many as needed."""
    subscribe_per_s: Annotated[float, Meta(gt=0)] | None = None
    """Messages a second that we send at most; None: what the venue allows."""
    tiers: dict[str, str] = {}
    """By symbol as this venue spells it; filled from the symbols file."""


class Config(Section, frozen=True):
    """Everything that can be set."""

    data_dir: str = "breadboard-data"
    journal: JournalConfig = JournalConfig()
    store: StoreConfig = StoreConfig()
    engine: EngineConfig = EngineConfig()
    api: ApiConfig = ApiConfig()
    feeds: tuple[FeedConfig, ...] = ()
    rules: RuleSet = RuleSet()
    """Alert rules and watchlists: ``[[rules]]`` and ``[watchlists]`` here, and those of ``rules_file``."""
    rules_file: str = ""
    """A TOML file of more rules and watchlists; relative to the configuration file."""
    settings: SettingsConfig = SettingsConfig()

    @property
    def root(self) -> Path:
        """The data directory."""
        return Path(self.data_dir)
