"""What a bot tells, given what it is told and what time it is."""

from dataclasses import replace
from decimal import Decimal

import pytest

from actors.bot import BotActor
from domain.analysis import Abstention, Action, AnalystState, AnalystStatus, HorizonScore, Outcome, Scorecard
from domain.market import Candle, MarketState, Source
from domain.messages import (
    AcceptTrade,
    AccountChanged,
    ActorStarted,
    AnalysisStepped,
    AnalystChanged,
    CandleClosed,
    CandleHistory,
    ClosePosition,
    ControlChanged,
    DecisionMade,
    FormOpinion,
    MarketStatusChanged,
    NewsPublished,
    OpinionFormed,
    OpinionWithheld,
    OrderAccepted,
    OrderCancelled,
    OrderFilled,
    OrderRefused,
    PairStatusChanged,
    Ping,
    ProposalAnswered,
    QuoteChanged,
    RejectTrade,
    RulesChanged,
    SendAccount,
    SendCandles,
    SendMarketState,
    SendNews,
    SettingsApplied,
    SignalFormed,
    StatisticsChanged,
    SubmitOrder,
    TimerFired,
    TradeProposed,
)
from domain.news import NewsItem
from domain.trading import Direction, OrderSource, OrderStatus, Reason, Refusal, Side
from settings import parse_settings
from tests.bots import ACCOUNT, CONTROL, MINUTE, NOW, PAIR, STATISTICS, SYMBOL, closed, opinion, position, quote
from tests.bots import order as held
from tests.bots import trade as executed

BOT = f"bot-{PAIR}"


class Shelf:
    def __init__(self):
        self.saved = []

    def save(self, collection, document):
        self.saved.append((collection, document))

    def recent(self, collection, *, limit, where=None):
        return ()


class Desk:
    """A bot and what surrounds it."""

    def __init__(self, peers, clock, timers, settings):
        self.peers, self.clock, self.timers, self.settings = peers, clock, timers, settings
        self.shelf = Shelf()
        self.start()

    def start(self):
        """Start the bot, or a new one in its place."""
        self.ref = BotActor.start(
            pair=PAIR,
            settings=self.settings,
            peers=self.peers,
            clock=self.clock,
            timers=self.timers,
            analysts=tuple(self.settings.analysts),
            source=Source.SIMULATED,
            settings_hash="hash",
            archive=self.shelf,
        )
        self.tell()

    def tell(self, *messages):
        for message in messages:
            self.ref.tell(message)
        self.ref.ask(Ping(), timeout=30)

    def wait(self, seconds):
        """Let time pass; due timers fire on the way."""
        until = self.clock.now_ms() + round(seconds * 1000)
        while (due := self.timers.next_due_ms()) is not None and due <= until:
            self.clock.move_to(due)
            told = len(self.peers.to(BOT))
            self.timers.fire_next()
            self.tell(*self.peers.to(BOT)[told:])
        self.clock.move_to(until)

    def price(self, price, **changes):
        self.tell(QuoteChanged(quote=quote(price, event_ms=self.clock.now_ms(), **changes)))

    def ready(self, *, control=CONTROL, account=ACCOUNT, statistics=STATISTICS):
        self.tell(
            RulesChanged(rules=(SYMBOL,)),
            MarketStatusChanged(state=MarketState.LIVE, message="live", at_ms=NOW),
            AccountChanged(account=account),
            StatisticsChanged(statistics=statistics),
            ControlChanged(seq=2, control=control),
        )
        self.price(100_000)

    def begin_round(self):
        self.tell(TimerFired(key="round", due_ms=self.clock.now_ms()))
        return self.asked()[-1]

    def asked(self, analyst="technical"):
        return self.peers.to(f"analyst-{analyst}", FormOpinion)

    def answer(self, question, *opinions):
        now_ms = self.clock.now_ms()
        self.tell(
            *(OpinionFormed(opinion=replace(each, round_id=question.round_id, formed_ms=now_ms)) for each in opinions)
        )

    def round(self, *opinions):
        self.answer(self.begin_round(), *opinions)

    def orders(self):
        return self.peers.to("broker", SubmitOrder)

    def closes(self):
        return self.peers.to("broker", ClosePosition)

    def decisions(self):
        return [message.decision for message in self.peers.to("hub", DecisionMade)]

    def gates(self):
        return [decision.gate for decision in self.decisions()]

    def statuses(self):
        return [(told.status, told.until_ms) for told in self.peers.to("hub", PairStatusChanged)]

    def fill(self, command, price=100_000, **changes):
        """The exchange executes all of `command`; the account holds the position, or none after a close."""
        now_ms = self.clock.now_ms()
        opened = isinstance(command, SubmitOrder)
        direction = Direction.LONG if opened and command.side is Side.BUY else Direction.SHORT
        kept = position(direction, trade_id=command.order_id, opened_ms=now_ms, entry_price=Decimal(price))
        account = replace(ACCOUNT, seq=5 + len(self.peers.sent), ts_ms=now_ms, positions=(kept,) if opened else ())
        done = OrderFilled(
            seq=account.seq,
            order=held(command, filled=1, status=OrderStatus.FILLED),
            trade=executed(command, price, ts_ms=now_ms),
            closed=None if opened else closed(-1, at_ms=now_ms),
            position=kept if opened else None,
            account=account,
        )
        self.tell(replace(done, **changes))

    def refuse(self, command, code, message, **changes):
        refused = OrderRefused(
            order_id=command.order_id,
            pair=PAIR,
            code=code,
            message=message,
            source=OrderSource.BOT,
            at_ms=self.clock.now_ms(),
        )
        self.tell(replace(refused, **changes))


