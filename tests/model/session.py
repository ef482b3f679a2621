"""One session told to the desk's exchange and to the model, and everything in which the two must agree."""

from collections import Counter
from decimal import Decimal
from fractions import Fraction

from domain import execution, journal
from domain.acceptance import PaperRules
from domain.desk import Desk
from domain.market import MarketState, SymbolRules
from domain.messages import OrderAccepted, OrderRefused, PositionAmended
from ledger.audit import audit
from tests.model import paper_refusals
from tests.model.paper_exchange import PaperExchange, Terms

T0 = 1_767_225_600_000  # 2026-01-01T00:00:00Z
BTC, XRP = "BTCUSDT", "XRPUSDT"
DEPOSIT = Decimal(1000)
RULES = {
    BTC: SymbolRules(
        pair=BTC,
        base="BTC",
        quote="USDT",
        tick_size=Decimal("0.01"),
        step_size=Decimal("0.00001"),
        min_quantity=Decimal("0.00001"),
        max_quantity=Decimal("9000"),
        min_notional=Decimal("5"),
    ),
    XRP: SymbolRules(
        pair=XRP,
        base="XRP",
        quote="USDT",
        tick_size=Decimal("0.0001"),
        step_size=Decimal("0.1"),
        min_quantity=Decimal("0.1"),
        max_quantity=Decimal("20000"),
        min_notional=Decimal("5"),
    ),
}
TICKS = {BTC: Decimal("0.01"), XRP: Decimal("0.0001")}
START = {BTC: 10_000, XRP: 5_000}  # ticks: 100 and 0.5
STALE_MS = 10_000
SEEN: Counter = Counter()  # what all runs of this process have seen


def paper(*, has_books: bool) -> PaperRules:
    return PaperRules(
        taker_fee=Decimal("0.001"),
        maker_fee=Decimal("0.0004"),
        latency_ms=100,
        fallback_slippage_bps=Decimal(5),
        has_books=has_books,
    )


class Session:
    """The clock, the desk's exchange and the model of it."""

    def __init__(self, *, has_books: bool) -> None:
        self.now, self.has_books = T0, has_books
        self.documents: list = []
        self.mirror = Desk()  # folded from the documents alone
        self.tally: Counter = Counter()  # what the run has seen
        self.exchange = self.start(Desk(), DEPOSIT)
        terms = Terms(
            taker=Fraction(1, 1000),
            maker=Fraction(4, 10_000),
            latency=100,
            slippage_bps=Fraction(5),
            stale_after=STALE_MS,
            has_books=has_books,
        )
        self.model = PaperExchange(RULES, terms, Fraction(DEPOSIT))
        self.compared = 0  # fills

    def start(self, desk: Desk, balance: Decimal | None, seen=None):
        """Return an exchange over `desk`, told the rules; the market is live. `seen`: records beside the journal."""
        made = execution.start(
            desk=desk,
            paper=paper(has_books=self.has_books),
            stale_after_ms=STALE_MS,
            now_ms=self.now,
            balance=balance,
            seen=seen,
        )
        made.market.take_rules(tuple(RULES.values()))
        made.market.state = MarketState.LIVE
        return made

    def take(self) -> list:
        """Return what the desk told since; its documents join the journal and the mirror."""
        messages = list(self.exchange.messages)
        self.exchange.messages.clear()
        for document in self.exchange.pending:
            journal.verify(document, seq=self.mirror.seq + 1, prev=self.mirror.head)
            self.mirror.apply(document)
            self.documents.append(document)
        self.exchange.pending.clear()
        return messages

    def start_again(self, *, records: bool) -> None:
        """Fail and start from the journal; `records`: with what was kept beside it, how far the market was seen."""
        if records:
            self.exchange.settle_trails()
        self.take()
        kept = {pair: event for pair, event in self.exchange.books.told().items() if pair in self.mirror.exposed()}
        self.exchange = self.start(self.mirror_again(), None, kept if records else None)
        self.model.restart({pair: (event.id, event.ts_ms) for pair, event in self.exchange.books.seen.items()})
        self.tally["restarts"] += 1

    def mirror_again(self) -> Desk:
        """Return the desk as a start reads it from the journal."""
        desk = Desk()
        for document in self.documents:
            journal.verify(document, seq=desk.seq + 1, prev=desk.head)
            desk.apply(document)
        return desk

    # --- commands -----------------------------------------------------------------------------------------------------

    def submit(self, command) -> bool:
        """Give an order to both; return whether it was taken."""
        wrong, order = paper_refusals.submit(self.model, command, self.now)
        self.exchange.submit(command, self.now)
        return self.decided(wrong, order)

    def close(self, command) -> bool:
        wrong, order = paper_refusals.close(self.model, command, self.now)
        self.exchange.close(command, self.now)
        return self.decided(wrong, order)

    def decided(self, wrong, order) -> bool:
        messages = self.take()
        refused = [message for message in messages if isinstance(message, OrderRefused)]
        accepted = [message for message in messages if isinstance(message, OrderAccepted)]
        self.tally["refused" if wrong else "accepted"] += 1
        if wrong:
            assert [message.code.value for message in refused][0:1], f"must be refused for {wrong}, was taken"
            assert refused[0].code.value in wrong, f"must be refused for {wrong}: {refused[0].message}"
            self.tally[f"refused {refused[0].code.value}"] += 1
            assert not accepted
            return False
        assert not refused, f"must be taken, was refused: {refused[0].message}"
        taken = accepted[0].order
        assert (Fraction(taken.quantity), Fraction(taken.held)) == (order.quantity, order.held)
        self.model.accept(order)
        return True

    def cancel(self, command) -> None:
        order = self.model.orders.get(command.order_id)
        self.exchange.cancel(command, self.now)
        refused = [message.code.value for message in self.take() if isinstance(message, OrderRefused)]
        assert refused == ([] if order else ["unknown_order"])
        if order is not None:
            self.model.end(order)
            self.tally["cancelled"] += 1

    def amend(self, command) -> None:
        wrong, levels = paper_refusals.amend(self.model, command)
        self.exchange.amend(command, self.now)
        messages = self.take()
        refused = [message for message in messages if isinstance(message, OrderRefused)]
        assert bool(refused) == bool(wrong), (wrong, messages)
        if wrong:
            assert refused[0].code.value in wrong
            return
        assert any(isinstance(message, PositionAmended) for message in messages)
        self.model.protect(command.pair, *levels, self.now)
        self.tally["amended"] += 1

    # --- comparing ----------------------------------------------------------------------------------------------------

    def compare(self) -> None:
        self.take()
        desk, account = self.exchange.desk, self.model.account
        self.compare_fills()
        found = {name: Fraction(value) for (name, _), value in desk.balances.items() if value}
        same("balances", found, {name: value for name, value in account.balances.items() if value})
        for pair in RULES:
            holding, expected = desk.holdings.get(pair), account.holdings.get(pair)
            same(
                f"position in {pair}",
                {} if holding is None else position_of(self.exchange.executor.trailed(holding)),
                {} if expected is None else model_position(expected),
            )
        assert list(desk.orders) == list(self.model.orders)
        for order_id, order in self.model.orders.items():
            same(f"order {order_id}", order_of(desk.orders[order_id].order), model_order(order))
        self.hold_together(desk)

    def compare_fills(self) -> None:
        """Compare the fills since the last comparison."""
        fills = [document for document in self.documents if document["type"] in ("fill", "liquidation")]
        found = [fill_of(document) for document in fills[self.compared :]]
        expected = self.model.account.fills[self.compared :]
        for number in range(max(len(found), len(expected))):
            same("fill", *(each[number] if number < len(each) else {} for each in (found, expected)))
        for fill in expected:
            self.tally["fills"] += 1
            self.tally[f"fill {fill['model']}"] += 1
            if not fill["order"]:
                self.tally[f"exit {fill['reason']}"] += 1
        self.compared = len(fills)

    def hold_together(self, desk: Desk) -> None:
        """What holds whatever happens."""
        assert self.mirror.part() == desk.part(), "the fold of the journal must equal the live state"
        held = sum((entry.order.held for entry in desk.orders.values()), Decimal(0))
        assert desk.balance("held", "USDT") == held
        for pair in RULES:
            position = desk.position(pair)
            assert desk.balance(f"margin:{pair}", "USDT") == (position.margin if position else 0)
            signed = position.quantity * position.direction.sign if position else 0
            assert desk.balance(f"position:{pair}", RULES[pair].base) == signed
        assert desk.balance("cash", "USDT") >= 0 and held >= 0
        assets: Counter = Counter()
        for (_, asset), value in desk.balances.items():
            assets[asset] += value
        assert not any(assets.values())

    def audited(self) -> None:
        report = audit(self.documents)
        assert not report.findings, [str(finding) for finding in report.findings]


