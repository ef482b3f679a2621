"""What actors need from outside, as shapes. Adapters and simulators satisfy these; nothing inherits from them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple, Protocol

from domain.analysis import AnalystStatus
from domain.market import Source
from domain.news import FearGreed, NewsSourceStatus
from domain.notifications import NotificationText

JournalDocument = dict[str, object]  # as DESIGN 9 names the fields; Decimal, int, str, bool, dict and list inside


class Clock(Protocol):
    """The only source of time. Live it is the wall clock, in tests and replays a virtual one."""

    def now_ms(self) -> int:
        """Return epoch milliseconds, UTC."""
        ...


class Peers(Protocol):
    """The directory as one actor sees it: names, never references."""

    def tell(self, name: str, message: object) -> bool:
        """Put `message` into the mailbox of `name`; False (and counted) when nobody of that name is up."""
        ...


class Timers(Protocol):
    """Timer mail. A timer is known by (name, key): setting it again replaces it, so a restart never doubles it."""

    def after(self, seconds: float, name: str, key: str) -> None:
        """Tell `name` TimerFired(key) once, `seconds` (>= 0) from now."""
        ...

    def every(self, seconds: float, name: str, key: str) -> None:
        """Tell `name` TimerFired(key) each `seconds` (> 0), first after `seconds`."""
        ...

    def cancel(self, name: str, key: str) -> None:
        """Forget the timer; unknown ones are ignored."""
        ...


class RecordedEvent(NamedTuple):
    """One message of a recording, with the moment it is due. Ordered by time, then rank, then as recorded."""

    time_ms: int  # epoch ms, UTC
    rank: int  # at one time: 0 what has happened (trades, books, closed candles), then timers, 2 what begins (opens)
    message: object


class MarketSource(Protocol):
    """An exchange connection. It owns its own greenlets and tells the market actor by name what it sees.

    Tells: RulesReceived, HistoryReceived, BookReceived, TradeReceived, CandleReceived, TickerReceived,
    SourceStatusChanged, TradesFetched. After a gap it fetches missing candles and trades itself (catch_up=True).
    """

    kind: Source
    has_books: bool  # depth or quotes are delivered; else only candles (fill model `candle`)

    def start(self) -> None:
        """Begin; returns at once. Also called after a restart of the market actor: begin anew."""
        ...

    def stop(self) -> None:
        """End all connections; returns within a second."""
        ...

    def fetch_trades(self, pair: str, *, since_ms: int, since_trade_id: int | None, request_id: str) -> None:
        """Fetch all trades after that moment in the background; told as TradesFetched."""
        ...

    def follow(self, pairs: tuple[str, ...]) -> None:
        """Follow these pairs from now on, beside what is under way; returns at once."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class RawHeadline:
    """One story as a feed gave it, before tagging: text may be hostile."""

    title: str
    summary: str
    url: str
    source: str
    published_ms: int | None
    currencies: tuple[str, ...] = ()  # asset codes the source itself names
    votes_positive: int = 0
    votes_negative: int = 0


class NewsSource(Protocol):
    """One feed. `fetch` blocks its caller's greenlet, never longer than its own timeout.

    Raises:
        SourceUnavailable: the feed did not answer usefully.
    """

    name: str

    def fetch(self) -> tuple[RawHeadline, ...]: ...


class Sentiment(Protocol):
    """Scores a short English text."""

    def score(self, text: str) -> float:
        """Return -1 (bearish) .. 1 (bullish)."""
        ...


class MoodSource(Protocol):
    """Fear & Greed. `fetch` raises SourceUnavailable."""

    def fetch(self) -> FearGreed: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelAnswer:
    """What came back from one model call (all tries together)."""

    text: str  # the message content, "" when there was none
    outcome: str  # ok | timeout | refused | cut_off | empty | error | busy (not begun: too many calls were under way)
    detail: str  # one sentence, "" when ok; no secret
    prompt_tokens: int | None
    completion_tokens: int | None
    cost_usd: Decimal | None  # None: the endpoint did not say
    latency_ms: int
    model: str  # the model that answered
    transient: bool = False  # worth another call later
    http_status: int | None = None  # None: no HTTP answer at all
    hopeless: bool = False  # the same question would fail again: no credits, not allowed, too long
    cached_tokens: int | None = None  # of the prompt, read from the provider's cache


