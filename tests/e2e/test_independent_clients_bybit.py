"""Bybit's own client and our capture listen to the same simulated market, and hear the same."""

import asyncio
from decimal import Decimal
from pathlib import Path

from breadboard.model.decimals import price_text, size_text
from breadboard.model.kinds import EventKind, Side
from capture_fakes import until
from independent import Independent, needs_client
from simulated import Follower, comes_to, followed, running


def sides(follower: Follower, symbol: str) -> list[dict[Decimal, Decimal]]:
    view = follower.view(symbol)
    return [
        {Decimal(price_text(price)): Decimal(size_text(size, exponent)) for price, size, exponent in side}
        for side in (view.bids, view.asks)
    ]


def prints(follower: Follower) -> dict[tuple[str, int], tuple[Decimal, Decimal, str]]:
    found = {}
    for tape in follower.tapes:
        trades = tape.take(tape.kind == EventKind.TRADE)
        columns = ("instrument", "trade_id", "price", "size", "size_exp", "side")
        for which, number, price, size, exponent, side in zip(
            *(getattr(trades, name).tolist() for name in columns), strict=True
        ):
            symbol = follower.engine.instruments[which].symbol
            word = "Buy" if side == Side.BUY else "Sell"
            found[symbol, number] = Decimal(price_text(price)), Decimal(size_text(size, exponent)), word
    return found


def test_pybit_has_the_books_and_trades_that_the_engine_has(tmp_path: Path) -> None:
    needs_client("pybit", "pybit==5.17.0")

    async def scenario() -> None:
        async with running("bybit", rate=300) as market, followed(market, tmp_path) as (_, follower):
            symbols = market.serving.symbols
            client = await Independent.start("bybit_client.py", market.serving.url, "200", *symbols)
            try:
                await until(lambda: len(market.truth.connections) == 2, 60)
                await asyncio.sleep(4.0)
                market.rest.set()
                await comes_to(market, follower)
                await asyncio.sleep(1.0)
                heard = await client.heard()
            finally:
                client.kill()
            assert heard["connected"]
            for symbol in symbols:
                book = heard["books"][symbol]
                assert book["u"] == follower.view(symbol).sequence
                theirs = [{Decimal(price): Decimal(size) for price, size in book[side]} for side in "ba"]
                assert theirs == sides(follower, symbol)
                top = [Decimal(heard["tops"][symbol][side][0][0]) for side in "ba"]
                assert top == [max(theirs[0]), min(theirs[1])]
            ours = prints(follower)
            told = {(s, int(i)): (Decimal(p), Decimal(v), side) for s, i, p, v, side in heard["trades"]}
            assert len(told) == len(heard["trades"]) > 50
            assert told.items() <= ours.items()
            first = {symbol: min(number for name, number in told if name == symbol) for symbol in symbols}
            assert told == {key: value for key, value in ours.items() if key[1] >= first[key[0]]}

    asyncio.run(scenario())
