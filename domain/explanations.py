"""Decisions in one sentence a trader understands."""

from domain import money
from domain.analysis import GateCheck, Signal
from domain.gates import TradePlan
from domain.trading import ClosedTrade, Direction, Trade

_SENTENCES = {
    "trading_off": "the bots are switched off",
    "pair_disabled": "the pair is disabled",
    "data_stale": "prices or account cannot be relied on ({value})",
    "run_time_over": "the bot's run time is over ({value} of {limit})",
    "protection_paused": "a protection pauses it ({value})",
    "cooldown": "the pair rests {value} after its last trade",
    "opportunity_cooldown": "the pair rests {value} after its last high-confidence signal",
    "daily_trades": "the day's trades are used up ({value} of {limit})",
    "concurrent_trades": "as many positions as allowed are open ({value} of {limit})",
    "position_open": "the pair is in a trade already ({value})",
    "too_few_opinions": "too few fresh opinions ({value}, needed are {limit})",
    "no_agreement": "the analysts do not agree (needed: {limit})",
    "hold": "the analysts say hold",
    "low_confidence": "the signal is too weak (confidence {value}, needed is {limit})",
    "short_not_allowed": "the signal is to sell, and short positions are not allowed",
    "risk_reward": "the reward is too small for the risk (ratio {value}, needed is {limit})",
    "daily_loss": "the day's loss reached its limit ({value}, allowed is {limit})",
    "spread": "the spread is too wide ({value}, allowed is {limit})",
    "size_below_minimum": "the size is below the exchange's minimum ({value}, needed is {limit})",
    "insufficient_balance": "the free balance is too small ({value}, available is {limit})",
    "awaiting_approval": "it waits for an operator's approval ({value})",
    "slippage": "the order book is too thin ({value}, allowed is {limit})",
}


def blocked(pair: str, check: GateCheck) -> str:
    """Return why `pair` was not traded."""
    reason = _SENTENCES.get(check.gate, "{value}").format(value=check.value, limit=check.limit)
    return f"No trade in {pair}: {reason}."


def not_taken(pair: str, reason: str) -> str:
    """Return why the exchange did not take an order for `pair`."""
    return f"No trade in {pair}: the exchange did not take the order: {reason.removesuffix('.')}."


def traded(pair: str, plan: TradePlan, signal: Signal, *, votes: int) -> str:
    """Return what was ordered for `pair`, and on whose word."""
    verb = "Bought" if plan.direction is Direction.LONG else "Sold short"
    opinions = f"{votes} opinion" + ("" if votes == 1 else "s")
    exits = [
        f"{name} {money.text(price)}"
        for name, price in (("stop", plan.stop_loss), ("target", plan.take_profit))
        if price is not None
    ]
    return (
        f"{verb} {money.text(plan.quantity)} {pair} near {money.text(plan.price)}: {opinions} with confidence "
        f"{signal.confidence:.2f}; {', '.join(exits) or 'no stop and no target'}."
    )


def executed(trade: Trade, closed: ClosedTrade | None) -> str:
    """Return one execution in one line: side, quantity, pair, price, reason, and what it came to."""
    line = (
        f"{trade.side} {money.text(trade.quantity)} {trade.pair} at {money.mean_text(trade.price)} "
        f"({trade.reason}, order {trade.order_id}, {trade.fill_model})"
    )
    profit = "" if closed is None else f", P&L {closed.realized_pnl:+.2f}"
    late = ", in catch-up" if trade.catch_up else ""
    return f"{line}{profit}, fee {trade.fee:.2f}{late}"