class Measures(Protocol):
    """Where latencies go that nobody decides by: for the metrics. Each returns at once and never fails."""

    def order_durable(self, seconds: float) -> None:
        """Note how long an order took from its arrival at the broker until it was stored."""
        ...

    def stop_durable(self, seconds: float) -> None:
        """Note how long a stop took from the arrival of the trade that reached it until its fill was stored."""
        ...

    def model_called(self, model: str, answer: ModelAnswer) -> None:
        """Note one whole model call; `model` as it was asked for."""
        ...

    def notified(self, channel: str, outcome: str, count: int) -> None:
        """Note messages to people that were sent or failed, or events that were dropped."""
        ...


class NotificationChannels(Protocol):
    """Ways to people who do not look at the dashboard."""

    def names(self) -> tuple[str, ...]:
        """Return those that the settings name now."""
        ...

    def send(self, name: str, message: NotificationText) -> None:
        """Send one message; blocks the calling greenlet for some seconds at most. Errors name no address and no key.

        Raises:
            SourceUnavailable: not now; the same may be taken later, after `retry_after_seconds` if given.
            PermanentError: never.
        """
        ...


class ModelEndpoint(Protocol):
    """One OpenAI-compatible endpoint."""

    pending: int  # calls under way, counted by callers from before their greenlet starts until its result is mailed

    def complete(
        self,
        *,
        model: str,
        messages: Sequence[tuple[str, str]],
        schema: dict[str, object],
        timeout_seconds: float,
        max_completion_tokens: int = 4096,
        fallbacks: tuple[str, ...] = (),
    ) -> ModelAnswer:
        """Make one whole call of (role, content) messages, answered within `timeout_seconds`; never raises for what
        the endpoint did. It may try `domain.budget.MAX_TRIES` times. Where the endpoint can, one of the models
        `fallbacks` answers when `model` cannot. Blocks the calling greenlet only."""
        ...

    def max_cost_usd(
        self, *, model: str, prompt_tokens: int, max_completion_tokens: int, fallbacks: tuple[str, ...] = ()
    ) -> Decimal:
        """Return what one try can cost at most, by the endpoint's price list; the configured cap if unknown."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """The newest journal document."""

    seq: int
    hash: str


class LedgerStore(Protocol):
    """The journal and its projections. Only the broker is given one."""

    def head(self) -> Head | None:
        """Return the newest document's seq and hash. Raises LedgerUnavailable."""
        ...

    def read(self, *, after_seq: int) -> Iterator[JournalDocument]:
        """Yield documents with seq > after_seq in order, amounts as Decimal. Raises LedgerUnavailable."""
        ...

    def find(self, document_id: str) -> JournalDocument | None:
        """Return the document of that _id. Raises LedgerUnavailable."""
        ...

    def find_many(self, document_ids: Sequence[str]) -> dict[str, JournalDocument]:
        """Return those of the documents that exist, by their _id. Raises LedgerUnavailable."""
        ...

    def append(self, documents: Sequence[JournalDocument]) -> None:
        """Store all, in order, durable (majority, journaled) on return. Sending the same ones again is success.

        Raises:
            LedgerUnavailable: outcome unknown; send the same again later.
            LedgerFenced: another writer used a seq.
            LedgerCorrupt: an _id exists with another hash.
        """
        ...

    def latest_checkpoint(self) -> JournalDocument | None:
        """Return the newest document of type checkpoint. Raises LedgerUnavailable."""
        ...

    def project(self, collection: str, values: Sequence[tuple[str, int, JournalDocument]]) -> None:
        """Write absolute (_id, seq, value) projections guarded by seq, in the background; losing them is harmless.

        A stored value of a greater seq stays; of equal ones the newest wins.
        """
        ...

    def projected(self, collection: str) -> tuple[JournalDocument, ...]:
        """Return all stored values of a collection of projections, with `_id` and `seq`. Raises LedgerUnavailable."""
        ...


