"""What must hold after chaos: no order lost or done twice, every stop honoured that the exchange's own tape met."""

from collections import Counter
from collections.abc import Callable, Iterator
from decimal import Decimal

from sim.world import World
from tests.system.chaos_trader import Trader
from tests.system.journal import Document

SLACK_MS = 2500  # a stop walks the first book after the trade, within 1 s; books are dated when they are received
BEHIND_MS = 2000  # a clock that is set back runs on at half its pace: for 4 s at most in these tests


def orders_fault(trader: Trader, journal: list[Document]) -> Iterator[str]:
    """Yield what is wrong with the orders of the client, given what it was told."""
    yield from trader.contradictions
    accepted = Counter(document["order_id"] for document in journal if document["type"] == "order")
    filled: dict[str, set[int]] = {}
    trades: dict[str, int] = {}
    for document in journal:
        if "fill" in document:
            filled.setdefault(document["order_id"], set()).add(document["seq"])
            trades[document["trade_id"]] = document["seq"]
    for trade_id, sent in trader.sent.items():
        if sent.executed and accepted[trade_id] != 1:
            yield f"{trade_id} was executed and is {accepted[trade_id]} times in the journal"
        if not sent.executed <= filled.get(trade_id, set()):
            yield f"{trade_id} was told at {sorted(sent.executed)}, stands at {sorted(filled.get(trade_id, ()))}"
        if sent.refused and not sent.executed and filled.get(trade_id):
            yield f"{trade_id} was refused ({sent.refused}) and filled"
        if not sent.answered:
            yield f"{trade_id} was never answered"
    for trade_id, seq in trader.told.items():
        if trades.get(trade_id) != seq:
            yield f"trade {trade_id} was told at seq {seq}, stands at {trades.get(trade_id)}"


def stops_fault(
    world: World,
    journal: list[Document],
    *,
    ended_ms: int,
    ahead_ms: Callable[[int], int],
    slow: list[tuple[int, int]],
) -> Iterator[str]:
    """Yield each position that was open for longer after its stop than a stop takes.

    Args:
        world: whose tape tells what was traded.
        ended_ms: until when the desk ran.
        ahead_ms: by how much the desk's clock may have been ahead at a time it told.
        slow: epoch ms, from and until: the broker may have waited for its database or for the processor then, and a
            stop that was met is decided at the end of it (docs/testing.md).
    """
    open_since: dict[str, tuple[Document, int]] = {}
    for document in [*journal, *_at_end(journal, ended_ms)]:
        pair = document.get("symbol")
        if pair in open_since and ("position" in document or document["type"] == "end"):
            position, since_ms = open_since[pair]
            until_ms = document["ts"] - ahead_ms(document["ts"])
            if (crossed := _crossing(world, position, since_ms + SLACK_MS + BEHIND_MS, until_ms, slow)) is not None:
                yield f"{crossed}, it was open until seq {document['seq']} at {document['ts']}"
        if "position" in document:
            position, held = document["position"], open_since.get(document["symbol"])
            level = _level(position)
            if position["direction"] == "flat" or level is None:
                open_since.pop(document["symbol"], None)
            elif held is None or _level(held[0]) != level or held[0]["direction"] != position["direction"]:
                open_since[document["symbol"]] = (position, document["ts"])


def _at_end(journal: list[Document], ended_ms: int) -> Iterator[Document]:
    for pair in sorted({document["symbol"] for document in journal if "position" in document}):
        yield {"type": "end", "symbol": pair, "ts": ended_ms, "seq": len(journal) + 1}


def _level(position: Document) -> Decimal | None:
    """Return the price at which the position must be closed: its stop, or its trailing stop where that is nearer."""
    trailing = (position.get("trailing") or {}).get("stop")
    levels = [level for level in (position.get("stop_loss"), trailing) if level is not None]
    if not levels:
        return None
    return max(levels) if position["direction"] == "long" else min(levels)


def _crossing(world: World, position: Document, begin_ms: int, end_ms: int, slow: list[tuple[int, int]]) -> str | None:
    """Return in words the first trade at or beyond the position's stop after which it was open for too long."""
    if begin_ms >= end_ms:
        return None
    market, level = world.market.pair(position["symbol"]), _level(position)
    assert level is not None
    tick = Decimal(market.listing.tick) / 10**8
    for trade in market.tape.trades_between(begin_ms, end_ms):
        price = trade.price * tick
        decided_ms = max([trade.time_ms, *(until for begin, until in slow if begin <= trade.time_ms <= until)])
        if decided_ms + SLACK_MS >= end_ms:
            continue
        if price <= level if position["direction"] == "long" else price >= level:
            what = f"{position['symbol']} {position['direction']}, stop {level}"
            return f"{what}: trade {trade.id} at {trade.time_ms} for {price} met it"
    return None


class AheadClock:
    """By how much the desk's clock may have been ahead of the true time, as it was set and ran back at half pace."""

    def __init__(self) -> None:
        self._set: list[tuple[int, int]] = []  # true ms, ms ahead from then on

    def set(self, at_ms: int, ahead_ms: int) -> None:
        self._set.append((at_ms, ahead_ms))

    def most(self, told_ms: int) -> int:
        """Return the most that a clock that told `told_ms` can have been ahead."""
        worst = max((ahead_ms for _, ahead_ms in self._set), default=0)
        first_ms = told_ms - max(0, worst)
        moments = [first_ms, *(at_ms for at_ms, _ in self._set if first_ms < at_ms <= told_ms)]
        return max(map(self._ahead, moments))

    def _ahead(self, true_ms: int) -> int:
        """Return the bound at a true time: what it is set to, or what is left of what it was set to before."""
        bound, now, at = 0, 0, true_ms
        for at_ms, ahead_ms in self._set:
            if at_ms > true_ms:
                break
            bound = max(ahead_ms, now, bound - max(0, at_ms - at) // 2)
            now, at = ahead_ms, at_ms
        return max(0, now, bound - max(0, true_ms - at) // 2)
