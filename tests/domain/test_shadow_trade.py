"""The trade of an opinion by itself: its stop and target by the exchange's rules for candles."""

from decimal import Decimal

import pytest

from domain.market import Candle
from domain.shadow_trade import ShadowTrade, TradeCosts, trade_return

COSTS = TradeCosts(fee=0.001, maker_fee=0.0002, slippage=0.01)
LONG = ShadowTrade(sign=1, entry=Decimal(100), stop_loss=Decimal(98), take_profit=Decimal(103))
SHORT = ShadowTrade(sign=-1, entry=Decimal(100), stop_loss=Decimal(102), take_profit=Decimal(97))


def candle(*prices: str) -> Candle:
    """Return a candle of open, high, low and close."""
    opened, high, low, close = map(Decimal, prices)
    return Candle(open_ms=0, open=opened, high=high, low=low, close=close, volume=Decimal(1))


@pytest.mark.parametrize(
    ("trade", "prices", "expected"),
    [
        (LONG, ("100", "102.99", "98.01", "100"), (None, "")),  # just not
        (LONG, ("100", "101", "98", "100"), ("98", "stop_loss")),
        (LONG, ("100", "103", "99", "100"), ("103", "take_profit")),
        (LONG, ("100", "103", "98", "103"), ("98", "stop_loss")),  # both: the worse first
        (LONG, ("97", "104", "96", "104"), ("97", "stop_loss")),  # jumped over: at the open, not at the stop
        (LONG, ("104", "104", "90", "90"), ("104", "take_profit")),
        (SHORT, ("100", "101.99", "97.01", "100"), (None, "")),
        (SHORT, ("100", "102", "99", "100"), ("102", "stop_loss")),
        (SHORT, ("100", "101", "97", "100"), ("97", "take_profit")),
        (SHORT, ("100", "102", "97", "97"), ("102", "stop_loss")),
        (SHORT, ("103", "103", "96", "96"), ("103", "stop_loss")),
        (SHORT, ("96", "110", "96", "110"), ("96", "take_profit")),
    ],
)
def test_a_candle_ends_a_trade_as_it_would_on_the_paper_exchange(trade, prices, expected):
    ended = trade.through(candle(*prices))
    assert (None if ended.exit is None else str(ended.exit), ended.ended_by) == expected


def test_what_has_ended_stays_ended():
    ended = LONG.through(candle("100", "101", "98", "100"))
    assert ended.through(candle("100", "110", "90", "100")) == ended
    assert ended.held_to(Decimal(120)) == ended


def test_what_reaches_neither_is_held_to_the_horizon():
    held = LONG.through(candle("100", "101", "99", "100")).held_to(Decimal("101.5"))
    assert (held.exit, held.ended_by) == (Decimal("101.5"), "horizon")


def test_without_levels_nothing_ends_it_before():
    trade = ShadowTrade(sign=1, entry=Decimal(100))
    assert trade.through(candle("100", "1000", "1", "100")) == trade


def test_the_twin_has_its_levels_as_far_on_the_other_side():
    assert (LONG.mirrored().sign, LONG.mirrored().stop_loss, LONG.mirrored().take_profit) == (-1, 102, 97)
    assert LONG.mirrored().mirrored() == LONG
    far = ShadowTrade(sign=1, entry=Decimal(100), take_profit=Decimal(200))
    assert far.mirrored().take_profit is None  # a price must be > 0


def test_a_stop_pays_as_a_taker_and_a_target_as_a_maker_without_slippage():
    stopped = LONG.through(candle("100", "101", "98", "100")).net_return(COSTS)
    assert stopped == pytest.approx((98 * 0.99) / (100 * 1.01) - 1 - 0.001 * (1 + 98 * 0.99 / 101))
    reached = LONG.through(candle("100", "103", "99", "100")).net_return(COSTS)
    assert reached == pytest.approx(103 / 101 - 1 - 0.001 - 0.0002 * 103 / 101)
    held = LONG.held_to(Decimal(103)).net_return(COSTS)
    assert held == trade_return(1, Decimal(100), Decimal(103), COSTS) < reached
