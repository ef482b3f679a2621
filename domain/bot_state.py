"""What a bot knows and waits for, as one frozen value, and what follows from it at a moment."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from domain.analysis import Action, Decision, Features, Signal
from domain.bot_rules import BotRules
from domain.consensus import voters
from domain.gates import Situation, TradePlan, clock, cooldown_ends
from domain.market import INTERVAL_MS, MarketState, Quote, SymbolRules
from domain.messages import ClosePosition, SubmitOrder, TradeProposed
from domain.money import ZERO
from domain.protections import Pause, active_pause
from domain.strategy import plan_trade
from domain.trading import Account, BotStatistics, Control, Direction, OrderSource, Position, Reason
from domain.values import replace

DAY_MS = 86_400_000
RESEND_MS = 5_000  # an order nobody answered is told again after this long
CANDLES_LATE = 2.5  # candles for which the market may be silent about a pair


@dataclass(frozen=True, slots=True, kw_only=True)
class Flight:
    """An order on its way to the exchange. Until it is answered nothing else is ordered."""

    command: SubmitOrder | ClosePosition
    decision: Decision | None  # as it is to be recorded once filled; None for a closing order
    request_id: str | None  # of the operator's AcceptTrade that caused it
    told_ms: int
    accepted: bool = False  # the exchange has it: no need to tell it again


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """A trade that waits for an operator."""

    decision_id: str
    signal: Signal
    features: Features | None
    plan: TradePlan
    proposed_ms: int
    wait_until_ms: int

    def told(self, pair: str, *, withdrawn: bool = False) -> TradeProposed:
        """Return the announcement that it waits, or that it no longer does."""
        return TradeProposed(
            pair=pair,
            decision_id=self.decision_id,
            signal=self.signal,
            price=self.plan.price,
            stop_loss=self.plan.stop_loss,
            take_profit=self.plan.take_profit,
            proposed_ms=self.proposed_ms,
            wait_until_ms=self.wait_until_ms,
            withdrawn=withdrawn,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """From where a move against the last trade or find is measured."""

    direction: Direction
    price: Decimal  # quote per base


@dataclass(frozen=True, slots=True, kw_only=True)
class Closing:
    """A position is to be closed, until it is."""

    reason: Reason
    trade_id: str  # of the position meant
    decision_id: str | None
    not_before_ms: int = 0  # after a refusal


@dataclass(frozen=True, slots=True, kw_only=True)
class BotState:
    """One bot at one moment. Everything but the last four groups comes from market and broker and is told again."""

    pair: str
    # market
    quote: Quote | None = None
    symbol: SymbolRules | None = None
    connection: MarketState | None = None  # of the whole connection
    freshness: MarketState | None = None  # of this pair
    candle_ms: int | None = None  # finest candles seen to close
    seen_ms: int = 0  # exchange time of the newest quote or closed candle
    # broker
    account: Account | None = None
    day_equity: Decimal | None = None  # first equity of the account's UTC day
    statistics: BotStatistics | None = None
    statistics_ms: int = 0
    last_trade_ms: int | None = None  # newest entry or exit of this pair's bot
    control: Control | None = None
    # settings
    weights: Mapping[str, Decimal]
    # on the way
    flight: Flight | None = None
    proposal: Proposal | None = None
    closing: Closing | None = None
    # rests
    found_ms: int | None = None  # newest high-confidence signal
    cooldown_cleared_ms: int | None = None
    reference: Reference | None = None
    # told
    last_decided_ms: int = 0
    skipped_gate: str | None = None  # of the last round that did not take place
    status: tuple[str, int | None] | None = None

    @property
    def trading(self) -> bool:
        return self.control is not None and self.control.trading

    @property
    def trading_since_ms(self) -> int | None:
        return self.control.trading_since_ms if self.control is not None and self.control.trading else None

    @property
    def position(self) -> Position | None:
        """The pair's open position, whoever opened it."""
        positions = self.account.positions if self.account is not None else ()
        return next((position for position in positions if position.pair == self.pair), None)


