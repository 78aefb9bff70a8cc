"""History in files by the command a person types: LEAN's ticks against the vendor's own bars, LOBSTER's order books."""

import json
import random
from datetime import datetime
from pathlib import Path
from zipfile import ZipFile
from zoneinfo import ZoneInfo

import pytest

from breadboard.app.orderbook_oracle import compared
from breadboard.cli import run
from recordings import recording
from typed import ask, brought

DAYS = ("07", "08", "09", "10", "11")
NEW_YORK = ZoneInfo("America/New_York")


def midnight_ns(day: str) -> int:
    return int(datetime.fromisoformat(day).replace(tzinfo=NEW_YORK).timestamp()) * 1_000_000_000


def rows_of(path: Path) -> list[list[str]]:
    with ZipFile(path) as packed:
        return [line.split(",") for line in packed.read(packed.namelist()[0]).decode().splitlines()]


def vendors_bars(unit: str) -> dict[int, tuple[list[float], float]]:
    """Open, high, low, close and volume by opening time in ns."""
    found = {}
    for day in DAYS:
        midnight = midnight_ns(f"2013-10-{day}")
        for row in rows_of(recording(f"us_equities/{unit}/ibm/201310{day}_trade.zip")):
            found[midnight + int(row[0]) * 1_000_000] = ([int(each) / 10_000 for each in row[1:5]], float(row[5]))
    return found


def vendors_closes(symbol: str, count: int) -> list[int]:
    """Closes of the days from 2013-10-07 on, in 1/10,000 dollar."""
    rows = [row for row in rows_of(recording(f"us_equities/daily/{symbol}.zip")) if row[0] >= "20131007"]
    return [int(row[4]) for row in rows[:count]]