def desk_with(peers, clock, timers, *, analysts=("technical",), bots=None, **sections):
    models = {name: {"model": "technical" if name == "technical" else f"maker/{name}"} for name in analysts}
    raw = {"analysts": models, "bots": {"defaults": bots or {}}, **sections}
    return Desk(peers, clock, timers, parse_settings(raw))


@pytest.fixture
def build(peers, clock, timers):
    return lambda **settings: desk_with(peers, clock, timers, **settings)


@pytest.fixture
def desk(build):
    return build()


# --- start ----------------------------------------------------------------------------------------------------------


def test_at_start_it_asks_for_what_it_must_know(desk, peers):
    assert peers.to("market", SendMarketState) == [SendMarketState(reply_to=BOT)]
    assert [(ask.interval, ask.limit) for ask in peers.to("market", SendCandles)] == [("1m", 500), ("1h", 500)]
    assert peers.to("broker") == [SendAccount(reply_to=BOT)]
    assert peers.to("news") == [SendNews(reply_to=BOT)]


def test_the_first_round_comes_two_seconds_after_the_start_then_one_a_minute(desk):
    desk.ready()
    desk.wait(1.9)
    assert desk.asked() == []
    desk.wait(0.1)
    assert [question.round_id for question in desk.asked()] == [f"{PAIR}:{NOW + 2000}"]
    desk.answer(desk.asked()[0], opinion(action=Action.HOLD))
    for _ in range(5):
        desk.wait(60)
        desk.price(100_000)
    assert len(desk.asked()) == 6


def test_who_restarts_is_asked_anew(desk, peers):
    desk.ready()
    peers.sent.clear()
    for name in ("market", "broker", "news", "hub"):
        desk.tell(ActorStarted(name=name, generation=2))
    assert [(to, type(message)) for to, message in peers.sent] == [
        ("market", SendMarketState),
        ("market", SendCandles),
        ("market", SendCandles),
        ("broker", SendAccount),
        ("news", SendNews),
        ("hub", PairStatusChanged),
    ]


# --- rounds and orders ----------------------------------------------------------------------------------------------


def test_an_opinion_becomes_an_order(desk, peers):
    desk.ready()
    desk.round(opinion())
    (order,) = desk.orders()
    assert order.order_id == f"bot:{PAIR}:{NOW}"
    assert (order.side, order.source, order.reason) == (Side.BUY, OrderSource.BOT, Reason.ENTRY)
    assert (order.quantity, order.notional, order.leverage) == (Decimal("0.0005"), None, 1)
    assert (order.stop_loss, order.take_profit) == (Decimal(99_000), Decimal(102_000))
    assert (order.trailing.trigger, order.trailing.distance) == (1000, 500)
    assert (order.max_slippage_bps, order.max_spread_bps, order.max_open_positions) == (10, 20, 3)
    assert (order.confidence, order.decision_id, order.reply_to) == (Decimal("0.6"), order.order_id, BOT)
    assert [told.step for told in peers.to("hub", AnalysisStepped)] == ["starting", "asking", "completed"]
    (formed,) = peers.to("hub", SignalFormed)
    assert (formed.signal.score, formed.high_confidence) == (0.6, True)


