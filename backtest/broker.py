"""The broker of a run: the exchange of `domain.execution` with its journal in memory, told and telling as the live one.

What `actors.broker` does around the exchange, without a database: a document counts as stored once it is made.
"""

from collections.abc import Callable
from decimal import Decimal

from domain import acceptance, execution
from domain.acceptance import PaperRules
from domain.audiences import audience
from domain.desk import Desk
from domain.market import Candle
from domain.messages import (
    AccountChanged,
    ClosePosition,
    ControlChanged,
    OrderFilled,
    OrderRefused,
    RecordSettings,
    StatisticsChanged,
    SubmitOrder,
)
from domain.ports import JournalDocument
from domain.trading import Account, Control
from settings import Settings, as_decided, as_flat, settings_hash

DAY_MS = 86_400_000
CHECKPOINT_EVENTS = 1000  # as actors.broker: the journal is the same
MARK_MS = 1000  # after the market moved, positions are marked
_ACCOUNT = {"deposit", "order", "fill", "liquidation", "cancel", "amend"}
_FILLS = {"fill", "liquidation"}


class PaperBroker:
    """One account. `tell` is called with a name and a message, in the order the live broker would send them."""

    def __init__(
        self,
        *,
        settings: Settings,
        now_ms: int,
        tell: Callable[[str, object], None],
        store: Callable[[JournalDocument], None],
    ) -> None:
        self._settings = settings
        self._pairs = tuple(settings.bots.pairs)
        self._tell, self._store = tell, store
        self._asked: dict[str, str] = {}
        self._shown: Account | None = None
        self._day = now_ms // DAY_MS
        self.started_ms = now_ms
        self.exchange = execution.start(
            desk=Desk(),
            paper=_paper(settings),
            stale_after_ms=settings.market.stale_after_seconds * 1000,
            now_ms=now_ms,
            balance=settings.paper.balance_usdt,
        )
        self._after(now_ms)

    def record_settings(self, now_ms: int) -> None:
        """Record the settings of the run, as the supervisor asks for it."""
        command = RecordSettings(
            settings_hash=settings_hash(self._settings),
            changed=(),
            values=as_flat(as_decided(self._settings)),
            submitted_ms=now_ms,
        )
        self.exchange.record_settings(command, now_ms)
        self._after(now_ms)

    def greet(self, name: str, now_ms: int) -> None:
        """Tell one bot the account, what is switched, and the statistics."""
        control = Control(
            trading=True, trading_since_ms=self.started_ms, analysis=True, analysis_since_ms=self.started_ms
        )
        self._tell(name, AccountChanged(account=self.exchange.account(now_ms)))
        self._tell(name, ControlChanged(seq=0, control=control))
        self._tell(name, StatisticsChanged(statistics=self.exchange.desk.tally.statistics(now_ms)))

    def order(self, command: SubmitOrder | ClosePosition, now_ms: int) -> None:
        """Take or refuse an order of a bot."""
        self._asked[command.order_id] = command.reply_to
        content = acceptance.content_of(command)
        if isinstance(command, SubmitOrder):
            self.exchange.submit(command, now_ms, content=content)
        else:
            self.exchange.close(command, now_ms, content=content)
        self._after(now_ms)

    def candle_opened(self, pair: str, open_ms: int, price: Decimal, now_ms: int) -> None:
        """Take the first price of a candle."""
        self.exchange.on_candle_opened(pair, open_ms, price, now_ms)
        self._after(now_ms)

    def candle_closed(self, pair: str, candle: Candle, length_ms: int, now_ms: int) -> None:
        """Take a closed candle."""
        self.exchange.on_candle(pair, candle, length_ms, catch_up=False, now_ms=now_ms)
        self._after(now_ms)

    def mark(self, now_ms: int) -> None:
        """Mark to market, where that changed anything."""
        account, shown = self.exchange.account(now_ms), self._shown
        if shown is None or (account.equity, account.marks) != (shown.equity, shown.marks):
            self._show(account)
        self._after(now_ms)

    def minute(self, now_ms: int) -> None:
        """Tell account and statistics anew when a UTC day has begun."""
        if now_ms // DAY_MS != self._day:
            self._day = now_ms // DAY_MS
            self._tell_all(StatisticsChanged(statistics=self.exchange.desk.tally.statistics(now_ms)))
            self._show(self.exchange.account(now_ms))
        self._after(now_ms)

    # --- storing and telling ------------------------------------------------------------------------------------------

    def _after(self, now_ms: int) -> None:
        """Store what was made, then tell it."""
        exchange = self.exchange
        if exchange.desk.seq - exchange.desk.checkpoint_seq >= CHECKPOINT_EVENTS:
            exchange.checkpoint(now_ms)
        if not exchange.pending and not exchange.messages:
            return
        kinds = {document["type"] for document in exchange.pending}
        for document in exchange.pending:
            self._store(document)
        exchange.pending.clear()
        messages = tuple(exchange.messages)
        exchange.messages.clear()
        for message in messages:
            for name in audience(message, asked=self._asked, pairs=self._pairs):
                self._tell(name, message)
            if isinstance(message, OrderRefused):
                self._asked.pop(message.order_id, None)
        if kinds & _ACCOUNT:
            self._show(exchange.account(now_ms))
        if kinds & _FILLS:
            self._forget(messages)
            self._tell_all(StatisticsChanged(statistics=exchange.desk.tally.statistics(now_ms)))

    def _forget(self, messages: tuple[object, ...]) -> None:
        for message in messages:
            if isinstance(message, OrderFilled) and message.order.order_id not in self.exchange.desk.orders:
                self._asked.pop(message.order.order_id, None)

    def _show(self, account: Account) -> None:
        self._shown = account
        self._tell_all(AccountChanged(account=account))

    def _tell_all(self, message: object) -> None:
        for name in audience(message, asked={}, pairs=self._pairs):
            self._tell(name, message)


def _paper(settings: Settings) -> PaperRules:
    return PaperRules(
        taker_fee=settings.paper.taker_fee,
        maker_fee=settings.paper.maker_fee,
        latency_ms=settings.paper.latency_ms,
        fallback_slippage_bps=settings.paper.fallback_slippage_bps,
        has_books=False,
    )