def market_fault(state: BotState, rules: BotRules, *, now_ms: int) -> str | None:
    """Return why prices cannot be relied on now, or None.

    The market says when a pair is stale; the limit here is for a market that says nothing at all any more.
    """
    quote = state.quote
    if quote is None:
        return "no price yet"
    for market_state in (state.connection, state.freshness):
        if market_state not in (None, MarketState.LIVE):
            return f"the market is {market_state}"
    if quote.stale:
        return f"the price is stale since {clock(quote.event_ms)}"
    limit = max(rules.stale_after_ms, round((state.candle_ms or INTERVAL_MS["1m"]) * CANDLES_LATE))
    return f"nothing newer than {clock(state.seen_ms)} came" if now_ms - state.seen_ms > limit else None


def account_fault(state: BotState) -> str | None:
    """Return why filters or account cannot be relied on, or None."""
    if state.symbol is None:
        return "the exchange's filters are not known yet"
    if not state.symbol.trading:
        return "the exchange does not trade the pair now"
    if state.account is None or state.statistics is None:
        return "the account is not known yet"
    return None if state.account.ledger_available else "the ledger is unavailable"


def entry_price(quote: Quote, action: Action) -> Decimal:
    """Return the price an order of that direction would meet first: best ask, best bid, or the last price."""
    best = quote.ask if action is Action.BUY else quote.bid
    return quote.price if best is None else best


def trades_today(state: BotState, *, now_ms: int) -> int:
    """Return the entries of this pair's bot in the UTC day of `now_ms`."""
    if state.statistics is None or state.statistics_ms // DAY_MS != now_ms // DAY_MS:
        return 0  # told at every trade, so none since then
    return dict(state.statistics.trades_today_by_pair).get(state.pair, 0)


def last_entry_ms(state: BotState) -> int | None:
    """Return when the pair's bot last opened a position, from what is open and what was closed."""
    closed = state.statistics.recent_closed if state.statistics is not None else ()
    opened = [each.opened_ms for each in closed if each.pair == state.pair and each.source is OrderSource.BOT]
    if (position := state.position) is not None and position.source is OrderSource.BOT:
        opened.append(position.opened_ms)
    return max(opened, default=None)


def open_trades(state: BotState, *, now_ms: int) -> int:
    """Return how many pairs have a position, or an order of an earlier moment that will open one.

    Orders of this very moment are left to the exchange, which sees them one after another: whether their news has come
    here yet is chance.
    """
    if state.account is None:
        return 0
    waiting = {order.pair for order in state.account.orders if not order.reduce_only and order.created_ms < now_ms}
    return len(waiting | {position.pair for position in state.account.positions})


def day_start_equity(before: Account | None, known: Decimal | None, account: Account) -> Decimal:
    """Return the first equity of the UTC day of `account`.

    Who saw the day begin knows it; after a start within the day it is counted back over the day's closed trades and
    what the open positions show now.
    """
    if before is not None and known is not None:
        same_day = before.ts_ms // DAY_MS == account.ts_ms // DAY_MS
        return known if same_day else account.equity
    return account.equity - account.realized_pnl_today + account.fees_today - account.unrealized_pnl


def pause_of(state: BotState, rules: BotRules, *, now_ms: int) -> Pause | None:
    """Return the protection that pauses the pair, or None."""
    if state.statistics is None or state.account is None:
        return None
    return active_pause(
        rules.protections,
        state.statistics.recent_closed,
        pair=state.pair,
        equity=state.account.equity,
        unrealized_pnl=state.account.unrealized_pnl,
        now_ms=now_ms,
    )


def situation_of(
    state: BotState,
    rules: BotRules,
    *,
    signal: Signal | None,
    features: Features | None,
    now_ms: int,
    approved: bool = False,
    asked: Decimal | None = None,
) -> Situation:
    """Return what the gates look at now. An approved trade does not wait for the find it came from."""
    counted = voters(signal.opinions, state.weights) if signal is not None else ()
    return Situation(
        pair=state.pair,
        now_ms=now_ms,
        trading=state.trading,
        trading_since_ms=state.trading_since_ms,
        fault=market_fault(state, rules, now_ms=now_ms) or account_fault(state),
        pause=pause_of(state, rules, now_ms=now_ms),
        last_trade_ms=state.last_trade_ms,
        last_entry_ms=last_entry_ms(state),
        cooldown_cleared_ms=state.cooldown_cleared_ms,
        found_ms=None if approved else state.found_ms,
        trades_today=trades_today(state, now_ms=now_ms),
        open_trades=open_trades(state, now_ms=now_ms),
        position=state.position,
        in_flight=state.flight is not None,
        signal=signal,
        votes=len(counted),
        plan=_plan(state, rules, signal, features, asked),
        account=state.account,
        day_equity=state.day_equity,
        quote=state.quote,
        symbol=state.symbol,
        waiting=state.proposal is not None,
        approved=approved,
    )