def test_a_decision_is_announced_and_stored_when_the_exchange_has_filled(desk):
    desk.ready()
    desk.round(opinion())
    assert desk.decisions() == []
    desk.fill(desk.orders()[0])
    (decision,) = desk.decisions()
    assert (decision.outcome, decision.gate, decision.order_id) == (Outcome.TRADED, None, f"bot:{PAIR}:{NOW}")
    ((collection, document),) = desk.shelf.saved
    assert collection == "decisions"
    assert (document["_id"], document["ts"], document["outcome"]) == (f"bot:{PAIR}:{NOW}", NOW, "traded")
    assert document["signal"]["opinions"][0]["age_ms"] == 0
    assert len(document["checks"]) == 22
    assert document["features"]["price"] == 100_000
    assert desk.statuses()[-1] == ("in_trade", None)


def test_what_the_exchange_refuses_is_blocked_by_its_gate(desk):
    desk.ready()
    desk.round(opinion())
    desk.refuse(desk.orders()[0], Refusal.SLIPPAGE_EXCEEDED, "slippage must be at most 10 bps, was 12 bps")
    assert desk.gates() == ["slippage"]
    assert desk.shelf.saved[0][1]["gate"] == "slippage"


def test_an_order_that_expires_unfilled_is_blocked_by_slippage(desk):
    desk.ready()
    desk.round(opinion())
    command = desk.orders()[0]
    desk.tell(OrderAccepted(seq=3, order=held(command)))
    desk.tell(OrderCancelled(seq=4, order=held(command, status=OrderStatus.EXPIRED)))
    assert desk.gates() == ["slippage"]


def test_no_second_order_while_one_is_on_its_way(build):
    desk = build(bots={"opportunity_cooldown_secs": 0})
    desk.ready()
    desk.round(opinion())
    desk.clock.move_to(NOW + MINUTE)
    desk.price(100_000)
    desk.round(opinion())
    assert len(desk.orders()) == 1
    assert desk.gates() == ["position_open"]


def test_an_unanswered_order_is_told_again_with_the_same_content_until_it_is_answered(desk):
    desk.ready()
    desk.round(opinion())
    desk.wait(5)
    first, again = desk.orders()
    assert first == again
    desk.tell(OrderAccepted(seq=3, order=held(first)))
    desk.wait(20)
    assert len(desk.orders()) == 2
    desk.tell(ActorStarted(name="broker", generation=2))
    assert desk.orders()[2] == first


def test_a_blocked_decision_is_announced_at_once(desk):
    desk.ready()
    desk.round(opinion(confidence=0.05))
    assert desk.orders() == []
    assert desk.gates() == ["low_confidence"]


def test_every_analyst_is_heard_before_anything_is_decided(build):
    desk = build(analysts=("technical", "grok"))
    desk.ready()
    question = desk.begin_round()
    desk.answer(question, opinion("technical"))
    assert desk.orders() == []
    desk.answer(question, opinion("grok", confidence=0.2))
    assert desk.orders()[0].confidence == Decimal("0.4")


def test_an_abstention_ends_the_waiting_and_is_no_vote(build, peers):
    desk = build(analysts=("technical", "grok"))
    desk.ready()
    question = desk.begin_round()
    desk.answer(question, opinion("technical"))
    abstained = Abstention(analyst="grok", pair=PAIR, reason="bad JSON", at_ms=NOW, round_id=question.round_id)
    desk.tell(OpinionWithheld(abstention=abstained))
    (formed,) = peers.to("hub", SignalFormed)
    assert [each.analyst for each in formed.signal.opinions] == ["technical"]
    assert formed.signal.abstentions == (abstained,)
    assert len(desk.orders()) == 1


def test_who_abstains_is_not_heard_with_an_older_opinion(build, peers):
    desk = build(analysts=("technical", "grok"), bots={"opportunity_cooldown_secs": 0})
    desk.ready()
    desk.round(opinion("technical", Action.HOLD), opinion("grok", Action.HOLD))
    question = desk.begin_round()
    desk.answer(question, opinion("technical"))
    told = Abstention(analyst="grok", pair=PAIR, reason="refused", at_ms=NOW, round_id=question.round_id)
    desk.tell(OpinionWithheld(abstention=told))
    assert [each.analyst for each in peers.to("hub", SignalFormed)[-1].signal.opinions] == ["technical"]


def test_a_silent_analyst_runs_out_of_time(build, peers):
    desk = build(analysts=("technical", "grok"), llm={"timeout_seconds": 10})
    desk.ready()
    question = desk.begin_round()
    assert question.deadline_ms == NOW + 12_000
    desk.answer(question, opinion("technical"))
    desk.wait(11.9)
    assert desk.orders() == []
    desk.wait(0.1)
    assert len(desk.orders()) == 1
    (abstained,) = peers.to("hub", SignalFormed)[0].signal.abstentions
    assert (abstained.analyst, abstained.reason) == ("grok", "no answer in time")


