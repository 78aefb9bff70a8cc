"""One frozen tree of settings, and the only reader of files and environment."""

import os
import re
import tomllib
from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from breadboard.errors import UsageError


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


class EngineConfig(Section, frozen=True):
    """The stages."""

    lateness_ms: Annotated[int, Meta(ge=0)] = 2000
    """How far the watermark stays behind the newest event time of a source."""
    idle_s: Annotated[float, Meta(gt=0)] = 5.0
    """A source this silent no longer holds its watermark back (measured on CLOCK records)."""
    checkpoint_s: Annotated[float, Meta(gt=0)] = 10.0


class ApiConfig(Section, frozen=True):
    """The web server."""

    host: str = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65535)] = 8080


class FeedConfig(Section, frozen=True):
    """One live source."""

    venue: str
    symbols: tuple[str, ...]
    channels: tuple[str, ...] = ()
    """Empty: all that the venue has."""
    url: str = ""
    """Empty: the venue's own address."""
    rest_url: str = ""
    key: str = ""
    """The venue's key, as ``${NAME}``; empty: the environment variable that the venue's feed names, where it is set."""


def credential(feed: FeedConfig, *variables: str) -> str:
    """Return a venue's key: as configured, or from the first of these environment variables that is set; else empty."""
    return feed.key or next((os.environ[name] for name in variables if os.environ.get(name)), "")


class Config(Section, frozen=True):
    """Everything that can be set."""

    data_dir: str = "breadboard-data"
    journal: JournalConfig = JournalConfig()
    store: StoreConfig = StoreConfig()
    engine: EngineConfig = EngineConfig()
    api: ApiConfig = ApiConfig()
    feeds: tuple[FeedConfig, ...] = ()

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
    try:
        return msgspec.convert(_resolve(tree), Config, strict=True)
    except msgspec.ValidationError as error:
        raise UsageError(
            f"{path or 'the configuration'} is wrong: {error}", hint=f"cat {path}" if path else ""
        ) from None


def _resolve(node: Any) -> Any:  # noqa: ANN401 - any TOML value
    if isinstance(node, dict):
        return {key: _resolve(value) for key, value in node.items()}
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
