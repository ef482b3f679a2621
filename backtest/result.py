"""What a run leaves behind: its journal's head, its trades, and the equity of every minute."""

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from backtest.opinions import Cutoffs, Vote
from backtest.tables import FloatArray, IntArray
from domain.messages import OrderFilled
from domain.ports import JournalDocument
from domain.trading import ClosedTrade, Position, Trade
from settings import Settings, settings_hash

if TYPE_CHECKING:
    from backtest.engine import Job, _Run


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One run, done.

    Attributes:
        times: when equity was taken, epoch ms: int64, shape (n,); each candle's end.
        equity: cash, margin and open positions at the newest closes, quote: float64, shape (n,).
        invested: cost of the open positions over equity: float64, shape (n,).
        closes: per pair, its closes at `times`, NaN where none is known yet.
        votes: by trade id, what an entry came from.
        positions: still open at the end.
        journal: its documents, empty unless they were to be kept.
        seq, head: number and hash of the newest document.
    """

    settings: Settings
    settings_hash: str
    pairs: tuple[str, ...]
    from_ms: int
    to_ms: int
    interval_ms: int
    candles: int
    times: IntArray
    equity: FloatArray
    invested: FloatArray
    closes: dict[str, FloatArray]
    trades: tuple[Trade, ...]
    closed: tuple[ClosedTrade, ...]
    votes: dict[str, tuple[Vote, ...]]
    positions: tuple[Position, ...]
    seq: int
    head: str
    documents: dict[str, int]
    rounds: int
    journal: tuple[JournalDocument, ...]
    cutoffs: Cutoffs = field(default_factory=lambda: Cutoffs({}))


@dataclass(slots=True)
class _Wallet:
    """What the account was from one execution on."""

    ts_ms: int
    pair: str
    wallet: float  # cash, held and margin, quote
    quantity: float  # of the pair's position, base, with its sign
    cost: float  # quote, with its sign


class Recorder:
    """Collects what happens in a run."""

    def __init__(self, job: "Job") -> None:
        self._job = job
        self._journal: list[JournalDocument] = []
        self._types: Counter[str] = Counter()
        self._seq, self._head = 0, ""
        self._trades: list[Trade] = []
        self._closed: list[ClosedTrade] = []
        self._wallets: list[_Wallet] = []

    def store(self, document: JournalDocument) -> None:
        """Take the next document of the journal."""
        self._types[str(document["type"])] += 1
        self._seq, self._head = int(str(document["seq"])), str(document["hash"])
        if self._job.keep_journal:
            self._journal.append(document)

    def filled(self, event: OrderFilled) -> None:
        """Take an execution as it is announced."""
        self._trades.append(event.trade)
        if event.closed is not None:
            self._closed.append(event.closed)
        account, position = event.account, event.position
        self._wallets.append(
            _Wallet(
                ts_ms=event.trade.ts_ms,
                pair=event.trade.pair,
                wallet=float(account.cash + account.held + account.margin),
                quantity=float(position.quantity) * position.direction.sign if position else 0.0,
                cost=float(position.cost) * position.direction.sign if position else 0.0,
            )
        )

    def result(self, run: "_Run") -> Result:
        """Return all of it."""
        job = self._job
        times, closes = _closes(run)
        equity, invested = self._equity(times, closes)
        desk = run.broker.exchange.desk
        return Result(
            settings=job.settings,
            settings_hash=settings_hash(job.settings),
            pairs=tuple(job.tables),
            from_ms=job.from_ms,
            to_ms=job.to_ms,
            interval_ms=next(iter(job.tables.values())).interval_ms,
            candles=sum(len(job.tables[pair].between(job.from_ms, job.to_ms)) for pair in job.tables),
            times=times,
            equity=equity,
            invested=invested,
            closes=closes,
            trades=tuple(self._trades),
            closed=tuple(self._closed),
            votes={key: votes for bot in run.bots.values() for key, votes in bot.votes.items()},
            positions=tuple(holding.position for _, holding in sorted(desk.holdings.items())),
            seq=self._seq,
            head=self._head,
            documents=dict(sorted(self._types.items())),
            rounds=sum(bot.rounds for bot in run.bots.values()),
            journal=tuple(self._journal),
        )

    def _equity(self, times: IntArray, closes: dict[str, FloatArray]) -> tuple[FloatArray, FloatArray]:
        """Value the account at each close: what was executed before that moment counts."""
        balance = float(self._job.settings.paper.balance_usdt)
        wallets = [balance, *(each.wallet for each in self._wallets)]
        done = np.searchsorted(np.array([each.ts_ms for each in self._wallets], dtype=np.int64), times, side="left")
        equity, invested = np.array(wallets)[done], np.zeros(len(times))
        for pair, prices in closes.items():
            own = [each for each in self._wallets if each.pair == pair]
            place = np.searchsorted(np.array([each.ts_ms for each in own], dtype=np.int64), times, side="left")
            quantity = np.array([0.0, *(each.quantity for each in own)])[place]
            cost = np.array([0.0, *(each.cost for each in own)])[place]
            held = quantity != 0.0
            equity[held] += (quantity * prices - cost)[held]
            invested += np.abs(cost)
        return equity, invested / equity


def _closes(run: "_Run") -> tuple[IntArray, dict[str, FloatArray]]:
    """Return the ends of all candles of the period, and each pair's newest close at them."""
    job = run.job
    tables = {pair: table.between(job.from_ms, job.to_ms) for pair, table in job.tables.items()}
    ends = [table.open_ms + table.interval_ms for table in tables.values()]
    times = ends[0] if len(ends) == 1 else np.unique(np.concatenate(ends))
    closes: dict[str, FloatArray] = {}
    for pair, table in job.tables.items():
        place = np.searchsorted(table.open_ms + table.interval_ms, times, side="right") - 1
        closes[pair] = np.where(place >= 0, table.floats[3][np.maximum(place, 0)], np.nan)
    return times, closes
