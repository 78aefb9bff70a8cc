"""LEAN's ticks are told from what else LEAN packs under the same names."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from zipfile import ZipFile

import pytest

from breadboard.errors import UsageError
from breadboard.recordings.history_dated import Documents
from breadboard.recordings.history_iqfeed import read_ticks
from breadboard.recordings.history_lean import read_quotes, read_trades
from breadboard.recordings.rows import names_in
from recordings import recording

TRADE = "34200000,1850000,100,N,0,0"
QUOTE = "34200000,0,0,1836300,100,Q,1,0"
TRADE_BAR = "34200000,1850000,1851000,1849000,1850500,100"
QUOTE_BAR = "34200000,1850000,1851000,1849000,1850500,100,1850000,1851000,1849000,1850500,100"
DAILY = "20131007 00:00,1820000,1833000,1818500,1820100,3908081"


def packed(folder: Path, inner: str, row: str, *, kind: str = "trade", unit: str = "tick") -> Path:
    path = folder / unit / "ibm" / f"20131007_{kind}.zip"
    path.parent.mkdir(parents=True)
    with ZipFile(path, "w") as file:
        file.writestr(inner, row + "\n")
    return path


@pytest.mark.parametrize("inner", ["20131007_ibm_Trade_Tick.csv", "20131007_ibm_tick_trade.csv", "of_mine.csv"])
def test_trades_of_the_symbol_are_taken(tmp_path: Path, inner: str) -> None:
    path = packed(tmp_path, inner, TRADE)
    assert list(read_trades(path, "IBM")) == [("trades:IBM:2013-10-07", TRADE.encode())]


def test_quotes_of_the_symbol_are_taken(tmp_path: Path) -> None:
    path = packed(tmp_path, "20131007_ibm_Quote_Tick.csv", QUOTE, kind="quote")
    assert list(read_quotes(path, "IBM")) == [("quotes:IBM:2013-10-07", QUOTE.encode())]


@pytest.mark.parametrize(
    ("inner", "row", "said", "hint"),
    [
        (
            "20131007_ibm_minute_trade.csv",
            TRADE_BAR,
            "minute bars of trades, and lean-trades takes ticks",
            "/tick/ibm/",
        ),
        (
            "20131007_ibm_second_quote.csv",
            QUOTE_BAR,
            "second bars of quotes, and lean-trades takes ticks",
            "/tick/ibm/",
        ),
        ("20131007_ibm_Quote_Tick.csv", QUOTE, "holds quotes, and lean-trades takes trades", "--format lean-quotes"),
        ("20131007_aig_Trade_Tick.csv", TRADE, "is about AIG, not IBM", "--symbol AIG"),
        ("20131007_ibm_tick_trade_american_call_7475000_20151224.csv", TRADE, "is about a contract", "/equity/"),
        ("20131007_ibm_tick_trade_201312.csv", TRADE, "is about a contract", "/equity/"),
        ("of_mine.csv", TRADE_BAR, "holds bars of trades", "/tick/ibm/20131007_trade.zip --format lean-trades"),
        ("of_mine.csv", QUOTE_BAR, "holds bars of quotes", "/tick/ibm/"),
        ("of_mine.csv", QUOTE, "holds quotes, and lean-trades takes trades", "--format lean-quotes"),
    ],
)
def test_what_else_lies_under_the_name_of_trades_is_refused(
    tmp_path: Path, inner: str, row: str, said: str, hint: str
) -> None:
    path = packed(tmp_path, inner, row, unit="minute")
    with pytest.raises(UsageError) as caught:
        list(read_trades(path, "IBM"))
    assert str(caught.value).startswith(f"{path}: {inner} ")
    assert said in str(caught.value)
    assert hint in (caught.value.hint or "")


@pytest.mark.parametrize(
    ("row", "said"), [(TRADE, "holds trades, and lean-quotes takes quotes"), (TRADE_BAR, "holds bars of trades")]
)
def test_a_plain_file_is_told_by_its_first_row(tmp_path: Path, row: str, said: str) -> None:
    path = tmp_path / "20131007.csv"
    path.write_text(row)
    with pytest.raises(UsageError, match=said):
        list(read_quotes(path, "IBM"))


def test_daily_bars_are_told_although_their_name_has_no_day(tmp_path: Path) -> None:
    path = packed(tmp_path, "ibm.csv", DAILY)
    with pytest.raises(UsageError, match="holds bars of trades"):
        list(read_trades(path, "IBM", day="2013-10-07"))


@pytest.mark.parametrize("row", ["34200000,1850000,100,1,0,0", "34200000,1850000,100", "time,price", "34200000,5,,N,,"])
def test_a_row_that_does_not_tell_refuses_no_file(tmp_path: Path, row: str) -> None:
    path = packed(tmp_path, "of_mine.csv", f"{row}\n{TRADE}")
    assert list(read_trades(path, "IBM")) == [("trades:IBM:2013-10-07", f"{row}\n{TRADE}".encode())]


@pytest.mark.parametrize("row", ["time,price,size,exchange,conditions,suspicious", TRADE.replace(",", ";"), "34200000"])
@pytest.mark.parametrize("name", ["of_mine.csv", "20131007_ibm_Trade_Tick.csv"])
def test_a_file_of_which_no_row_can_be_read_is_refused(tmp_path: Path, name: str, row: str) -> None:
    path = packed(tmp_path, name, "\n".join([row] * 6_000))
    with pytest.raises(UsageError, match=r"no row of .*_trade.zip has six fields with commas between") as caught:
        list(read_trades(path, "IBM"))
    assert caught.value.hint == f"unzip -p {path} | head"


@pytest.mark.parametrize("share", [0.05, 0.5, 0.99])
def test_a_zip_that_is_cut_is_named_and_not_read_as_text(tmp_path: Path, share: float) -> None:
    raw = recording("us_equities/tick/ibm/20131007_trade.zip").read_bytes()
    path = tmp_path / "20131007_trade.zip"
    path.write_bytes(raw[: int(len(raw) * share)])
    for read in (partial(read_trades, path, "IBM"), partial(read_ticks, path, "IBM"), partial(names_in, path)):
        with pytest.raises(UsageError, match=r"20131007_trade.zip is a damaged or unreadable zip") as caught:
            list(read())
        assert caught.value.hint == f"unzip -t {path}"


@pytest.mark.parametrize("unit", ["minute", "second"])
@pytest.mark.parametrize(("kind", "read"), [("trade", read_trades), ("quote", read_quotes)])
def test_the_vendors_own_bars_are_refused(unit: str, kind: str, read: Callable[..., Documents]) -> None:
    path = recording(f"us_equities/{unit}/ibm/20131007_{kind}.zip")
    with pytest.raises(UsageError, match=f"20131007_ibm_{unit}_{kind}.csv holds {unit} bars of {kind}s"):
        list(read(path, "IBM"))


COIN_QUOTE = "0,7000,1,7001.5,2,0"


@pytest.mark.parametrize("name", ["20181007_quote.csv", "20181007_QUOTE.csv", "20181007_btcusd_Quote_Tick.csv"])
@pytest.mark.parametrize("row", [COIN_QUOTE, TRADE])
def test_a_name_that_says_quote_decides_whatever_the_row_looks_like(tmp_path: Path, name: str, row: str) -> None:
    path = tmp_path / name
    path.write_text(row)
    with pytest.raises(UsageError, match=f"{name} holds quotes, and lean-trades takes trades") as caught:
        list(read_trades(path, "BTCUSD"))
    assert caught.value.hint == "--format lean-quotes"
    assert list(read_quotes(path, "BTCUSD")) == [("quotes:BTCUSD:2018-10-07", row.encode())]


@pytest.mark.parametrize("name", ["20131007_trade.csv", "20131007_ibm_trade.csv", "20131007_trade_tick.csv"])
def test_a_name_that_says_trade_decides_and_bars_under_it_are_bars(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_text("34200000,1850000,100,1,0,0")
    assert list(read_trades(path, "IBM")) == [("trades:IBM:2013-10-07", b"34200000,1850000,100,1,0,0")]
    with pytest.raises(UsageError, match="holds trades, and lean-quotes takes quotes"):
        list(read_quotes(path, "IBM"))
    path.write_text(TRADE_BAR)
    with pytest.raises(UsageError, match="holds bars of trades"):
        list(read_trades(path, "IBM"))


@pytest.mark.parametrize("row", [COIN_QUOTE, "0,7000,1,7001,2,0"])
def test_a_number_is_no_exchange_where_no_name_tells(tmp_path: Path, row: str) -> None:
    path = tmp_path / "my coins.csv"
    path.write_text(row)
    with pytest.raises(UsageError, match=r"has the number '7001(\.5)?' for an exchange, and no name tells") as caught:
        list(read_trades(path, "BTCUSD", day="2018-10-07"))
    assert f"mv '{path}' 20131007_trade.csv" in (caught.value.hint or "")
    path.write_text(TRADE)
    assert list(read_trades(path, "IBM", day="2013-10-07")) == [("trades:IBM:2013-10-07", TRADE.encode())]


@pytest.mark.parametrize(("kind", "told"), [("trade", ""), ("quote", "holds quotes, and lean-trades takes trades")])
def test_the_name_of_a_zip_tells_where_neither_file_nor_row_does(tmp_path: Path, kind: str, told: str) -> None:
    path = packed(tmp_path, "of_mine.csv", "34200000,1850000,100,1,0,0", kind=kind)
    if not told:
        assert len(list(read_trades(path, "IBM"))) == 1
        return
    with pytest.raises(UsageError, match=told):
        list(read_trades(path, "IBM"))
