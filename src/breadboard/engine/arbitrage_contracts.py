"""What the sizes of a leg count: units of the thing, or contracts that stand for so much of it.

Many venues count swaps, futures and options in contracts: 0.01 BTC, 1,000 DOGE or 100 USD each. A leg that is taken for
whole coins makes every size and sum wrong by that factor, so that what nobody says is refused and not guessed. Whether
it is an amount of coins or of money is in doubt for those that are quoted in USD itself: only there are any inverse.
"""

from breadboard.config import TradedConfig
from breadboard.engine.groups import currencies, is_contract
from breadboard.errors import UsageError
from breadboard.model.costs import UNIT, Contract, contract_of


def contract_for(venue: str, symbol: str, given: TradedConfig) -> Contract:
    """Return what a leg's sizes count: as configured, else as is known. Raises UsageError where nobody says it."""
    usual = contract_of(venue, symbol) if is_contract(venue, symbol) else UNIT
    if usual is None:
        if not given.amount or (given.inverse is None and _may_be_inverse(symbol, given)):
            raise _unknown(symbol, venue, given)
        usual = UNIT
    inverse = usual.inverse if given.inverse is None else given.inverse
    return Contract(given.amount or usual.amount, inverse, given.step or usual.step)


def section_of(one: str) -> str:
    """Return where a configuration says what an instrument is."""
    return f'[engine.arbitrage.instruments."{one}"]'


def _may_be_inverse(symbol: str, given: TradedConfig) -> bool:
    """Return whether a contract is quoted in USD itself; at most venues it is inverse then."""
    return (given.quote or currencies(symbol)[1]) == "USD"


def _unknown(symbol: str, venue: str, given: TradedConfig) -> UsageError:
    """Return the refusal of a contract, with what to write."""
    one = f"{symbol}.{venue}"
    inverse = _may_be_inverse(symbol, given) if given.inverse is None else given.inverse
    sentence = f"nobody says how much one contract of {one} stands for"
    if given.amount:
        sentence = f"nobody says of which currency the {given.amount} are that one contract of {one} stands for"
    lines = (
        section_of(one),
        f'amount = "{given.amount or "…"}"   # what its venue lists: ctVal at OKX, contractSize at ccxt',
        f"inverse = {str(inverse).lower()}   # so much of its base currency: false; of its quote currency: true",
        f'step = "{given.step or "1"}"   # the smallest order, in contracts',
    )
    return UsageError(sentence, hint="\n".join(lines))
