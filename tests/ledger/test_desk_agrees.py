"""What the desk's own code writes passes the audit, which shares none of it, whatever is traded."""

import random
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.messages import CancelOrder
from domain.trading import Side
from ledger.audit import audit
from tests.domain import paper

PRICES = st.integers(2_000, 30_000)  # cents
QUANTITIES = st.integers(10_000, 3_000_000)  # hundred-thousandths
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("book"), PRICES, st.integers(1, 100), st.integers(1, 400)),
        st.tuples(st.just("trade"), PRICES),
        st.tuples(st.just("market"), st.sampled_from(Side), QUANTITIES, st.sampled_from([1, 3, 20])),
        st.tuples(st.just("limit"), st.sampled_from(Side), QUANTITIES, PRICES, st.sampled_from([1, 7])),
        st.tuples(st.just("close"), st.sampled_from(["0.3", "0.5", "1"])),
        st.tuples(st.just("cancel"), st.integers(0, 30)),
        st.tuples(st.just("checkpoint")),
        st.tuples(st.just("time"), st.integers(1, 3000)),
    ),
    min_size=20,
    max_size=80,
)


def cents(value: int) -> str:
    return str(Decimal(value) / 100)


def lots(value: int) -> str:
    return str(Decimal(value) / 100_000)


class World:
    """An exchange driven by steps; the time moves on by itself."""

    def __init__(self) -> None:
        self.made = paper.exchange(balance="1000")
        self.at_ms = 0
        self.number = 0

    def run(self, steps) -> list:
        for step in steps:
            self.at_ms += 60
            self.number += 1
            getattr(self, step[0])(*step[1:])
        return self.made.pending

    @property
    def now_ms(self) -> int:
        return paper.T0 + self.at_ms

    def book(self, price: int, spread: int, quantity: int) -> None:
        sizes = (lots(quantity * 1000), lots(quantity * 3000))
        bids = [(cents(max(1, price - n)), size) for n, size in enumerate(sizes)]
        asks = [(cents(price + spread + n), size) for n, size in enumerate(sizes)]
        self.made.on_book(paper.PAIR, paper.book(self.at_ms, bids=bids, asks=asks, update_id=self.number), self.now_ms)

    def trade(self, price: int) -> None:
        print_ = paper.trade(self.number, cents(price), self.at_ms)
        self.made.on_trade(paper.PAIR, print_, catch_up=False, now_ms=self.now_ms)

    def market(self, side: Side, quantity: int, leverage: int) -> None:
        command = paper.order(
            f"m{self.number}", side, lots(quantity), leverage=leverage, submitted_ms=self.now_ms, reduce_only=False
        )
        self.made.submit(command, self.now_ms)

    def limit(self, side: Side, quantity: int, price: int, leverage: int) -> None:
        command = paper.limit(
            f"l{self.number}", side, lots(quantity), cents(price), leverage=leverage, submitted_ms=self.now_ms
        )
        self.made.submit(command, self.now_ms)

    def close(self, fraction: str) -> None:
        self.made.close(paper.close(f"c{self.number}", fraction, submitted_ms=self.now_ms), self.now_ms)

    def cancel(self, back: int) -> None:
        command = CancelOrder(order_id=f"l{self.number - back}", reply_to="hub", request_id="")
        self.made.cancel(command, self.now_ms)

    def checkpoint(self) -> None:
        self.made.checkpoint(self.now_ms)

    def time(self, ms: int) -> None:
        self.at_ms += ms
        self.made.on_time(self.now_ms)


@given(STEPS)
@settings(max_examples=60, deadline=None)
def test_every_journal_of_the_desk_passes_the_audit(steps):
    report = audit(World().run(steps))
    assert [str(finding) for finding in report.findings] == []


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_a_long_session_passes_the_audit(seed):
    numbers = random.Random(seed)
    price, steps = 10_000, []
    for _ in range(3000):
        price = max(500, price + numbers.randint(-120, 120))
        kind = numbers.choices(
            ["book", "trade", "market", "limit", "close", "cancel", "checkpoint", "time"], [40, 30, 8, 8, 5, 4, 1, 4]
        )[0]
        side, quantity = numbers.choice(list(Side)), numbers.randint(10_000, 300_000)
        steps.append(
            {
                "book": ("book", price, numbers.randint(1, 50), numbers.randint(1, 300)),
                "trade": ("trade", price),
                "market": ("market", side, quantity, numbers.choice([1, 3, 20])),
                "limit": ("limit", side, quantity, price + numbers.randint(-100, 100), numbers.choice([1, 7])),
                "close": ("close", numbers.choice(["0.3", "0.5", "1"])),
                "cancel": ("cancel", numbers.randint(0, 30)),
                "checkpoint": ("checkpoint",),
                "time": ("time", numbers.randint(1, 3000)),
            }[kind]
        )
    documents = World().run(steps)
    kinds = {document["type"] for document in documents}
    assert kinds >= {"deposit", "order", "fill", "cancel", "checkpoint"}
    report = audit(documents)
    assert [str(finding) for finding in report.findings] == []