def test_rules_alone_have_two_seconds(desk):
    desk.ready()
    assert desk.begin_round().deadline_ms == NOW + 2000
    desk.wait(2)
    assert desk.gates() == ["too_few_opinions"]


def test_a_late_analyst_is_heard_with_its_last_opinion_while_that_is_fresh(build, peers):
    desk = build(analysts=("technical", "grok"), llm={"timeout_seconds": 1}, analysis={"opinion_ttl_seconds": 60})
    desk.ready()
    desk.round(opinion("technical", Action.HOLD), opinion("grok", confidence=0.3))
    desk.answer(desk.begin_round(), opinion("technical", Action.HOLD))
    desk.wait(59)
    assert len(peers.to("hub", SignalFormed)[1].signal.opinions) == 2
    desk.price(100_000)
    desk.answer(desk.begin_round(), opinion("technical", Action.HOLD))
    desk.wait(3)
    last = peers.to("hub", SignalFormed)[-1].signal
    assert [each.analyst for each in last.opinions] == ["technical"]  # that of grok is 62 s old now
    assert last.abstentions[0].reason == "no answer in time"


def test_an_answer_to_an_earlier_round_does_not_end_this_one(desk):
    desk.ready()
    desk.begin_round()
    late = opinion(round_id=f"{PAIR}:{NOW - MINUTE}", formed_ms=NOW - 1000)
    desk.tell(OpinionFormed(opinion=late))
    assert desk.orders() == []
    desk.wait(2)
    assert len(desk.orders()) == 1  # it was heard as the last fresh opinion


def test_an_opinion_whose_confidence_is_no_probability_is_refused(desk):
    desk.ready()
    desk.round(opinion(confidence=float("nan")), opinion(confidence=1.5))
    desk.wait(2)
    assert desk.gates() == ["too_few_opinions"]


def status(name, state):
    return AnalystChanged(
        status=AnalystStatus(
            name=name,
            model="m",
            role="technical",
            state=state,
            reason=None,
            weight=Decimal(1),
            opinions=0,
            abstentions=0,
            cost_today_usd=Decimal(0),
            budget_usd=Decimal(0),
            latency_ms=None,
        )
    )


def test_a_vote_weighs_as_set_times_the_skill_its_analyst_has_shown(build):
    desk = build(analysts=("technical", "grok"))
    desk.ready()
    own = HorizonScore(horizon="own")
    card = Scorecard(own=own, fixed=(), verdict="not_shown", skill=Decimal("0.60"))
    told = status("grok", AnalystState.READY)
    desk.tell(replace(told, status=replace(told.status, card=card)))
    desk.tell(told)  # the analyst is replaced, and has not read its past yet: what was known of its skill holds
    question = desk.begin_round()
    desk.answer(question, opinion("technical"))
    desk.answer(question, opinion("grok", confidence=0.2))
    assert desk.orders()[0].confidence == Decimal("0.45")  # (0.6 + 0.6 x 0.2) / 1.6


def test_a_disabled_analyst_is_not_asked(build, peers):
    desk = build(analysts=("technical", "grok"))
    desk.ready()
    desk.tell(status("grok", AnalystState.DISABLED))
    desk.round(opinion())
    assert desk.asked("grok") == []
    assert len(desk.orders()) == 1


def test_operators_choose_whom_to_ask_and_the_rules_are_always_asked(build):
    desk = build(analysts=("technical", "grok", "gpt"))
    desk.ready(control=replace(CONTROL, signal_sources=("gpt",)))
    desk.begin_round()
    assert [len(desk.asked(name)) for name in ("technical", "grok", "gpt")] == [1, 0, 1]


def test_an_analyst_that_restarts_is_asked_again(build):
    desk = build(analysts=("technical", "grok"))
    desk.ready()
    desk.begin_round()
    desk.tell(ActorStarted(name="analyst-grok", generation=2))
    first, again = desk.asked("grok")
    assert first == again


