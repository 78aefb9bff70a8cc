"""Reads a configuration, and says of what is wrong in it where it stands and what was said there."""

import re
import tomllib
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec import inspect

from breadboard.config import ApiConfig, Config, EngineConfig, FeedConfig
from breadboard.environment import resolved
from breadboard.errors import UsageError
from breadboard.model import rules
from breadboard.model.anomalies import BY_NAME as ANOMALIES
from breadboard.model.bars import INTERVALS
from breadboard.model.features import BY_NAME
from breadboard.model.rules import RuleSet
from breadboard.symbol_lists import read_symbols

ALL: Final = "all"
"""In the place of the kinds of anomaly: every one."""


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
        config = msgspec.convert(resolved(tree), Config, strict=True)
    except msgspec.ValidationError as error:
        hint = _known(str(error)) or (f"cat {path}" if path else "")
        raise _wrong(path, _with_value(str(error), tree), hint) from None
    engine = _checked(config.engine, path)
    base = path.parent if path is not None else Path()
    if config.rules_file:
        ruled = rules.joined(ruled, read_rules(base / config.rules_file), f"{path} and {config.rules_file}")
    listed = tuple(_with_listed(feed, base) for feed in config.feeds)
    api = _with_files(config.api, base, path)
    return msgspec.structs.replace(config, engine=engine, api=api, feeds=listed, rules=ruled)


def read_rules(path: Path) -> RuleSet:
    """Return the rules and watchlists of a TOML file. Raises UsageError naming file, rule and value."""
    try:
        tree = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"the rules {path} cannot be read: {error.strerror}", hint=f"ls -l {path}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} is not TOML: {error}", hint=f"cat {path}") from None
    return rules.read(tree, str(path))


def _checked(engine: EngineConfig, path: Path | None) -> EngineConfig:
    """Put all kinds in the place of ``all``. Raises UsageError for a name that there is not."""
    for section, known, names in (
        ("features", tuple(BY_NAME), engine.features),
        ("anomalies", (ALL, *ANOMALIES), engine.anomalies),
    ):
        if unknown := [name for name in names if name not in known]:
            what = {"features": "feature", "anomalies": "anomaly"}[section]
            raise _wrong(
                path,
                f"there is no {what} {unknown[0]!r} - at `$.engine.{section}`",
                f"{section} = [{', '.join(known)}]",
            )
    if engine.depth and engine.depth not in INTERVALS:
        raise _wrong(
            path,
            f"there is no interval {engine.depth!r} - at `$.engine.depth`",
            f"choose from: {' '.join(INTERVALS)}",
        )
    return msgspec.structs.replace(engine, anomalies=tuple(ANOMALIES)) if ALL in engine.anomalies else engine


def _with_files(api: ApiConfig, base: Path, path: Path | None) -> ApiConfig:
    """Put the places of certificate and key that hold wherever we run. Raises UsageError for one without the other."""
    if bool(api.tls_cert) != bool(api.tls_key):
        given, missing = ("tls_cert", "tls_key") if api.tls_cert else ("tls_key", "tls_cert")
        raise _wrong(path, f"`{given}` without `{missing}` - at `$.api`", f'{missing} = "desk.pem"')
    if api.tls is None:
        return api
    cert, key = (str((base / name).absolute()) for name in api.tls)
    return msgspec.structs.replace(api, tls_cert=cert, tls_key=key)


def _wrong(path: Path | None, what: str, hint: str) -> UsageError:
    return UsageError(f"{path or 'the configuration'} is wrong: {what}", hint=hint)


def _known(said: str) -> str:
    """Return which keys there are where msgspec found one that there is not, the likest first; else nothing."""
    found = re.match(r"Object contains unknown field `(.*?)`(?: - at `\$(.*)`)?$", said)
    if found is None:
        return ""
    node: Any = inspect.type_info(Config)
    for name in re.findall(r"\[.*?\]|[^.\[\]]+", found[2] or ""):
        if name.startswith("["):  # one of many of a kind
            node = getattr(node, "value_type", None) or node.item_type
        else:
            node = next(field.type for field in node.fields if field.encode_name == name)
        if isinstance(node, inspect.UnionType):
            node = next(one for one in node.types if not isinstance(one, inspect.NoneType))
    keys = [field.encode_name for field in node.fields] + ([] if found[2] else ["watchlists"])
    near = get_close_matches(found[1], keys, n=3)
    return f"keys: {', '.join(dict.fromkeys((*near, *keys)))}"


def _with_value(said: str, tree: Any) -> str:  # noqa: ANN401 - any TOML value
    """Add to what msgspec says what stands at the place that it names, where that is a plain value.

    ``tree`` is as it was written: what ``${NAME}`` stands for may be a secret. So may a key.
    """
    place = re.search(r"- at `\$(.*)`$", said)
    node = tree
    for name, index in re.findall(r"\.([^.\[]+)|\[(\d+|\.\.\.)\]", place.group(1) if place else ""):
        try:
            node = node[name] if name else node[int(index)]
        except (LookupError, TypeError, ValueError):
            return said
    if place is None or place.group(1).endswith(".key") or isinstance(node, (dict, list)):
        return said
    if isinstance(node, str) and ("`object`" in said or "`array`" in said or "://" in node or "@" in node):
        return said  # an address may hold a password, and may stand where a table should
    return f"{said}: {node!r}"


def _with_listed(feed: FeedConfig, base: Path) -> FeedConfig:
    """Put the symbols of a feed's file into the feed."""
    if not feed.symbols_file:
        return feed
    tiers = read_symbols(base / feed.symbols_file, feed.venue)
    symbols = tuple(dict.fromkeys((*feed.symbols, *tiers)))
    return msgspec.structs.replace(feed, symbols=symbols, symbols_file="", tiers={**tiers, **feed.tiers})
