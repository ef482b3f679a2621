"""A scripted session: the same commands and market events every time, in steps that are each waited for.

Two worlds. In the candle world the fill model does not ask when a candle was seen, only what it says: every price is
exact, whatever was missed and caught up. In the book world fills come from books where they are seen live and from
trades where they are caught up, one tick apart: quantities are exact, prices nearly.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal

from domain.market import Candle, OrderBook, PublicTrade, SymbolRules
from domain.messages import (
    AmendProtection,
    BookReceived,
    CancelOrder,
    CandleOpenReceived,
    CandleReceived,
    ClosePosition,
    SetControl,
    SubmitOrder,
    TradeReceived,
)
from domain.trading import Control, OrderSource, OrderType, Reason, Side, Trailing

PAIRS = ("BTCUSDT", "ETHUSDT", "XRPUSDT", "BNBUSDT", "SOLUSDT", "ADAUSDT")
START_MS = 1_767_225_600_000  # 2026-01-01T00:00:00Z
MINUTE_MS = 60_000
OWNER = "owner"  # whom commands are answered to
CENT = Decimal("0.01")
GRID = Decimal("0.10")  # prices of the market; levels lie between, where bid, ask and trade agree on who is beyond

Command = SubmitOrder | ClosePosition | CancelOrder | AmendProtection | SetControl


@dataclass(frozen=True, slots=True)
class Step:
    """Either market events or commands, all at `at_ms` or, for events, up to it."""

    at_ms: int
    events: tuple[object, ...] = ()
    commands: tuple[Command, ...] = ()


@dataclass(frozen=True, slots=True)
class Script:
    """`steps` one after another; `has_books` tells the world."""

    has_books: bool
    steps: tuple[Step, ...]


def rules() -> tuple[SymbolRules, ...]:
    return tuple(
        SymbolRules(
            pair=pair,
            base=pair.removesuffix("USDT"),
            quote="USDT",
            tick_size=CENT,
            step_size=Decimal("0.001"),
            min_quantity=Decimal("0.001"),
            max_quantity=Decimal(0),
            min_notional=Decimal(5),
        )
        for pair in PAIRS
    )


def script(*, has_books: bool, seed: int, rounds: int) -> Script:
    """Return `rounds` of market events and commands by turns; always the same for the same arguments."""
    writer = _Writer(has_books, random.Random(seed))
    return Script(has_books, tuple(writer.steps(rounds)))


@dataclass(slots=True)
class _Writer:
    has_books: bool
    random: random.Random
    now_ms: int = START_MS
    number: int = 0
    prices: dict[str, Decimal] = field(default_factory=lambda: dict.fromkeys(PAIRS, Decimal("1000.00")))
    limits: list[str] = field(default_factory=list)

    def steps(self, rounds: int) -> Iterator[Step]:
        yield self._market(1)
        for _ in range(rounds):
            yield Step(self.now_ms, commands=tuple(self._commands()))
            yield self._market(self.random.choice((1, 1, 2, 3)))

    # --- the market

    def _market(self, length: int) -> Step:
        if self.has_books:
            events = [event for pair in PAIRS for event in self._tick(pair)]
            self.now_ms += 1000
        else:
            events = [event for _ in range(length) for event in self._minute()]
            self.now_ms += 30_000  # commands come in the middle of a minute
        return Step(self.now_ms - (0 if self.has_books else 30_000), events=tuple(events))

    def _minute(self) -> list[object]:
        """Close the candle that is open in each pair and open the next."""
        opened = self.now_ms - self.now_ms % MINUTE_MS
        self.now_ms = opened + MINUTE_MS
        closed = [
            CandleReceived(pair=pair, interval="1m", candle=self._bar(pair, opened), closed=True) for pair in PAIRS
        ]
        opens = [CandleOpenReceived(pair=pair, open_ms=self.now_ms, price=self.prices[pair]) for pair in PAIRS]
        return [*closed, *opens]

    def _bar(self, pair: str, open_ms: int) -> Candle:
        start = self.prices[pair]
        high, low, end = start + self._move(0, 12), start - self._move(0, 12), start
        end = low + GRID * self.random.randint(0, int((high - low) / GRID))
        self.prices[pair] = end
        return Candle(open_ms=open_ms, open=start, high=high, low=low, close=end, volume=Decimal(50))

    def _tick(self, pair: str) -> tuple[object, ...]:
        """One trade at the bid, and the book around it."""
        self.number += 1
        at_ms = self.now_ms + 1000
        self.prices[pair] = middle = max(self.prices[pair] + self._move(-12, 12), Decimal(500))
        bid, ask, much = middle - CENT, middle + CENT, Decimal(1_000_000)
        trade = PublicTrade(trade_id=self.number, price=bid, quantity=much, traded_ms=at_ms - 1, buyer_is_maker=True)
        book = OrderBook(update_id=self.number, received_ms=at_ms, bids=((bid, much),), asks=((ask, much),), depth=20)
        return TradeReceived(pair=pair, trade=trade), BookReceived(pair=pair, book=book)

    def _move(self, least: int, most: int) -> Decimal:
        """Return a whole number of GRID between `least` and `most` USDT."""
        return GRID * self.random.randint(10 * least, 10 * most)

    # --- commands: at most one per pair, so that a repeat in another order among pairs changes nothing

    def _commands(self) -> Iterator[Command]:
        for pair in PAIRS:
            if (command := self._command(pair)) is not None:
                yield command
        if self.random.random() < 0.2:
            yield self._control()

    def _command(self, pair: str) -> Command | None:
        self.number += 1
        kinds = ("market", "market", "limit", "limit", "stop", "close", "amend", "cancel", "nothing", "nothing")
        match self.random.choice(kinds):
            case "market":
                return self._order(pair, OrderType.MARKET, None)
            case "limit":
                return self._order(pair, OrderType.LIMIT, self._level(pair, self.random.choice((-1, 1))))
            case "stop":
                return self._order(pair, OrderType.STOP, self._level(pair, self.random.choice((-1, 1))))
            case "close":
                return ClosePosition(
                    order_id=f"close-{self.number}",
                    pair=pair,
                    fraction=self.random.choice((Decimal(1), Decimal("0.5"))),
                    source=OrderSource.MANUAL,
                    reason=Reason.MANUAL,
                    reply_to=OWNER,
                    submitted_ms=self.now_ms,
                )
            case "amend":
                return AmendProtection(
                    amend_id=f"amend:{pair}:{self.number}",
                    pair=pair,
                    stop_loss=self._level(pair, self.random.choice((-1, 1))),
                    take_profit=None,
                    remove_stop_loss=False,
                    remove_take_profit=self.random.random() < 0.3,
                    reply_to=OWNER,
                    submitted_ms=self.now_ms,
                )
            case "cancel" if mine := [order_id for order_id in self.limits if order_id.endswith(pair)]:
                return CancelOrder(order_id=self.random.choice(mine), reply_to=OWNER, request_id=f"c{self.number}")
        return None

    def _order(self, pair: str, order_type: OrderType, price: Decimal | None) -> SubmitOrder:
        side = self.random.choice(tuple(Side))
        order_id = f"{order_type}-{self.number}-{pair}"
        if order_type is OrderType.LIMIT:
            self.limits.append(order_id)
        trailing = None
        if not self.has_books and self.random.random() < 0.4:
            trailing = Trailing(trigger=Decimal("3.05"), distance=Decimal("2.05"))
        around = price or self.prices[pair]
        return SubmitOrder(
            order_id=order_id,
            pair=pair,
            side=side,
            order_type=order_type,
            source=OrderSource.MANUAL,
            reason=Reason.MANUAL,
            reply_to=OWNER,
            submitted_ms=self.now_ms,
            quantity=Decimal(self.random.randint(1, 3000)) / 1000,
            price=price,
            stop_loss=self._near(around, -side.sign) if self.random.random() < 0.8 else None,
            take_profit=self._near(around, side.sign) if self.random.random() < 0.6 else None,
            trailing=trailing,
            leverage=self.random.choice((1, 3, 10, 20)),
        )

    def _level(self, pair: str, sign: int) -> Decimal:
        return self._near(self.prices[pair], sign)

    def _near(self, price: Decimal, sign: int) -> Decimal:
        """Return a level up to 2 % beyond `price`, half-way between prices of the market."""
        middle = price // GRID * GRID
        return middle + sign * GRID * self.random.randint(5, 200) + GRID / 2

    def _control(self) -> SetControl:
        self.number += 1
        control = Control(trading=False, trading_since_ms=None, analysis=False, analysis_since_ms=None)
        return SetControl(
            control_id=f"control-{self.number}",
            control=control,
            kind="stop_bot",
            actor="operator",
            reply_to=OWNER,
            submitted_ms=self.now_ms,
        )