def test_analysts_are_shown_candles_news_and_the_position(desk):
    candles = tuple(
        Candle(
            open_ms=NOW - (60 - i) * MINUTE,
            open=Decimal(100),
            high=Decimal(102),
            low=Decimal(99),
            close=Decimal(101 + i % 2),
            volume=Decimal(1),
        )
        for i in range(60)
    )
    item = NewsItem(
        item_id="1",
        title="Bitcoin rises",
        summary="",
        url="",
        source="s",
        pairs=(PAIR,),
        sentiment=0.5,
        label="bullish",
        published_ms=NOW - MINUTE,
        received_ms=NOW,
    )
    desk.ready(account=replace(ACCOUNT, positions=(position(),)))
    desk.tell(
        CandleHistory(pair=PAIR, interval="1m", candles=candles[:-1], open_candle=None, request_id=""),
        CandleClosed(pair=PAIR, interval="1m", candle=candles[-1], catch_up=False, source=Source.SIMULATED),
        NewsPublished(items=(item, replace(item, item_id="2", pairs=("ETHUSDT",)))),
    )
    shown = desk.begin_round().features
    assert [(each.interval, each.candles) for each in shown.intervals] == [("1m", 60)]
    assert shown.last_candles == candles[-20:]
    assert shown.headlines == (item,)
    assert shown.position.direction is Direction.LONG


def test_prices_of_another_source_are_not_used(desk):
    desk.ready()
    desk.price(1, source=Source.BINANCE)
    assert desk.begin_round().features.price == 100_000


def test_a_hole_in_the_candles_is_filled_from_the_market(desk, peers):
    desk.ready()
    peers.sent.clear()
    flat = Candle(open_ms=NOW, open=Decimal(1), high=Decimal(1), low=Decimal(1), close=Decimal(1), volume=Decimal(1))
    for at in (NOW, NOW + 2 * MINUTE):
        closing = CandleClosed(
            pair=PAIR, interval="1m", candle=replace(flat, open_ms=at), catch_up=False, source=Source.SIMULATED
        )
        desk.tell(closing)
    assert [ask.interval for ask in peers.to("market", SendCandles)] == ["1m"]


# --- rounds that do not take place ----------------------------------------------------------------------------------


def test_stale_prices_are_not_analysed_and_the_reason_is_recorded_once(desk, peers):
    desk.ready()
    desk.price(100_000, stale=True)
    for _ in range(3):
        desk.wait(60)
    assert desk.asked() == []
    assert desk.gates() == ["data_stale"]
    assert "the price is stale" in peers.to("hub", AnalysisStepped)[-1].message
    desk.price(100_000)
    desk.round(opinion())
    assert len(desk.orders()) == 1


def test_analysis_that_is_switched_off_asks_nobody(build):
    desk = build(analysis={"enabled_at_start": False})
    desk.wait(60)
    desk.ready(control=replace(CONTROL, analysis=False))
    desk.wait(120)
    assert desk.asked() == []
    desk.price(100_000)
    desk.tell(ControlChanged(seq=3, control=CONTROL))
    assert len(desk.asked()) == 1  # at once


def test_after_a_high_confidence_signal_the_pair_rests(desk):
    desk.ready()
    desk.round(opinion(confidence=0.5))
    desk.refuse(desk.orders()[0], Refusal.SLIPPAGE_EXCEEDED, "too thin")
    for _ in range(14):
        desk.wait(60)
        desk.price(100_000)
    assert len(desk.asked()) == 1
    assert desk.gates() == ["slippage", "opportunity_cooldown"]
    desk.wait(60)  # 900 s after the find
    assert len(desk.asked()) == 2


def test_the_pair_does_not_rest_while_it_has_a_position(desk):
    desk.ready()
    desk.round(opinion(confidence=0.5))
    desk.fill(desk.orders()[0])
    desk.wait(60)
    desk.price(100_000)
    desk.wait(60)
    assert (
        len(desk.asked()) == 4
    )  # two seconds after the start and each minute: an opposite signal may have to close it


def test_a_weaker_signal_lets_analysis_go_on(desk):
    desk.ready()
    desk.round(opinion(confidence=0.49))
    desk.refuse(desk.orders()[0], Refusal.SLIPPAGE_EXCEEDED, "too thin")
    desk.wait(60)
    assert len(desk.asked()) == 3  # two seconds after the start, and a minute


def test_switching_the_bots_on_ends_the_rest_and_asks_at_once(desk):
    desk.ready(control=replace(CONTROL, trading=False, trading_since_ms=None))
    desk.round(opinion(confidence=0.9))
    assert desk.gates() == ["trading_off"]
    desk.clock.move_to(NOW + 10_000)
    desk.tell(ControlChanged(seq=3, control=CONTROL, kind="start_bot"))
    desk.answer(desk.asked()[-1], opinion(confidence=0.9))
    assert len(desk.orders()) == 1


