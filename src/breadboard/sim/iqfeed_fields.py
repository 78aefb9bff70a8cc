"""The fields of IQFeed's Level 1 messages: a stock's page as text, and lines in the order that a client selects."""

from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Final

from breadboard.sim.activity import MarketTime
from breadboard.sim.lineserver import LineClient
from breadboard.sim.stocks import BASES, BUY, CONDITIONS, DOLLAR, SELL, Stock, Trade

_ALL_FIELDS = (
    "Symbol,7 Day Yield,Ask,Ask Change,Ask Market Center,Ask Size,Ask Time,Available Regions,Average Maturity,Bid,"
    "Bid Change,Bid Market Center,Bid Size,Bid Time,Change,Change From Open,Close,Close Range 1,Close Range 2,"
    "Days to Expiration,Decimal Precision,Delay,Exchange ID,Extended Trade,Extended Trade Date,"
    "Extended Trade Market Center,Extended Trade Size,Extended Trade Time,Extended Trading Change,"
    "Extended Trading Difference,Financial Status Indicator,Fraction Display Code,High,Last,Last Date,"
    "Last Market Center,Last Size,Last Time,Low,Market Capitalization,Market Open,Message Contents,"
    "Most Recent Trade,Most Recent Trade Aggressor,Most Recent Trade Conditions,Most Recent Trade Date,"
    "Most Recent Trade Day Code,Most Recent Trade Market Center,Most Recent Trade Size,Most Recent Trade Time,"
    "Net Asset Value,Number of Trades Today,Open,Open Interest,Open Range 1,Open Range 2,Percent Change,"
    "Percent Off Average Volume,Previous Day Volume,Price-Earnings Ratio,Range,Restricted Code,Settle,"
    "Settlement Date,Spread,Tick,TickID,Total Volume,Type,Volatility,VWAP"
)
ALL_FIELDS: Final = tuple(_ALL_FIELDS.split(","))
_DEFAULT_FIELDS = (
    "Symbol,Most Recent Trade,Most Recent Trade Size,Most Recent Trade Time,Most Recent Trade Market Center,"
    "Total Volume,Bid,Bid Size,Ask,Ask Size,Open,High,Low,Close,Message Contents,Most Recent Trade Conditions"
)
DEFAULT_FIELDS: Final = tuple(_DEFAULT_FIELDS.split(","))
_FUNDAMENTAL_FIELDS = (
    "Symbol,Exchange ID,PE,Average Volume,52 Week High,52 Week Low,Calendar Year High,Calendar Year Low,"
    "Dividend Yield,Dividend Amount,Dividend Rate,Pay Date,Ex-dividend Date,Current Year EPS,Next Year EPS,"
    "Five-year Growth Percentage,Fiscal Year End,Company Name,Root Option Symbol,Percent Held By Institutions,Beta,"
    "Leaps,Current Assets,Current Liabilities,Balance Sheet Date,Long-term Debt,Common Shares Outstanding,"
    "Split Factor 1,Split Factor 2,Format Code,Precision,SIC,Historical Volatility,Security Type,Listed Market,"
    "52 Week High Date,52 Week Low Date,Calendar Year High Date,Calendar Year Low Date,Year End Close,"
    "Maturity Date,Coupon Rate,Expiration Date,Strike Price,NAICS,Exchange Root,Option Premium Multiplier,"
    "Option Multiple Deliverable,Session Open Time,Session Close Time,Base Currency,Contract Size,Contract Months,"
    "Minimum Tick Size,First Delivery Date,FIGI,Security SubType"
)
FUNDAMENTAL_FIELDS: Final = tuple(_FUNDAMENTAL_FIELDS.split(","))
UPS: Final = {1: b"173", -1: b"175", 0: b"183"}
"""The field Tick: up, down, unchanged against the print before."""


def _slot(field: str) -> str:
    return "f_" + field.lower().replace(" ", "_").replace("-", "_")


def price_text(price: int) -> bytes:
    """Return a price with four decimals, as the vendor writes them; nothing for none."""
    return b"%d.%04d" % divmod(price, DOLLAR) if price else b""


