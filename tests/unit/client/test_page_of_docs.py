"""The page of the documentation: what is shown there can be pasted."""

import ast
import builtins
import re
from pathlib import Path

import pytest

from breadboard import client
from breadboard.config import ApiConfig
from unit.api.keyed import served

PAGE = (Path(__file__).parents[3] / "docs" / "client.md").read_text(encoding="utf-8")
PROGRAMS = re.findall(r"^```python\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
CHANGES = re.findall(r"`(put_watchlist\(.*?seen=seen\))`", PAGE)


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_program_has_every_name_that_it_uses_and_takes_them_from_us(program: str) -> None:
    nodes = list(ast.walk(ast.parse(program)))
    taken = {one.name for node in nodes if isinstance(node, ast.ImportFrom) for one in node.names}
    names = [node for node in nodes if isinstance(node, ast.Name)]
    made = {node.id for node in names if isinstance(node.ctx, ast.Store)}
    used = {node.id for node in names if isinstance(node.ctx, ast.Load)}
    assert used - made - taken - set(dir(builtins)) == set()
    assert taken <= set(client.__all__)


def test_there_are_programs() -> None:
    assert len(PROGRAMS) == 2


def test_the_change_of_a_watchlist_that_is_shown_is_one_that_the_server_takes(tmp_path: Path) -> None:
    (change,) = CHANGES
    with served(tmp_path, ApiConfig()) as server, client.Client(server.address) as ours:
        ours.put_watchlist("mine", ["ETH-USD.COINBASE"])
        eval(change, {"put_watchlist": ours.put_watchlist, "seen": ours.watchlist("mine")})
        assert ours.watchlist("mine").symbols == ("ETH-USD.COINBASE", "BTCUSDT.BINANCE")
