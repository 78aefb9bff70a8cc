"""What a stranger may ask. Hostile texts first, then the queries that analysts write, which must run."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import outputs_made as made
from breadboard.errors import QueryRefused
from breadboard.store.clickhouse import ClickHouseStore
from breadboard.store.guard import check, table_of
from breadboard.store.writer import StoreWriter

HOSTILE = [
    "",
    "   -- nothing\n",
    "INSERT INTO trades VALUES (1)",
    "DROP TABLE trades",
    "TRUNCATE TABLE trades",
    "ALTER TABLE trades DELETE WHERE 1",
    "ATTACH TABLE x FROM '/tmp/x' (a Int8) ENGINE = File(CSV)",
    "CREATE TABLE x (a Int8) ENGINE = File(CSV)",
    "OPTIMIZE TABLE trades FINAL",
    "SYSTEM SHUTDOWN",
    "KILL QUERY WHERE 1",
    "SET readonly = 0",
    "USE system",
    "GRANT ALL ON *.* TO default",
    "SELECT 1; SELECT 2",
    "SELECT 1; DROP TABLE trades",
    "SELECT 1;;DROP TABLE trades",
    "SELECT 1 /* ; */; DROP TABLE trades -- SELECT",
    "SELECT * FROM file('/etc/passwd', 'LineAsString')",
    "SELECT * FROM FILE('/etc/passwd')",
    "SELECT * FROM file/**/('/etc/passwd')",
    "SELECT * FROM file -- x\n ('/etc/passwd')",
    "SELECT * FROM `file`('/etc/passwd')",
    "SELECT * FROM \"file\"('/etc/passwd')",
    "SELECT * FROM url('http://127.0.0.1/', 'CSV')",
    "SELECT * FROM s3('http://x/y', 'CSV')",
    "SELECT * FROM remote('127.0.0.1', system.one)",
    "SELECT * FROM remoteSecure('127.0.0.1', system.one)",
    "SELECT * FROM executable('id', 'CSV', 'a String')",
    "SELECT * FROM python('x')",
    "SELECT * FROM mysql('h:3306', 'd', 't', 'u', 'p')",
    "SELECT * FROM postgresql('h:5432', 'd', 't', 'u', 'p')",
    "SELECT * FROM cluster('c', system.one)",
    "SELECT * FROM merge('system', '.*')",
    "SELECT * FROM input('a String')",
    "SELECT * FROM dictionary('d')",
    "SELECT * FROM view(SELECT * FROM system.tables)",
    "SELECT * FROM mergeTreeIndex(default, trades)",
    "SELECT * FROM trades JOIN file('/etc/passwd', 'LineAsString') AS f ON 1 = 1",
    "SELECT * FROM trades WHERE symbol IN (SELECT * FROM file('/etc/passwd', 'LineAsString'))",
    "SELECT * FROM trades WHERE symbol IN file('/etc/passwd', 'LineAsString')",
    "SELECT * FROM trades WHERE symbol IN system.users",
    "SELECT (SELECT count() FROM url('http://127.0.0.1/', 'CSV'))",
    "WITH x AS (SELECT * FROM file('/etc/passwd', 'LineAsString')) SELECT * FROM x",
    "WITH trades AS (SELECT * FROM system.users) SELECT * FROM trades",
    "WITH (SELECT file('/etc/passwd')) AS secret SELECT secret",
    "WITH file AS (SELECT 1) SELECT * FROM file('/etc/passwd')",
    "SELECT 1 UNION ALL SELECT * FROM system.query_log",
    "(SELECT 1) UNION DISTINCT (SELECT * FROM system.users)",
    "SELECT file('/etc/passwd')",
    "SELECT FiLe('/etc/passwd')",
    "SELECT dictGet('d', 'a', 1)",
    "SELECT joinGet('j', 'a', 1)",
    "SELECT getSetting('readonly')",
    "SELECT getMacro('shard')",
    "SELECT hostName(), currentUser()",
    "SELECT sleep(3)",
    "SELECT sleepEachRow(1) FROM numbers(1000)",
    "SELECT * FROM system.users",
    "SELECT * FROM system.tables",
    "SELECT * FROM `system`.`processes`",
    "SELECT * FROM information_schema.tables",
    "SELECT * FROM other.trades",
    "SELECT * FROM nothing",
    "SELECT * FROM trades INTO OUTFILE '/tmp/x'",
    "SELECT * FROM trades INTO/**/OUTFILE '/tmp/x' TRUNCATE",
    "SELECT * FROM trades FORMAT CSV",
    "SELECT * FROM trades\nfOrMaT\nNull",
    "SELECT * FROM trades SETTINGS readonly = 0",
    "SELECT * FROM (SELECT 1 SETTINGS max_execution_time = 0)",
    "SELECT 1 -- \r INTO OUTFILE '/tmp/x'",
    "SELECT 1 --INTO OUTFILE '/tmp/x'",
    "SELECT 1 # INTO OUTFILE '/tmp/x'",
    "SELECT /* /* */ 1 */ INTO OUTFILE '/tmp/x'",
    "SELECT 1 /* open",
    "SELECT $$ ' $$, 1",
    "SELECT ‘1’",  # noqa: RUF001 - typographic quotes are the point
    "SELECT 1\u00a0FROM file('/etc/passwd')",
    "SELECT 1 FROM ﬁle('/etc/passwd')",
    "SELECT '\\x27' || file('/etc/passwd')",
    "SELECT 'a\x00b'",
    "SELECT 'open",
    "SELECT concat('fi', 'le')('/etc/passwd')",
    "SELECT * FROM trades WHERE symbol = '' OR 1 = 1; --'",
    "SELECT 1 AS x LIMIT 1 BY x UNION ALL SELECT name FROM system.users LIMIT 5",
    "SELECT 1 AS x LIMIT 1 BY x, name FROM system.users LIMIT 5",
    "EXPLAIN SELECT * FROM file('/etc/passwd')",
    "EXPLAIN INSERT INTO trades SELECT 1",
    "EXPLAIN",
    "DESCRIBE file('/etc/passwd')",
    "DESCRIBE TABLE system.users",
    "SHOW CREATE TABLE trades",
    "SHOW GRANTS",
    "SHOW TABLES FROM system",
    "SHOW PROCESSLIST",
    "EXISTS TABLE trades",
    "CHECK TABLE trades",
    "BACKUP TABLE trades TO Disk('d', 'x')",
    "SELECT " + "(" * 5000 + "1" + ")" * 5000,
    "SELECT 1 " + " " * 70_000,
]

LEGITIMATE = {
    "select count(), min(price), max(price) from trades where symbol = 'BTCUSDT'": 1,
    "SELECT symbol, quantile(0.5)(price), quantiles(0.25, 0.75)(price) FROM trades GROUP BY symbol": 1,
    "SELECT toStartOfInterval(ts_recv, INTERVAL 1 MINUTE) AS t, argMin(price, ts_recv), argMax(price, ts_recv), "
    "sum(price * toFloat64(size)) / sum(toFloat64(size)) FROM trades GROUP BY t ORDER BY t": 1,
    "SELECT offset, avg(price) OVER (PARTITION BY symbol ORDER BY offset ROWS BETWEEN 9 PRECEDING AND CURRENT ROW) "
    "FROM trades": 100,
    "SELECT t.offset, q.bid_price FROM trades AS t ASOF LEFT JOIN quotes AS q ON t.venue = q.venue "
    "AND t.ts_recv >= q.ts_recv ORDER BY t.offset": 100,
    "SELECT offset, p, s FROM book_deltas ARRAY JOIN bid_prices AS p, bid_sizes AS s": 100,
    "SELECT symbol, offset FROM trades ORDER BY offset DESC LIMIT 2 BY symbol LIMIT 10": 2,
    "WITH big AS (SELECT * FROM trades WHERE size > 0.000001) SELECT count() FROM big -- remark\n;": 1,
    "SELECT * FROM bars WHERE interval = '1s' AND state = 'final'": 2,
    "SELECT 'trades' AS t, count() FROM trades UNION ALL SELECT 'quotes', count() FROM quotes": 2,
    "SELECT lagInFrame(price) OVER (ORDER BY offset) AS previous, price - previous AS step FROM trades": 100,
    "SELECT * FROM latest_quotes /* newest */ WHERE ask_price IS NOT NULL": 1,
    "SELECT number, toString(number) FROM numbers(3)": 3,
    "SELECT countIf(side = 'buy') AS buys, uniqExact(symbol) FROM trades WHERE ts_recv >= "
    "toDateTime64('2024-08-08 00:00:00', 9, 'UTC') AND symbol IN ('BTCUSDT', 'ETHUSDT')": 1,
    "SELECT `index`, \"offset\" FROM trades PREWHERE symbol LIKE 'BTC%' WHERE sequence BETWEEN 1000 AND 1009": 4,
    "SELECT 'it''s; INTO OUTFILE' AS quoted, if(price > 1, 'up', 'down') FROM trades LIMIT 1": 1,
    "EXPLAIN SELECT count() FROM trades": None,
    "SHOW TABLES": 24,
    "DESCRIBE TABLE trades": 15,
}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClickHouseStore]:
    folder = tmp_path_factory.mktemp("guard")
    with ClickHouseStore.open(f"chdb://{folder}/store") as opened:
        writer = StoreWriter(opened, folder / "writer")
        writer.write(made.outputs(0, 300), made.open_bars(300), made.instruments())
        writer.close()
        yield opened


@pytest.mark.parametrize("sql", HOSTILE, ids=lambda sql: repr(sql[:60]))
def test_a_hostile_text_is_refused(sql: str) -> None:
    with pytest.raises(QueryRefused) as caught:
        check(sql)
    assert caught.value.exit_code == 2
    assert caught.value.hint


@pytest.mark.parametrize("sql", LEGITIMATE, ids=lambda sql: sql[:60])
def test_an_analysts_query_runs(store: ClickHouseStore, sql: str) -> None:
    rows = sum(batch.num_rows for batch in store.ask(sql))
    assert rows == LEGITIMATE[sql] or (LEGITIMATE[sql] is None and rows > 0)


@settings(deadline=None)
@given(st.text(max_size=80))
def test_no_text_makes_the_guard_fail_otherwise_than_by_refusing(text: str) -> None:
    for sql in (text, f"SELECT {text}", f"SELECT * FROM {text}", f"SELECT '{text}'"):
        try:
            check(sql)
        except QueryRefused:
            continue


def test_a_refusal_names_the_position() -> None:
    with pytest.raises(QueryRefused, match="word INTO at position 21"):
        check("SELECT * FROM trades INTO OUTFILE 'x'")


@pytest.mark.parametrize(
    "text", ["select", "SELECT symbol,", "select price as", "select symbol from trades where", "with"]
)
def test_a_query_that_is_not_finished_is_told_so_in_words_of_its_own(text: str) -> None:
    with pytest.raises(QueryRefused, match=r"the query ends with '.*' and is not finished") as caught:
        check(text)
    assert "FORMAT" not in caught.value.sentence


def test_a_query_may_end_with_a_column_whose_name_is_a_word_of_sql() -> None:
    assert check("select price from trades order by offset").endswith("offset")


def test_what_runs_has_no_comments_and_no_semicolon() -> None:
    assert check("SELECT /* a */ 1 -- b\n;") == "SELECT   1"


def test_the_guard_holds_no_state(tmp_path: Path) -> None:
    assert not list(tmp_path.iterdir())
    assert check("SELECT 1") == check("SELECT 1")


@pytest.mark.parametrize(
    ("text", "table"),
    [
        ("SELECT code FROM statuses", "statuses"),
        ("WITH x AS (SELECT nope FROM gaps) SELECT * FROM x", "gaps"),
        ("SELECT nope", "trades"),
    ],
)
def test_a_hint_describes_the_table_that_was_asked(text: str, table: str) -> None:
    assert table_of(text) == table
