"""A slow, obvious paper exchange over `paper_account`: what the contract says about books, trades and candles.

Side: 1 buys, -1 sells. Times in epoch ms. Every method is one event; nothing is remembered but what stands in plain
dicts. The desk's `Exchange` must do the same.
"""

from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import partial

from domain.market import SymbolRules
from tests.model.paper_account import BUY, Holding, PaperAccount, Reached, Trail, cut, down, quantity_of, up

WAIT = 1000  # a fill waits as long for a book
BPS = Fraction(1, 10_000)


@dataclass
class Terms:
    taker: Fraction
    maker: Fraction
    latency: int
    slippage_bps: Fraction
    stale_after: int
    has_books: bool


@dataclass
class ModelOrder:
    order_id: str
    pair: str
    side: int
    kind: str  # market | limit | stop
    quantity: Fraction
    price: Fraction | None  # limit, or trigger
    reduce: bool
    leverage: int
    created: int
    reason: str
    held: Fraction = Fraction(0)
    stop: Fraction | None = None
    target: Fraction | None = None
    trail: Trail | None = None
    worst_bps: Fraction | None = None
    filled: Fraction = Fraction(0)
    arrived: bool = False  # a limit that met a book
    reached: Reached | None = None  # a stop that was triggered

    @property
    def left(self):
        return self.quantity - self.filled

    def at(self, price):
        """Return whether `price` is at the limit or trigger or beyond."""
        falls = (self.side == BUY) == (self.kind == "limit")
        return price <= self.price if falls else price >= self.price


@dataclass
class Book:
    received: int
    depth: int
    bids: list[tuple[Fraction, Fraction]]
    asks: list[tuple[Fraction, Fraction]]

    def opposite(self, side):
        return self.asks if side == BUY else self.bids


@dataclass
class Print:
    """A trade, or (`length` > 0) a candle gone through."""

    number: int  # trade id, or open time
    ts: int  # of a candle: its last millisecond
    price: Fraction
    quantity: Fraction = Fraction(0)
    buyer_is_maker: bool = False
    length: int = 0


@dataclass
class Pair:
    """What is known of one pair."""

    rules: SymbolRules
    book: Book | None = None
    taken: dict = field(default_factory=dict)  # (side, price) -> [quantity shown then, taken by us]
    last: Fraction | None = None
    last_ts: int = 0
    newest: int = 0
    live: bool | None = None
    candle_ms: int = 60_000
    opened: int = -1  # open time of the newest candle that was opened
    tape: list[Print] = field(default_factory=list)  # gone through
    all: list[Print] = field(default_factory=list)  # gone through before the last start, too
    kept: int | None = None  # the tape before the trade whose stop still waits

    def mark(self):
        if self.last is not None or self.book is None or not self.book.bids or not self.book.asks:
            return self.last
        return (self.book.bids[0][0] + self.book.asks[0][0]) / 2

    def reference(self, side):
        if self.book is not None and self.book.opposite(side):
            return self.book.opposite(side)[0][0]
        return self.last

    def take_price(self, price, ts):
        if self.last is None or ts >= self.last_ts:
            self.last, self.last_ts = price, ts
        self.newest = max(self.newest, ts)

    def tick(self):
        return Fraction(self.rules.tick_size) or Fraction(1, 10**8)

    def walk(self, side, quantity, worst=None):
        """Return what the book gives, best first, without what we took of a level before."""
        levels = []
        for price, shown in self.book.opposite(side):
            if quantity <= 0 or (worst is not None and (price - worst) * side > 0):
                break
            free = shown - self.taken.get((side, price), [shown, 0])[1]
            if free > 0:
                levels.append((price, min(free, quantity)))
                quantity -= levels[-1][1]
        return levels

    def take(self, side, levels):
        shown = dict(self.book.opposite(side))
        for price, quantity in levels:
            entry = self.taken.setdefault((side, price), [shown[price], Fraction(0)])
            entry[1] += quantity

    def new_book(self, book):
        """What we took stays taken until the level's quantity changes; deeper than shown nothing is known."""
        self.book = book
        self.newest = max(self.newest, book.received)
        for (side, price), (whole, _) in list(self.taken.items()):
            levels = book.opposite(side)
            shown = dict(levels).get(price)
            if shown is None and len(levels) >= book.depth and (price - levels[-1][0]) * side > 0:
                continue
            if shown != whole:
                del self.taken[(side, price)]


