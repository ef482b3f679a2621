"""The last minutes of trades of one pair, in order and without repeats, for whoever missed some."""

from collections import deque

from domain.market import PublicTrade


class TradeTape:
    """Trades of the last `keep_ms`, at most `capacity` of them, by rising trade id."""

    def __init__(self, *, keep_ms: int = 600_000, capacity: int = 50_000) -> None:
        self._keep_ms = keep_ms
        self._trades: deque[PublicTrade] = deque(maxlen=capacity)

    @property
    def newest(self) -> PublicTrade | None:
        return self._trades[-1] if self._trades else None

    def add(self, trade: PublicTrade) -> bool:
        """Take the next trade; False when it is a repeat or older than the newest one."""
        if self._trades and trade.trade_id <= self._trades[-1].trade_id:
            return False
        self._trades.append(trade)
        while self._trades[0].traded_ms < trade.traded_ms - self._keep_ms:
            self._trades.popleft()
        return True

    def covers(self, *, since_ms: int, since_trade_id: int | None) -> bool:
        """Return whether every trade after that moment is still here."""
        if not self._trades:
            return False
        oldest = self._trades[0]
        return oldest.traded_ms <= since_ms if since_trade_id is None else oldest.trade_id <= since_trade_id + 1

    def since(self, *, since_ms: int, since_trade_id: int | None) -> tuple[PublicTrade, ...]:
        """Return the trades after `since_trade_id`, or after `since_ms` where no id is known, oldest first."""
        if since_trade_id is None:
            return tuple(trade for trade in self._trades if trade.traded_ms > since_ms)
        return tuple(trade for trade in self._trades if trade.trade_id > since_trade_id)
