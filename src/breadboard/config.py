"""One frozen tree of settings, and the only reader of files and environment."""

import os
import re
import tomllib
from datetime import datetime
from pathlib import Path
from tempfile import gettempdir
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta

from breadboard.errors import UsageError
from breadboard.model import rules
from breadboard.model.anomalies import BY_NAME as ANOMALIES
from breadboard.model.depth import MOST_LEVELS, seconds_of
from breadboard.model.features import BY_NAME
from breadboard.model.rules import RuleSet

ALL: Final = "all"
"""In the place of the kinds of anomaly: every one."""


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
    flush_ms: Annotated[int, Meta(ge=1)] = 500
    """How long rows may wait before they are written."""


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
    port: Annotated[int, Meta(ge=0, le=65535)] = 8080


class SettingsConfig(Section, frozen=True):
    """The database of what people set: alert rules and watchlists."""

    url: str = ""
    """For example ``postgresql+psycopg://user@host/breadboard``; empty: SQLite under the data directory."""


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


def load(path: Path | None, overrides: dict[str, Any] | None = None) -> Config:
    """Read a TOML file (or none), put ``overrides`` on top, and return the tree.

    ``${NAME}`` in a string is replaced from the environment. Raises UsageError naming the file, the path and the value.
    """
    tree: dict[str, Any] = {}
    if path is not None:
        try:
            tree = tomllib.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise UsageError(f"there is no configuration file {path}", hint="breadboard up   # needs none") from None
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise UsageError(f"{path} is not TOML: {error}", hint=f"cat {path}") from None
    for dotted, value in (overrides or {}).items():
        node = tree
        *parents, leaf = dotted.split(".")
        for parent in parents:
            node = node.setdefault(parent, {})
        node[leaf] = value
    ruled = rules.read({name: tree.pop(name) for name in ("rules", "watchlists") if name in tree}, str(path))
    try:
        config = msgspec.convert(_resolve(tree), Config, strict=True)
    except msgspec.ValidationError as error:
        raise UsageError(
            f"{path or 'the configuration'} is wrong: {error}", hint=f"cat {path}" if path else ""
        ) from None
    if unknown := [name for name in config.engine.features if name not in BY_NAME]:
        raise UsageError(
            f"{path or 'the configuration'} is wrong: there is no feature {unknown[0]!r} - at `$.engine.features`",
            hint=f"features = [{', '.join(BY_NAME)}]",
        )
    engine = _with_anomalies(config.engine, path)
    if config.engine.depth:
        seconds_of(config.engine.depth)
    base = path.parent if path is not None else Path()
    if config.rules_file:
        ruled = rules.joined(ruled, read_rules(base / config.rules_file), f"{path} and {config.rules_file}")
    listed = tuple(_with_listed(feed, base) for feed in config.feeds)
    return msgspec.structs.replace(config, engine=engine, feeds=listed, rules=ruled)


def read_rules(path: Path) -> RuleSet:
    """Return the rules and watchlists of a TOML file. Raises UsageError naming file, rule and value."""
    try:
        tree = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"the rules {path} cannot be read: {error.strerror}", hint=f"ls -l {path}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} is not TOML: {error}", hint=f"cat {path}") from None
    return rules.read(tree, str(path))


def read_symbols(path: Path, venue: str) -> dict[str, str]:
    """Return the tier of each symbol of a list, spelled for ``venue`` (its feed's name), in the order of the file.

    The file has one ``[[symbol]]`` table each: ``name``, ``tier`` (liquid, semi, illiquid) and, where a venue has a
    spelling of its own, ``venues = { binance = "BTCUSDT" }``. Raises UsageError naming file, line and value.
    """
    text, entries = _symbol_tables(path)
    lines = [
        number for number, line in enumerate(text.splitlines(), 1) if line.replace(" ", "").startswith("[[symbol]]")
    ]

    def wrong(at: int, what: str) -> UsageError:
        line = lines[at] if at < len(lines) else 1
        return UsageError(f"{path} line {line}: {what}", hint=f"sed -n {line},{line + 4}p {path}")

    tiers: dict[str, str] = {}
    for at, entry in enumerate(entries):
        try:
            listed = msgspec.convert(entry, _Listed, strict=True)
        except msgspec.ValidationError as error:
            raise wrong(at, f"the symbol is wrong: {error}") from None
        name = listed.venues.get(venue, listed.name)
        if not name:
            raise wrong(at, "a symbol without a name")
        if listed.tier not in TIERS:
            raise wrong(at, f"there is no tier {listed.tier!r} (of {listed.name}); there are {', '.join(TIERS)}")
        if name in tiers:
            raise wrong(at, f"{name!r} is there a second time")
        tiers[name] = listed.tier
    if not tiers:
        raise UsageError(f"{path} line 1: no symbol in it", hint='[[symbol]] name = "BTC-USD" tier = "liquid"')
    return tiers


