"""What a bot tells, given what it is told and what time it is."""

from dataclasses import replace
from decimal import Decimal

import pytest

from actors.bot import BotActor
from domain.analysis import Action, Opinion, Outcome, RiskLevel
from domain.market import Candle, MarketState, Quote, Source, SymbolRules
from domain.messages import (
    AccountChanged,
    CandleHistory,
    ControlChanged,
    DecisionMade,
    FormOpinion,
    MarketStatusChanged,
    OpinionFormed,
    OrderFilled,
    Ping,
    QuoteChanged,
    RulesChanged,
    StatisticsChanged,
    SubmitOrder,
    TimerFired,
)
from domain.trading import Account, BotStatistics, Control, Side
from settings import Settings, parse_settings

NOW = 1_767_225_600_000
PAIR = "BTCUSDT"
RULES = SymbolRules(
    pair=PAIR,
    base="BTC",
    quote="USDT",
    tick_size=Decimal("0.01"),
    step_size=Decimal("0.00001"),
    min_quantity=Decimal("0.00001"),
    max_quantity=Decimal(9000),
    min_notional=Decimal(5),
)
ACCOUNT = Account(
    seq=1,
    ts_ms=NOW,
    cash=Decimal(100_000),
    held=Decimal(0),
    margin=Decimal(0),
    unrealized_pnl=Decimal(0),
    equity=Decimal(100_000),
    realized_pnl_today=Decimal(0),
    fees_today=Decimal(0),
    positions=(),
    marks=(),
    orders=(),
)
NO_TRADES = BotStatistics(
    trades_today=0,
    trades_today_by_pair=(),
    total_trades=0,
    winning_trades=0,
    total_profit=Decimal(0),
    last_trade_ms=(),
    recent_closed=(),
)


class Shelf:
    def __init__(self):
        self.saved = []

    def save(self, collection, document):
        self.saved.append((collection, document))

    def recent(self, collection, *, limit, where=None):
        return ()


def opinion(analyst="technical", action=Action.BUY, confidence=0.6, **changes):
    return Opinion(
        **{
            "analyst": analyst,
            "pair": PAIR,
            "action": action,
            "confidence": confidence,
            "sentiment": 0.1,
            "horizon_minutes": 15,
            "stop_loss": None,
            "take_profit": None,
            "risk_level": RiskLevel.LOW,
            "reasoning": "because",
            "price": Decimal(100_000),
            "formed_ms": NOW,
            "round_id": "",
            "model": "technical",
        }
        | changes
    )


class Desk:
    """A bot with its surroundings: what it is told, what it told."""

    def __init__(self, peers, clock, timers, settings):
        self.peers, self.clock, self.timers, self.shelf = peers, clock, timers, Shelf()
        self.ref = BotActor.start(
            pair=PAIR,
            settings=settings,
            peers=peers,
            clock=clock,
            timers=timers,
            analysts=tuple(settings.analysts),
            source=Source.SIMULATED,
            settings_hash="hash",
            archive=self.shelf,
        )
        self.tell()

    def tell(self, *messages):
        for message in messages:
            self.ref.tell(message)
        self.ref.ask(Ping(), timeout=1)

    def price(self, price, **changes):
        quote = Quote(
            pair=PAIR,
            price=Decimal(price),
            bid=Decimal(price) - 1,
            ask=Decimal(price) + 1,
            event_ms=self.clock.now_ms(),
            source=Source.SIMULATED,
        )
        self.tell(QuoteChanged(quote=replace(quote, **changes)))

    def ready(self, *, trading=True, **control):
        on = Control(
            trading=trading,
            trading_since_ms=self.clock.now_ms() if trading else None,
            analysis=True,
            analysis_since_ms=NOW,
            **control,
        )
        self.tell(
            RulesChanged(rules=(RULES,)),
            MarketStatusChanged(state=MarketState.LIVE, message="live", at_ms=NOW),
            AccountChanged(account=ACCOUNT),
            StatisticsChanged(statistics=NO_TRADES),
            ControlChanged(seq=2, control=on),
        )
        self.price(100_000)

    def round(self, *opinions):
        """A round: the timer, then what the analysts answer to it."""
        self.tell(TimerFired(key="round", due_ms=self.clock.now_ms()))
        asked = self.peers.to("analyst-technical", FormOpinion)[-1]
        self.tell(
            *(
                OpinionFormed(opinion=replace(each, round_id=asked.round_id, formed_ms=self.clock.now_ms()))
                for each in opinions
            )
        )

    def orders(self, kind=SubmitOrder):
        return self.peers.to("broker", kind)

    def decisions(self):
        return [message.decision for message in self.peers.to("hub", DecisionMade)]


@pytest.fixture
def desk(peers, clock, timers):
    return Desk(peers, clock, timers, parse_settings({"analysts": {"technical": {"model": "technical"}}}))


def test_a_round_asks_the_analyst_and_its_opinion_becomes_an_order(desk):
    desk.ready()
    desk.round(opinion())
    (order,) = desk.orders()
    assert order.order_id == f"bot:BTCUSDT:{NOW}"
    assert order.side is Side.BUY
    # 50 USDT at the ask of 100001, in steps of 0.00001
    assert order.quantity == Decimal("0.00049")
    assert order.stop_loss == Decimal("99000.99")
    assert order.take_profit == Decimal("102001.02")
    assert desk.decisions() == []  # nothing is announced before the exchange has answered