def test_a_move_against_the_trade_clears_the_cooldown_and_asks_at_once(desk):
    desk.ready()
    desk.round(opinion())
    desk.fill(desk.orders()[0])
    desk.clock.move_to(NOW + 1000)
    stopped = OrderFilled(
        seq=900,
        order=replace(held(desk.orders()[0]), order_id="exit", source=OrderSource.EXCHANGE, reason=Reason.STOP_LOSS),
        trade=replace(
            executed(desk.orders()[0], 99_000, ts_ms=NOW + 1000), source=OrderSource.EXCHANGE, reason=Reason.STOP_LOSS
        ),
        closed=closed(-1, at_ms=NOW + 1000),
        position=None,
        account=replace(ACCOUNT, seq=900, ts_ms=NOW + 1000),
    )
    desk.tell(stopped)
    assert desk.statuses()[-1] == ("cooldown", NOW + 301_000)
    desk.clock.move_to(NOW + 61_000)
    desk.price(98_001)
    assert len(desk.asked()) == 1
    desk.price(98_000)  # 2 % below the entry
    assert len(desk.asked()) == 2
    desk.answer(desk.asked()[-1], opinion(action=Action.SELL))
    assert [order.side for order in desk.orders()] == [Side.BUY, Side.SELL]


# --- open positions -------------------------------------------------------------------------------------------------


def test_an_opposite_signal_closes_what_the_bot_opened(build):
    desk = build(bots={"opportunity_cooldown_secs": 0})
    desk.ready()
    desk.round(opinion())
    desk.fill(desk.orders()[0])
    desk.clock.move_to(NOW + MINUTE)
    desk.price(100_000)
    desk.round(opinion(action=Action.SELL))
    (close,) = desk.closes()
    assert (close.order_id, close.fraction, close.reason) == (f"close:{PAIR}:{NOW + MINUTE}", 1, Reason.SIGNAL_REVERSAL)
    assert close.decision_id == f"bot:{PAIR}:{NOW + MINUTE}"
    assert desk.gates() == [None, "cooldown"]  # one decision of each round
    desk.fill(close)
    assert desk.statuses()[-1] == ("cooldown", NOW + MINUTE + 300_000)
    desk.wait(300)
    assert desk.statuses()[-1] == ("idle", None)
    assert len(desk.closes()) == 1


def test_what_others_opened_is_not_managed(build):
    desk = build(bots={"max_hold_seconds": 10})
    desk.ready(account=replace(ACCOUNT, positions=(position(source=OrderSource.MANUAL),)))
    desk.round(opinion(action=Action.SELL))
    desk.wait(60)
    assert desk.closes() == []
    assert desk.gates()[0] == "position_open"


def test_a_position_is_closed_when_its_time_is_up(build):
    desk = build(bots={"max_hold_seconds": 90})
    desk.ready()
    desk.round(opinion())
    desk.fill(desk.orders()[0])
    desk.wait(89.9)
    assert desk.closes() == []
    desk.wait(0.1)
    assert [(close.order_id, close.reason) for close in desk.closes()] == [
        (f"close:{PAIR}:{NOW + 90_000}", Reason.TIMEOUT)
    ]


def test_the_end_of_the_run_time_closes_and_blocks(build):
    desk = build(bots={"run_time_minutes": 2, "opportunity_cooldown_secs": 0, "cooldown_secs": 0})
    desk.ready()
    desk.round(opinion())
    desk.fill(desk.orders()[0])
    desk.wait(120)
    (close,) = desk.closes()
    assert close.reason is Reason.RUN_TIME_OVER
    desk.fill(close)
    desk.price(100_000)
    desk.round(opinion())
    assert desk.gates()[-1] == "run_time_over"


def test_a_refused_close_is_tried_again_under_a_new_id_and_a_needless_one_is_not(build):
    desk = build(bots={"max_hold_seconds": 10})
    desk.ready()
    desk.round(opinion())
    desk.fill(desk.orders()[0])
    desk.wait(10)
    desk.refuse(desk.closes()[0], Refusal.NO_PRICE, "no price")
    desk.wait(5)
    assert [close.order_id for close in desk.closes()] == [f"close:{PAIR}:{NOW + at}" for at in (10_000, 15_000)]
    desk.refuse(desk.closes()[1], Refusal.NO_POSITION, "none is open")
    desk.tell(AccountChanged(account=replace(ACCOUNT, seq=9999, ts_ms=NOW + 15_000)))
    desk.wait(20)
    assert len(desk.closes()) == 2


# --- restart --------------------------------------------------------------------------------------------------------


def test_a_new_bot_knows_position_cooldown_and_reference_from_the_ledger(build):
    desk = build(bots={"max_hold_seconds": 90})
    desk.ready()
    desk.round(opinion())
    desk.fill(desk.orders()[0])
    desk.ref.stop()
    desk.clock.move_to(NOW + 30_000)
    desk.start()
    account = replace(ACCOUNT, seq=50, ts_ms=NOW + 30_000, positions=(position(),))
    desk.ready(account=account, statistics=replace(STATISTICS, last_trade_ms=((PAIR, NOW),)))
    desk.wait(60)
    assert [close.reason for close in desk.closes()] == [Reason.TIMEOUT]


