"""docs/configuration.md names every key that can be set, with what it takes and what it is otherwise, and no other."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
from msgspec import inspect

from breadboard.config import Config
from breadboard.config_file import load
from breadboard.model.rules import RuleSet

PAGE = Path(__file__).parents[2] / "docs" / "configuration.md"
ROW = re.compile(r"^\| `(\w+)` \| (.+?) \| (.+?) \| (.+) \|$")
PLAIN: dict[type, str] = {
    inspect.StrType: "text",
    inspect.BoolType: "true or false",
    inspect.DateTimeType: "date and time",
}
Rows = dict[str, tuple[str, str]]


def bounds(of: Any) -> str:  # noqa: ANN401 - of msgspec's types
    if of.ge is not None and of.le is not None:
        return f", {of.ge:,} to {of.le:,}"
    names = (("at least", of.ge), ("above", of.gt), ("at most", of.le), ("below", of.lt))
    return "".join(f", {name} {limit:,}" for name, limit in names if limit is not None)


def kind(of: Any) -> str:  # noqa: ANN401 - of msgspec's types
    """Return what a key takes, in words."""
    match of:
        case inspect.Metadata():
            return kind(of.type)
        case inspect.UnionType():
            (one,) = [each for each in of.types if not isinstance(each, inspect.NoneType)]
            return kind(one)
        case inspect.IntType():
            return f"whole number{bounds(of)}"
        case inspect.FloatType():
            return f"number{bounds(of)}"
        case inspect.VarTupleType():
            return f"list of {kind(of.item_type)}"
        case inspect.TupleType():
            return f"({', '.join(kind(each) for each in of.item_types)})"
        case inspect.DictType():
            return f"table of {kind(of.value_type)}"
    return next(words for plain, words in PLAIN.items() if isinstance(of, plain))


def default(field: Any) -> str:  # noqa: ANN401 - of msgspec's types
    """Return what holds where a key is left out, as TOML has it."""
    if field.required:
        return "needed"
    value = field.default_factory() if field.default is msgspec.NODEFAULT else field.default
    if value is None:
        return "none"
    return f"`{msgspec.json.encode(value).decode()}`"


def part(of: Any) -> tuple[Any, str]:  # noqa: ANN401 - of msgspec's types
    """Return the section that a key's value is one of, and how the name of the key goes on; None for a plain value."""
    match of:
        case inspect.StructType():
            return (None, "") if of.cls is RuleSet else (of, "")
        case inspect.UnionType():
            return next(((one, "") for one in of.types if isinstance(one, inspect.StructType)), (None, ""))
        case inspect.DictType(value_type=inspect.StructType()):
            return of.value_type, ".NAME"
        case inspect.VarTupleType(item_type=inspect.StructType()):
            return of.item_type, "[]"
    return None, ""


def sections(of: Any, path: str = "") -> Iterator[tuple[str, Rows]]:  # noqa: ANN401 - of msgspec's types
    """Yield the keys of each section, and what they take."""
    rows: Rows = {}
    for field in of.fields:
        inner, more = part(field.type)
        if inner is not None:
            name = f"{path}{field.encode_name}"
            if more == "[]":
                yield f"[[{name}]]", dict(sections(inner))[""]
            else:
                yield from sections(inner, f"{name}{more}.")
        elif not isinstance(field.type, inspect.StructType):
            rows[field.encode_name] = kind(field.type), default(field)
    yield f"[{path[:-1]}]" if path else "", rows


def written() -> dict[str, Rows]:
    """Return the same as the page has it."""
    found: dict[str, Rows] = {"": {}}
    section = ""
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        if line.startswith("## "):
            named = re.match(r"## `(\[.*\])`", line)
            section = named[1] if named else section if line == "## At the top" else "…"
            found.setdefault(section, {})
        elif row := ROW.match(line):
            found[section][row[1]] = row[2], row[3]
    return {name: rows for name, rows in found.items() if name != "…"}


def test_the_page_names_every_key_with_what_it_takes_and_its_default_and_no_other() -> None:
    expected = dict(sections(inspect.type_info(Config)))
    page = written()
    assert page.keys() == expected.keys()
    for name, rows in expected.items():
        assert page[name] == rows, name


def test_the_example_of_the_page_is_one(tmp_path: Path) -> None:
    (text,) = re.findall(r"```toml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    (tmp_path / "config.toml").write_text(text)
    config = load(tmp_path / "config.toml")
    assert (config.api.port, config.feeds[0].venue, config.engine.anomalies[:1]) == (8080, "binance", ("price_jump",))
