"""What was missed, fetched over REST: closed candles and trades after the last ones known, complete and in order.

Trades and their ids. The trade stream counts single trades (`t`). REST offers three lists:

- /api/v3/trades: the newest 1000 single trades, the same ids. Exact, enough for a short gap.
- /api/v3/aggTrades: found by time, cheap, as far back as wanted. One entry stands for the trades `f` to `l` of one
  order at one price; its own number `a` is of another count and never compared with trade ids.
- /api/v3/historicalTrades: single trades by id, dear, and not offered by every host.

So a gap is filled with aggregates, each told as one trade that bears its last id `l`, up to the newest 1000, which are
told singly. Of an aggregate that is known in part (`f` <= known < `l`) only the unknown part is told.
"""

import logging
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal

from adapters import binance_wire as wire
from adapters.binance_rest import BinanceRest
from domain.errors import QuorumError
from domain.market import INTERVAL_MS, Candle, PublicTrade

log = logging.getLogger(__name__)

SINGLE_TRADES_SPAN_MS = 2 * 3_600_000  # farther back, candles of 1 m stand in for trades
CANDLES_SPAN_MS = 30 * 86_400_000  # what happened before is left out
MINUTE_MS = 60_000
SETTLED_MS = 500  # a candle over REST is final when it has ended so long ago


def closed_candles_after(
    rest: BinanceRest, pair: str, interval: str, *, after_open_ms: int, exchange_ms: int
) -> tuple[Candle, ...]:
    """Return the closed candles that open after `after_open_ms`, oldest first. `exchange_ms`: the exchange's time."""
    step = INTERVAL_MS[interval]
    last_open_ms = last_closed_ms(interval, exchange_ms)
    if after_open_ms >= last_open_ms:
        return ()
    return tuple(rest.klines(pair, interval, start_ms=after_open_ms + step, end_ms=last_open_ms))


def last_closed_ms(interval: str, exchange_ms: int) -> int:
    """Return the open time of the newest candle of `interval` that is closed and settled at `exchange_ms`."""
    step, settled_ms = INTERVAL_MS[interval], exchange_ms - SETTLED_MS
    return settled_ms - settled_ms % step - step


def trades_after(rest: BinanceRest, pair: str, *, last_id: int, last_ms: int) -> tuple[PublicTrade, ...]:
    """Return every trade with an id above `last_id`, which was made at `last_ms`, up to the newest."""
    newest = rest.newest_trades(pair)
    if not newest or newest[0].id <= last_id + 1:
        return tuple(wire.rest_trade_of(trade) for trade in newest if trade.id > last_id)
    older = _aggregated(rest, pair, last_id=last_id, last_ms=last_ms, newest=newest)
    return (*older, *(wire.rest_trade_of(trade) for trade in newest))


def trades_since(rest: BinanceRest, pair: str, *, since_ms: int) -> tuple[PublicTrade, ...]:
    """Return every trade made after `since_ms`, up to the newest."""
    newest = rest.newest_trades(pair)
    if newest and newest[0].time <= since_ms:
        return tuple(wire.rest_trade_of(trade) for trade in newest if trade.time > since_ms)
    older = _aggregated(rest, pair, last_id=-1, last_ms=since_ms + 1, newest=newest)
    return (*older, *(wire.rest_trade_of(trade) for trade in newest))


def missed(
    rest: BinanceRest, pair: str, *, since_ms: int, since_trade_id: int | None, exchange_ms: int
) -> tuple[tuple[PublicTrade, ...], tuple[Candle, ...]]:
    """Return what happened after that moment: trades, and candles of 1 m for the part that is too long ago.

    The minute of `since_ms` is told by its trades, too: a candle would not say which of it came after that moment. So
    trades stand before the first candle and after the last one.
    """
    from_ms = exchange_ms - SINGLE_TRADES_SPAN_MS
    from_ms -= from_ms % MINUTE_MS
    if since_ms >= from_ms:
        if since_trade_id is None:
            return trades_since(rest, pair, since_ms=since_ms), ()
        return trades_after(rest, pair, last_id=since_trade_id, last_ms=since_ms), ()
    if since_ms < exchange_ms - CANDLES_SPAN_MS:
        log.warning("%s was left alone for more than 30 days: what happened before those is not fetched", pair)
        since_ms, since_trade_id = exchange_ms - CANDLES_SPAN_MS, None
    start_ms = since_ms - since_ms % MINUTE_MS + MINUTE_MS
    begun = _until(rest, pair, since_ms=since_ms, last_id=since_trade_id, end_ms=start_ms)
    candles = tuple(rest.klines(pair, "1m", start_ms=start_ms, end_ms=from_ms - MINUTE_MS))
    return (*begun, *trades_since(rest, pair, since_ms=from_ms - 1)), candles


def _until(rest: BinanceRest, pair: str, *, since_ms: int, last_id: int | None, end_ms: int) -> Iterator[PublicTrade]:
    """Yield the trades after `last_id`, else after `since_ms`, and before `end_ms`, aggregated."""
    first_ms = since_ms + 1 if last_id is None else since_ms
    if first_ms >= end_ms:
        return
    for aggregate in rest.aggregates_since(pair, first_ms):
        if end_ms <= aggregate.T:
            return
        if last_id is None or aggregate.l > last_id:
            yield from _after(rest, pair, aggregate, last_id, [])


def _aggregated(
    rest: BinanceRest, pair: str, *, last_id: int, last_ms: int, newest: list[wire.RestTrade]
) -> Iterator[PublicTrade]:
    """Yield the trades after `last_id` and before the `newest`, aggregated."""
    first_new_id = newest[0].id if newest else None
    for aggregate in rest.aggregates_since(pair, last_ms):
        if first_new_id is not None and aggregate.f >= first_new_id:
            return
        if aggregate.l > last_id:
            yield from _after(rest, pair, aggregate, last_id, newest)


def _after(
    rest: BinanceRest, pair: str, aggregate: wire.AggregateTrade, last_id: int | None, newest: list[wire.RestTrade]
) -> Iterator[PublicTrade]:
    """Yield an aggregate, or the part of it that came after `last_id`."""
    if last_id is not None and aggregate.f <= last_id:
        yield from _rest_of(rest, pair, aggregate, last_id, newest)
    else:
        yield _before(aggregate, newest)


def _rest_of(
    rest: BinanceRest, pair: str, aggregate: wire.AggregateTrade, last_id: int, newest: list[wire.RestTrade]
) -> Iterator[PublicTrade]:
    """Yield the part of an aggregate whose beginning is known, trade by trade where the host offers them."""
    until_id = min(aggregate.l + 1, newest[0].id) if newest else aggregate.l + 1
    try:
        singles = rest.trades_from(pair, last_id + 1, until_id - last_id - 1)
        yield from (wire.rest_trade_of(trade) for trade in singles if last_id < trade.id < until_id)
    except QuorumError as error:
        log.info("Trades %s to %s of %s told with the whole of their order: %s", last_id + 1, until_id - 1, pair, error)
        yield _before(aggregate, newest)


def _before(aggregate: wire.AggregateTrade, newest: list[wire.RestTrade]) -> PublicTrade:
    """Return the part of an aggregate that is not among the newest single trades."""
    whole = wire.aggregate_of(aggregate)
    if not newest or aggregate.l < newest[0].id:
        return whole
    known = sum((trade.qty for trade in newest if trade.id <= aggregate.l), Decimal(0))
    return replace(whole, trade_id=newest[0].id - 1, quantity=whole.quantity - known)