def test_the_cooldown_survives_a_restart(desk):
    last = replace(STATISTICS, last_trade_ms=((PAIR, NOW - 100_000),))
    desk.ready(statistics=last)
    assert desk.statuses()[-1] == ("cooldown", NOW + 200_000)
    desk.round(opinion(confidence=0.3))
    assert desk.gates() == ["cooldown"]
    desk.wait(200)
    desk.price(100_000)
    desk.round(opinion(confidence=0.3))
    assert len(desk.orders()) == 1


def test_an_entry_ordered_before_a_restart_still_has_its_decision(desk):
    desk.ready()
    desk.round(opinion())
    command = desk.orders()[0]
    desk.ref.stop()
    desk.start()
    desk.ready()
    desk.fill(command)
    desk.fill(command, repeated=True)
    (decision,) = desk.decisions()
    assert (decision.decision_id, decision.outcome, decision.signal) == (command.order_id, Outcome.TRADED, None)


# --- approval -------------------------------------------------------------------------------------------------------


@pytest.fixture
def asking(build):
    desk = build(bots={"manual_approval_mode": True})
    desk.ready()
    desk.round(opinion())
    return desk


def proposals(peers):
    return [(told.decision_id, told.withdrawn) for told in peers.to("hub", TradeProposed)]


def answers(peers):
    return [(told.request_id, told.accepted, told.refusal) for told in peers.to("hub", ProposalAnswered)]


def test_a_trade_waits_for_an_operator(asking, peers):
    assert asking.orders() == []
    assert asking.gates() == ["awaiting_approval"]
    (told,) = peers.to("hub", TradeProposed)
    assert (told.wait_until_ms, told.price) == (NOW + 1_800_000, 100_000)
    assert (told.stop_loss, told.take_profit) == (99_000, 102_000)


def test_an_accepted_trade_is_ordered_at_the_prices_of_now(asking, peers):
    asking.clock.move_to(NOW + MINUTE)
    asking.price(110_000)
    asking.tell(AcceptTrade(pair=PAIR, usdt_amount=Decimal(220), request_id="r1"))
    (order,) = asking.orders()
    assert (order.order_id, order.quantity) == (f"bot:{PAIR}:{NOW + MINUTE}", Decimal("0.002"))
    assert order.stop_loss == 108_900
    assert answers(peers) == []
    asking.tell(OrderAccepted(seq=3, order=held(order)))
    assert answers(peers) == [("r1", True, None)]
    assert proposals(peers)[-1] == (f"bot:{PAIR}:{NOW}", True)
    asking.fill(order)
    assert asking.gates() == ["awaiting_approval", None]
    assert len(answers(peers)) == 1
    asking.tell(AcceptTrade(pair=PAIR, usdt_amount=None, request_id="r2"))
    assert answers(peers)[-1] == ("r2", False, Refusal.NOT_PENDING)


def test_a_second_acceptance_while_the_first_is_on_its_way_is_refused(asking, peers):
    asking.tell(AcceptTrade(pair=PAIR, usdt_amount=None, request_id="r1"))
    asking.tell(AcceptTrade(pair=PAIR, usdt_amount=None, request_id="r2"))
    assert answers(peers) == [("r2", False, Refusal.NOT_PENDING)]
    assert len(asking.orders()) == 1


def test_an_accepted_trade_that_fails_a_gate_goes_on_waiting(asking, peers):
    asking.price(100_000, stale=True)
    asking.tell(AcceptTrade(pair=PAIR, usdt_amount=None, request_id="r1"))
    assert answers(peers) == [("r1", False, Refusal.STALE_PRICE)]
    assert asking.gates() == ["awaiting_approval", "data_stale"]
    asking.price(100_000)
    asking.tell(AcceptTrade(pair=PAIR, usdt_amount=None, request_id="r2"))
    assert len(asking.orders()) == 1


def test_an_accepted_trade_that_the_exchange_refuses_is_answered(asking, peers):
    asking.tell(AcceptTrade(pair=PAIR, usdt_amount=None, request_id="r1"))
    asking.refuse(asking.orders()[0], Refusal.SLIPPAGE_EXCEEDED, "too thin")
    assert answers(peers) == [("r1", False, Refusal.SLIPPAGE_EXCEEDED)]


