"""The examples under config/: each is read, and an engine would start with it."""

from pathlib import Path

import pytest

from breadboard.app import engine_checks
from breadboard.config_file import load
from breadboard.symbol_lists import read_symbols

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted((ROOT / "config").glob("*.toml"))
LISTS = {"symbols.toml"}


@pytest.mark.parametrize("path", [path for path in EXAMPLES if path.name not in LISTS], ids=lambda path: path.name)
def test_an_example_configuration_is_one_to_start_with(path: Path) -> None:
    engine_checks.verify(load(path).engine)


@pytest.mark.parametrize("path", [path for path in EXAMPLES if path.name in LISTS], ids=lambda path: path.name)
def test_an_example_list_of_symbols_is_read(path: Path) -> None:
    assert read_symbols(path, "binance")


@pytest.mark.parametrize("page", ["README.md", "docs/engine.md"])
def test_examples_that_are_named_are_there(page: str) -> None:
    named = {word for word in (ROOT / page).read_text(encoding="utf-8").split() if "config/" in word}
    assert "config/arbitrage.toml" in " ".join(named)
    assert (ROOT / "config" / "arbitrage.toml") in EXAMPLES