def pair_status(state: BotState, rules: BotRules, *, now_ms: int) -> tuple[str, int | None]:
    """Return idle, in_trade, cooldown, paused or disabled, and until when (epoch ms) where that is known."""
    if not rules.enabled:
        return "disabled", None
    if state.position is not None:
        return "in_trade", None
    if (pause := pause_of(state, rules, now_ms=now_ms)) is not None:
        return "paused", pause.until_ms
    end = cooldown_ends(
        rules,
        last_trade_ms=state.last_trade_ms,
        last_entry_ms=last_entry_ms(state),
        cleared_ms=state.cooldown_cleared_ms,
        now_ms=now_ms,
    )
    return ("idle", None) if end is None else ("cooldown", end)


def deadlines(state: BotState, rules: BotRules) -> dict[str, int]:
    """Return when the bot must be woken, epoch ms, by what for; what is not named is not waited for."""
    due: dict[str, int] = {}
    if (flight := state.flight) is not None and not flight.accepted:
        due["resend"] = flight.told_ms + RESEND_MS
    if state.proposal is not None:
        due["approval"] = state.proposal.wait_until_ms
    if state.closing is not None and flight is None:
        due["close"] = state.closing.not_before_ms
    position = state.position
    if position is not None and position.source is OrderSource.BOT and state.closing is None:
        if rules.max_hold_seconds:
            due["hold"] = position.opened_ms + rules.max_hold_seconds * 1000
        if rules.run_time_minutes and state.trading_since_ms is not None:
            due["run time"] = state.trading_since_ms + rules.run_time_minutes * 60_000
    if state.status is not None and state.status[1] is not None:
        due["status"] = state.status[1]
    return due


def adverse_move(reference: Reference, price: Decimal) -> Decimal:
    """Return how far `price` moved against the reference, as a fraction of its price (negative: in favour)."""
    return (reference.price - price) * reference.direction.sign / reference.price


def _plan(
    state: BotState, rules: BotRules, signal: Signal | None, features: Features | None, asked: Decimal | None
) -> TradePlan | None:
    if signal is None or state.quote is None or state.symbol is None or state.account is None:
        return None
    return plan_trade(
        signal,
        rules,
        symbol=state.symbol,
        price=entry_price(state.quote, signal.action),
        equity=max(ZERO, state.account.equity),
        features=features,
        weights=state.weights,
        asked=asked,
    )


def with_account(state: BotState, account: Account) -> BotState:
    """Return the state with a newer account; an older one changes nothing."""
    known = state.account
    if known is not None and (account.seq, account.ts_ms) < (known.seq, known.ts_ms):
        return state
    day_equity = day_start_equity(known, state.day_equity, account)
    state = replace(state, account=account, day_equity=day_equity)
    if known is None and (position := state.position) is not None and position.source is OrderSource.BOT:
        state = replace(state, reference=Reference(direction=position.direction, price=position.entry_price))
    return state


def with_statistics(state: BotState, statistics: BotStatistics, rules: BotRules, *, now_ms: int) -> BotState:
    """Return the state with newer statistics; after a start, the last trade is remembered from them."""
    traded = dict(statistics.last_trade_ms).get(state.pair)
    last = max((ms for ms in (state.last_trade_ms, traded) if ms is not None), default=None)
    first = state.statistics is None
    state = replace(state, statistics=statistics, statistics_ms=now_ms, last_trade_ms=last)
    if first and state.reference is None and last is not None and now_ms < last + rules.cooldown_secs * 1000:
        own = [each for each in statistics.recent_closed if each.pair == state.pair and each.source is OrderSource.BOT]
        if own:
            state = replace(state, reference=Reference(direction=own[-1].direction, price=own[-1].entry_price))
    return state
