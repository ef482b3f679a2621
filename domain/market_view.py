"""What the paper exchange knows of the market: filters, books, last prices, and whether they may be traded on."""

from dataclasses import dataclass, field
from decimal import Decimal

from domain.book_walk import WalkedBook
from domain.filters import Refused
from domain.market import MarketState, OrderBook, SymbolRules
from domain.trading import MarketEvent, Refusal, Side

MINUTE_MS = 60_000


@dataclass(slots=True)
class PairView:
    """One pair. All of it is lost on restart; the market tells it again."""

    rules: SymbolRules | None = None
    walked: WalkedBook | None = None
    last_price: Decimal | None = None  # of the newest trade, else close or open of the newest candle, else a quote
    last_event: MarketEvent | None = None  # where it came from
    newest_ms: int = 0  # time of the newest price of any kind
    state: MarketState | None = None  # None: as the connection
    candle_ms: int = MINUTE_MS  # length of the candles, where they are all there is

    def take_price(self, price: Decimal, event: MarketEvent) -> None:
        """Take a price unless a newer one is known."""
        if self.last_event is None or event.ts_ms >= self.last_event.ts_ms:
            self.last_price, self.last_event = price, event
        self.newest_ms = max(self.newest_ms, event.ts_ms)

    def take_book(self, book: OrderBook) -> None:
        if self.walked is None:
            self.walked = WalkedBook(book)
        else:
            self.walked.replace(book)
        self.newest_ms = max(self.newest_ms, book.received_ms)

    def mark(self) -> Decimal | None:
        """Return the price that values positions: last trade, else the middle of the book."""
        if self.last_price is not None or self.walked is None:
            return self.last_price
        return self.walked.mid()

    def reference(self, side: Side) -> Decimal | None:
        """Return the price an order of `side` would meet: the best of the book, else the last price."""
        best = None if self.walked is None else self.walked.best(side)
        return self.last_price if best is None else best


@dataclass(slots=True)
class MarketView:
    """All pairs and the connection."""

    stale_after_ms: int
    has_books: bool = True
    pairs: dict[str, PairView] = field(default_factory=dict)
    state: MarketState | None = None  # None: the market has not said yet

    def pair(self, pair: str) -> PairView:
        if (view := self.pairs.get(pair)) is None:
            view = self.pairs[pair] = PairView()
        return view

    def take_rules(self, rules: tuple[SymbolRules, ...]) -> None:
        for one in rules:
            self.pair(one.pair).rules = one

    def unknown(self, pair: str) -> Refused | None:
        """Refuse a pair that the exchange does not trade, or that nothing is known of yet."""
        known = self.pairs.get(pair)
        if known is not None and known.rules is not None:
            if known.rules.trading:
                return None
            return Refused(Refusal.UNKNOWN_SYMBOL, f"symbol must be trading at the exchange, {pair} is not")
        if any(view.rules is not None for view in self.pairs.values()):
            return Refused(Refusal.UNKNOWN_SYMBOL, f"symbol must be a pair of this desk, was {pair}")
        return Refused(Refusal.NO_PRICE, f"the market must have told its rules, nothing is known of {pair} yet")

    def untradable(self, pair: str, now_ms: int) -> Refused | None:
        """Refuse to increase risk on data that is missing, stale or not live."""
        view = self.pair(pair)
        if view.mark() is None:
            return Refused(Refusal.NO_PRICE, f"a price of {pair} must be known, none is")
        state = self.state if self.state is not MarketState.LIVE or view.state is None else view.state
        if state is not MarketState.LIVE:
            found = "silent" if state is None else state.value
            return Refused(Refusal.STALE_PRICE, f"the market of {pair} must be live, was {found}")
        limit_ms = self.patience_ms(pair)
        if (age_ms := now_ms - view.newest_ms) > limit_ms:
            return Refused(
                Refusal.STALE_PRICE,
                f"the newest price of {pair} must be at most {limit_ms / 1000:g} s old, was {age_ms / 1000:g} s",
            )
        return None

    def patience_ms(self, pair: str) -> int:
        """Return how old a price of `pair` may be; where candles are all there is, their length comes on top."""
        return self.stale_after_ms if self.has_books else self.stale_after_ms + self.pair(pair).candle_ms
