"""What became of one opinion at one horizon: the prices at both ends, hit or miss, and what a trade would have made.

An opinion is measured from the first candle that closes when it has been formed or later, to the first one that closes
when its horizon has passed since then. Both prices are closes, so nothing is used that did not exist at the time: not
the price the analyst was shown before it answered, nor a later one.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from domain.analysis import Action, Opinion
from domain.ports import JournalDocument
from domain.shadow_trade import ShadowTrade, TradeCosts

OWN = "own"  # the horizon the opinion itself names
FIXED = {"15m": 15, "1h": 60, "4h": 240}  # minutes
ENTRY = "entry"  # no horizon: the start of an opinion whose own horizon is longer than any fixed one
LABELS = (OWN, *FIXED)
MINUTE_MS = 60_000
INTERVAL = "1m"  # of the candles that settle
Trades = tuple[ShadowTrade, ShadowTrade]  # an opinion's, and its random twin's
NO_PRICE = "the market's data had no candle at that time"


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """What of an opinion is settled."""

    opinion_id: str
    pair: str
    action: Action
    confidence: float
    horizon_minutes: int
    formed_ms: int
    cost_usd: Decimal
    stop_loss: Decimal | None = None  # its own, quote per base
    take_profit: Decimal | None = None

    @property
    def has_levels(self) -> bool:
        """Whether a trade of it can end before its horizon."""
        return bool(self.action.sign) and (self.stop_loss is not None or self.take_profit is not None)

    def minutes(self, label: str) -> int:
        """Return the length of a horizon, 0 for the entry."""
        return 0 if label == ENTRY else self.horizon_minutes if label == OWN else FIXED[label]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settlement:
    """One opinion at one horizon. `void` says why there is none; all prices and results are None then."""

    call: Call
    label: str
    due_ms: int  # close of the candle at the end; for a void one when it should have been
    counted: bool  # part of the scores unless void: BUY or SELL, formed after the horizon of the pair's last such one
    cost_usd: Decimal = Decimal(0)  # what it bears of the pair's calls: those up to it that no other one bears
    start_ms: int | None = None  # close of the entry's candle
    entry: Decimal | None = None
    exit: Decimal | None = None
    net_return: float | None = None  # of a trade in its direction, None for HOLD
    trade_exit: Decimal | None = None  # where that trade ended
    ended_by: str = ""  # stop_loss | take_profit | horizon; empty where there is no trade
    coin_return: float | None = None  # of the random twin's trade
    void: str = ""

    @property
    def key(self) -> tuple[str, str]:
        return self.call.opinion_id, self.label

    @property
    def bears(self) -> bool:
        """Whether the costs of the pair's opinions up to this one are its own."""
        return self.label == OWN and self.counted and not self.void

    @property
    def move(self) -> float | None:
        """Change of the price over the horizon as a fraction."""
        return None if self.entry is None or self.exit is None else float(self.exit / self.entry) - 1

    @property
    def hit(self) -> bool:
        """Whether the price moved in the action's direction; a price that stood still did not."""
        return self.entry is not None and self.exit is not None and (self.exit - self.entry) * self.call.action.sign > 0


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredScores:
    """What is known of an analyst at its start."""

    calls: tuple[Call, ...] = ()  # all that may still be open
    settlements: tuple[Settlement, ...] = ()  # of these, and the newest that count
    spent: tuple[Call, ...] = ()  # older ones that cost something no counted one has borne; only that is taken
    since_ms: int = 0  # of calls formed earlier only their own horizons may be open

    def with_calls(self, calls: Iterable[Call]) -> "StoredScores":
        """Return the same with further calls; one that is among them already is not doubled."""
        return replace(self, calls=tuple({each.opinion_id: each for each in (*calls, *self.calls)}.values()))


def call_of(opinion: Opinion) -> Call:
    """Return what of `opinion` is settled."""
    return Call(
        opinion_id=opinion_id(opinion.analyst, opinion.round_id),
        pair=opinion.pair,
        action=opinion.action,
        confidence=opinion.confidence,
        horizon_minutes=opinion.horizon_minutes,
        formed_ms=opinion.formed_ms,
        cost_usd=opinion.cost_usd,
        stop_loss=opinion.stop_loss,
        take_profit=opinion.take_profit,
    )


def opinion_id(analyst: str, round_id: str) -> str:
    """Return the key of an opinion in the collection `opinions`."""
    return f"opinion:{analyst}:{round_id}"


