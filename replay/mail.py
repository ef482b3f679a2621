"""What came to a recorded desk from outside, in order: the market's mail, news, operators' commands, opinions."""

from collections.abc import Iterator
from typing import Any

from adapters.message_codec import UNKNOWN, MessageCodec
from domain.market import Candle
from domain.messages import (
    AcceptTrade,
    AmendProtection,
    BookChanged,
    CancelOrder,
    CandleClosed,
    CandleHistory,
    CandleOpened,
    ClosePosition,
    ControlChanged,
    FearGreedChanged,
    MarketStatusChanged,
    MissedTrades,
    NewsPublished,
    OpinionFormed,
    OpinionWithheld,
    QuoteChanged,
    RejectTrade,
    RulesChanged,
    SetControl,
    SubmitOrder,
    TickerChanged,
    TradePrinted,
)
from domain.ports import RecordedEvent
from replay.recording import Generation, HandlerEnd, Session
from settings import as_recorded, parse_settings

MARKET = (
    BookChanged,
    CandleClosed,
    CandleHistory,
    CandleOpened,
    FearGreedChanged,
    MarketStatusChanged,
    NewsPublished,
    QuoteChanged,
    RulesChanged,
    TickerChanged,
    TradePrinted,
)
OPERATORS = (AcceptTrade, AmendProtection, CancelOrder, ClosePosition, RejectTrade, SetControl, SubmitOrder)

Addressed = tuple[str, object]  # name, message


def outside_mail(session: Session, codec: MessageCodec, analysts: frozenset[str]) -> Iterator[RecordedEvent]:
    """Yield (name, message) events of a session. Opinions of `analysts`, once each, are for `analyst-NAME`.

    What the broker missed and was told later comes as single trades.

    Raises:
        RecordingDamaged: the recording cannot be read on.
    """
    told: set[tuple[str, str]] = set()
    resumed = False
    for now_ms, name, message in handled(session, codec):
        match message:
            case OpinionFormed(opinion=said) | OpinionWithheld(abstention=said):
                key = (said.analyst, said.round_id)
                if name.startswith("bot-") and said.analyst in analysts and key not in told:
                    told.add(key)
                    yield _event(now_ms, f"analyst-{said.analyst}", message)
            case MissedTrades():
                for trade in message.trades:
                    yield _event(now_ms, name, TradePrinted(pair=message.pair, trade=trade, catch_up=True))
            case ControlChanged() if not resumed and message.seq:
                resumed = True
                yield _event(now_ms, "broker", _resume(message, now_ms))
            case _ if isinstance(message, MARKET) or (isinstance(message, OPERATORS) and not _is_ours(message)):
                yield _event(now_ms, name, message)


def candles_told(session: Session) -> dict[str, list[Candle]]:
    """Return the closed 1 m candles that the bots of a session were told, by pair, oldest first.

    Raises:
        RecordingDamaged: the recording cannot be read on.
    """
    codec, found = MessageCodec(plain=as_recorded, settings=parse_settings), dict[str, dict[int, Candle]]()
    for _, name, message in handled(session, codec):
        if name.startswith("bot-") and isinstance(message, CandleHistory | CandleClosed) and message.interval == "1m":
            told = message.candles if isinstance(message, CandleHistory) else (message.candle,)
            found.setdefault(message.pair, {}).update((candle.open_ms, candle) for candle in told)
    return {pair: [candles[open_ms] for open_ms in sorted(candles)] for pair, candles in found.items()}


def handled(session: Session, codec: MessageCodec) -> Iterator[tuple[int, str, Any]]:
    """Yield (epoch ms, name, message) of all that was handled; the time never goes back.

    Raises:
        RecordingDamaged: the recording cannot be read on.
    """
    now_ms = session.base_ms
    while (step := session.next_step()) is not None:
        generation = session.generations[step.slot]
        now_ms = max(now_ms, session.base_ms + _first_reading(session, generation))
        if step.body is not None and step.name != UNKNOWN:
            yield now_ms, generation.name, codec.decode(step.name, step.body)


def _first_reading(session: Session, generation: Generation) -> int:
    """Take all that was learned in a handler; return its first reading of the clock, 0 where there was none."""
    first, learned = 0, generation.learned
    while learned or (not generation.over and session.pull()):
        if not learned:
            continue
        item = learned.popleft()
        if isinstance(item, HandlerEnd):
            break
        if type(item) is int and not first:
            first = item
    generation.written.clear()
    generation.outcomes.clear()
    generation.asides.clear()
    return first


def _is_ours(message: object) -> bool:
    return str(getattr(message, "reply_to", "")).startswith("bot-")


def _resume(message: ControlChanged, now_ms: int) -> SetControl:
    """Return the command that switches as the session began."""
    return SetControl(
        control_id="replay:start",
        control=message.control,
        kind="start_bot" if message.control.trading else "stop_bot",
        actor="replay",
        reply_to="hub",
        submitted_ms=now_ms,
    )


def _event(now_ms: int, name: str, message: object) -> RecordedEvent:
    return RecordedEvent(now_ms, 0, (name, message))