class PaperExchange:
    """The events of a session, one method each."""

    def __init__(self, rules, terms, deposit):
        self.terms = terms
        self.pairs = {pair: Pair(rules=one) for pair, one in rules.items()}
        self.account = PaperAccount()
        self.account.deposit(deposit)
        self.orders: dict[str, ModelOrder] = {}
        self.live = True
        self.ledger_available = True
        self.stops = 0  # reached so far

    @property
    def holdings(self):
        return self.account.holdings

    def orders_of(self, pair):
        return [order for order in self.orders.values() if order.pair == pair]

    def let_go(self, pair):
        """The trade that reached a stop need not be seen again once nothing waits."""
        holding = self.holdings.get(pair)
        if not (holding and holding.reached) and not any(order.reached for order in self.orders_of(pair)):
            self.pairs[pair].kept = None

    # --- commands that were accepted ----------------------------------------------------------------------------------

    def accept(self, order):
        self.account.hold(order.held)
        self.orders[order.order_id] = order
        self.look(order.pair)

    def end(self, order):
        """Take an order off; what it held goes back."""
        self.account.hold(-order.held)
        del self.orders[order.order_id]

    def protect(self, pair, stop, target, now):
        self.account.protect(self.holdings[pair], stop, target, now)

    # --- books --------------------------------------------------------------------------------------------------------

    def on_book(self, pair, book):
        self.pairs[pair].new_book(book)
        self.look(pair)
        self.let_go(pair)

    def look(self, pair):
        """Fill from the newest book: the stop that was reached, orders as they came, then the target."""
        known = self.pairs[pair]
        if (book := known.book) is None:
            return
        holding = self.holdings.get(pair)
        if holding and holding.reached and book.received >= holding.reached.ts:
            if levels := self.exit_by_book(pair, holding, holding.reached.reason):
                holding.reached.price, holding.reached.walked = levels[-1][0], True
            if holding.reached.walked:  # the rest waits a second for each next book
                holding.reached.deadline = book.received + WAIT
        for order in self.orders_of(pair):
            if order.order_id in self.orders and self.meets(order, book):
                self.walk(order)
        holding = self.holdings.get(pair)
        if holding and not holding.reached and holding.target is not None:
            self.exit_by_book(pair, holding, "take_profit", holding.target)

    def exit_by_book(self, pair, holding, reason, target=None):
        """Close what the book gives, at the target or better as its maker."""
        known = self.pairs[pair]
        if levels := known.walk(-holding.sign, holding.quantity, target):
            known.take(-holding.sign, levels)
            levels = levels if target is None else [(target, quantity_of(levels))]
            self.exit(pair, reason, levels, maker=target is not None, **self.from_book(pair))
        return levels

    def meets(self, order, book):
        if order.kind == "stop":
            return order.reached is not None and book.received >= order.reached.ts
        return not self.held_up(order) and (order.arrived or book.received >= order.created + self.terms.latency)

    def held_up(self, order):
        """While the ledger is away nothing that rests opens."""
        return not self.ledger_available and order.kind != "market" and not order.reduce

    def walk(self, order):
        """Fill an order from the book; a limit's rest goes on waiting, any other's expires."""
        known = self.pairs[order.pair]
        maker, worst = order.kind == "limit" and order.arrived, order.price if order.kind == "limit" else None
        if order.kind != "limit" and order.worst_bps is not None and (best := known.book.opposite(order.side)):
            worst = best[0][0] * (1 + order.side * order.worst_bps * BPS)
        wanted = order.left
        if order.reduce and (holding := self.holdings.get(order.pair)):
            wanted = min(wanted, holding.quantity)
        order.arrived = True
        if levels := known.walk(order.side, wanted, worst):
            told = [(order.price, quantity_of(levels))] if maker else levels
            filled = self.execute(order, told, maker=maker, **self.from_book(order.pair))
            known.take(order.side, cut(levels, filled)[0])
        if order.kind != "limit" and order.order_id in self.orders:
            self.end(order)

    def from_book(self, pair):
        book = self.pairs[pair].book
        return {"model": "top" if book.depth == 1 else "book20", "ts": book.received, "catch_up": False}

    # --- carrying out -------------------------------------------------------------------------------------------------

    def exit(self, pair, reason, levels, *, maker=False, **fill):
        """Close by the exchange's own order."""
        rate = self.terms.maker if maker else self.terms.taker
        fill |= {"order": "", "reason": reason, "liquidity": "maker" if maker else "taker"}
        self.account.close(pair, levels, rate, **fill)
        self.end_reducing(pair)

    def execute(self, order, levels, *, maker=False, **fill):
        """Close what is opposite, then open with the rest. Return the quantity that was executed."""
        closable = self.account.closes(order.pair, order.side)
        if order.reduce and not closable:
            self.end(order)
            return Fraction(0)
        rate = self.terms.maker if maker else self.terms.taker
        fill |= {"order": order.order_id, "reason": order.reason, "liquidity": "maker" if maker else "taker"}
        closing, opening = cut(levels, closable)
        executed = Fraction(0)
        if closing:
            executed = quantity_of(closing)
            released = order.held if executed == order.left else Fraction(0)
            self.account.close(order.pair, closing, rate, released=released, **fill)
            self.count(order, executed, released)
        if opening and not order.reduce and self.open(order, opening, rate, fill):
            executed += quantity_of(opening)
        self.end_reducing(order.pair)
        return executed

    def end_reducing(self, pair):
        """What may only reduce ends with what it was to reduce."""
        for order in self.orders_of(pair):
            if order.reduce and not self.account.closes(pair, order.side):
                self.end(order)

    def open(self, order, levels, rate, fill):
        """Open or add; the order ends unfilled when cash does not suffice."""
        quantity = quantity_of(levels)
        released = order.held if quantity == order.left else down(order.held * quantity / order.left)
        margin, fee = self.account.cost_of_opening(levels, order.leverage, rate)
        if margin + fee > self.account.balances["cash"] + released:
            self.end(order)
            return False
        protection = order.stop, order.target, replace(order.trail) if order.trail else None
        self.account.open(
            *(order.pair, order.side, levels, order.leverage, rate), released=released, protection=protection, **fill
        )
        self.count(order, quantity, released)
        return True

    def count(self, order, quantity, released):
        order.filled += quantity
        order.held -= released
        if not order.left:
            del self.orders[order.order_id]

    # --- trades -------------------------------------------------------------------------------------------------------

    def known(self, pair, number, ts):
        """Return whether a trade was gone through before."""
        tape = self.pairs[pair].tape
        return bool(tape) and ts <= tape[-1].ts and (tape[-1].length > 0 or number <= tape[-1].number)

    def on_trade(self, pair, trade, now, *, catch_up=False):
        known = self.pairs[pair]
        if self.known(pair, trade.number, trade.ts):
            return
        known.tape.append(trade)
        known.take_price(trade.price, trade.ts)
        if catch_up:
            self.missed_trade(pair, trade)
        else:
            self.reach(pair, trade, now)
            self.look(pair)
        self.trail(pair, trade.price, trade.ts, trade.ts)
        self.let_go(pair)

    def reach(self, pair, trade, now):
        """Note the stops that a live trade reaches; it must be seen again if we fail before they are filled."""
        self.let_go(pair)
        known, holding = self.pairs[pair], self.holdings.get(pair)
        before = len(known.tape) - 1
        if holding and not holding.reached:
            for level, reason, since in holding.stops():
                if holding.beyond(trade.price, level) and trade.ts >= since:
                    holding.reached = Reached(reason, trade.price, trade.ts, now + WAIT, number=self.stops)
                    self.stops += 1
                    known.kept = before if known.kept is None else known.kept
                    break
        for order in self.orders_of(pair):
            in_time = trade.ts >= order.created + self.terms.latency
            if (
                order.kind == "stop"
                and not order.reached
                and in_time
                and order.at(trade.price)
                and not self.held_up(order)
            ):
                order.reached = Reached("", trade.price, trade.ts, now + WAIT)
                known.kept = before if known.kept is None else known.kept

    def missed_trade(self, pair, trade):
        """The stop, then stop orders and waiting market orders at its price, limits and last the target at theirs.

        Limits and the target get at most the trade's size between them.
        """
        how = {"model": "trade", "ts": trade.ts, "catch_up": True}
        left, holding = trade.quantity, self.holdings.get(pair)
        waiting = self.orders_of(pair)
        if holding:
            self.missed_stop(pair, holding, trade, how)
        for order in waiting:
            if (
                order.order_id not in self.orders
                or trade.ts < order.created + self.terms.latency
                or self.held_up(order)
            ):
                continue
            order.arrived = order.kind == "limit"
            if order.kind == "limit" and left and crossed(trade, order.price, order.side):
                left -= self.fill_at(order, order.price, min(left, order.left), maker=True, **how)
            elif order.kind == "stop" and order.at(trade.price):
                self.fill_at(order, trade.price, order.left, **how)
        for order in waiting:
            on_time = trade.ts >= order.created + self.terms.latency
            if order.order_id in self.orders and order.kind == "market" and on_time:
                self.fill_at(order, trade.price, order.left, **how)
        if holding and holding is self.holdings.get(pair) and left:
            self.missed_target(pair, holding, trade, left, how)

    def missed_stop(self, pair, holding, trade, how):
        """Close at the trade's price by a stop."""
        for level, reason, since in holding.stops():
            if holding.beyond(trade.price, level) and trade.ts >= since:
                self.exit(pair, reason, [(trade.price, holding.quantity)], **how)
                return

    def missed_target(self, pair, holding, trade, left, how):
        """Close at the target, at most `left`."""
        if holding.target is None or trade.ts < holding.armed or not crossed(trade, holding.target, -holding.sign):
            return
        part = min(left, holding.quantity)
        self.exit(pair, "take_profit", [(holding.target, part)], maker=True, **how)

    def fill_at(self, order, price, quantity, *, maker=False, **how):
        if order.reduce:
            quantity = min(quantity, self.account.closes(order.pair, order.side) or quantity)
        return self.execute(order, [(price, quantity)], maker=maker, **how)

    def trail(self, pair, price, ts, began):
        """The trailing stop follows the price on the tick grid, away from the market, once the trigger is reached.

        Only prices since the entry count: of trades from `began` on, of a candle that began then or after its own fill.
        """
        holding = self.holdings.get(pair)
        if not holding or not holding.trail or holding.reached or not (holding.opened <= began or holding.opened == ts):
            return
        trail, sign, tick = holding.trail, holding.sign, self.pairs[pair].tick()
        if (price - holding.entry) * sign < trail.trigger:
            return
        raw = (price - sign * trail.distance) / tick
        stop = (raw // 1 if sign > 0 else -(-raw // 1)) * tick
        if stop > 0 and (trail.stop is None or (stop - trail.stop) * sign >= tick):
            trail.stop, holding.trailed = stop, ts

    # --- time ---------------------------------------------------------------------------------------------------------

    def on_time(self, now):
        """Fill by fallback what no book came for within a second."""
        waiting = [(pair, holding) for pair, holding in self.holdings.items() if holding.reached]
        for pair, holding in sorted(waiting, key=lambda each: each[1].reached.number):
            if (reached := holding.reached) and reached.deadline <= now:
                levels = [(self.slipped(reached.price, -holding.sign), holding.quantity)]
                self.exit(pair, reached.reason, levels, model="fallback", ts=now, catch_up=False)
        for order in list(self.orders.values()):
            if order.order_id not in self.orders:
                continue  # it ended with the position it was to reduce
            if order.reached and order.reached.deadline <= now:
                self.fill_by_fallback(order, order.reached.price, now)
            elif order.kind == "market" and self.terms.has_books and order.created + self.terms.latency + WAIT <= now:
                self.overdue(order, now)
        for pair in self.pairs:
            self.let_go(pair)

    def overdue(self, order, now):
        known = self.pairs[order.pair]
        if known.book is not None and now - known.book.received <= self.terms.stale_after:
            self.walk(order)
        elif known.last is not None:
            self.fill_by_fallback(order, known.last, now)
        elif not order.reduce:  # an exit waits for the first price, however long
            self.end(order)

    def fill_by_fallback(self, order, price, now):
        self.fill_at(order, self.slipped(price, order.side), order.left, model="fallback", ts=now, catch_up=False)
        if order.order_id in self.orders:
            self.end(order)

    def slipped(self, price, side):
        return price * (1 + side * self.terms.slippage_bps * BPS)

    # --- candles ------------------------------------------------------------------------------------------------------

    def on_candle_opened(self, pair, open_ms, price, now):
        tape = self.pairs[pair].tape
        if open_ms > self.pairs[pair].opened and not (tape and open_ms <= tape[-1].ts):
            self.open_candle(pair, open_ms, price, now, catch_up=False)

    def open_candle(self, pair, open_ms, price, now, *, catch_up):
        """A gap fills at the open, and so does what waits for it."""
        known = self.pairs[pair]
        known.opened = open_ms
        known.take_price(price, open_ms)
        how = {"model": "candle", "ts": open_ms, "catch_up": catch_up}
        if pair not in self.holdings or self.holdings[pair].opened != open_ms:  # a restart: this open was handled
            self.segment(pair, price, price, open_ms, how)
        for order in self.orders_of(pair):
            if order.order_id in self.orders and order.kind == "market" and order.created <= open_ms:
                self.fill_at(order, price, order.left, **how)

    def on_candle(self, pair, candle, length, now, *, catch_up=False):
        """`candle`: open_ms, open, high, low, close."""
        open_ms, first, high, low, close = candle
        known, end_ms = self.pairs[pair], open_ms + length - 1
        known.candle_ms = length
        if known.tape and end_ms <= known.tape[-1].ts:
            return
        if known.opened != open_ms:
            self.open_candle(pair, open_ms, first, now, catch_up=catch_up)
        how, start = {"model": "candle", "ts": end_ms, "catch_up": catch_up}, first
        for end in (low, high, close) if self.fears_low(pair) else (high, low, close):
            self.segment(pair, start, end, open_ms, how)
            self.trail(pair, end, end_ms, open_ms)
            start = end
        known.tape.append(Print(open_ms, end_ms, close, length=length))
        known.take_price(close, end_ms)

    def fears_low(self, pair):
        """A long fears the low; what waits to buy meets the high first, so that the low comes after it."""
        if (holding := self.holdings.get(pair)) is not None:
            return holding.sign > 0
        waiting = self.orders_of(pair)
        return not waiting or waiting[0].side != BUY

    def segment(self, pair, start, end, open_ms, how):
        """The price moves straight from `start` to `end`: what it reaches first fills first."""
        while hits := [hit for hit in self.levels(pair, open_ms, how["ts"]) if hit[1](start) or hit[1](end)]:
            prices = [start if at(start) else level for level, at, _, _ in hits]
            nearest = min(range(len(hits)), key=lambda n: abs(prices[n] - start))
            start, (_, _, maker, what) = prices[nearest], hits[nearest]
            if isinstance(what, str):
                holding = self.holdings[pair]
                self.exit(pair, what, [(start, holding.quantity)], maker=maker, **how)
            else:
                self.fill_at(what, start, what.left, maker=maker, **how)

    def levels(self, pair, open_ms, ts):
        """Return (level, whether a price reaches it, maker, reason or order) of what may fill in this candle.

        It must have been there when the candle began, or have come by this candle itself. Only a position's stop counts
        from within the candle, where candles are all there is: rather too early than too late.
        """
        known, found = self.pairs[pair], []
        if (holding := self.holdings.get(pair)) is not None:
            newest = open_ms if self.terms.has_books else open_ms + known.candle_ms - 1
            for level, reason, since in holding.stops():
                if since <= newest or since == ts:
                    found.append((level, partial(holding.beyond, level=level), False, reason))
            if holding.target is not None and (holding.armed <= open_ms or holding.armed == ts):
                found.append((holding.target, partial(gained, holding), True, "take_profit"))
        for order in self.orders_of(pair):
            if order.kind != "market" and order.created <= open_ms and not self.held_up(order):
                found.append((order.price, order.at, order.kind == "limit", order))
        return found

    # --- failing and starting again -----------------------------------------------------------------------------------

    def restart(self, seen):
        """Lose what is not journaled: books, prices, stops that wait for their book.

        `seen`: per pair (number, ts) of the newest market event that the journal tells, None for none. Whatever came
        later comes again; it must reach back to before the trade of a stop that was reached and is not filled.
        """
        for pair in self.pairs:
            self.let_go(pair)
        for holding in self.holdings.values():
            holding.reached = None
        for order in self.orders.values():
            order.reached, told = None, seen.get(order.pair)
            gone_on = told is not None and told[1] >= order.created + self.terms.latency
            order.arrived = order.kind == "limit" and (order.left < order.quantity or gone_on)
        self.missed = {}
        for pair, known in self.pairs.items():
            known.all += [event for event in known.tape if event not in known.all]
            gone = [(event.number, event.ts) for event in known.tape]
            told = 0 if seen.get(pair) is None else gone.index(seen[pair]) + 1
            assert known.kept is None or told <= known.kept, f"a stop of {pair} was reached and would be forgotten"
            tape = known.tape[:told]
            self.missed[pair] = [
                event for event in known.all if not tape or event.ts > tape[-1].ts or later(event, tape)
            ]
            self.pairs[pair] = Pair(rules=known.rules, tape=tape, all=known.all)

    def exposed(self):
        return sorted({*self.holdings, *(order.pair for order in self.orders.values())})

    def since(self, pair):
        """Return the moment whose later market events are to come again after a start."""
        tape = self.pairs[pair].tape
        return tape[-1].ts if tape else self.first_exposure(pair)

    def first_exposure(self, pair):
        moments = [order.created for order in self.orders_of(pair)]
        if pair in self.holdings:
            moments.append(self.holdings[pair].opened)
        return min(moments)


def later(event, tape):
    """Return whether a trade of the same moment as the tape's last one comes after it."""
    return event.ts == tape[-1].ts and not tape[-1].length and event.number > tape[-1].number


def gained(holding, price):
    """Return whether `price` is at the target or better."""
    return (price - holding.target) * holding.sign >= 0


def crossed(trade, level, side):
    """Return whether a trade shows that the opposite best price was at a limit of `side`, or beyond."""
    if trade.price == level:
        return trade.buyer_is_maker == (side != BUY)
    return (trade.price - level) * side < 0


__all__ = ["Book", "Holding", "ModelOrder", "PaperExchange", "Print", "Terms", "Trail", "up"]