def test_a_rejected_trade_is_gone(asking, peers):
    asking.tell(RejectTrade(pair=PAIR, request_id="r1"))
    asking.tell(RejectTrade(pair=PAIR, request_id="r2"))
    assert answers(peers) == [("r1", False, None), ("r2", False, Refusal.NOT_PENDING)]
    assert proposals(peers)[-1][1] is True


def test_a_trade_nobody_answers_lapses(asking, peers):
    asking.wait(1799)
    assert proposals(peers) == [(f"bot:{PAIR}:{NOW}", False)]
    asking.wait(1)
    assert proposals(peers)[-1] == (f"bot:{PAIR}:{NOW}", True)
    asking.tell(AcceptTrade(pair=PAIR, usdt_amount=None, request_id="r1"))
    assert answers(peers) == [("r1", False, Refusal.NOT_PENDING)]


def test_switching_the_bots_off_withdraws_what_waits(asking, peers):
    asking.tell(ControlChanged(seq=3, control=replace(CONTROL, trading=False, trading_since_ms=None)))
    assert proposals(peers)[-1][1] is True


def test_the_opposite_signal_withdraws_what_waits(build, peers):
    desk = build(bots={"manual_approval_mode": True, "opportunity_cooldown_secs": 0, "allow_short": False})
    desk.ready()
    desk.round(opinion())
    desk.round(opinion(action=Action.SELL))
    assert [withdrawn for _, withdrawn in proposals(peers)] == [False, True]


def test_a_new_hub_is_told_what_waits(asking, peers):
    peers.sent.clear()
    asking.tell(ActorStarted(name="hub", generation=2))
    assert proposals(peers) == [(f"bot:{PAIR}:{NOW}", False)]


# --- settings and control -------------------------------------------------------------------------------------------


def test_new_settings_hold_from_the_next_decision_on(desk):
    desk.ready()
    question = desk.begin_round()
    changed = parse_settings(
        {"analysts": {"technical": {"model": "technical"}}, "bots": {"defaults": {"trade_amount_usdt": 200}}}
    )
    desk.tell(SettingsApplied(settings=changed, settings_hash="new"))
    desk.answer(question, opinion())
    assert desk.orders()[0].quantity == Decimal("0.002")
    desk.fill(desk.orders()[0])
    assert desk.decisions()[0].settings_hash == "new"


def test_a_new_interval_sets_the_timer_anew(desk):
    desk.ready()
    changed = parse_settings({"analysts": {"technical": {"model": "technical"}}, "analysis": {"interval_seconds": 5}})
    desk.wait(2)
    desk.answer(desk.asked()[-1], opinion(action=Action.HOLD))
    desk.tell(SettingsApplied(settings=changed, settings_hash="new"))
    desk.wait(5)
    assert len(desk.asked()) == 2


def test_settings_without_the_pair_leave_its_bot_as_it_was(desk):
    desk.ready()
    changed = parse_settings({"analysts": {"technical": {"model": "technical"}}, "bots": {"pairs": {"ETHUSDT": {}}}})
    desk.tell(SettingsApplied(settings=changed, settings_hash="new"))
    desk.round(opinion())
    assert len(desk.orders()) == 1


def test_operators_changes_lie_over_the_settings(desk):
    changes = (("trade_amount_usdt", "100"), ("stop_loss_percent", "3"))
    own = ((PAIR, (("stop_loss_percent", "0.5"),)),)
    desk.ready(control=replace(CONTROL, defaults=changes, pairs=own))
    desk.round(opinion())
    assert (desk.orders()[0].quantity, desk.orders()[0].stop_loss) == (Decimal("0.001"), Decimal(99_500))


def test_only_enabled_pairs_trade(desk):
    desk.ready(control=replace(CONTROL, enabled_pairs=("ETHUSDT",)))
    assert desk.statuses()[-1] == ("disabled", None)
    desk.round(opinion())
    assert desk.gates() == ["pair_disabled"]


def test_a_paused_pair_says_so(build):
    desk = build(bots={"protections": {"stoploss_guard": {"trades": 1}}})
    desk.ready(statistics=replace(STATISTICS, recent_closed=(closed(-1, at_ms=NOW - MINUTE),)))
    assert desk.statuses()[-1] == ("paused", NOW + 59 * MINUTE)
    desk.round(opinion())
    assert desk.gates() == ["protection_paused"]


def test_without_a_word_from_the_ledger_nothing_is_traded(desk):
    desk.tell(RulesChanged(rules=(SYMBOL,)))
    desk.price(100_000)
    desk.round(opinion())
    assert desk.gates() == ["trading_off"]
    assert desk.orders() == []