def test_a_week_of_a_stock_gives_the_vendors_own_bars(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = [str(recording(f"us_equities/tick/ibm/201310{day}_trade.zip")) for day in DAYS]
    result = brought(capsys, tmp_path / "d", *files, "--format", "lean-trades", "--symbol", "ibm")
    assert (result["symbol"], result["venue"], result["quarantined"]) == ("IBM", "LEAN", 0)
    assert result["events"]["trade"] == sum(len(rows_of(Path(file))) for file in files)
    assert result["not_in_bars"] == {"too_late": 0, "implausible": 0, "untimed": 0, "unmatched": 0}
    query = (
        "select toUnixTimestamp64Nano(ts_open) at, open, high, low, close, volume from bars where interval = '{}'"
        " and state = 'final'"
    )
    for interval, unit, volumes, least in (
        ("1s", "second", False, 0.9995),
        ("1s", "second", True, 0.9995),
        ("1m", "minute", True, 0.99),
    ):
        theirs = vendors_bars(unit)
        ours = {int(row["at"]): row for row in ask(capsys, tmp_path / "d", query.format(interval))}
        assert ours.keys() <= theirs.keys(), "a bar of prints that move no price is none"
        same = sum(
            [float(ours[at][name]) for name in ("open", "high", "low", "close")] == prices
            and (not volumes or float(ours[at]["volume"]) == volume)
            for at, (prices, volume) in theirs.items()
            if at in ours
        )
        assert same / len(theirs) >= least, (interval, same, len(theirs))
    days = ask(capsys, tmp_path / "d", "select close from bars where interval = '1d' order by ts_open")
    assert [int(float(row["close"]) * 10_000 + 0.5) for row in days] == vendors_closes("ibm", len(DAYS))


def test_quotes_of_one_side_keep_the_other_absent(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = recording("us_equities/tick/ibm/20131007_quote.zip")
    result = brought(capsys, tmp_path / "d", str(path), "--format", "lean-quotes", "--symbol", "IBM")
    assert (result["events"]["quote"], result["quarantined"]) == (109_067, 0)
    (first,) = ask(
        capsys,
        tmp_path / "d",
        "select toUnixTimestamp64Nano(ts_event) at, toString(bid_price) b, toString(ask_price) a,"
        " toString(ask_size) s from quotes order by offset, `index` limit 1",
    )
    at = midnight_ns("2013-10-07") + 14_400_054 * 1_000_000
    assert first == {"at": at, "b": None, "a": "183.63", "s": "100"}


class Lobster:
    """A little order book that writes LOBSTER's messages, and knows what it holds."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.orders: dict[int, list[int]] = {}
        self.rows: list[str] = []
        self.trades: list[tuple[int, int, str]] = []
        self.now_ns = 34_200_000_000_000

    def step(self) -> None:
        self.now_ns += self.random.randrange(1, 400_000_000)
        kind = self.random.choice((1, 1, 1, 2, 3, 4, 4, 5)) if self.orders else 1
        if kind == 1:
            number = 10_000_000 + len(self.rows)
            side = self.random.choice((1, -1))
            price = 5_850_000 - side * 100 * self.random.randrange(1, 40)
            self.orders[number] = [side, price, self.random.randrange(1, 500)]
            return self.say(1, number, self.orders[number][2], price, side)
        number = self.random.choice(list(self.orders))
        side, price, size = self.orders[number]
        if kind == 5:
            self.trades.append((price, 7, "sell" if side == 1 else "buy"))
            return self.say(5, 0, 7, price, side)
        part = size if kind == 3 else self.random.randrange(1, size) if size > 1 else size
        kind = 3 if kind == 2 and part == size else kind
        if kind == 4:
            part = self.random.choice((part, size))
            self.trades.append((price, part, "sell" if side == 1 else "buy"))
        self.orders[number][2] -= part
        if self.orders[number][2] == 0:
            del self.orders[number]
        return self.say(kind, number, part, price, side)

    def say(self, *fields: int) -> None:
        seconds, rest = divmod(self.now_ns, 1_000_000_000)
        self.rows.append(f"{seconds}.{rest:09d}," + ",".join(map(str, fields)))

    def level_row(self, levels: int) -> str:
        """The row of an orderbook file as it is now."""
        fields: list[int] = []
        sides = []
        for side in (-1, 1):
            totals: dict[int, int] = {}
            for one, price, size in self.orders.values():
                if one == side:
                    totals[price] = totals.get(price, 0) + size
            sides.append(sorted(totals.items(), key=lambda level: -side * level[0]))
        for at in range(levels):
            for told, nothing in zip(sides, (9_999_999_999, -9_999_999_999), strict=True):
                fields += told[at] if at < len(told) else (nothing, 0)
        return ",".join(map(str, fields))

    def best(self, side: int) -> tuple[int, int]:
        totals: dict[int, int] = {}
        for one, price, size in self.orders.values():
            if one == side:
                totals[price] = totals.get(price, 0) + size
        price = max(totals) if side == 1 else min(totals)
        return price, totals[price]


@pytest.fixture
def market(tmp_path: Path) -> tuple[Lobster, Path]:
    made = Lobster(7)
    for _ in range(6000):
        made.step()
    path = tmp_path / "AAPL_2012-06-21_34200000_57600000_message_50.csv"
    path.write_text("\n".join(made.rows))
    return made, path


def test_an_order_book_of_messages_is_rebuilt_order_by_order(
    market: tuple[Lobster, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made, path = market
    result = brought(capsys, tmp_path / "d", str(path), "--format", "lobster", "--symbol", "AAPL")
    assert (result["frames"], result["quarantined"], result["gaps"]) == (2, 0, 0)
    hidden = sum(row.split(",")[1] == "5" for row in made.rows)
    assert result["events"]["order"] == len(made.rows) - hidden + 1, "one row clears the book"
    book = result["books"]["AAPL.LOBSTER"]
    (bid, bid_size), (ask_price, ask_size) = made.best(1), made.best(-1)
    assert (round(float(book["bid"]) * 10_000), float(book["bid_size"])) == (bid, bid_size)
    assert (round(float(book["ask"]) * 10_000), float(book["ask_size"])) == (ask_price, ask_size)
    assert book["levels"] == [len({o[1] for o in made.orders.values() if o[0] == side}) for side in (1, -1)]
    trades = ask(
        capsys,
        tmp_path / "d",
        "select toFloat64(price) p, toFloat64(size) s, side from trades order by offset, `index`",
    )
    assert [(round(t["p"] * 10_000), t["s"], t["side"]) for t in trades] == made.trades
    (first,) = ask(
        capsys,
        tmp_path / "d",
        "select toUnixTimestamp64Nano(ts_event) at, order_id, action, side, toString(price) p, toString(size) s"
        " from orders where action = 'add' order by offset, `index` limit 1",
    )
    stamp, _, number, size, price, side = made.rows[0].split(",")
    at = midnight_ns("2012-06-21") + int(stamp.replace(".", ""))
    assert (int(first["at"]), int(first["order_id"]), first["action"]) == (at, int(number), "add")
    assert (first["side"], round(float(first["p"]) * 10_000)) == ("buy" if side == "1" else "sell", int(price))
    assert first["s"] == size


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    made, books = Lobster(11), []
    for _ in range(6000):
        made.step()
        books.append(made.level_row(10))
    message, book = (tmp_path / f"AAPL_2012-06-21_34200000_57600000_{what}_10.csv" for what in ("message", "orderbook"))
    message.write_text("\n".join(made.rows))
    book.write_text("\n".join(books))
    return message, book


def test_the_vendors_own_book_is_held_against_the_rebuilt_one_after_every_message(
    pair: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("--format", "lobster", "--symbol", "AAPL")
    result = brought(capsys, tmp_path / "d", *map(str, pair), *words)
    assert result["orderbooks"] == [
        {"file": pair[1].name, "rows": 6000, "equal": 6000, "not_believed": 0, "different": 0, "wrong": []}
    ]
    assert result["frames"] == 2, "the oracle is not on record"


def test_where_the_books_differ_it_is_told_which_row_and_level(
    pair: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    message, book = pair
    rows = book.read_text().split("\n")
    fields = rows[4321].split(",")
    fields[6], fields[7] = "1", "2"
    rows[4321] = ",".join(fields)
    book.write_text("\n".join(rows))
    line = ["import", str(message), str(book), "--format", "lobster", "--symbol", "AAPL"]
    assert run([*line, "--data-dir", str(tmp_path / "d"), "--json"]) == 3
    captured = capsys.readouterr()
    (told,) = json.loads(captured.out)["orderbooks"]
    assert (told["rows"], told["equal"], told["different"]) == (6000, 5999, 1)
    ((wrong,),) = (told["wrong"],)
    assert (wrong["row"], wrong["side"], wrong["level"], wrong["theirs"]) == (4322, "bid", 2, [1, 2])
    assert "the book differs from" in captured.err


def test_the_book_begins_with_what_rested_before_the_file(
    pair: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for path in pair:
        path.write_text("\n".join(path.read_text().split("\n")[200:]))
    result = brought(capsys, tmp_path / "d", *map(str, pair), "--format", "lobster", "--symbol", "AAPL")
    (told,) = result["orderbooks"]
    assert (told["rows"], told["different"]) == (5800, 0)
    assert told["equal"] > 5500, "it begins anew where an order is changed that came before and was out of sight"
    assert result["gaps"] >= 1, "of messages alone the book is not believed"


@pytest.mark.parametrize("levels", [1, 2, 5])
def test_what_happened_out_of_sight_is_no_difference_and_what_the_file_has_wrong_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], levels: int
) -> None:
    """The vendor's files have only messages that concern the levels asked for: others come into sight unannounced."""
    made, rows, books = Lobster(5), list[str](), [""]
    for _ in range(4000):
        made.step()
        book = made.level_row(levels)
        if book != books[-1] or made.rows[-1].split(",")[1] == "5":
            rows.append(made.rows[-1])
            books.append(book)
    message, book_file = (
        tmp_path / f"AAPL_2012-06-21_34200000_57600000_{what}_{levels}.csv" for what in ("message", "orderbook")
    )
    message.write_text("\n".join(rows))
    book_file.write_text("\n".join(books[1:]))
    words = ("--format", "lobster", "--symbol", "AAPL")
    (told,) = brought(capsys, tmp_path / "d", str(message), str(book_file), *words)["orderbooks"]
    assert (told["rows"], told["different"], told["equal"] + told["not_believed"]) == (len(rows), 0, len(rows))
    assert told["equal"] > 0.8 * len(rows)
    for place in range(len(rows) // 2, len(rows)):  # in a row that is compared
        fields = books[place].split(",")
        fields[1] = str(int(fields[1]) + 1)
        book_file.write_text("\n".join([*books[1:place], ",".join(fields), *books[place + 1 :]]))
        found = compared(message, book_file, "AAPL", "")
        if found["not_believed"] == told["not_believed"]:
            break
    assert found["different"] > 0


def test_of_a_zip_as_the_vendor_packs_it_messages_are_read_and_the_book_compared(
    pair: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "LOBSTER_SampleFile_AAPL_2012-06-21_10.zip"
    with ZipFile(path, "w") as packed:
        packed.writestr("LOBSTER_SampleFiles_ReadMe.txt", "====\n\nLOBSTER | academic data.\n")
        for each in pair:
            packed.write(each, each.name)
    result = brought(capsys, tmp_path / "d", str(path), "--format", "lobster", "--symbol", "AAPL")
    assert (result["frames"], result["quarantined"], result["gaps"]) == (2, 0, 0)
    (told,) = result["orderbooks"]
    assert (told["file"], told["rows"], told["equal"]) == (path.name, 6000, 6000)


@pytest.mark.parametrize(("cut", "what"), [(slice(10), "fewer"), (slice(None), "more")])
def test_an_orderbook_file_of_other_messages_is_refused_and_leaves_nothing(
    pair: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str], cut: slice, what: str
) -> None:
    message, book = pair
    if what == "more":
        message.write_text("\n".join(message.read_text().split("\n")[:10]))
    book.write_text("\n".join(book.read_text().split("\n")[cut]))
    line = ["import", str(message), str(book), "--format", "lobster", "--symbol", "AAPL"]
    assert run([*line, "--data-dir", str(tmp_path / "d")]) == 2
    assert f"has {what} rows than there are messages" in capsys.readouterr().err
    assert run(["import", str(book), *line[3:], "--data-dir", str(tmp_path / "d")]) == 2
    assert "of messages that were not named" in capsys.readouterr().err
    assert not (tmp_path / "d").exists()


def test_orders_from_before_the_file_make_the_book_stale_and_that_is_on_record(
    market: tuple[Lobster, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made, path = market
    path.write_text("\n".join(made.rows[200:]))  # the orders of the first rows rest already
    result = brought(capsys, tmp_path / "d", str(path), "--format", "lobster", "--symbol", "AAPL")
    assert result["books"]["AAPL.LOBSTER"]["state"] == "stale"
    assert result["gaps"] >= 1
    reasons = ask(capsys, tmp_path / "d", "select reason, channel, count() n from gaps group by reason, channel")
    assert [(row["reason"], row["channel"]) for row in reasons] == [("order", "book")]
    assert result["events"]["trade"] == sum(row.split(",")[1] in "45" for row in made.rows[200:])


def test_a_halt_is_a_status_and_not_a_price(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "message.csv"
    path.write_text("34200.5,1,11,100,5853300,1\n34300.1,7,0,0,-1,-1\n34400.2,7,0,0,0,-1\n34500.3,7,0,0,1,-1\n")
    result = brought(
        capsys, tmp_path / "d", str(path), "--format", "lobster", "--symbol", "AAPL", "--date", "2012-06-21"
    )
    assert (result["quarantined"], result["events"]["trade"]) == (0, 0)
    told = ask(capsys, tmp_path / "d", "select status from statuses where symbol = 'AAPL' order by offset, `index`")
    assert [row["status"] for row in told] == ["halted", "quoting", "resumed"]


@pytest.mark.parametrize(
    ("words", "error", "hint"),
    [
        ((), "does not say of which day it is", "--date 2013-10-07"),
        (("--date", "soon"), "--date takes a day, not 'soon'", "--date 2013-10-07"),
        (("--from", "2013-10-07"), "--from asks a source", "leave out --from"),
    ],
)
def test_what_cannot_be_meant_is_told_in_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], error: str, hint: str
) -> None:
    path = tmp_path / "message.csv"
    path.write_text("34200.5,1,11,100,5853300,1\n")
    told = ["--format", "lobster", "--symbol", "AAPL", "--data-dir", str(tmp_path / "d")]
    assert run(["import", str(path), *told, *words]) == 2
    said = capsys.readouterr().err
    assert error in said
    assert hint in said
    assert not (tmp_path / "d").exists()


def test_a_vendor_of_files_can_neither_be_asked_nor_captured(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told = ["--symbol", "IBM", "--data-dir", str(tmp_path / "d")]
    assert run(["import", "--format", "lean-trades", "--from", "2013-10-07", *told]) == 2
    assert "lean-trades is files, and nobody can be asked for them" in capsys.readouterr().err
    assert run(["capture", "--live", "lean:IBM", "--data-dir", str(tmp_path / "c")]) == 2
    assert "LEAN is history in files, and nobody sends it" in capsys.readouterr().err
