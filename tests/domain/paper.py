"""Shared by the tests of the paper exchange: terms, rules, books, orders and a journal replay."""

from decimal import Decimal

from domain import execution, journal
from domain.acceptance import PaperRules
from domain.desk import Desk
from domain.execution import Exchange
from domain.market import MarketState, OrderBook, PublicTrade, SymbolRules
from domain.messages import ClosePosition, SubmitOrder
from domain.trading import OrderSource, OrderType, Reason, Side, Trailing

D = Decimal
T0 = 1_767_225_600_000  # 2026-01-01T00:00:00Z
PAIR = "BTCUSDT"
RULES = SymbolRules(
    pair=PAIR,
    base="BTC",
    quote="USDT",
    tick_size=D("0.01"),
    step_size=D("0.00001"),
    min_quantity=D("0.00001"),
    max_quantity=D("9000"),
    min_notional=D("5"),
)


def terms(**changes) -> PaperRules:
    values = {
        "taker_fee": D("0.001"),
        "maker_fee": D("0.0005"),
        "latency_ms": 100,
        "fallback_slippage_bps": D(5),
        "has_books": True,
    }
    return PaperRules(**(values | changes))


def exchange(
    *, now_ms: int = T0, balance: str = "100000", desk: Desk | None = None, live: bool = True, again=False, **changes
):
    made = execution.start(
        desk=desk or Desk(),
        paper=terms(**changes),
        stale_after_ms=10_000,
        now_ms=now_ms,
        balance=D(balance),
        begins_anew=again,
    )
    made.market.take_rules((RULES,))
    if live:
        made.market.state = MarketState.LIVE
    return made


def book(at_ms: int, *, bids=(("99.99", "10"),), asks=(("100.01", "10"),), update_id: int = 1, depth: int = 20):
    return OrderBook(
        update_id=update_id,
        received_ms=T0 + at_ms,
        bids=tuple((D(price), D(quantity)) for price, quantity in bids),
        asks=tuple((D(price), D(quantity)) for price, quantity in asks),
        depth=depth,
    )


def trade(trade_id: int, price: str, at_ms: int, *, quantity: str = "1", buyer_is_maker: bool = True) -> PublicTrade:
    return PublicTrade(
        trade_id=trade_id,
        price=D(price),
        quantity=D(quantity),
        traded_ms=T0 + at_ms,
        buyer_is_maker=buyer_is_maker,
    )


def order(order_id: str = "o1", side: Side = Side.BUY, quantity: str | None = "1", **changes) -> SubmitOrder:
    values = {
        "order_id": order_id,
        "pair": PAIR,
        "side": side,
        "order_type": OrderType.MARKET,
        "source": OrderSource.MANUAL,
        "reason": Reason.ENTRY,
        "reply_to": "hub",
        "submitted_ms": T0,
        "quantity": None if quantity is None else D(quantity),
    }
    for name in ("price", "stop_loss", "take_profit", "notional", "max_slippage_bps", "max_spread_bps"):
        if isinstance(changes.get(name), str):
            changes[name] = D(changes[name])
    return SubmitOrder(**(values | changes))


def limit(order_id: str, side: Side, quantity: str, price: str, **changes) -> SubmitOrder:
    return order(order_id, side, quantity, order_type=OrderType.LIMIT, price=price, **changes)


def close(order_id: str = "c1", fraction: str = "1", **changes) -> ClosePosition:
    values = {
        "order_id": order_id,
        "pair": PAIR,
        "fraction": D(fraction),
        "source": OrderSource.MANUAL,
        "reason": Reason.MANUAL,
        "reply_to": "hub",
        "submitted_ms": T0,
    }
    return ClosePosition(**(values | changes))


def trailing(trigger: str, distance: str) -> Trailing:
    return Trailing(trigger=D(trigger), distance=D(distance))


def told(made: Exchange, kind: type) -> list:
    return [message for message in made.messages if isinstance(message, kind)]


def balances(made: Exchange) -> dict[str, Decimal]:
    return {account: balance for (account, _), balance in made.desk.balances.items()}


def replayed(documents) -> Desk:
    """Return the desk that the journal's documents give, each verified against the one before."""
    desk = Desk()
    for document in documents:
        journal.verify(document, seq=desk.seq + 1, prev=desk.head)
        desk.apply(document)
    return desk


def bought(made: Exchange, quantity: str = "1", at_ms: int = 100, **changes) -> None:
    """Open a long of `quantity` from the book at `at_ms`."""
    made.on_book(PAIR, book(at_ms - 1, **{}), T0 + at_ms - 1)
    made.submit(order(quantity=quantity, submitted_ms=T0 + at_ms - 100, **changes), T0 + at_ms - 1)
    made.on_book(PAIR, book(at_ms, update_id=2), T0 + at_ms)