class LedgerAudit(Protocol):
    """What is known of the journal beside what a start reads. The broker asks it before it writes anything."""

    @property
    def finding(self) -> str:
        """One sentence: the first contradiction that was found in this process; empty while there is none."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class LogLine:
    """One line of the process's log, without secrets."""

    number: int  # counts up from 1
    at_ms: int
    level: str  # DEBUG | INFO | WARNING | ERROR | CRITICAL
    logger: str
    message: str


class RecentLogs(Protocol):
    """The newest lines of the log, kept in memory."""

    def lines(self, *, after: int = 0) -> tuple[LogLine, ...]:
        """Return the kept lines of a greater number than `after`, oldest first."""
        ...


class Archive(Protocol):
    """Other collections (opinions, decisions, llm_calls, news, equity): written in the background, order kept."""

    def save(self, collection: str, document: JournalDocument) -> None:
        """Queue one document (its `_id` makes a repeat harmless); returns at once; bounded, oldest dropped."""
        ...

    def recent(
        self, collection: str, *, limit: int, where: JournalDocument | None = None
    ) -> tuple[JournalDocument, ...]:
        """Return the newest documents by `ts` (epoch ms), newest first; those still queued are among them.

        Args:
            collection: its name.
            limit: how many at most.
            where: by field a value it must equal, or limits such as {"$gte": 1, "$lt": 9}.

        Raises:
            LedgerUnavailable: the database did not answer; nothing is known of what it holds.
        """
        ...


class BudgetStore(Protocol):
    """Reservations of model spend, so that a killed process settles at the reserved amount on return."""

    def spent(self, *, day: str) -> tuple[tuple[str, Decimal], ...]:
        """Return (analyst, USD) settled and reserved on that UTC day (YYYY-MM-DD)."""
        ...

    def reserve(self, *, call_id: str, analyst: str, day: str, usd: Decimal) -> None:
        """Store the reservation before the call. Raises LedgerUnavailable, AlreadyReserved: then do not call."""
        ...

    def settle(self, *, call_id: str, usd: Decimal) -> None:
        """Replace the reservation by what was spent, in the background; not one that another process made."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicFigures:
    """What the hub knows of the desk, for the metrics."""

    analysts: tuple[AnalystStatus, ...]
    staleness_seconds: tuple[tuple[str, float], ...]  # per pair: age of its newest price
    ledger_seq: int
    ledger_available: bool
    news_sources: tuple[NewsSourceStatus, ...] = ()


class Notices(Protocol):
    """The hub's way out: the web side renders, encodes once and delivers to sessions."""

    def publish(
        self,
        kind: str,
        data: object,
        *,
        symbol: str | None = None,
        conflate: bool = False,
        ledger_seq: int | None = None,
        but: str | None = None,
    ) -> None:
        """Send to every subscribed session; `but` names a session that gets its own reply instead."""
        ...

    def reply(
        self,
        session: str,
        kind: str,
        data: object,
        *,
        request_id: str | None = None,
        ledger_seq: int | None = None,
        warnings: tuple[str, ...] = (),
    ) -> None:
        """Send to one session; ignored when it has gone."""
        ...

    def restarted(self) -> None:
        """A new hub begins: sessions of the old one are closed (1012), so that they come back for a snapshot."""
        ...

    def report(self, part: str, problem: str | None) -> None:
        """Say whether `part` (market, broker) works, for /readyz; `problem` is one sentence for people."""
        ...

    def close(self, session: str, code: int, reason: str) -> None:
        """Close one session; ignored when it has gone."""
        ...

    def show(self, figures: PublicFigures) -> None:
        """Keep the newest figures for /metrics."""
        ...
