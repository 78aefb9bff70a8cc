"""`breadboard rules`: what to be told of, and what it would have told."""

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, TypeVar

import click

from breadboard.commands.options import data_dir_option, emit, json_option
from breadboard.commands.where import Where, at_desk, configured, where_options
from breadboard.errors import UsageError
from breadboard.settings.people import OPERATOR

F = TypeVar("F", bound=Callable[..., Any])

_FIELDS: Final = {
    "kind": "rise, drop, cross, spread, volume, no_data, lag, gap, halt, arbitrage, anomaly or expression.",
    "threshold": "Percent, price, basis points, times, ms or score, as the kind has it.",
    "rearm": "The level at which the value must have been again before the next alert.",
    "window": "For example 5m: ms, s, m, h or d.",
    "direction": "Of a price to cross: up, down or either.",
    "expression": "Of a window's bar and features, for example 'close > vwap * 1.01'.",
    "cooldown": "At most one alert of an instrument in so long, e.g. 15m.",
    "once_per": "At most one alert of an instrument per session, day or hour.",
    "session": "Look in regular or extended hours only.",
}
_OLDEST_FIRST: Final = "history counts in full where the oldest is imported first."
_NUMBERS: Final = ("threshold", "rearm")
_LISTS: Final = {
    "symbols": "BTCUSDT.BINANCE,…; *.BINANCE for all of a venue, @name for a watchlist; all without it.",
    "of": "Which anomalies, e.g. price_jump,burst.",
}


def _fields(function: F) -> F:
    """Add an option for everything that a rule has."""
    for name, text in reversed((_FIELDS | _LISTS).items()):
        function = click.option(f"--{name.replace('_', '-')}", name, help=text)(function)
    return function


def _tree(given: dict[str, str | None]) -> dict[str, Any]:
    """Return the words of the command line as a rule's fields."""
    tree: dict[str, Any] = {}
    for name, text in given.items():
        if text is None:
            continue
        if name in _LISTS:
            tree[name] = [one.strip() for one in text.split(",") if one.strip()]
        else:
            tree[name] = _number(text) if name in _NUMBERS else text
    return tree


def _number(text: str) -> float | str:
    """Return a number as a file of rules would have it, so that the version is the same; else as text."""
    try:
        value = float(text)
        return value if Decimal(text) == Decimal(repr(value)) else text
    except (ValueError, ArithmeticError):
        return text


@click.group(name="rules")
def rules() -> None:
    """Say what to be told of, and try it over recorded history."""


@rules.command(name="list")
@where_options
@json_option
def list_(as_json: bool, **where: Path | None) -> None:
    """Show the rules of a data directory, with their versions, in plain words."""
    found = at_desk(where, lambda desk: desk.rules.all_of(OPERATOR))
    kept = ("name", "version", "number", "from", "enabled")
    rows = [{**{name: one[name] for name in kept}, "says": one["sentence"]} for one in found]
    emit({"rules": rows}, as_json, lambda result: _table(result["rules"]))


@rules.command(name="add")
@click.argument("name", required=False)
@click.option("--rules", "file", type=click.Path(path_type=Path, dir_okay=False), help="Add all of a file.")
@_fields
@where_options
@json_option
def add(
    name: str | None,
    file: Path | None,
    data_dir: Path | None,
    config_path: Path | None,
    as_json: bool,
    **given: str | None,
) -> None:
    """Add the rule NAME, or those of a file, to the database."""
    from breadboard.app import rulebook

    where: Where = {"data_dir": data_dir, "config_path": config_path}
    if (name is None) == (file is None):
        raise UsageError("a rule has a name, or comes from a file", hint="breadboard rules add 'btc up' --kind rise …")
    if file is not None:
        found = rulebook.check(file, configured(where)[0].engine.features)
        new = list(found.rules)
        at_desk(where, lambda desk: desk.rules.add(OPERATOR, new, found.watchlists))
    else:
        tree = {"name": name, **_tree(given)}
        new = [at_desk(where, lambda desk: desk.rules.create(OPERATOR, tree))]
    emit({"added": [_said(rule) for rule in new]}, as_json, lambda result: _table(result["added"]))


@rules.command(name="edit")
@click.argument("name")
@_fields
@click.option("--enabled/--disabled", default=None, help="Switch it on or off.")
@where_options
@json_option
def edit(
    name: str,
    enabled: bool | None,
    data_dir: Path | None,
    config_path: Path | None,
    as_json: bool,
    **given: str | None,
) -> None:
    """Change the rule NAME of the database; an empty word takes a field away. It is a new version from then on."""
    changes: dict[str, Any] = {key: value or None for key, value in _tree(given).items()}
    if enabled is not None:
        changes["enabled"] = enabled
    if not changes:
        raise UsageError(f"nothing of {name!r} is to be changed", hint=f"breadboard rules edit {name!r} --threshold 2")
    where: Where = {"data_dir": data_dir, "config_path": config_path}
    changed = at_desk(where, lambda desk: desk.rules.edit(OPERATOR, name, changes))
    emit({"changed": [_said(changed)]}, as_json, lambda result: _table(result["changed"]))


