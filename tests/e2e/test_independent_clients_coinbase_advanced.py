"""Coinbase's own client and our capture listen to the same simulated market, and hear the same."""

import asyncio
from decimal import Decimal
from pathlib import Path

from breadboard.model.decimals import price_text, size_text
from breadboard.model.kinds import EventKind, Side
from capture_fakes import until
from independent import Independent, needs_client
from simulated import comes_to, followed, running


def test_coinbases_client_has_the_books_and_trades_that_the_engine_has(tmp_path: Path) -> None:
    needs_client("coinbase.websocket", "coinbase-advanced-py==1.8.4")

    async def scenario() -> None:
        async with running("coinbase-advanced", rate=300) as market, followed(market, tmp_path) as (_, follower):
            products = market.serving.symbols
            client = await Independent.start("coinbase_advanced_client.py", market.serving.url, *products)
            try:
                await until(lambda: len(market.truth.connections) == 2, 60)
                await asyncio.sleep(4.0)
                market.rest.set()
                await comes_to(market, follower)
                await asyncio.sleep(1.0)
                await comes_to(market, follower)  # trades come in batches, the last of them after the last of the books
                heard = await client.heard()
            finally:
                client.kill()
            assert heard["numbers"] == list(range(len(heard["numbers"])))
            for product in products:
                view = follower.view(product)
                for side, levels in (("bid", view.bids), ("offer", view.asks)):
                    told = {Decimal(p): Decimal(s) for p, s in heard["books"][product][side].items() if Decimal(s)}
                    assert told == {Decimal(price_text(p)): Decimal(size_text(s, e)) for p, s, e in levels}
            ours = {}
            for tape in follower.tapes:
                trades = tape.take(tape.kind == EventKind.TRADE)
                columns = ("instrument", "trade_id", "price", "size", "size_exp", "side")
                for which, number, price, size, exponent, side in zip(
                    *(getattr(trades, name).tolist() for name in columns), strict=True
                ):
                    maker = "SELL" if side == Side.BUY else "BUY"
                    key = (follower.engine.instruments[which].symbol, number)
                    ours[key] = Decimal(price_text(price)), Decimal(size_text(size, exponent)), maker
            known = {(name, int(i)): (Decimal(p), Decimal(s), side) for name, i, p, s, side in heard["trades"]}
            assert len(known) == len(heard["trades"]) > 50
            assert {key: value for key, value in known.items() if key in ours} == {
                key: value for key, value in ours.items() if key in known
            }
            last = {product: max(number for name, number in known if name == product) for product in products}
            assert last == {product: max(number for name, number in ours if name == product) for product in products}
            assert not set(ours) - set(known) or min(n for _, n in set(ours) - set(known)) < min(n for _, n in known)

    asyncio.run(scenario())