def key_of(feed: FeedConfig, *variables: str) -> str:
    """Return the key of a feed, from its ``${NAME}`` or the first of these variables that is set; empty where none is.

    Asked for where it is needed and nowhere kept. Blanks around it are left out. Raises UsageError for a name that the
    environment lacks, and for signs that no request can carry, without showing them.
    """
    if feed.key:
        return _clean_key(str(_resolve(feed.key)), f"key of {feed.venue}")
    name = next((name for name in variables if os.environ.get(name, "").strip()), "")
    return _clean_key(os.environ[name], f"key in {name}") if name else ""


def _clean_key(key: str, what: str) -> str:
    key = key.strip()
    if not (key.isascii() and key.isprintable()):
        raise UsageError(
            f"the {what} has signs that no request can carry: letters beyond ASCII, or unprintable ones",
            hint="copy it again from the venue's page, without the line's end",
        )
    return key


def environment(*names: str) -> dict[str, str]:
    """Return these variables of the environment, those that are set and not empty."""
    return {name: os.environ[name] for name in names if os.environ.get(name)}


def runtime_dir() -> Path:
    """Return where processes of one user leave word for each other, whatever data directory each has."""
    given = os.environ.get("XDG_RUNTIME_DIR")
    return Path(given) / "breadboard" if given else Path(gettempdir()) / f"breadboard-{os.getuid()}"


class _Listed(Section, frozen=True):
    name: str
    tier: str
    venues: dict[str, str] = {}


def _symbol_tables(path: Path) -> tuple[str, list[Any]]:
    try:
        text = path.read_text(encoding="utf-8")
        tree = tomllib.loads(text)
    except OSError as error:
        raise UsageError(f"the symbols file {path} cannot be read: {error.strerror}", hint=f"ls -l {path}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} is not TOML: {error}", hint=f"cat {path}") from None
    entries = tree.pop("symbol", [])
    if tree or not isinstance(entries, list):
        odd = next(iter(tree), "symbol")
        line = next((at for at, each in enumerate(text.splitlines(), 1) if odd in each), 1)
        raise UsageError(f"{path} line {line}: {odd!r} is no [[symbol]] table", hint=f"sed -n {line}p {path}")
    return text, entries


def _with_anomalies(engine: EngineConfig, path: Path | None) -> EngineConfig:
    """Put all kinds in the place of ``all``. Raises UsageError for one that there is not."""
    if unknown := [name for name in engine.anomalies if name not in (*ANOMALIES, ALL)]:
        raise UsageError(
            f"{path or 'the configuration'} is wrong: there is no anomaly {unknown[0]!r} - at `$.engine.anomalies`",
            hint=f"anomalies = [{', '.join((ALL, *ANOMALIES))}]",
        )
    return msgspec.structs.replace(engine, anomalies=tuple(ANOMALIES)) if ALL in engine.anomalies else engine


def _with_listed(feed: FeedConfig, base: Path) -> FeedConfig:
    """Put the symbols of a feed's file into the feed."""
    if not feed.symbols_file:
        return feed
    tiers = read_symbols(base / feed.symbols_file, feed.venue)
    symbols = tuple(dict.fromkeys((*feed.symbols, *tiers)))
    return msgspec.structs.replace(feed, symbols=symbols, symbols_file="", tiers={**tiers, **feed.tiers})


def _resolve(node: Any) -> Any:  # noqa: ANN401 - any TOML value
    if isinstance(node, dict):
        # A key stays a name until it is used: this tree is written to a file for child processes.
        return {key: value if key == "key" else _resolve(value) for key, value in node.items()}
    if isinstance(node, list):
        return [_resolve(value) for value in node]
    if isinstance(node, str):
        return re.sub(r"\$\{(\w+)\}", _from_environment, node)
    return node


def _from_environment(match: re.Match[str]) -> str:
    name = match.group(1)
    if name not in os.environ:
        raise UsageError(f"the environment has no {name}, which the configuration asks for", hint=f"export {name}=…")
    return os.environ[name]
