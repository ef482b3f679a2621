"""A paper exchange driven by random steps, by books or by candles, that makes all kinds of journal documents."""

import random
from decimal import Decimal

from domain.desk import Desk
from domain.market import Candle
from domain.messages import AmendProtection, CancelOrder, MissedTrades, RecordSettings, SetControl
from domain.trading import Control, OrderSource, OrderType, Side, Trailing
from tests.domain import paper

MINUTE_MS = 60_000


def cents(value: int) -> str:
    return str(Decimal(value) / 100)


def lots(value: int) -> str:
    return str(Decimal(value) / 100_000)


class World:
    """An exchange driven by steps; the time moves on by itself.

    Args:
        has_books: books and trades decide fills, else candles of a minute do.
        recorded: the settings' fees stand in the journal, and may change.
    """

    def __init__(self, *, has_books: bool = True, recorded: bool = True) -> None:
        self.has_books, self.recorded = has_books, recorded
        self.at_ms = 0
        self.number = 0
        self.documents: list = []
        self.fees = {"taker_fee": Decimal("0.001"), "maker_fee": Decimal("0.0005")}
        self.made = paper.exchange(balance="1000", has_books=has_books, **self.fees)
        self.settings("0.001", "0.0005")

    def run(self, steps) -> list:
        for step in steps:
            self.at_ms += 60
            self.number += 1
            getattr(self, step[0])(*step[1:])
        return self.all_documents()

    def all_documents(self) -> list:
        self.documents.extend(self.made.pending)
        self.made.pending.clear()
        return self.documents

    @property
    def now_ms(self) -> int:
        return paper.T0 + self.at_ms

    def settings(self, taker: str, maker: str) -> None:
        """Journal the fees, and charge them from here on: as the broker does it."""
        if not self.recorded:
            return
        values = (("paper.maker_fee", maker), ("paper.taker_fee", taker), ("paper.latency_ms", 100))
        command = RecordSettings(
            settings_hash=f"{taker} {maker}", changed=("paper.taker_fee",), values=values, submitted_ms=self.now_ms
        )
        self.made.record_settings(command, self.now_ms)
        self.fees = {"taker_fee": Decimal(taker), "maker_fee": Decimal(maker)}
        self.made.executor.paper = paper.terms(has_books=self.has_books, **self.fees)

    def restart(self) -> None:
        """Another run of the broker, over the same journal."""
        documents = self.all_documents()
        desk = Desk()
        for document in documents:
            desk.apply(document)
        self.at_ms += 700
        self.made = paper.exchange(desk=desk, now_ms=self.now_ms, has_books=self.has_books, **self.fees)

    def book(self, price: int, spread: int, quantity: int) -> None:
        sizes = (lots(quantity * 1000), lots(quantity * 3000))
        bids = [(cents(max(1, price - n)), size) for n, size in enumerate(sizes)]
        asks = [(cents(price + spread + n), size) for n, size in enumerate(sizes)]
        self.made.on_book(paper.PAIR, paper.book(self.at_ms, bids=bids, asks=asks, update_id=self.number), self.now_ms)

    def trade(self, price: int) -> None:
        print_ = paper.trade(self.number, cents(price), self.at_ms)
        self.made.on_trade(paper.PAIR, print_, catch_up=False, now_ms=self.now_ms)

    def missed(self, prices) -> None:
        """The desk was away for some seconds; then it is told the trades of that time."""
        began_ms = self.at_ms
        self.at_ms += 1000 * (len(prices) + 1)
        trades = []
        for count, price in enumerate(prices):
            self.number += 1
            taker_sells = bool(count % 2)
            trades.append(paper.trade(self.number, cents(price), began_ms + 1000 * count, buyer_is_maker=taker_sells))
        self.made.on_missed(MissedTrades(pair=paper.PAIR, trades=tuple(trades), candles=(), request_id=""), self.now_ms)

    def candle(self, opened: int, first: int, second: int, closed: int) -> None:
        """A whole minute; without books its open comes first."""
        start_ms = (self.at_ms // MINUTE_MS + 1) * MINUTE_MS
        prices = [Decimal(cents(price)) for price in (opened, first, second, closed)]
        if not self.has_books:
            self.at_ms = start_ms + 5
            self.made.on_candle_opened(paper.PAIR, paper.T0 + start_ms, prices[0], self.now_ms)
        self.at_ms = start_ms + MINUTE_MS
        whole = Candle(
            open_ms=paper.T0 + start_ms,
            open=prices[0],
            high=max(prices),
            low=min(prices),
            close=prices[3],
            volume=Decimal(1),
        )
        self.made.on_candle(paper.PAIR, whole, MINUTE_MS, catch_up=self.has_books, now_ms=self.now_ms)

    def market(self, side: Side, quantity: int, leverage: int, stop: int, target: int, trailing: int) -> None:
        self._submit(f"m{self.number}", side, quantity, leverage, stop, target, trailing)

    def limit(self, side: Side, quantity: int, price: int, leverage: int) -> None:
        self._submit(
            f"l{self.number}",
            side,
            quantity,
            leverage,
            0,
            0,
            0,
            order_type=OrderType.LIMIT,
            price=Decimal(cents(price)),
        )

    def stop(self, side: Side, quantity: int, distance: int, leverage: int) -> None:
        mark = self.made.market.pair(paper.PAIR).mark()
        if mark is not None:
            price = mark + side.sign * Decimal(cents(distance))
            self._submit(f"s{self.number}", side, quantity, leverage, 0, 0, 0, order_type=OrderType.STOP, price=price)

    def _submit(self, order_id, side, quantity, leverage, stop, target, trailing, **more) -> None:
        mark = self.made.market.pair(paper.PAIR).mark()
        levels = {}
        if mark is not None and stop:
            levels["stop_loss"] = max(Decimal("0.01"), mark - side.sign * Decimal(cents(stop)))
        if mark is not None and target:
            levels["take_profit"] = max(Decimal("0.01"), mark + side.sign * Decimal(cents(target)))
        if trailing:
            distance = Decimal(cents(trailing))
            levels["trailing"] = Trailing(trigger=distance / 2, distance=distance)
        source = OrderSource.BOT if self.number % 2 else OrderSource.MANUAL
        command = paper.order(
            order_id,
            side,
            lots(quantity),
            leverage=leverage,
            submitted_ms=self.now_ms,
            source=source,
            confidence=Decimal("0.75") if self.number % 2 else None,
            decision_id=f"d{self.number}" if self.number % 2 else None,
            **levels,
            **more,
        )
        self.made.submit(command, self.now_ms)

    def close(self, fraction: str) -> None:
        self.made.close(paper.close(f"c{self.number}", fraction, submitted_ms=self.now_ms), self.now_ms)

    def cancel(self, back: int) -> None:
        command = CancelOrder(order_id=f"l{self.number - back}", reply_to="hub", request_id="")
        self.made.cancel(command, self.now_ms)

    def amend(self, stop: int, target: int) -> None:
        position, mark = self.made.desk.position(paper.PAIR), self.made.market.pair(paper.PAIR).mark()
        if position is None or mark is None:
            return
        sign = position.direction.sign
        command = AmendProtection(
            amend_id=f"{paper.PAIR}:{self.number}",
            pair=paper.PAIR,
            stop_loss=max(Decimal("0.01"), mark - sign * Decimal(cents(stop))),
            take_profit=max(Decimal("0.01"), mark + sign * Decimal(cents(target))),
            remove_stop_loss=stop % 5 == 0,
            remove_take_profit=target % 5 == 0,
            reply_to="hub",
            submitted_ms=self.now_ms,
        )
        self.made.amend(command, self.now_ms)

    def control(self) -> None:
        control = Control(
            trading=True, trading_since_ms=self.now_ms, analysis=False, analysis_since_ms=None, enabled_pairs=("A",)
        )
        command = SetControl(
            control_id=f"k{self.number}",
            control=control,
            kind="start_bot",
            actor="operator",
            reply_to="hub",
            submitted_ms=self.now_ms,
        )
        self.made.set_control(command, self.now_ms)

    def checkpoint(self) -> None:
        self.made.checkpoint(self.now_ms)

    def time(self, ms: int) -> None:
        self.at_ms += ms
        self.made.on_time(self.now_ms)


BOOKS = {"book": 40, "trade": 30, "market": 8, "limit": 8, "stop": 3, "close": 4, "cancel": 3, "amend": 4, "time": 4}
CANDLES = {"candle": 30, "market": 12, "limit": 10, "stop": 4, "close": 5, "cancel": 3, "amend": 5}
RARE = {"missed": 0.7, "checkpoint": 1, "settings": 0.4, "control": 0.5, "restart": 0.5}


def random_steps(seed: int, count: int, *, has_books: bool = True) -> list:
    """Return steps along a random walk of the price; without books by candles."""
    numbers = random.Random(seed)
    weights = (BOOKS if has_books else CANDLES) | RARE | ({"candle": 0.7} if has_books else {"missed": 0, "candle": 30})
    price, steps = 10_000, []
    for _ in range(count):
        price = max(500, price + numbers.randint(-120, 120))
        name = numbers.choices(list(weights), list(weights.values()))[0]
        steps.append((name, *_arguments(name, price, numbers)))
    return steps


def _arguments(name: str, price: int, numbers: random.Random) -> tuple:
    side, quantity = numbers.choice(list(Side)), numbers.randint(10_000, 300_000)
    match name:
        case "book":
            return price, numbers.randint(1, 50), numbers.randint(1, 300)
        case "trade":
            return (price,)
        case "missed":
            return ([price + numbers.randint(-200, 200) for _ in range(numbers.randint(1, 8))],)
        case "candle":
            return tuple(price + numbers.randint(-200, 200) for _ in range(4))
        case "market":
            protection = [numbers.choice([0, numbers.randint(20, 400)]) for _ in range(3)]
            return side, quantity, numbers.choice([1, 3, 20]), *protection
        case "limit":
            return side, quantity, price + numbers.randint(-100, 100), numbers.choice([1, 7])
        case "stop":
            return side, quantity, numbers.randint(1, 150), numbers.choice([1, 5])
        case "close":
            return (numbers.choice(["0.3", "0.5", "1"]),)
        case "cancel":
            return (numbers.randint(0, 30),)
        case "amend":
            return numbers.randint(1, 300), numbers.randint(1, 300)
        case "settings":
            return numbers.choice(["0.001", "0.0007", "0"]), numbers.choice(["0.0005", "0.0002"])
        case "time":
            return (numbers.randint(1, 3000),)
        case _:
            return ()
