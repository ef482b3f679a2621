"""What people are told who look at no dashboard: sentences, how many go out a minute, what becomes of the rest."""

from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from domain.market import Source
from domain.money import mean_text, text
from domain.trading import ClosedTrade, Side, Trade

FILL, EXIT, ALERT, GAVE_UP = "fill", "exit", "alert", "gave_up"  # as the settings name them
MINUTE_MS = 60_000
WAITING = 200  # notices of one channel whose text is kept; of more only the number
LINES = 10  # of one message that sums up several notices
LONGEST = 3500  # characters of one message; Telegram takes 4096
KEEP_MS = 60 * MINUTE_MS  # what could not be sent for so long is told to nobody any more
FIRST_RETRY_MS, LONGEST_RETRY_MS = 1000, MINUTE_MS
LONGEST_WAIT_MS = 60 * MINUTE_MS  # that the other side may ask for
_NAMES = {FILL: "fill", EXIT: "exit", ALERT: "alert", GAVE_UP: "actor that gave up"}
_PRICES = {Source.BINANCE: "", Source.SIMULATED: " (simulated prices)", Source.RECORDED: " (recorded prices)"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """One event to be told."""

    kind: str  # fill | exit | alert | gave_up
    text: str  # one sentence
    at_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NotificationText:
    """One message as a channel gets it."""

    text: str  # plain, lines apart
    notices: tuple[Notice, ...]
    left_out: int = 0  # further events that only the number is known of


def of_trade(trade: Trade, closed: ClosedTrade | None) -> Notice:
    """Return what is told of an execution: an exit where it closed (a part of) a position, else a fill."""
    if closed is None:
        return Notice(kind=FILL, text=_entered(trade), at_ms=trade.ts_ms)
    return Notice(kind=EXIT, text=_exited(closed, catch_up=trade.catch_up), at_ms=trade.ts_ms)


def closed_by(trade: Trade, recent: Sequence[ClosedTrade]) -> ClosedTrade | None:
    """Return what `trade` closed, of the broker's recent closed trades: the one of its moment, pair and gross P&L."""
    wanted = (trade.pair, trade.ts_ms, trade.realized_pnl)
    return next((each for each in recent if (each.pair, each.closed_ms, each.realized_pnl) == wanted), None)


def _entered(trade: Trade) -> str:
    did = "Bought" if trade.side is Side.BUY else "Sold"
    why = f"{trade.source.value}, {trade.reason.value}"
    sentence = (
        f"{did} {text(trade.quantity)} {trade.pair} at {mean_text(trade.price)} ({why}), fee {trade.fee:.2f} USDT"
    )
    return f"{sentence}, in catch-up" if trade.catch_up else sentence


def _exited(closed: ClosedTrade, *, catch_up: bool) -> str:
    what = f"{closed.direction.value.lower()} {text(closed.quantity)} {closed.pair}"
    earned = closed.realized_pnl - closed.fees
    sentence = f"Closed {what} at {mean_text(closed.exit_price)} ({closed.reason.value}): {earned:+.2f} USDT after fees"
    return f"{sentence}, in catch-up" if catch_up else sentence


def compose(notices: Sequence[Notice], left_out: Counter[str], source: Source) -> NotificationText:
    """Return the message about `notices` (oldest first, at least one) and the number of those without a text."""
    head = f"Quorum{_PRICES[source]}: "
    more = left_out.total()
    if len(notices) == 1 and not more:
        return NotificationText(text=(head + notices[0].text)[:LONGEST], notices=tuple(notices))
    counts = Counter(notice.kind for notice in notices) + left_out
    total = ", ".join(f"{count} {_NAMES[kind]}{'s' if count > 1 else ''}" for kind, count in sorted(counts.items()))
    shown = notices[-LINES:]
    lines = [f"{head}{len(notices) + more} events: {total}", *(f"{_time(each.at_ms)} {each.text}" for each in shown)]
    if len(notices) + more > len(shown):
        lines.append(f"and {len(notices) + more - len(shown)} before these")
    return NotificationText(text="\n".join(lines)[:LONGEST], notices=tuple(notices), left_out=more)


def _time(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%H:%M:%S")


class Outbox:
    """What waits for one channel. One message at a time is on its way; all that waits goes into the next one.

    Args:
        per_minute: messages in any 60 s, tries that failed among them.
    """

    def __init__(self, per_minute: int) -> None:
        self.per_minute = per_minute
        self._waiting: deque[Notice] = deque()
        self._left_out: Counter[str] = Counter()
        self._under_way: tuple[tuple[Notice, ...], Counter[str]] | None = None
        self._tries_ms: deque[int] = deque()
        self._not_before_ms = 0
        self._failures = 0

    def add(self, notice: Notice) -> int:
        """Let `notice` wait; return how many lost their text for it (0 or 1): of those only the number is told."""
        self._waiting.append(notice)
        return self._bound()

    def _bound(self) -> int:
        over = max(0, len(self._waiting) - WAITING)
        for _ in range(over):
            self._left_out[self._waiting.popleft().kind] += 1
        return over

    def __len__(self) -> int:
        """Return how many notices with a text wait or are on their way."""
        return len(self._waiting) + (len(self._under_way[0]) if self._under_way else 0)

    def expire(self, now_ms: int) -> int:
        """Forget what is too old to be told; return how many."""
        gone = 0
        while self._waiting and self._waiting[0].at_ms < now_ms - KEEP_MS:
            self._waiting.popleft()
            gone += 1
        return gone

    def due_ms(self, now_ms: int) -> int | None:
        """Return when the next message may go; None while one is on its way or nothing waits."""
        if self._under_way is not None or not self._waiting:
            return None
        while self._tries_ms and self._tries_ms[0] <= now_ms - MINUTE_MS:
            self._tries_ms.popleft()
        full = len(self._tries_ms) >= self.per_minute
        room_ms = self._tries_ms[len(self._tries_ms) - self.per_minute] + MINUTE_MS if full else now_ms
        return max(now_ms, room_ms, self._not_before_ms)

    def take(self, now_ms: int, source: Source) -> NotificationText | None:
        """Return the message to send now, all that waits in it; None when none may go."""
        due_ms = self.due_ms(now_ms)
        if due_ms is None or due_ms > now_ms:
            return None
        self._under_way = tuple(self._waiting), self._left_out
        self._waiting, self._left_out = deque(), Counter()
        self._tries_ms.append(now_ms)
        return compose(*self._under_way, source)

    def settled(self) -> None:
        """Note that the message was taken, or never will be."""
        self._under_way, self._failures = None, 0

    def put_off(self, now_ms: int, wait_ms: int | None) -> int:
        """Let the message wait again, with what has come since; return how many lost their text by that.

        Args:
            wait_ms: what the other side asked for; None doubles the last wait.
        """
        assert self._under_way is not None
        notices, left_out = self._under_way
        self._under_way = None
        self._waiting.extendleft(reversed(notices))
        self._left_out += left_out
        self._failures += 1
        own_ms = min(FIRST_RETRY_MS << min(self._failures - 1, 16), LONGEST_RETRY_MS)
        self._not_before_ms = now_ms + min(max(own_ms, wait_ms or 0), LONGEST_WAIT_MS)
        return self._bound()

    def last(self, now_ms: int, source: Source) -> NotificationText | None:
        """Return one message about all that waits, whatever the limit says; None when nothing does."""
        self.expire(now_ms)
        return compose(tuple(self._waiting), self._left_out, source) if self._waiting else None