@rules.command(name="remove")
@click.argument("name")
@where_options
@json_option
def remove(name: str, as_json: bool, **where: Path | None) -> None:
    """Take the rule NAME out of the database; its versions stay there."""
    at_desk(where, lambda desk: desk.rules.remove(OPERATOR, name))
    emit({"removed": name}, as_json, lambda result: f"removed {result['removed']}")


@rules.command(name="watch")
@click.argument("name")
@click.argument("symbols", required=False, default="")
@where_options
@json_option
def watch(name: str, symbols: str, as_json: bool, **where: Path | None) -> None:
    """Keep SYMBOLS (BTCUSDT.BINANCE,…) as the watchlist NAME, which rules call @NAME; without any, forget it."""
    kept = [one.strip() for one in symbols.split(",") if one.strip()]
    if kept:
        at_desk(where, lambda desk: desk.watchlists.put(OPERATOR, name, kept))
    else:
        at_desk(where, lambda desk: desk.watchlists.remove(OPERATOR, name))
    emit({"watchlist": name, "symbols": kept}, as_json, lambda _: f"@{name}: {', '.join(kept) or 'forgotten'}")


@rules.command(name="check")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--features", default="", help="Features that will be told, e.g. vwap,ofi.")
@json_option
def check(file: Path, features: str, as_json: bool) -> None:
    """Check the rules of a TOML FILE and say them in plain words."""
    from breadboard.app import rulebook

    found = rulebook.check(file, [name for name in features.replace(" ", "").split(",") if name])
    emit({"rules": [_said(rule) for rule in found.rules]}, as_json, lambda result: _table(result["rules"]))


@rules.command(name="test")
@click.argument("rule")
@click.option("--rules", "file", type=click.Path(path_type=Path, dir_okay=False), help="The file that has the rule.")
@click.option("--from", "begin", help="Tell of alerts from this day, or moment, on (UTC): 2026-11-02T09:30.")
@click.option("--to", "end", help="Until the end of this day, or this moment.")
@click.option("--features", default="", help="Features to tell besides those configured, e.g. vwap,ofi.")
@click.option(
    "--config",
    type=click.Path(path_type=Path, dir_okay=False),
    help="A configuration file; without it the configuration that ran last there.",
)
@click.option("--given", is_flag=True, hidden=True)
@data_dir_option
@json_option
def test(
    rule: str,
    file: Path | None,
    begin: str | None,
    end: str | None,
    features: str,
    config: Path | None,
    given: bool,
    data_dir: Path,
    as_json: bool,
) -> None:
    """Say when and how often RULE would have fired over the journal of a data directory. Changes nothing."""
    from breadboard.app import backtest

    told = tuple(name for name in features.replace(" ", "").split(",") if name)
    emit(backtest.run(backtest.Trial(rule, data_dir, file, begin, end, told, given, config)), as_json, _verdict)


def _said(rule: Any) -> dict[str, Any]:  # noqa: ANN401 - a Rule, whose module is not loaded for other commands
    from breadboard.model.rule_words import sentence

    return {"name": rule.name, "version": rule.version, "enabled": rule.enabled, "says": sentence(rule)}


def _table(found: list[dict[str, Any]]) -> str:
    width = max((len(one["name"]) for one in found), default=0)
    lines = [f"{one['name'].ljust(width)}  {one['version']}  {one['says']}" for one in found]
    return "\n".join(lines) or "no rules"


def _verdict(result: dict[str, Any]) -> str:
    lines = [result["says"], ""]
    lines += [f"{one['time']}  {one['message']}" for one in result["alerts"]]
    if result["fired"] + result["retracted"] > len(result["alerts"]):
        lines.append(f"… the first {len(result['alerts']):,} of {result['fired']:,}; --json has the counts by symbol")
    held = f"; {result['held']:,} more were held back by cooldown or once_per" if result["held"] else ""
    back = f"; {result['retracted']:,} were taken back" if result["retracted"] else ""
    if result["late"]:
        late = (
            "1 trade is older than one before it"
            if result["late"] == 1
            else f"{result['late']:,} trades are older than ones before them"
        )
        lines += ["", f"{late}, and moved nothing: {_OLDEST_FIRST}"]
    if result["note"]:
        lines += ["", result["note"]]
    if result["note"] and (reach := result["recorded"]):
        lines.append(f"hint: --from {reach['from'][:10]} --to {reach['to'][:10]}")
    times = "once" if result["fired"] == 1 else f"{result['fired']:,} times"
    lines.append(f"It would have fired {times}{back}{held}. ({result['events']:,} events, {result['seconds']} s)")
    return "\n".join(lines)
