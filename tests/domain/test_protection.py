"""Stops, targets, trailing stops and the liquidation price, computed by hand."""

from dataclasses import replace
from decimal import Decimal

import pytest

from domain import protection
from domain.protection import Stop
from domain.trading import Direction, OrderSource, Position, Reason, Trailing

D = Decimal


def position(direction=Direction.LONG, margin="10", **changes):
    made = Position(
        pair="BTCUSDT",
        direction=direction,
        quantity=D("1"),
        entry_price=D("100"),
        cost=D("100"),
        margin=D(margin),
        leverage=10,
        opened_ms=0,
        source=OrderSource.BOT,
        trade_id="o1",
    )
    return replace(made, **changes)


@pytest.mark.parametrize(
    ("direction", "margin", "price"),
    [
        (Direction.LONG, "10", "90.45226130"),  # 90 / 0.995
        (Direction.SHORT, "10", "109.45273632"),  # 110 / 1.005
        (Direction.LONG, "100", "0"),  # without leverage a long is never liquidated
        (Direction.SHORT, "100", "199.00497513"),  # 200 / 1.005
    ],
)
def test_the_liquidation_price(direction, margin, price):
    made = position(direction, margin)
    assert protection.liquidation_price(made) == D(price)
    if D(price):
        equity = made.margin + (D(price) - made.entry_price) * direction.sign
        assert equity <= D("0.005") * D(price)


def test_the_nearest_stop_counts():
    trailing = Trailing(trigger=D("1"), distance=D("1"), stop=D("96"))
    assert protection.stops_of(position(stop_loss=D("95")))[0] == Stop(D("95"), Reason.STOP_LOSS)
    assert protection.stops_of(position(stop_loss=D("95"), trailing=trailing))[0] == Stop(D("96"), Reason.TRAILING_STOP)
    assert protection.stops_of(position(stop_loss=D("80")))[0].reason is Reason.LIQUIDATION
    assert protection.stops_of(position(margin="100")) == []
    short = position(Direction.SHORT, stop_loss=D("105"), trailing=replace(trailing, stop=D("104")))
    assert protection.stops_of(short)[0] == Stop(D("104"), Reason.TRAILING_STOP)


@pytest.mark.parametrize(
    ("direction", "stop", "price", "expected"),
    [
        ("long", "95", "95", True),
        ("long", "95", "95.01", False),
        ("short", "105", "105", True),
        ("short", "105", "104.99", False),
    ],
)
def test_a_stop_is_reached_at_its_price_or_beyond(direction, stop, price, expected):
    assert protection.reached(D(stop), D(price), Direction(direction)) is expected


@pytest.mark.parametrize(
    ("direction", "stop_loss", "take_profit", "wrong"),
    [
        ("long", "99", "101", ""),
        ("long", "100", None, "stop_loss"),
        ("long", None, "100", "take_profit"),
        ("short", "101", "99", ""),
        ("short", "100", None, "stop_loss"),
        ("short", None, "100", "take_profit"),
    ],
)
def test_a_level_on_the_wrong_side_is_named(direction, stop_loss, take_profit, wrong):
    sentence = protection.wrong_side(
        Direction(direction), D("100"), stop_loss and D(stop_loss), take_profit and D(take_profit)
    )
    assert (sentence or "").split(" ")[0] == wrong


def test_a_trailing_stop_needs_its_trigger_then_follows_by_whole_ticks():
    trailing = Trailing(trigger=D("2"), distance=D("1"))
    made = position(trailing=trailing)
    assert protection.trailed(made, D("101.99"), D("0.1")) is None
    first = protection.trailed(made, D("102.04"), D("0.1"))
    assert (first.stop, first.best_price) == (D("101.0"), D("102.04"))
    moved = position(trailing=first)
    assert protection.trailed(moved, D("102.09"), D("0.1")) is None
    assert protection.trailed(moved, D("101.5"), D("0.1")) is None
    assert protection.trailed(moved, D("102.1"), D("0.1")).stop == D("101.1")


def test_a_trailing_stop_without_a_price_filter_has_eight_decimals():
    made = position(trailing=Trailing(trigger=D("0"), distance=D("0.333333333")))
    assert protection.trailed(made, D("101"), D("0")).stop == D("100.66666666")
