"""What the hub's tests stand on: recorded notices, peers that loop the hub's mail to itself, values to send."""

from collections import Counter
from dataclasses import dataclass, field
from decimal import Decimal

from actors.hub import HubActor
from domain import messages, requests
from domain.analysis import Action as Act
from domain.analysis import AnalystState, AnalystStatus, Decision, Opinion, Outcome, RiskLevel, Signal
from domain.market import Quote, Source, Ticker
from domain.trading import (
    Account,
    BotStatistics,
    ClosedTrade,
    Control,
    Direction,
    FillModel,
    Order,
    OrderSource,
    OrderStatus,
    OrderType,
    Position,
    Reason,
    Side,
    Trade,
)
from settings import Settings
from tests.protocol_check import check_frame
from web import wire

NOW = 1_767_225_600_000
ZERO = Decimal(0)
D = Decimal


@dataclass
class Told:
    """One frame as the hub gave it."""

    kind: str
    data: object
    to: str | None = None  # None: published
    but: str | None = None
    request_id: str | None = None
    seq: int | None = None
    symbol: str | None = None
    conflate: bool = False
    warnings: tuple = ()


@dataclass
class RecordingNotices:
    told: list[Told] = field(default_factory=list)
    problems: dict = field(default_factory=dict)
    closed: list = field(default_factory=list)
    restarts: int = 0
    checked: Counter = field(default_factory=Counter)

    def _check(self, kind, data):
        """Whatever is told can be written, and the first of each kind are as the protocol's document says."""
        text = wire.message(kind, data)
        self.checked[kind] += 1
        if self.checked[kind] <= 3:
            check_frame(text)

    def publish(self, kind, data, *, symbol=None, conflate=False, ledger_seq=None, but=None):
        self._check(kind, data)
        self.told.append(Told(kind, data, seq=ledger_seq, but=but, symbol=symbol, conflate=conflate))

    def reply(self, session, kind, data, *, request_id=None, ledger_seq=None, warnings=()):
        self._check(kind, data)
        self.told.append(Told(kind, data, to=session, request_id=request_id, seq=ledger_seq, warnings=warnings))

    def restarted(self):
        self.restarts += 1

    def report(self, part, problem):
        self.problems[part] = problem

    def show(self, figures):
        self.figures = figures

    def close(self, session, code, reason):
        self.closed.append((session, code))


@dataclass
class MemoryArchive:
    """The archive port over a dict."""

    documents: dict[str, list[dict]] = field(default_factory=dict)
    asked: list = field(default_factory=list)

    def save(self, collection, document):
        self.documents.setdefault(collection, []).append(document)

    def recent(self, collection, *, limit, where=None):
        self.asked.append((collection, limit, where))
        return tuple(self.documents.get(collection, ())[:limit])


class World:
    """A hub whose other side is recorded. `told` returns and forgets what was said since."""

    def __init__(self, *, peers, clock, timers, settings=None, **more):
        self.peers, self.clock, self.timers = peers, clock, timers
        self.notices, self.archive = RecordingNotices(), MemoryArchive()
        self.settings = settings or Settings()
        recorded = peers.tell

        def tell(name, message):
            recorded(name, message)
            if name == "hub":
                self.hub.tell(message)
            return True

        peers.tell = tell
        self.hub = HubActor.start(
            settings=self.settings,
            peers=peers,
            clock=clock,
            timers=timers,
            notices=self.notices,
            archive=self.archive,
            source=Source.RECORDED,
            banner="a recording",
            version="1.2.3",
            settings_hash="h0",
            **more,
        )
        self.wait()

    def wait(self):
        for _ in range(2):  # the second for what the hub tells itself
            assert self.hub.ask(messages.Ping(), timeout=30)

    def send(self, *mail):
        for message in mail:
            self.hub.tell(message)
        self.wait()
        return self

    def said(self):
        """Return all frames since the last call, in order."""
        self.wait()
        told, self.notices.told = self.notices.told, []
        return told

    def kinds(self):
        return [item.kind if item.to is None else f"{item.kind}>{item.to}" for item in self.said()]

    def one(self, kind, to=None):
        """Return the data of the only frame of that kind since the last call."""
        found = [item for item in self.said() if item.kind == kind and item.to == to]
        assert len(found) == 1, found
        return found[0]

    def begin(self, **account_):
        """Let the broker answer, so that sessions are welcomed."""
        return self.send(
            messages.AccountChanged(account=account(**account_)),
            messages.ControlChanged(seq=0, control=control()),
            messages.RecentTrades(trades=(), closed=()),
        )

    def join(self, session="s1", role="operator"):
        self.send(messages.ClientArrived(session=session, role=role, address="127.0.0.1"))
        return self

    def ask(self, request, session="s1", request_id="r", role="operator", kind=None, warnings=()):
        kind = kind or next(name for name, type_ in requests.KINDS.items() if type_ is type(request))
        self.send(
            messages.ClientRequest(
                session=session,
                role=role,
                address="127.0.0.1",
                kind=kind,
                request=request,
                request_id=request_id,
                warnings=warnings,
            )
        )
        return self

    def tick(self, count=1):
        for _ in range(count):
            self.send(messages.TimerFired(key="tick", due_ms=self.clock.now_ms()))

    def command(self, name, kind):
        """Return the last command of that type told to `name`."""
        return self.peers.to(name, kind)[-1]


def account(seq=1, cash="100000", positions=(), marks=(), orders=(), **more):
    cash = D(cash)
    margin = sum((item.margin for item in positions), ZERO)
    values = {
        "seq": seq,
        "ts_ms": NOW,
        "cash": cash,
        "held": ZERO,
        "margin": margin,
        "unrealized_pnl": ZERO,
        "equity": cash + margin,
        "realized_pnl_today": ZERO,
        "fees_today": ZERO,
        "positions": tuple(positions),
        "marks": tuple(marks),
        "orders": tuple(orders),
    }
    return Account(**{**values, **more})