def same(what: str, found: dict, expected: dict) -> None:
    """Compare two dicts; say only where they differ."""
    differing = [name for name in {**found, **expected} if found.get(name) != expected.get(name)]
    differences = [f"{name} is {found.get(name)}, must be {expected.get(name)}" for name in differing]
    assert not differences, f"{what}: {'; '.join(differences)}"


def number(value) -> Fraction | None:
    return None if value is None else Fraction(value)


def position_of(position) -> dict:
    trail = position.trailing
    return {
        "sign": position.direction.sign,
        "quantity": number(position.quantity),
        "cost": number(position.cost),
        "margin": number(position.margin),
        "entry_fee": number(position.entry_fee),
        "entry": number(position.entry_price),
        "leverage": position.leverage,
        "opened": position.opened_ms,
        "stop": number(position.stop_loss),
        "target": number(position.take_profit),
        "trailing": None if trail is None else number(trail.stop),
    }


def model_position(holding) -> dict:
    names = ("sign", "quantity", "cost", "margin", "entry_fee", "entry", "leverage", "opened", "stop", "target")
    trailing = None if holding.trail is None else holding.trail.stop
    return {name: getattr(holding, name) for name in names} | {"trailing": trailing}


def order_of(order) -> dict:
    return {
        "id": order.order_id,
        "quantity": number(order.quantity),
        "filled": number(order.filled),
        "held": number(order.held),
        "price": number(order.limit_price if order.trigger_price is None else order.trigger_price),
    }


def model_order(order) -> dict:
    return {
        "id": order.order_id,
        "quantity": order.quantity,
        "filled": order.filled,
        "held": order.held,
        "price": order.price,
    }


def fill_of(document) -> dict:
    fill = document["fill"]
    return {
        "pair": document["symbol"],
        "order": "" if document["order"]["source"] == "exchange" else document["order_id"],
        "reason": document["reason"],
        "side": 1 if fill["side"] == "buy" else -1,
        "quantity": number(fill["quantity"]),
        "levels": [(number(price), number(quantity)) for price, quantity in fill["levels"]],
        "notional": number(fill["notional"]),
        "fee": number(fill["fee"]),
        "pnl": number(fill["realized_pnl"]),
        "liquidity": fill["liquidity"],
        "model": document["model"],
        "ts": document["ts"],
        "catch_up": fill["catch_up"],
    }