def close_ms(at_ms: int, interval_ms: int) -> int:
    """Return when the first candle closes that closes at `at_ms` or later."""
    return -(-at_ms // interval_ms) * interval_ms


def coin(opinion_key: str) -> int:
    """Return the direction, +1 or -1, that the random twin takes instead of the opinion's: fair, the same each time."""
    return 1 if hashlib.sha256(f"coin:{opinion_key}".encode()).digest()[0] & 1 else -1


def settled(
    call: Call,
    label: str,
    *,
    start_ms: int,
    entry: Decimal,
    due_ms: int,
    end: Decimal,
    costs: TradeCosts,
    counted: bool,
    trades: Trades | None = None,
) -> Settlement:
    """Return the settlement of `call` by the closes at both ends of the horizon.

    Args:
        call: what is settled.
        label: of the horizon.
        start_ms: close of the entry's candle.
        entry: price at the start, > 0.
        due_ms: close of the candle at the end.
        end: price at the end, > 0.
        costs: of one side of a shadow trade.
        counted: part of the scores.
        trades: the call's trade and its random twin's as the candles between have left them; None: just held.
    """
    own, twin = (each.held_to(end) for each in trades) if trades else (None, None)
    if own is None and (held := trades_of(call, entry, levels=False)) is not None:
        own, twin = (each.held_to(end) for each in held)
    return Settlement(
        call=call,
        label=label,
        due_ms=due_ms,
        counted=counted,
        start_ms=start_ms,
        entry=entry,
        exit=end,
        net_return=own.net_return(costs) if own else None,
        trade_exit=own.exit if own else None,
        ended_by=own.ended_by if own else "",
        coin_return=twin.net_return(costs) if twin else None,
    )


def trades_of(call: Call, entry: Decimal, *, levels: bool) -> Trades | None:
    """Return the trade of a BUY or SELL and its random twin's at `entry`; `levels`: with its stop and target."""
    if not call.action.sign:
        return None
    own = ShadowTrade(
        sign=call.action.sign,
        entry=entry,
        stop_loss=call.stop_loss if levels else None,
        take_profit=call.take_profit if levels else None,
    )
    return own, own if coin(call.opinion_id) == own.sign else own.mirrored()


def settlement_document(analyst: str, settlement: Settlement) -> JournalDocument:
    """Return the document of `settlements`: its key is opinion and horizon, so that a repeat changes nothing."""
    call = settlement.call
    document: dict[str, object] = {
        "_id": f"settlement:{call.opinion_id}:{settlement.label}",
        "ts": settlement.due_ms,
        "analyst": analyst,
        "opinion": call.opinion_id,
        "symbol": call.pair,
        "label": settlement.label,
        "minutes": call.minutes(settlement.label),
        "horizon_minutes": call.horizon_minutes,
        "action": call.action.value,
        "confidence": call.confidence,
        "formed_ms": call.formed_ms,
        "opinion_cost_usd": call.cost_usd,
        "counted": settlement.counted,
        "cost_usd": settlement.cost_usd,
        "hit": settlement.hit if call.action.sign and not settlement.void else None,
        "move": settlement.move,
        "start_ms": settlement.start_ms,
        "entry": settlement.entry,
        "exit": settlement.exit,
        "net_return": settlement.net_return,
        "trade_exit": settlement.trade_exit,
        "ended_by": settlement.ended_by or None,
        "stop_loss": call.stop_loss,
        "take_profit": call.take_profit,
        "coin_return": settlement.coin_return,
        "void": settlement.void or None,
    }
    return {name: value for name, value in document.items() if value is not None}


def read_settlement(document: JournalDocument) -> Settlement:
    """Return the settlement of a document of `settlements`."""
    body: Any = document
    call = Call(
        opinion_id=body["opinion"],
        pair=body["symbol"],
        action=Action(body["action"]),
        confidence=float(body["confidence"]),
        horizon_minutes=body["horizon_minutes"],
        formed_ms=body["formed_ms"],
        cost_usd=body["opinion_cost_usd"],
        stop_loss=body.get("stop_loss"),
        take_profit=body.get("take_profit"),
    )
    return Settlement(
        call=call,
        label=body["label"],
        due_ms=body["ts"],
        counted=body["counted"],
        cost_usd=body["cost_usd"],
        start_ms=body.get("start_ms"),
        entry=body.get("entry"),
        exit=body.get("exit"),
        net_return=body.get("net_return"),
        trade_exit=body.get("trade_exit"),
        ended_by=body.get("ended_by", ""),
        coin_return=body.get("coin_return"),
        void=body.get("void", ""),
    )


def read_call(document: JournalDocument) -> Call:
    """Return what is settled of a document of `opinions`."""
    body: Any = document
    return Call(
        opinion_id=body["_id"],
        pair=body["symbol"],
        action=Action(body["action"]),
        confidence=float(body["confidence"]),
        horizon_minutes=body["horizon_minutes"],
        formed_ms=body["formed_ms"],
        cost_usd=body["cost_usd"],
        stop_loss=body.get("stop_loss"),
        take_profit=body.get("take_profit"),
    )