def control(**more):
    return Control(**{"trading": False, "trading_since_ms": None, "analysis": True, "analysis_since_ms": NOW, **more})


def order(order_id="o", **more):
    values = {
        "order_id": order_id,
        "pair": "BTCUSDT",
        "side": Side.BUY,
        "order_type": OrderType.MARKET,
        "quantity": D("0.01"),
        "filled": ZERO,
        "status": OrderStatus.OPEN,
        "reduce_only": False,
        "source": OrderSource.MANUAL,
        "leverage": 1,
        "created_ms": NOW,
        "reason": Reason.MANUAL,
    }
    return Order(**{**values, **more})


def trade(seq, order_id="o", **more):
    values = {
        "trade_id": order_id,
        "order_id": order_id,
        "seq": seq,
        "pair": "BTCUSDT",
        "side": Side.BUY,
        "quantity": D("0.01"),
        "price": D(64000),
        "notional": D(640),
        "fee": D("0.64"),
        "realized_pnl": ZERO,
        "ts_ms": NOW + seq,
        "order_type": OrderType.MARKET,
        "source": OrderSource.MANUAL,
        "reason": Reason.MANUAL,
        "fill_model": FillModel.BOOK20,
        "liquidity": "taker",
        "catch_up": False,
    }
    return Trade(**{**values, **more})


def position(**more):
    values = {
        "pair": "BTCUSDT",
        "direction": Direction.LONG,
        "quantity": D("0.01"),
        "entry_price": D(64000),
        "cost": D(640),
        "margin": D(640),
        "leverage": 1,
        "opened_ms": NOW,
        "source": OrderSource.MANUAL,
        "trade_id": "o",
    }
    return Position(**{**values, **more})


def closed(seq, **more):
    values = {
        "trade_id": "o",
        "pair": "BTCUSDT",
        "direction": Direction.LONG,
        "entry_price": D(64000),
        "exit_price": D(65000),
        "quantity": D("0.01"),
        "realized_pnl": D(10),
        "fees": D("1.29"),
        "reason": Reason.MANUAL,
        "opened_ms": NOW,
        "closed_ms": NOW + seq,
        "source": OrderSource.MANUAL,
        "confidence": None,
    }
    return ClosedTrade(**{**values, **more})


def filled(seq, order_id="o", *, closed_=None, position_=None, repeated=False, order_=None, trade_=None, warnings=()):
    return messages.OrderFilled(
        seq=seq,
        order=order_ or order(order_id, status=OrderStatus.FILLED, filled=D("0.01")),
        trade=trade_ or trade(seq, order_id),
        closed=closed_,
        position=position_,
        account=account(
            seq=seq,
            cash="99359.36",
            positions=() if position_ is None else (position_,),
            marks=() if position_ is None else ((position_.pair, D(64000)),),
        ),
        repeated=repeated,
        warnings=warnings,
    )


def quote(pair="BTCUSDT", price="64000.10", **more):
    values = {"pair": pair, "price": D(price), "bid": D(price), "ask": D(price), "event_ms": NOW}
    return Quote(**{**values, "source": Source.RECORDED, **more})


def ticker():
    return Ticker(
        change_percent=D("1.5"),
        change=D(900),
        high=D(65000),
        low=D(63000),
        volume=D(12),
        quote_volume=D(1),
        event_ms=NOW,
    )


def opinion(analyst="grok", action=Act.BUY, confidence=0.7, **more):
    values = {
        "analyst": analyst,
        "pair": "BTCUSDT",
        "action": action,
        "confidence": confidence,
        "sentiment": 0.4,
        "horizon_minutes": 60,
        "stop_loss": D(63000),
        "take_profit": D(66000),
        "risk_level": RiskLevel.LOW,
        "reasoning": "because",
        "price": D(64000),
        "formed_ms": NOW,
        "round_id": "BTCUSDT:1",
        "model": f"x/{analyst}",
    }
    return Opinion(**{**values, **more})


def signal(*opinions, action=Act.BUY, confidence=0.7, **more):
    values = {
        "pair": "BTCUSDT",
        "action": action,
        "score": confidence * action.sign,
        "confidence": confidence,
        "agreed": True,
        "opinions": opinions or (opinion(),),
        "abstentions": (),
        "formed_ms": NOW,
        "round_id": "BTCUSDT:1",
    }
    return Signal(**{**values, **more})


def decision(outcome=Outcome.BLOCKED, gate="cooldown", **more):
    values = {
        "decision_id": "bot:BTCUSDT:1",
        "pair": "BTCUSDT",
        "decided_ms": NOW,
        "outcome": outcome,
        "gate": gate,
        "explanation": "it waits",
        "signal": signal(),
        "checks": (),
        "features": None,
        "order_id": None,
        "settings_hash": "h",
    }
    return Decision(**{**values, **more})


def analyst_status(name="grok", **more):
    values = {
        "name": name,
        "model": f"x/{name}",
        "role": "sentiment",
        "state": AnalystState.READY,
        "reason": None,
        "weight": D(1),
        "opinions": 3,
        "abstentions": 1,
        "cost_today_usd": D("0.01"),
        "budget_usd": D(1),
        "latency_ms": 900,
    }
    return AnalystStatus(**{**values, **more})


def statistics(**more):
    values = {
        "trades_today": 0,
        "trades_today_by_pair": (),
        "total_trades": 0,
        "winning_trades": 0,
        "total_profit": ZERO,
        "last_trade_ms": (),
        "recent_closed": (),
    }
    return BotStatistics(**{**values, **more})
