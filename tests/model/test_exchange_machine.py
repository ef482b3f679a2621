"""Random sessions where books are known: the desk's exchange does what the model does, to the last decimal."""

from decimal import Decimal
from fractions import Fraction

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from actors.catch_up import CatchUp
from domain.market import Candle, MarketState, OrderBook, PublicTrade
from domain.messages import CancelOrder, MissedTrades
from domain.trading import OrderType
from tests.model import commands
from tests.model.paper_exchange import Book, Print
from tests.model.profile import TIMEOUT, machine_settings
from tests.model.session import BTC, SEEN, START, TICKS, XRP, Session

SIZES = st.lists(st.integers(0, 6), min_size=1, max_size=4)  # of the levels of one side
DELTAS = st.integers(-40, 40) | st.integers(-600, 600) | st.sampled_from([-3000, 3000])  # ticks
MINUTE = 60_000

pytestmark = TIMEOUT


class ExchangeMachine(RuleBasedStateMachine):
    """Two pairs, one account."""

    def __init__(self) -> None:
        super().__init__()
        self.session = Session(has_books=True)
        self.mid = dict(START)
        self.count = 0
        self.market: dict[str, list[PublicTrade]] = {BTC: [], XRP: []}  # all trades there ever were
        self.candles: dict[str, list[Candle]] = {BTC: [], XRP: []}
        self.traded = {BTC: 0, XRP: 0}  # time of the newest trade

    # --- helpers ------------------------------------------------------------------------------------------------------

    def next(self) -> int:
        self.count += 1
        return self.count

    def pass_time(self, ms: int) -> None:
        self.session.now += ms

    def move(self, pair: str, delta: int) -> int:
        self.mid[pair] = min(max(self.mid[pair] + delta, 1000), 30_000)
        return self.mid[pair]

    def print_trade(self, pair: str, delta: int, size: int, maker: bool, lag: int) -> PublicTrade:
        """Let the exchange print the next trade; its time is never before the last one's."""
        self.traded[pair] = max(self.traded[pair], self.session.now - lag)
        trade = PublicTrade(
            trade_id=len(self.market[pair]) + 1,
            price=self.move(pair, delta) * TICKS[pair],
            quantity=Decimal(size) * (TICKS[pair] if pair == BTC else 1) * 20,
            traded_ms=self.traded[pair],
            buyer_is_maker=maker,
        )
        self.market[pair].append(trade)
        return trade

    # --- market -------------------------------------------------------------------------------------------------------

    @initialize()
    def first_books(self) -> None:
        for pair in (BTC, XRP):
            self.show(pair, 0, 1, [3, 5], [3, 5], 20)

    @rule(
        pair=commands.PAIRS,
        delta=DELTAS,
        spread=st.integers(1, 30),
        bids=SIZES,
        asks=SIZES,
        depth=st.sampled_from([1, 2, 20]),
        ms=st.sampled_from([0, 40, 100, 300, 1100]),
    )
    def new_book(self, pair, delta, spread, bids, asks, depth, ms) -> None:
        self.pass_time(ms)
        self.show(pair, delta, spread, bids, asks, depth)

    def show(self, pair, delta, spread, bids, asks, depth) -> None:
        mid, tick, now = self.move(pair, delta), TICKS[pair], self.session.now
        unit = 1 if pair == BTC else 200
        bid_levels = [((mid - n * 3) * tick, size * unit * tick * 100) for n, size in enumerate(bids) if size]
        ask_levels = [((mid + spread + n * 3) * tick, size * unit * tick * 100) for n, size in enumerate(asks) if size]
        book = OrderBook(
            update_id=self.next(),
            received_ms=now,
            bids=tuple(bid_levels[:depth]),
            asks=tuple(ask_levels[:depth]),
            depth=depth,
        )
        self.session.exchange.on_book(pair, book, now)
        self.session.model.on_book(pair, Book(now, depth, exact(book.bids), exact(book.asks)))

    @rule(
        pair=commands.PAIRS,
        delta=DELTAS,
        size=st.integers(1, 50),
        maker=st.booleans(),
        lag=st.sampled_from([0, 0, 30, 80, 500]),
        ms=st.sampled_from([0, 20, 200]),
    )
    def trade(self, pair, delta, size, maker, lag, ms) -> None:
        self.pass_time(ms)
        self.tell_trade(pair, self.print_trade(pair, delta, size, maker, lag), catch_up=False)

    @precondition(lambda self: any(holding.stops() for holding in self.session.model.holdings.values()))
    @rule(
        nth=st.integers(0, 1),
        beyond=st.integers(0, 30),
        crash=st.sampled_from(["", "checkpoint", "records", "order", "order"]),
    )
    def a_stop_is_reached(self, nth, beyond, crash) -> None:
        """A trade at the nearest stop or beyond; perhaps the broker fails before a book comes, after one more event."""
        holdings = {pair: held for pair, held in sorted(self.session.model.holdings.items()) if held.stops()}
        pair = list(holdings)[nth % len(holdings)]
        level = holdings[pair].stops()[0][0] / Fraction(TICKS[pair])
        sign = holdings[pair].sign
        ticks = int(level // 1 if sign > 0 else -(-level // 1)) - sign * beyond
        trade = self.print_trade(pair, ticks - self.mid[pair], 5, True, 0)
        self.tell_trade(pair, trade, catch_up=False)
        if crash == "order" and pair in self.session.model.holdings:
            self.session.take()
            self.session.close(commands.close(f"c{self.next()}", pair, "0.5", lag=0, now=self.session.now))
        if crash:
            self.session.compare()
            self.restart_after(500, checkpoint=crash == "checkpoint", records=crash == "records", books=False)

    def tell_trade(self, pair, trade, *, catch_up) -> None:
        now = self.session.now
        self.session.exchange.on_trade(pair, trade, catch_up=catch_up, now_ms=now)
        self.session.model.on_trade(pair, printed(trade), now, catch_up=catch_up)

    @rule(pair=commands.PAIRS, back=st.integers(1, 5), catch_up=st.booleans())
    def the_same_trade_again(self, pair, back, catch_up) -> None:
        known = self.session.model.pairs[pair].tape
        trades = [trade for trade in self.market[pair] if known and trade.traded_ms <= known[-1].ts]
        for trade in trades[-back:]:
            self.tell_trade(pair, trade, catch_up=catch_up)

    @rule(ms=st.sampled_from([100, 100, 400, 1000, 1000, 1200, 1200, 11_000]))
    def wait(self, ms) -> None:
        self.pass_time(ms)
        self.session.exchange.on_time(self.session.now)
        self.session.model.on_time(self.session.now)

    @rule(
        pair=commands.PAIRS,
        moves=st.lists(st.tuples(DELTAS, st.integers(1, 50), st.booleans()), min_size=1, max_size=5),
        with_candle=st.booleans(),
    )
    def trades_were_missed(self, pair, moves, with_candle) -> None:
        """A gap of the feed: trades come late, all at once, perhaps a candle for those that are gone."""
        self.session.take()
        candles: tuple[Candle, ...] = ()
        if with_candle:
            candles = (self.quiet_minute(pair, moves),)
        trades = []
        for delta, size, maker in moves:
            self.pass_time(250)
            trades.append(self.print_trade(pair, delta, size, maker, 0))
        self.pass_time(1000)
        self.deliver(pair, tuple(trades), candles)

    def quiet_minute(self, pair, moves) -> Candle:
        """Let a minute pass of which only a candle is known."""
        self.pass_time(MINUTE)
        prices = [self.mid[pair], *(self.move(pair, delta) for delta, _, _ in moves)]
        low, high = min(prices) - 3, max(prices) + 3
        ticks = (prices[0], high, low, prices[-1])
        open_ms = self.session.now - MINUTE
        values = dict(zip(("open", "high", "low", "close"), (price * TICKS[pair] for price in ticks), strict=True))
        candle = Candle(open_ms=open_ms, volume=TICKS[pair], **values)
        self.candles[pair].append(candle)
        self.traded[pair] = self.session.now - 1
        return candle

    def deliver(self, pair, trades, candles) -> None:
        now = self.session.now
        missed = MissedTrades(pair=pair, trades=trades, candles=candles, request_id="r")
        self.session.exchange.on_missed(missed, now)
        self.replay(pair, [printed(trade) for trade in trades], candles)

    def replay(self, pair, trades, candles) -> None:
        """Tell the model the same, candles where they begin."""
        model, now = self.session.model, self.session.now
        events = [(candle.open_ms, 0, candle) for candle in candles] + [(trade.ts, 1, trade) for trade in trades]
        for _, is_trade, event in sorted(events, key=lambda each: each[:2]):
            if is_trade:
                model.on_trade(pair, event, now, catch_up=True)
            else:
                prices = map(Fraction, (event.open, event.high, event.low, event.close))
                model.on_candle(pair, (event.open_ms, *prices), MINUTE, now, catch_up=True)

    # --- commands -----------------------------------------------------------------------------------------------------

    @rule(pair=commands.PAIRS, side=commands.SIDES, shape=commands.SHAPES, wait=st.booleans())
    def enter(self, pair, side, shape, wait) -> None:
        """Order at market, and let the next book come after its latency."""
        self.session.take()
        taken = self.session.submit(self.order(pair, side, OrderType.MARKET, shape))
        if taken and wait:
            self.session.compare()
            self.pass_time(100)
            self.show(pair, 0, 1, [4, 4], [4, 4], 20)

    @rule(pair=commands.PAIRS, side=commands.SIDES, kind=commands.KINDS, shape=commands.SHAPES)
    def submit(self, pair, side, kind, shape) -> None:
        self.session.take()
        self.session.submit(self.order(pair, side, kind, shape))

    @rule(
        pair=commands.PAIRS,
        side=commands.SIDES,
        kind=commands.KINDS,
        shape=commands.SHAPES,
        trouble=st.sampled_from(["ledger", "connection", "pair", "hopeless", *["field"] * 5]),
        fault=commands.HOSTILE,
    )
    def submit_in_trouble(self, pair, side, kind, shape, trouble, fault) -> None:
        """Something is wrong with the order, the market or the ledger."""
        self.session.take()
        command = self.order(pair, side, kind, shape)
        if trouble == "hopeless":
            self.close_nothing(pair, fault)
            return
        self.trouble(trouble, pair, on=True)
        self.session.submit(commands.spoiled(command, fault) if trouble == "field" else command)
        self.trouble(trouble, pair, on=False)

    def close_nothing(self, pair, fault) -> None:
        """Close and cancel what cannot be there."""
        name = "take_profit:BTCUSDT:2" if fault[0] == "price" else f"c{self.next()}"
        pair = pair if name.startswith("take") else "DOGEUSDT"
        self.session.close(commands.close(name, pair, "1", lag=0, now=self.session.now))
        self.session.cancel(CancelOrder(order_id="never", reply_to="hub", request_id="r"))

    def trouble(self, kind, pair, *, on) -> None:
        exchange, model = self.session.exchange, self.session.model
        state = MarketState.RECONNECTING if on else MarketState.LIVE
        match kind:
            case "ledger":
                exchange.executor.ledger_available = model.ledger_available = not on
            case "connection":
                exchange.market.state, model.live = state, not on
            case "pair":
                exchange.market.pair(pair).state, model.pairs[pair].live = state, not on

    def order(self, pair, side, kind, shape):
        name = f"o{self.next()}"
        return commands.order(name, pair, side, kind, shape, mid=self.mid[pair], now=self.session.now)

    @precondition(lambda self: self.session.model.holdings)
    @rule(nth=st.integers(0, 1), fraction=commands.FRACTIONS, lag=st.sampled_from([0, 0, 120]))
    def close(self, nth, fraction, lag) -> None:
        self.session.take()
        command = commands.close(f"c{self.next()}", self.held(nth), fraction, lag=lag, now=self.session.now)
        self.session.close(command)

    @precondition(lambda self: self.session.model.orders)
    @rule(nth=st.integers(0, 4))
    def cancel(self, nth) -> None:
        self.session.take()
        names = [*self.session.model.orders, "never"]
        self.session.cancel(CancelOrder(order_id=names[nth % len(names)], reply_to="hub", request_id="r"))

    @precondition(lambda self: self.session.model.holdings)
    @rule(
        nth=st.integers(0, 1),
        stop=commands.LEVELS,
        goal=commands.LEVELS,
        remove=st.sampled_from(["", "", "", "stop", "target"]),
    )
    def amend(self, nth, stop, goal, remove) -> None:
        self.session.take()
        pair, now = self.held(nth), self.session.now
        name = f"amend:{pair}:{self.next()}"
        self.session.amend(commands.amend(name, pair, stop, goal, remove, mid=self.mid[pair], now=now))

    def held(self, nth) -> str:
        pairs = sorted(self.session.model.holdings)
        return pairs[nth % len(pairs)]

    # --- failing ------------------------------------------------------------------------------------------------------

    @precondition(lambda self: self.count % 3 == 0)
    @rule(
        ms=st.sampled_from([0, 500, 5000]),
        checkpoint=st.booleans(),
        records=st.booleans(),
        books=st.sampled_from([True, True, False]),
    )
    def restart(self, ms, checkpoint, records, books) -> None:
        self.restart_after(ms, checkpoint=checkpoint, records=records, books=books)

    def restart_after(self, ms, *, checkpoint, records, books) -> None:
        """The broker fails and starts again from its journal; the market tells what it asks for."""
        session = self.session
        if checkpoint:
            session.exchange.checkpoint(session.now)
        session.take()
        self.pass_time(ms)
        session.start_again(records=records)
        session.model.live = session.model.ledger_available = True
        exposed = session.exchange.desk.exposed()
        assert list(exposed) == session.model.exposed()
        for pair in exposed:
            asked = CatchUp().ask(pair, session.exchange, session.now)
            trades = [(trade.traded_ms, 1, trade) for trade in self.market[pair] if wanted(trade, asked)]
            ended = [each for each in self.candles[pair] if each.open_ms + MINUTE - 1 > asked.since_ms]
            candles = [(candle.open_ms, 0, candle) for candle in ended]
            for _, is_trade, event in sorted(candles + trades, key=lambda each: each[:2]):
                found = {"trades": (event,), "candles": ()} if is_trade else {"trades": (), "candles": (event,)}
                session.exchange.on_missed(MissedTrades(pair=pair, request_id="r", **found), session.now)
            self.model_catches_up(pair)
        if books:
            self.first_books()

    def model_catches_up(self, pair) -> None:
        model = self.session.model
        first = -1 if model.pairs[pair].tape else model.first_exposure(pair)
        missed = [event for event in model.missed[pair] if event.ts > first]
        opened = {event.number for event in missed if event.length}
        candles = [candle for candle in self.candles[pair] if candle.open_ms in opened]
        self.replay(pair, [event for event in missed if not event.length], candles)

    @invariant()
    def both_agree(self) -> None:
        self.session.compare()

    def teardown(self) -> None:
        self.session.audited()
        SEEN.update(self.session.tally)
        SEEN["runs"] += 1
        SEEN["documents"] += len(self.session.documents)


def wanted(trade, asked) -> bool:
    return trade.traded_ms > asked.since_ms if asked.since_trade_id is None else trade.trade_id > asked.since_trade_id


def exact(levels):
    return [(Fraction(price), Fraction(quantity)) for price, quantity in levels]


def printed(trade: PublicTrade) -> Print:
    return Print(
        number=trade.trade_id,
        ts=trade.traded_ms,
        price=Fraction(trade.price),
        quantity=Fraction(trade.quantity),
        buyer_is_maker=trade.buyer_is_maker,
    )


TestExchange = ExchangeMachine.TestCase
TestExchange.settings = machine_settings(examples=80, steps=100)
