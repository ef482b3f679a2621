"""Random sessions where candles are all there is: recorded worlds. The desk does what the model does."""

from decimal import Decimal
from fractions import Fraction

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from actors.catch_up import CatchUp
from domain.market import Candle
from domain.messages import CancelOrder, MissedTrades
from tests.model import commands
from tests.model.profile import TIMEOUT, machine_settings
from tests.model.session import BTC, SEEN, START, TICKS, XRP, Session

MINUTE = 60_000
MOVES = st.integers(-60, 60) | st.integers(-500, 500)
WICKS = st.integers(0, 20) | st.integers(0, 400)

pytestmark = TIMEOUT


class CandleMachine(RuleBasedStateMachine):
    """Two pairs, one account. A candle is opened with its first price and closed a minute later."""

    def __init__(self) -> None:
        super().__init__()
        self.session = Session(has_books=False)
        self.mid = dict(START)
        self.count = 0
        self.candles: dict[str, list[Candle]] = {BTC: [], XRP: []}
        self.opened: dict[str, tuple[int, int]] = {}  # pair -> (open time, open in ticks) of the running candle

    def next(self) -> int:
        self.count += 1
        return self.count

    # --- market -------------------------------------------------------------------------------------------------------

    @initialize()
    def first_candles(self) -> None:
        self.minute((0, 0, 0, 0), (0, 0, 0, 0), 0, tell_opens=True)

    @rule(
        btc=st.tuples(MOVES, WICKS, WICKS, MOVES),
        xrp=st.tuples(MOVES, WICKS, WICKS, MOVES),
        tell_opens=st.sampled_from([True, True, True, False]),
        late=st.sampled_from([0, 0, 200]),
    )
    def minute_passes(self, btc, xrp, late, tell_opens) -> None:
        self.minute(btc, xrp, late, tell_opens=tell_opens)

    def minute(self, btc, xrp, late, *, tell_opens) -> None:
        moves = {BTC: btc, XRP: xrp}
        self.session.now += MINUTE - self.session.now % MINUTE
        for pair, (move, below, above, gap) in moves.items():
            self.close_candle(pair, move, below, above)
            self.mid[pair] = self.bounded(self.mid[pair] + (gap if abs(gap) < 60 else 0))
        self.session.now += late
        for pair in moves:
            self.open_candle(pair, tell=tell_opens)

    def bounded(self, ticks: int) -> int:
        return min(max(ticks, 1000), 30_000)

    def close_candle(self, pair, move, below, above) -> None:
        open_ms, first = self.opened.pop(pair, (self.session.now - MINUTE, self.mid[pair]))
        last = self.bounded(first + move)
        self.mid[pair] = last
        prices = (first, max(first, last) + above, max(min(first, last) - below, 1), last)
        values = dict(zip(("open", "high", "low", "close"), (price * TICKS[pair] for price in prices), strict=True))
        candle = Candle(open_ms=open_ms, volume=Decimal(1), **values)
        self.candles[pair].append(candle)
        self.tell_candle(pair, candle, catch_up=False)

    def tell_candle(self, pair, candle, *, catch_up) -> None:
        now = self.session.now
        self.session.exchange.on_candle(pair, candle, MINUTE, catch_up=catch_up, now_ms=now)
        self.session.model.on_candle(pair, values_of(candle), MINUTE, now, catch_up=catch_up)

    def open_candle(self, pair, *, tell) -> None:
        open_ms = self.session.now - self.session.now % MINUTE
        self.opened[pair] = (open_ms, self.mid[pair])
        if tell:
            self.tell_open(pair)

    def tell_open(self, pair) -> None:
        (open_ms, ticks), now = self.opened[pair], self.session.now
        price = ticks * TICKS[pair]
        self.session.exchange.on_candle_opened(pair, open_ms, price, now)
        self.session.model.on_candle_opened(pair, open_ms, Fraction(price), now)

    @rule(pair=commands.PAIRS, back=st.integers(1, 3), catch_up=st.booleans())
    def told_again(self, pair, back, catch_up) -> None:
        """The market repeats itself: the open of the running candle, and candles that are over."""
        self.tell_open(pair)
        for candle in self.candles[pair][-back:]:
            self.tell_candle(pair, candle, catch_up=catch_up)

    @rule(ms=st.sampled_from([1, 500, 20_000]))
    def time_passes(self, ms) -> None:
        """Within the minute."""
        if (self.session.now + ms) // MINUTE == self.session.now // MINUTE:
            self.session.now += ms
        self.session.exchange.on_time(self.session.now)
        self.session.model.on_time(self.session.now)

    # --- commands -----------------------------------------------------------------------------------------------------

    @rule(pair=commands.PAIRS, side=commands.SIDES, kind=commands.KINDS, shape=commands.SHAPES)
    def submit(self, pair, side, kind, shape) -> None:
        self.session.take()
        self.session.submit(self.order(pair, side, kind, shape))

    @rule(pair=commands.PAIRS, side=commands.SIDES, kind=commands.KINDS, shape=commands.SHAPES)
    def submit_on_the_open(self, pair, side, kind, shape) -> None:
        """As bots do: right after a candle has closed, before the open of the next is told."""
        self.session.take()
        if self.session.now % MINUTE == 0:
            self.session.submit(self.order(pair, side, kind, shape))

    @rule(pair=commands.PAIRS, side=commands.SIDES, kind=commands.KINDS, shape=commands.SHAPES, fault=commands.HOSTILE)
    def submit_something_odd(self, pair, side, kind, shape, fault) -> None:
        self.session.take()
        self.session.submit(commands.spoiled(self.order(pair, side, kind, shape), fault))

    def order(self, pair, side, kind, shape):
        name, now = f"o{self.next()}", self.session.now
        return commands.order(name, pair, side, kind, shape, mid=self.mid[pair], now=now)

    @precondition(lambda self: self.session.model.holdings)
    @rule(nth=st.integers(0, 1), fraction=commands.FRACTIONS)
    def close(self, nth, fraction) -> None:
        self.session.take()
        command = commands.close(f"c{self.next()}", self.held(nth), fraction, lag=0, now=self.session.now)
        self.session.close(command)

    @precondition(lambda self: self.session.model.orders)
    @rule(nth=st.integers(0, 3))
    def cancel(self, nth) -> None:
        self.session.take()
        names = list(self.session.model.orders)
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
        checkpoint=st.booleans(),
        records=st.booleans(),
        minutes=st.lists(st.tuples(MOVES, WICKS, WICKS), max_size=3),
    )
    def restart(self, checkpoint, records, minutes) -> None:
        """The broker fails; minutes go by; it starts again from its journal and is told the candles it missed."""
        session = self.session
        if checkpoint:
            session.exchange.checkpoint(session.now)
        session.take()
        told = {pair: len(candles) for pair, candles in self.candles.items()}
        for move, below, above in minutes:
            self.unseen_minute(move, below, above)
        session.start_again(records=records)
        for pair in session.exchange.desk.exposed():
            self.catch_up(pair)
        for pair in (BTC, XRP):  # the newest candle is told on demand, whoever was not exposed
            for candle in self.candles[pair][max(told[pair] - 1, 0) :][-1:]:
                self.tell_candle(pair, candle, catch_up=False)

    def unseen_minute(self, move, below, above) -> None:
        self.session.now += MINUTE - self.session.now % MINUTE
        for pair in (BTC, XRP):
            open_ms, first = self.opened[pair]
            last = self.bounded(first + move)
            prices = (first, max(first, last) + above, max(min(first, last) - below, 1), last)
            values = dict(zip(("open", "high", "low", "close"), (price * TICKS[pair] for price in prices), strict=True))
            self.candles[pair].append(Candle(open_ms=open_ms, volume=Decimal(1), **values))
            self.mid[pair] = last
            self.opened[pair] = (self.session.now, last)

    def catch_up(self, pair) -> None:
        asked = CatchUp().ask(pair, self.session.exchange, self.session.now)
        candles = tuple(each for each in self.candles[pair] if each.open_ms + MINUTE - 1 > asked.since_ms)
        missed = MissedTrades(pair=pair, trades=(), candles=candles, request_id="r")
        self.session.exchange.on_missed(missed, self.session.now)
        since = self.session.model.since(pair)
        for candle in self.candles[pair]:
            if candle.open_ms + MINUTE - 1 > since:
                self.session.model.on_candle(pair, values_of(candle), MINUTE, self.session.now, catch_up=True)

    @invariant()
    def both_agree(self) -> None:
        self.session.compare()

    def teardown(self) -> None:
        self.session.audited()
        SEEN.update(self.session.tally)
        SEEN["runs"] += 1
        SEEN["documents"] += len(self.session.documents)


def values_of(candle: Candle):
    return (candle.open_ms, *map(Fraction, (candle.open, candle.high, candle.low, candle.close)))


TestCandles = CandleMachine.TestCase
TestCandles.settings = machine_settings(examples=80, steps=60)
