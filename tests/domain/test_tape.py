"""The last minutes of trades."""

from decimal import Decimal

from domain.market import PublicTrade
from domain.tape import TradeTape


def trade(trade_id: int, ms: int) -> PublicTrade:
    return PublicTrade(trade_id=trade_id, price=Decimal(1), quantity=Decimal(1), traded_ms=ms, buyer_is_maker=False)


def tape(*trades: PublicTrade, **limits: int) -> TradeTape:
    made = TradeTape(**limits)
    for one in trades:
        made.add(one)
    return made


def test_repeats_and_older_trades_are_refused():
    kept = tape(trade(5, 10))
    assert not kept.add(trade(5, 10))
    assert not kept.add(trade(4, 11))
    assert kept.add(trade(6, 10))


def test_after_an_id_or_after_a_moment():
    kept = tape(trade(5, 10), trade(6, 10), trade(7, 20))
    assert [one.trade_id for one in kept.since(since_ms=0, since_trade_id=5)] == [6, 7]
    assert [one.trade_id for one in kept.since(since_ms=10, since_trade_id=None)] == [7]


def test_it_knows_whether_it_goes_back_far_enough():
    kept = tape(trade(5, 10), trade(6, 20))
    assert kept.covers(since_ms=0, since_trade_id=4)
    assert not kept.covers(since_ms=30, since_trade_id=3)
    assert kept.covers(since_ms=10, since_trade_id=None)
    assert not kept.covers(since_ms=9, since_trade_id=None)
    assert not tape().covers(since_ms=0, since_trade_id=None)


def test_old_trades_are_forgotten():
    assert not tape(trade(1, 0), trade(2, 101), keep_ms=100).covers(since_ms=0, since_trade_id=0)
    assert not tape(trade(1, 0), trade(2, 1), trade(3, 2), capacity=2).covers(since_ms=0, since_trade_id=0)