class Page:
    """What Level 1 shows of one stock, as text, so that a line is a join. Fields that a stock lacks stay empty."""

    __slots__ = ("last_price", "stock", "watches", *(_slot(field) for field in ALL_FIELDS))

    def __init__(self, stock: Stock, delay: bytes) -> None:
        for field in ALL_FIELDS:
            setattr(self, _slot(field), b"")
        self.stock = stock
        self.watches: list[Watch] = []
        self.last_price = 0
        self.f_message_contents = b""
        self.f_symbol = stock.symbol.encode()
        self.f_close = price_text(stock.close)
        self.f_decimal_precision, self.f_fraction_display_code = b"4", b"14"
        self.f_delay, self.f_exchange_id, self.f_type = delay, b"5", b"1"
        self.f_previous_day_volume = b"%d" % (stock.average_volume * 9 // 10)
        self.f_financial_status_indicator, self.f_restricted_code = b"N", b"N"
        self.f_market_open = b"1"
        self.f_total_volume = self.f_number_of_trades_today = b"0"
        self.f_volatility = b"%.1f" % (stock.half * 400 / stock.reference)

    def quoted(self, time: bytes, *, bid: bool, ask: bool) -> None:
        """Take over the best bid or offer; a missing side is empty."""
        stock = self.stock
        if bid:
            self.f_bid, self.f_bid_time = price_text(stock.bid), time
            self.f_bid_size = b"%d" % stock.bid_size if stock.bid else b""
            self.f_bid_market_center = b"%d" % stock.center(BUY) if stock.bid else b""
        if ask:
            self.f_ask, self.f_ask_time = price_text(stock.ask), time
            self.f_ask_size = b"%d" % stock.ask_size if stock.ask else b""
            self.f_ask_market_center = b"%d" % stock.center(SELL) if stock.ask else b""

    def traded(self, trade: Trade, time: bytes, when: MarketTime) -> None:
        """Take over a print and the counters of the day."""
        price, size, center = price_text(trade.price), b"%d" % trade.size, b"%d" % trade.center
        self.f_most_recent_trade, self.f_most_recent_trade_size = price, size
        self.f_most_recent_trade_time, self.f_most_recent_trade_market_center = time, center
        self.f_most_recent_trade_conditions = CONDITIONS[trade.conditions]
        self.f_most_recent_trade_aggressor = b"%d" % trade.aggressor
        self.f_most_recent_trade_date = when.month_text
        self.f_most_recent_trade_day_code = b"%d" % int(when.month_text[3:5])
        self.f_tick = UPS[(trade.price > self.last_price) - (trade.price < self.last_price)]
        self.last_price = trade.price
        self.f_tickid = b"%d" % trade.tick_id
        self.counted()
        if trade.basis == 0:
            self.f_last, self.f_last_size, self.f_last_time = price, size, time
            self.f_last_market_center, self.f_last_date = center, when.month_text
            stock = self.stock
            self.f_open, self.f_high, self.f_low = price_text(stock.open), price_text(stock.high), price_text(stock.low)
        elif trade.basis == 1:
            self.f_extended_trade, self.f_extended_trade_size, self.f_extended_trade_time = price, size, time
            self.f_extended_trade_market_center, self.f_extended_trade_date = center, when.month_text

    def counted(self) -> None:
        """Take over the counters alone, as after a correction."""
        self.f_total_volume = b"%d" % self.stock.volume
        self.f_number_of_trades_today = b"%d" % self.stock.trades

    def derive(self) -> None:
        """Work out the fields that follow from others."""
        stock = self.stock
        last = self.last_price
        if stock.bid and stock.ask:
            self.f_spread = signed(stock.ask - stock.bid)
        if last:
            self.f_change, self.f_change_from_open = signed(last - stock.close), signed(last - (stock.open or last))
            self.f_percent_change = b"%.4f" % ((last - stock.close) / stock.close)
            self.f_vwap = b"%.4f" % (stock.value / stock.volume / DOLLAR) if stock.volume else b""
        if stock.high:
            self.f_range = signed(stock.high - stock.low)
        if stock.bid:
            self.f_bid_change = signed(stock.bid - stock.close)
        if stock.ask:
            self.f_ask_change = signed(stock.ask - stock.close)
        self.f_percent_off_average_volume = b"%.4f" % (stock.volume / stock.average_volume - 1)


DERIVED: Final = frozenset(
    (
        *("Change", "Change From Open", "Percent Change", "VWAP", "Range", "Spread", "Bid Change", "Ask Change"),
        "Percent Off Average Volume",
    )
)


def signed(price: int) -> bytes:
    """Return a difference of prices with four decimals."""
    return b"%.4f" % (price / DOLLAR)


class Layout:
    """The fields that a client has selected, in its order; the symbol is always the first."""

    __slots__ = ("_form", "_values", "derives", "fields")

    def __init__(self, fields: Sequence[str], extra: bytes = b"") -> None:
        self.fields = ["Symbol", *(field for field in fields if field != "Symbol" and field in ALL_FIELDS)]
        self.derives = bool(DERIVED & set(self.fields))
        slots = [_slot(field) for field in self.fields]
        self._values: Callable[[Page], tuple[bytes, ...]] = attrgetter("f_symbol", *slots)
        # A lone attrgetter gives no tuple: the symbol stands twice and the form swallows the first.
        self._form = b"%b%.0b" + b",%b" * len(slots) + b"," + extra

    def line(self, kind: bytes, page: Page) -> bytes:
        """Return a ``P`` or ``Q`` line without its end."""
        if self.derives:
            page.derive()
        return self._form % (kind, *self._values(page))


PLAIN: Final = Layout(DEFAULT_FIELDS)
"""What a client gets that has selected nothing."""


class Watch:
    """One client watching one stock, and what it was sent of it: the truth of a subscription."""

    __slots__ = (
        "client",
        "corrections",
        "depth",
        "layout",
        "levels",
        "lost",
        "named",
        "quotes",
        "symbol",
        "ticks",
        "trades",
        "trades_only",
        "volume",
        "withheld",
        "withheld_prints",
    )  # fmt: skip

    def __init__(self, client: LineClient, symbol: str) -> None:
        self.client = client
        self.symbol = symbol
        self.layout = PLAIN
        self.trades_only = False
        self.levels = False
        self.lost = False
        """It is dead, by a fault."""
        self.named = True
        """The list of watches names it."""
        self.trades = self.volume = self.quotes = self.depth = self.corrections = self.withheld = 0
        self.ticks: dict[int, list[int]] = {}
        """Market center to its first and last TickID."""
        self.withheld_prints: list[tuple[int, int]] = []
        """``(market center, TickID)``."""

    def told(self) -> dict[str, object]:
        """Return the counts as JSON values."""
        return {
            "trades": self.trades,
            "volume": self.volume,
            "tick_ids": self.ticks,
            "quotes": self.quotes,
            "corrections": self.corrections,
            "depth": self.depth,
            "withheld": self.withheld,
            "withheld_prints": self.withheld_prints,
            "lost": self.lost,
        }


def letters(trade: Trade, extreme: int, *, bid: bool, ask: bool) -> bytes:
    """Return the Message Contents of a print: its basis first, then what else changed."""
    return (
        BASES[trade.basis] + (b"b" if bid else b"") + (b"a" if ask else b"") + (b"", b"h", b"l", b"ohl")[extreme] + b"v"
    )
