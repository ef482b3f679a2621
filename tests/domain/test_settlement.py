"""Settlement of one opinion: by the closes at both ends, with all costs, and the same each time."""

from dataclasses import replace
from decimal import Decimal

import pytest

from domain.analysis import Action
from domain.archives import opinion_document
from domain.settlement import (
    Call,
    call_of,
    close_ms,
    coin,
    read_call,
    read_settlement,
    settled,
    settlement_document,
)
from domain.shadow_trade import TradeCosts, trade_return
from tests.bots import opinion

FREE = TradeCosts(fee=0, maker_fee=0, slippage=0)
COSTS = TradeCosts(fee=0.001, maker_fee=0.001, slippage=0.0005)
CALL = Call(
    opinion_id="opinion:grok:BTCUSDT:1",
    pair="BTCUSDT",
    action=Action.BUY,
    confidence=0.7,
    horizon_minutes=30,
    formed_ms=1_000,
    cost_usd=Decimal("0.001"),
)


def settle(action: Action, entry: str, end: str):
    return settled(
        replace(CALL, action=action),
        "own",
        start_ms=60_000,
        entry=Decimal(entry),
        due_ms=1_860_000,
        end=Decimal(end),
        costs=COSTS,
        counted=True,
    )


@pytest.mark.parametrize(
    ("at_ms", "expected"), [(0, 0), (1, 60_000), (59_999, 60_000), (60_000, 60_000), (60_001, 120_000)]
)
def test_an_opinion_is_measured_at_the_next_close_never_at_one_before_it(at_ms, expected):
    assert close_ms(at_ms, 60_000) == expected


@pytest.mark.parametrize(
    ("sign", "end", "costs", "expected"),
    [
        (1, "110", FREE, 0.1),
        (-1, "110", FREE, -0.1),
        (-1, "90", FREE, 0.1),
        (1, "100", TradeCosts(fee=0.001, maker_fee=0.001, slippage=0), -0.002),
        (1, "110", TradeCosts(fee=0.001, maker_fee=0.001, slippage=0), 0.1 - 0.001 * 2.1),
        (1, "100", TradeCosts(fee=0, maker_fee=0, slippage=0.01), 99 / 101 - 1),  # bought at 101, sold at 99
        (-1, "100", TradeCosts(fee=0, maker_fee=0, slippage=0.01), 1 - 101 / 99),  # sold at 99, bought at 101
    ],
)
def test_a_shadow_trade_pays_fee_and_slippage_on_both_sides(sign, end, costs, expected):
    assert trade_return(sign, Decimal("100"), Decimal(end), costs) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(
    ("action", "end", "hit"),
    [
        (Action.BUY, "100.01", True),
        (Action.BUY, "99.99", False),
        (Action.SELL, "99.99", True),
        (Action.SELL, "100.01", False),
        (Action.BUY, "100", False),  # the price did not move in its direction
        (Action.SELL, "100", False),
        (Action.HOLD, "101", False),
    ],
)
def test_a_hit_is_a_move_in_the_direction(action, end, hit):
    assert settle(action, "100", end).hit is hit


def test_a_hold_trades_nothing_and_so_does_its_twin():
    settlement = settle(Action.HOLD, "100", "105")
    assert (settlement.net_return, settlement.coin_return) == (None, None)
    assert settlement.move == pytest.approx(0.05)


def test_the_twins_coin_is_fair_and_the_same_each_time():
    flips = [coin(f"opinion:grok:BTCUSDT:{number}") for number in range(2000)]
    assert flips == [coin(f"opinion:grok:BTCUSDT:{number}") for number in range(2000)]
    assert 930 <= flips.count(1) <= 1070


@pytest.mark.parametrize("action", list(Action))
def test_a_document_reads_back_as_the_same_settlement(action):
    settlement = settle(action, "100", "105")
    document = settlement_document("grok", settlement)
    assert document["_id"] == "settlement:opinion:grok:BTCUSDT:1:own"
    assert (document["analyst"], document["ts"], document["minutes"]) == ("grok", 1_860_000, 30)
    assert None not in document.values()
    assert read_settlement(document) == settlement


def test_an_opinion_read_back_is_the_call_it_was():
    said = opinion()
    assert read_call(opinion_document(said, settings_hash="hash")) == call_of(said)
