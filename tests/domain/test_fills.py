"""What executions cost and realise, to the last of eight decimals."""

from dataclasses import replace
from decimal import Decimal

import pytest

from domain import fills, postings
from domain.postings import Market
from domain.trading import Direction, OrderSource, Position

D = Decimal
MARKET = Market("BTCUSDT", "BTC", "USDT")


def position(direction=Direction.LONG, quantity="3", cost="100", margin="33.33333333", entry_fee="0.1"):
    return Position(
        pair="BTCUSDT",
        direction=direction,
        quantity=D(quantity),
        entry_price=D(cost) / D(quantity),
        cost=D(cost),
        margin=D(margin),
        leverage=3,
        opened_ms=0,
        source=OrderSource.MANUAL,
        trade_id="o1",
        entry_fee=D(entry_fee),
    )


def levels(*pairs):
    return tuple((D(price), D(quantity)) for price, quantity in pairs)


def test_a_notional_is_rounded_once_half_even():
    assert fills.notional_of(levels(("0.000000015", "1"))) == D("0.00000002")
    assert fills.notional_of(levels(("0.000000005", "1"), ("0.000000005", "1"))) == D("0.00000001")
    assert fills.notional_of(levels(("0.000000025", "1"))) == D("0.00000002")


def test_fees_are_rounded_up_and_margins_down():
    fill = fills.open_fill(levels(("100.00000001", "1")), leverage=3, fee_rate=D("0.001"))
    assert (fill.notional, fill.margin, fill.fee) == (D("100.00000001"), D("33.33333333"), D("0.10000001"))


def test_a_mean_price_has_twelve_decimals_and_one_level_keeps_its_own():
    assert fills.mean_price(levels(("1", "1"), ("2", "2"))) == D("1.666666666667")
    assert fills.mean_price(levels(("60000.10", "1"))) == D("60000.10")


def test_closing_a_part_releases_shares_rounded_down_and_the_rest_stays():
    closed = fills.close_fill(position(), levels(("40", "1")), fee_rate=D("0.001"))
    assert (closed.cost, closed.margin, closed.entry_fee) == (D("33.33333333"), D("11.11111111"), D("0.03333333"))
    assert (closed.notional, closed.pnl, closed.fee) == (D("40"), D("6.66666667"), D("0.04"))
    left = fills.reduced(position(), closed)
    assert (left.quantity, left.cost, left.margin) == (D("2"), D("66.66666667"), D("22.22222222"))


def test_closing_the_last_releases_everything():
    closed = fills.close_fill(position(), levels(("40", "3")), fee_rate=D("0"))
    assert (closed.cost, closed.margin, closed.pnl) == (D("100"), D("33.33333333"), D("20"))
    assert fills.reduced(position(), closed) is None


@pytest.mark.parametrize(
    ("first", "second", "leverage"),
    [
        ((300, 3), (600, 3), 3),
        ((100, 1), (100, 20), 2),  # 200 / 105 = 1.90
        ((100, 20), (5, 1), 10),  # 105 / 10 = 10.5: half to even
        (("0.00000002", 20), ("0.00000002", 20), 20),  # no margin at all
        (("0.0000003", 20), ("0.00000030", 20), 20),  # 0.0000006 / 0.00000002 = 30
    ],
)
def test_a_position_of_several_leverages_has_that_of_its_margin(first, second, leverage):
    opened = [
        fills.open_fill(((D(notional), D(1)),), leverage=times, fee_rate=D("0.001"))
        for notional, times in (first, second)
    ]
    begun = position(quantity="1", cost=str(opened[0].notional), margin=str(opened[0].margin))
    assert fills.added(replace(begun, leverage=first[1]), opened[1]).leverage == leverage


def test_a_short_earns_when_the_price_falls():
    closed = fills.close_fill(position(Direction.SHORT), levels(("30", "3")), fee_rate=D("0"))
    assert closed.pnl == D("10")
    assert fills.unrealized(position(Direction.SHORT), D("40")) == D("-20")


def test_a_hold_is_margin_and_taker_fee_rounded_up():
    assert fills.hold_of(D("1"), D("100"), 3, D("0.001")) == D("33.43333334")


def test_levels_are_split_at_a_quantity():
    first, rest = fills.split(levels(("10", "1"), ("11", "2")), D("1.5"))
    assert first == levels(("10", "1"), ("11", "0.5"))
    assert rest == levels(("11", "1.5"))


def sums(legs):
    total = {}
    for leg in legs:
        total[leg.asset] = total.get(leg.asset, D(0)) + leg.amount
    return total


@pytest.mark.parametrize(
    ("margin", "pnl", "fee", "cash", "expected"),
    [
        ("100", "10", "1", "0", {"cash": "109"}),
        ("100", "-40", "1", "0", {"cash": "59"}),
        ("100", "-150", "1", "50", {"cash": "-1", "insurance": "-50"}),  # the loss stops at the margin
        ("100", "-150", "1", "0.25", {"cash": "-0.25", "insurance": "-50.75"}),
        ("100", "-99.5", "1", "0", {"insurance": "-0.5"}),
    ],
)
def test_a_close_never_makes_cash_negative_and_a_loss_ends_at_the_margin(margin, pnl, fee, cash, expected):
    legs = postings.closing(MARKET, signed_quantity=D("-1"), margin=D(margin), pnl=D(pnl), fee=D(fee), cash=D(cash))
    moved = {leg.account: leg.amount for leg in legs}
    assert {name: moved.get(name, D(0)) for name in ("cash", "insurance")} == {
        "cash": D(expected.get("cash", "0")),
        "insurance": D(expected.get("insurance", "0")),
    }
    assert not any(sums(legs).values())


@pytest.mark.parametrize(
    ("pnl", "cash", "insurance"), [("-90", "9", "0"), ("-99.5", "0", "-0.5"), ("-180", "0", "-81")]
)
def test_a_liquidation_pays_loss_and_fee_from_the_margin(pnl, cash, insurance):
    legs = postings.liquidation(MARKET, signed_quantity=D("-1"), margin=D("100"), pnl=D(pnl), fee=D("1"))
    moved = {leg.account: leg.amount for leg in legs}
    assert (moved.get("cash", 0), moved.get("insurance", 0)) == (D(cash), D(insurance))
    assert not any(sums(legs).values())


def test_zero_legs_are_left_out():
    legs = postings.opening(MARKET, signed_quantity=D("1"), margin=D("10"), fee=D("0"))
    assert [leg.account for leg in legs] == ["cash", "margin:BTCUSDT", "position:BTCUSDT", "market:BTCUSDT"]
