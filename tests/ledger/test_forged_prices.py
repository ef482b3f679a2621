"""Prices that a filled order cannot have had, in journals where all else agrees: only the order itself tells."""

from decimal import Decimal

import pytest

from domain.messages import AmendProtection, MissedTrades
from domain.trading import Side
from ledger.audit import audit
from tests.domain.paper import PAIR, T0, book, bought, exchange, limit, trade
from tests.ledger.forge import Path, change, exported, forged, leaves


def amended(stop: str) -> AmendProtection:
    return AmendProtection(
        amend_id=f"{PAIR}:1",
        pair=PAIR,
        stop_loss=Decimal(stop),
        take_profit=None,
        remove_stop_loss=False,
        remove_take_profit=False,
        reply_to="hub",
        submitted_ms=T0,
    )


def held_until(*prices: str, amend: str = "", **protection) -> list[dict]:
    """Return the journal of a long from 100.01 that missed trades at `prices`."""
    made = exchange(maker_fee=Decimal("0.001"))
    bought(made, leverage=2, **protection)
    if amend:
        made.amend(amended(amend), T0 + 200)
    trades = tuple(trade(10 + n, price, 1000 + n, buyer_is_maker=False) for n, price in enumerate(prices))
    made.on_missed(MissedTrades(pair=PAIR, trades=trades, candles=(), request_id=""), T0 + 9000)
    return exported(made.pending)


def by_book(**levels) -> list[dict]:
    """Return the journal of a buy of 3 that took 1 at each of three levels."""
    made = exchange()
    made.on_book(PAIR, book(99, **levels), T0 + 99)
    made.submit(limit("l1", Side.BUY, "3", "103"), T0 + 99)
    made.on_book(PAIR, book(200, update_id=2, **levels), T0 + 200)
    return exported(made.pending)


def everywhere(documents: list[dict], name: str, value: str | None) -> list[dict]:
    """Return the journal with another value in each field of that name, chained anew; None takes the fields out."""
    return forged(_everywhere(document, name, value) for document in documents)


def _everywhere(document: dict, name: str, value: str | None) -> dict:
    places: list[Path] = [path for path, _ in leaves(document) if path[-1] == name]
    for path in places:
        document = change(document, path, value)
    return document


def messages(documents: list[dict]) -> list[str]:
    return [finding.message for finding in audit(documents).findings]


def test_a_stop_is_not_filled_by_a_past_trade_before_it_is_reached() -> None:
    documents = held_until("96", stop_loss="97")
    assert documents[-1]["fill"]["price"] == "96"
    assert messages(forged(documents)) == []
    lower = everywhere(everywhere(documents, "stop_loss", "95"), "trigger_price", "95")
    assert messages(lower) == ["a sell stop at 95 must not fill at 96, which does not reach it"]


def test_a_target_that_was_a_maker_fills_at_its_price() -> None:
    documents = held_until("111", take_profit="110")
    assert (documents[-1]["fill"]["price"], documents[-1]["fill"]["liquidity"]) == ("110", "maker")
    lower = everywhere(everywhere(documents, "take_profit", "105"), "limit_price", "105")
    assert messages(lower) == ["a maker must fill at its limit 105, was 110"]


@pytest.mark.parametrize("reason", ["stop_loss", "take_profit"])
def test_what_was_removed_closes_nothing_in_the_past(reason: str) -> None:
    documents = held_until("94" if reason == "stop_loss" else "111", amend="96", stop_loss="95", take_profit="110")
    kept = next(n for n, document in enumerate(documents) if document["type"] == "amend")
    level = "trigger_price" if reason == "stop_loss" else "limit_price"
    later = everywhere(everywhere(documents[kept:], reason, None), level, None)
    found = messages(forged([*documents[:kept], *later]))
    assert f"an exit must have a position with a level for it, none has one for {reason}" in found


def test_a_position_that_cannot_lose_its_margin_is_not_liquidated() -> None:
    documents = held_until("40")
    assert documents[-1]["type"] == "liquidation"
    assert messages(forged(documents)) == []
    found = messages(everywhere(documents, "leverage", 1))
    assert "an exit must have a position with a level for it, none has one for liquidation" in found


def test_a_book_is_walked_from_its_best_price_on() -> None:
    documents = by_book(asks=(("101", "1"), ("102", "1"), ("103", "1")))
    assert [price for price, _ in documents[-1]["fill"]["levels"]] == ["101", "102", "103"]
    assert messages(forged(documents)) == []
    turned = change(documents[-1], ("fill", "levels"), documents[-1]["fill"]["levels"][::-1])
    wanted = "fill.levels of a buy must go from the best price to the worst"
    assert messages(forged([*documents[:-1], turned])) == [wanted]
    top = change(documents[-1], ("model",), "top")
    assert messages(forged([*documents[:-1], top])) == ["fill.levels of model top must be one, were 3"]
