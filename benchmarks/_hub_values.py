"""What a hub has to hear before it welcomes sessions: an account, prices, switches, for benchmarks without a broker."""

from collections.abc import Mapping
from decimal import Decimal

from domain import messages
from domain.market import Quote, Source, Ticker
from domain.ports import JournalDocument
from domain.trading import Account, Control

NOW_MS = 1_767_225_600_000
ZERO = Decimal(0)


class NoArchive:
    """An archive with nothing in it."""

    def save(self, collection: str, document: JournalDocument) -> None:
        """Keep nothing."""

    def recent(
        self, collection: str, *, limit: int, where: JournalDocument | None = None
    ) -> tuple[JournalDocument, ...]:
        return ()


def whole_state(prices: Mapping[str, Decimal]) -> list[object]:
    """Return the mail after which a hub is ready."""
    cash = Decimal(100_000)
    account = Account(
        seq=1,
        ts_ms=NOW_MS,
        cash=cash,
        held=ZERO,
        margin=ZERO,
        unrealized_pnl=ZERO,
        equity=cash,
        realized_pnl_today=ZERO,
        fees_today=ZERO,
        positions=(),
        marks=(),
        orders=(),
    )
    control = Control(trading=False, trading_since_ms=None, analysis=True, analysis_since_ms=NOW_MS)
    mail: list[object] = []
    for pair, price in prices.items():
        quote = Quote(pair=pair, price=price, bid=price, ask=price, event_ms=NOW_MS, source=Source.SIMULATED)
        ticker = Ticker(
            change_percent=Decimal("1.5"),
            change=price / 100,
            high=price,
            low=price,
            volume=Decimal(12),
            quote_volume=price,
            event_ms=NOW_MS,
        )
        mail += [messages.QuoteChanged(quote=quote), messages.TickerChanged(pair=pair, ticker=ticker)]
    return [
        *mail,
        messages.AccountChanged(account=account),
        messages.ControlChanged(seq=0, control=control),
        messages.RecentTrades(trades=(), closed=()),
    ]
