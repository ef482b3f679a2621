"""The desk is a fold of its journal: replay equals live, checkpoints equal replay, any prefix is a valid state."""

import copy
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain import journal, recovery
from domain.desk import Desk, from_checkpoint
from domain.errors import InvariantError, LedgerCorrupt
from domain.market import Candle
from domain.messages import AmendProtection, CancelOrder, MissedTrades
from domain.money import ZERO
from domain.ports import Head
from domain.trading import Control, OrderSource, OrderType, Side
from tests.domain.paper import PAIR, T0, D, book, bought, close, exchange, limit, order, replayed, trade, trailing

STEP_MS = 250


class World:
    """Drives one exchange with drawn actions; time moves on with each."""

    def __init__(self, *, has_books: bool) -> None:
        self.ex = exchange(balance="2000", has_books=has_books)
        self.has_books, self.now, self.price, self.n = has_books, T0, Decimal("100"), 0

    def act(self, action, move, size, side):
        self.now += STEP_MS
        self.n += 1
        self.price = max(D("60"), min(D("180"), self.price + D(move) / 10))
        getattr(self, action)(D(size) / 100, side)

    def order(self, size, side):
        sign = side.sign
        protected = {"stop_loss": self.price - sign * 4, "take_profit": self.price + sign * 5} if self.n % 3 else {}
        trail = {"trailing": trailing("1", "0.7")} if self.n % 4 == 0 else {}
        source = OrderSource.BOT if self.n % 2 else OrderSource.MANUAL
        leverage = 1 + self.n % 20
        self.ex.submit(
            order(f"o{self.n}", side, str(size), submitted_ms=self.now, source=source, leverage=leverage)
            if not protected and not trail
            else order(f"o{self.n}", side, str(size), submitted_ms=self.now, leverage=leverage, **protected, **trail),
            self.now,
        )

    def limit(self, size, side):
        price = self.price - side.sign * D(self.n % 5)
        changes = {"submitted_ms": self.now, "reduce_only": self.n % 7 == 0, "leverage": 1 + self.n % 5}
        self.ex.submit(limit(f"o{self.n}", side, str(size), str(price), **changes), self.now)

    def stop(self, size, side):
        price = self.price + side.sign * D(1 + self.n % 3)
        changes = {"order_type": OrderType.STOP, "price": str(price), "submitted_ms": self.now}
        self.ex.submit(order(f"o{self.n}", side, str(size), **changes), self.now)

    def close(self, size, side):
        fraction = "1" if side is Side.BUY else "0.37"
        self.ex.close(close(f"c{self.n}", fraction, submitted_ms=self.now), self.now)

    def cancel(self, size, side):
        for order_id in tuple(self.ex.desk.orders)[:1]:
            self.ex.cancel(CancelOrder(order_id=order_id, reply_to="hub", request_id=""), self.now)

    def amend(self, size, side):
        command = AmendProtection(
            amend_id=f"amend:{self.n}",
            pair=PAIR,
            stop_loss=self.price - size,
            take_profit=None,
            remove_stop_loss=False,
            remove_take_profit=True,
            reply_to="hub",
            submitted_ms=self.now,
        )
        self.ex.amend(command, self.now)

    def market(self, size, side):
        if self.has_books:
            ask, bid = self.price + D("0.01"), self.price - D("0.01")
            at_ms = self.now - T0
            made = book(at_ms, bids=((str(bid), str(size)),), asks=((str(ask), str(size)),), update_id=self.n)
            self.ex.on_book(PAIR, made, self.now)
            self.ex.on_trade(PAIR, trade(self.n, str(self.price), at_ms), catch_up=False, now_ms=self.now)
        else:
            self.candle(size, side)

    def candle(self, size, side):
        self.now = (self.now // 60_000 + 1) * 60_000
        self.ex.on_candle_opened(PAIR, self.now, self.price, self.now)
        made = Candle(
            open_ms=self.now,
            open=self.price,
            high=self.price + size * 3,
            low=self.price - size * 3,
            close=self.price + side.sign * size,
            volume=D("9"),
        )
        self.now += 60_000
        self.ex.on_candle(PAIR, made, 60_000, catch_up=False, now_ms=self.now)

    def catch_up(self, size, side):
        at_ms = self.now - T0
        trades = (trade(self.n, str(self.price), at_ms, quantity=str(size), buyer_is_maker=side is Side.SELL),)
        self.ex.on_missed(MissedTrades(pair=PAIR, trades=trades, candles=(), request_id=""), self.now)

    def wait(self, size, side):
        self.now += 2000
        self.ex.on_time(self.now)

    def checkpoint(self, size, side):
        self.ex.checkpoint(self.now)


ACTIONS = ["order", "limit", "stop", "close", "cancel", "amend", "wait", "checkpoint", *["market"] * 6]
steps = st.lists(
    st.tuples(
        st.sampled_from([*ACTIONS, "catch_up"]), st.integers(-40, 40), st.integers(6, 400), st.sampled_from(list(Side))
    ),
    max_size=40,
)


def check_invariants(desk):
    sums: dict[str, Decimal] = {}
    for (account, asset), balance in desk.balances.items():
        sums[asset] = sums.get(asset, ZERO) + balance
        if account in ("cash", "held") or account.startswith("margin"):
            assert balance >= 0, account
    assert not any(sums.values())
    assert desk.balance("held", "USDT") == sum((entry.order.held for entry in desk.orders.values()), ZERO)
    position = desk.position(PAIR)
    assert desk.margin("USDT") == (ZERO if position is None else position.margin)
    quantity = ZERO if position is None else position.quantity * position.direction.sign
    assert desk.balance(f"position:{PAIR}", "BTC") == quantity


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(steps, st.booleans())
def test_whatever_happens_the_books_balance_and_the_replay_is_the_live_state(actions, has_books):
    world = World(has_books=has_books)
    for action in actions:
        if action[0] == "catch_up" and not has_books:
            continue
        world.act(*action)
        check_invariants(world.ex.desk)
    documents = world.ex.pending
    assert replayed(documents).part() == world.ex.desk.part()
    ids = [document["_id"] for document in documents]
    assert len(set(ids)) == len(ids)
    for document in documents:
        if document["type"] == "checkpoint":
            desk = recovery.begin(copy.deepcopy(document))
            assert list(recovery.fold(desk, documents[desk.seq :])) == documents[document["seq"] :]
            assert desk.part() == world.ex.desk.part()


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(steps, st.data())
def test_a_crash_at_any_document_recovers_to_a_state_that_can_go_on(actions, data):
    world = World(has_books=True)
    for action in actions:
        world.act(*action)
    kept = data.draw(st.integers(1, len(world.ex.pending)))
    desk = replayed(world.ex.pending[:kept])
    check_invariants(desk)
    again = World(has_books=True)
    again.ex = exchange(desk=desk, now_ms=world.now)
    again.now, again.price, again.n = world.now, world.price, 1000
    for action in ("market", "wait", "market", "close", "market", "wait"):
        again.act(action, 0, 10_000, Side.BUY)
        check_invariants(again.ex.desk)
    assert all(entry.order.order_type is not OrderType.MARKET for entry in again.ex.desk.orders.values())


def test_a_checkpoint_holds_the_whole_state():
    ex = exchange()
    bought(ex, stop_loss="95", trailing=trailing("2", "1"), source=OrderSource.BOT, confidence=D("0.7"))
    ex.submit(limit("l1", Side.BUY, "1", "90", submitted_ms=T0 + 200), T0 + 200)
    ex.close(close(fraction="0.5", submitted_ms=T0 + 200), T0 + 200)
    ex.on_book(PAIR, book(400, update_id=9), T0 + 400)
    ex.checkpoint(T0 + 500)
    desk = from_checkpoint(ex.pending[-1])
    assert (desk.part(), desk.seq, desk.head, desk.epoch) == (ex.desk.part(), ex.desk.seq, ex.desk.head, 1)
    assert desk.holdings[PAIR].realized == D("-0.01") - D("0.050005") - D("0.049995")


def test_a_document_that_is_not_the_next_is_not_applied():
    ex = exchange()
    with pytest.raises(InvariantError, match="must follow seq 1"):
        ex.desk.apply(ex.pending[0])


def test_balances_after_that_are_not_the_sums_are_found():
    document = dict(exchange().pending[0])
    document["after"] = [{**entry, "balance": entry["balance"] + 1} for entry in document["after"]]
    sealed = journal.seal({k: v for k, v in document.items() if k not in ("hash", "prev", "v")}, journal.GENESIS)
    with pytest.raises(LedgerCorrupt, match="deposit"):
        list(recovery.fold(Desk(), [sealed]))


def test_a_checkpoint_that_differs_from_the_journal_is_found():
    ex = exchange()
    bought(ex)
    ex.checkpoint(T0 + 500)
    *before, last = ex.pending
    forged = {**last, "state": {**last["state"], "settings_hash": "other"}}
    sealed = journal.seal({k: v for k, v in forged.items() if k not in ("hash", "prev", "v")}, last["prev"])
    with pytest.raises(LedgerCorrupt, match="checkpoint"):
        list(recovery.fold(Desk(), [*before, sealed]))


def test_a_changed_checkpoint_is_not_begun_with():
    ex = exchange()
    ex.checkpoint(T0)
    with pytest.raises(LedgerCorrupt, match="it was changed"):
        recovery.begin({**ex.pending[-1], "epoch": 7})


@pytest.mark.parametrize("cut", [0, 1])
def test_a_lost_tail_or_a_foreign_head_is_found(cut):
    ex = exchange()
    bought(ex)
    desk = replayed(ex.pending[: len(ex.pending) - cut])
    with pytest.raises(LedgerCorrupt, match="must end at its head"):
        recovery.check_head(desk, Head(seq=len(ex.pending), hash="f" * 64))


def test_control_is_kept_with_dotted_keys():
    ex = exchange()
    control = Control(
        trading=True,
        trading_since_ms=T0,
        analysis=False,
        analysis_since_ms=None,
        defaults=(("protections.stoploss_guard.trades", 3), ("allow_short", False)),
        pairs=((PAIR, (("stop_loss_percent", "1.5"),)),),
        enabled_pairs=(PAIR,),
        signal_sources=(),
    )
    ex.books.control("c1", control, kind="start_bot", actor="operator")
    ex.checkpoint(T0)
    assert replayed(ex.pending).control == from_checkpoint(ex.pending[-1]).control == control
