"""The conversation of one analyst with its model: gathers questions, makes one call for all of them, repairs once."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal

import gevent

from actors.model_call import CallOrder, make_call
from actors.savings_keeper import SavingsKeeper
from domain import money
from domain.analysis import Abstention, AnalystState, Features, Opinion
from domain.archives import call_document
from domain.budget import spent_by, utc_day
from domain.circuit import Breaker, TokenBucket
from domain.errors import LedgerUnavailable
from domain.messages import Alerted, FormOpinion, ModelAnswered, SpendRead
from domain.opinions import Unusable, View, opinion, read_answer, still_holds
from domain.ports import Archive, BudgetStore, Clock, ModelAnswer, ModelEndpoint, Peers, Timers
from domain.prompts import prompt_hash, prompt_version, repair_prompt, system_prompt, user_prompt
from domain.savings import Spared
from domain.settlement import Settlement
from settings import AnalystSettings, Settings

BATCH_SECONDS = 0.2  # bots ask at about the same moment: their questions share one call
STAGGER_SECONDS = 0.25  # analysts start one after the other: starting a call keeps the loop busy
MARGIN_MS = 250  # the call ends that much before the questions are of no use
GRACE_SECONDS = 2.0  # after the call's end, for a greenlet that does not come back
REPAIR_NEEDS_MS = 1000
CALLS_AT_ONCE = 6  # token bucket: that many, then one each CALL_EVERY_MS
CALL_EVERY_MS = 10_000

Answer = Callable[[FormOpinion, Opinion | Abstention], None]
Repeat = Callable[[FormOpinion, Opinion], None]
Recall = Callable[[str], tuple[Settlement, ...]]


@dataclass(slots=True, kw_only=True)
class Exchange:
    """A call under way, or its repair."""

    call_id: str
    asked: dict[str, FormOpinion]  # unanswered questions by pair
    pairs: tuple[str, ...]  # all that are asked
    settings_hash: str
    messages: tuple[tuple[str, str], ...]
    started_ms: int
    deadline_ms: int
    repairing: bool = False
    usable: bool = False  # the first answer held a view
    cost_per_pair: Decimal = Decimal(0)  # of the first answer


@dataclass(slots=True, kw_only=True)
class Memory:
    """The newest opinion on a pair, and the headlines it was formed with."""

    opinion: Opinion
    seen: frozenset[str]


@dataclass(slots=True, kw_only=True)
class Conversation:
    """State of one model analyst. Every question is answered exactly once: through `answer`, or `repeat`.

    Calls run in greenlets of their own that mail ModelAnswered to the actor `actor`; one at a time.
    """

    actor: str
    analyst: str
    entry: AnalystSettings
    settings: Settings
    peers: Peers
    clock: Clock
    timers: Timers
    endpoint: ModelEndpoint
    archive: Archive
    budget: BudgetStore
    answer: Answer
    repeat: Repeat
    recall: Recall
    log: logging.Logger
    breaker: Breaker = field(default_factory=Breaker)
    latency_ms: int | None = None
    savings: SavingsKeeper = field(init=False)
    _bucket: TokenBucket = field(init=False)
    _waiting: dict[str, FormOpinion] = field(default_factory=dict)
    _batching: bool = False
    _exchange: Exchange | None = None
    _overdue: Exchange | None = None  # the newest that was given up
    _memory: dict[str, Memory] = field(default_factory=dict)
    _spent: tuple[str, Decimal] = ("", Decimal(0))  # UTC day, USD
    _over_budget: tuple[str, str] = ("", "")  # UTC day, why

    def __post_init__(self) -> None:
        self._bucket = TokenBucket(
            burst=CALLS_AT_ONCE, refill_ms=CALL_EVERY_MS, tokens=CALLS_AT_ONCE, at_ms=self.clock.now_ms()
        )
        self.savings = SavingsKeeper(
            actor=self.actor,
            analyst=self.analyst,
            peers=self.peers,
            clock=self.clock,
            timers=self.timers,
            archive=self.archive,
            spawn=self._spawn,
            log=self.log,
        )

    def begin(self) -> None:
        """Read in the background what was spent and saved today."""
        self._spawn(self._read_spend, utc_day(self.clock.now_ms()))
        self.savings.begin()

    def ask(self, request: FormOpinion) -> None:
        """Take a question: answer it again where nothing has changed, else gather it for the next call."""
        pair = request.features.pair
        if (last := self._memory.get(pair)) and self._still_holds(last, request.features):
            self.savings.spared(Spared.UNCHANGED)
            self.repeat(request, replace(last.opinion, round_id=request.round_id, cost_usd=Decimal(0)))
            return
        if (older := self._waiting.pop(pair, None)) is not None:
            self._withhold(older, "a newer question on the pair came before the call")
        self._waiting[pair] = request
        self._gather()

    def timer(self, key: str) -> None:
        """Handle the timers `batch` and `overdue`, and that of the savings."""
        if key == "batch":
            self._batching = False
            self._call()
        elif key == "overdue" and (overdue := self._exchange) and self.clock.now_ms() > overdue.deadline_ms:
            self._overdue = overdue
            self._end(None, "no answer came before the deadline")
        else:
            self.savings.timer(key)

    def answered(self, message: ModelAnswered) -> None:
        """Handle what a call came to."""
        exchange = self._exchange
        day = utc_day(exchange.started_ms if exchange else self.clock.now_ms())
        if message.spent_today_usd is not None:
            self._spent = (day, message.spent_today_usd)
        if exchange is None or message.call_id != exchange.call_id:
            self._late(message)
            return
        self.timers.cancel(self.actor, "overdue")
        if message.answer is None:
            self._not_made(message, day)
        else:
            self._over_budget = ("", "")
            self.latency_ms = message.answer.latency_ms
            self._count(exchange, message, message.answer)
            self._read(exchange, message, message.answer)

    def _count(self, exchange: Exchange, message: ModelAnswered, answer: ModelAnswer) -> None:
        self.savings.called(
            utc_day(exchange.started_ms),
            questions=0 if exchange.repairing else len(exchange.pairs),
            cost_usd=message.cost_usd,
            cached_tokens=answer.cached_tokens or 0,
        )
        if message.cost_usd > message.reserved_usd:
            self.log.warning(
                "A call of %s cost %s USD, more than the %s that were reserved",
                self.entry.model,
                money.text(message.cost_usd),
                money.text(message.reserved_usd),
            )

    def _late(self, message: ModelAnswered) -> None:
        """Keep what a call came to that was given up: it may have cost money."""
        self.log.info("An answer of %s came too late", self.entry.model)
        if (overdue := self._overdue) and message.call_id == overdue.call_id:
            overdue.call_id += ":late"
            self._store(overdue, message, "came too late")

    def spend_read(self, message: SpendRead) -> None:
        """Take over what was spent before this start."""
        if self._spent[0] != message.day:
            self._spent = (message.day, message.usd)

    def state(self) -> tuple[AnalystState, str | None]:
        """Return the state clients are told, and why it is not ready."""
        now_ms = self.clock.now_ms()
        if self._exchange is not None:
            return AnalystState.BUSY, None
        if self.breaker.is_open(now_ms):
            return AnalystState.BREAKER_OPEN, self._breaker_text()
        if self._over_budget[0] == utc_day(now_ms):
            return AnalystState.BUDGET_USED, self._over_budget[1]
        return AnalystState.READY, None

    def cost_today(self) -> Decimal:
        """Return what was spent on this UTC day, USD."""
        return self._spent[1] if self._spent[0] == utc_day(self.clock.now_ms()) else Decimal(0)

    # --- before the call ------------------------------------------------------------------------------------------

    def _still_holds(self, last: Memory, features: Features) -> bool:
        rules = self.settings.analysis
        return still_holds(
            last.opinion,
            features,
            seen=last.seen,
            now_ms=self.clock.now_ms(),
            ttl_seconds=rules.opinion_ttl_seconds,
            min_move_atr=rules.min_move_atr,
        )

    def _gather(self) -> None:
        if self._waiting and not self._batching and self._exchange is None:
            self._batching = True
            self.timers.after(BATCH_SECONDS + STAGGER_SECONDS * self._place(), self.actor, "batch")

    def _place(self) -> int:
        names = list(self.settings.analysts)
        return names.index(self.analyst) if self.analyst in names else len(names)

    def _call(self) -> None:
        now_ms = self.clock.now_ms()
        due = self._due(now_ms)
        if not due or self._exchange is not None:
            return
        if self.breaker.is_open(now_ms):
            self.savings.spared(Spared.BREAKER_OPEN, len(due))
            self._withhold_all(due, self._breaker_text())
        elif (bucket := self._bucket.taken(now_ms)) is None:
            self.savings.spared(Spared.TOO_MANY_CALLS, len(due))
            self._withhold_all(due, "too many calls were made in the last minute")
        else:
            self._bucket = bucket
            self.breaker = self.breaker.started()
            self._start(due, self._first_messages(due, now_ms), self._deadline_ms(due, now_ms))

    def _due(self, now_ms: int) -> dict[str, FormOpinion]:
        """Return the gathered questions in the order of the pairs' names; those out of time are answered so."""
        if self._exchange is not None:
            return {}
        gathered, self._waiting = self._waiting, {}
        late = {pair: each for pair, each in gathered.items() if each.deadline_ms - now_ms <= MARGIN_MS}
        due = {pair: gathered[pair] for pair in sorted(gathered) if pair not in late}
        self.savings.spared(Spared.OUT_OF_TIME, len(late))
        self._withhold_all(late, "the question was out of time before the call")
        return due

    def _first_messages(self, due: dict[str, FormOpinion], now_ms: int) -> tuple[tuple[str, str], ...]:
        shown = [request.features for request in due.values()]
        recalled = {features.pair: self.recall(features.pair) for features in shown}
        told = user_prompt(shown, now_ms=now_ms, recalled=recalled)
        return ("system", system_prompt(self.entry.role)), ("user", told)

    def _deadline_ms(self, due: dict[str, FormOpinion], now_ms: int) -> int:
        first = min(request.deadline_ms for request in due.values())
        return min(first - MARGIN_MS, now_ms + self.settings.llm.timeout_seconds * 1000)

    # --- the call -------------------------------------------------------------------------------------------------

    def _start(
        self,
        asked: dict[str, FormOpinion],
        messages: tuple[tuple[str, str], ...],
        deadline_ms: int,
        *,
        after: Exchange | None = None,
    ) -> None:
        now_ms = self.clock.now_ms()
        call_id = f"{after.call_id}:repair" if after else f"{self.analyst}:{now_ms}"
        self._exchange = Exchange(
            call_id=call_id,
            asked=asked,
            pairs=tuple(asked),
            settings_hash=next(iter(asked.values())).settings_hash,
            messages=messages,
            started_ms=now_ms,
            deadline_ms=deadline_ms,
            repairing=after is not None,
            usable=after is not None and after.usable,
            cost_per_pair=after.cost_per_pair if after else Decimal(0),
        )
        order = CallOrder(
            call_id=call_id,
            analyst=self.analyst,
            model=self.entry.model,
            messages=messages,
            pairs=len(asked),
            deadline_ms=deadline_ms,
            day=utc_day(now_ms),
            analyst_limit=self.entry.max_cost_usd_per_day,
            total_limit=self.settings.llm.max_cost_usd_per_day,
            fallbacks=self.entry.fallbacks,
        )
        self.timers.after((deadline_ms - now_ms) / 1000 + GRACE_SECONDS, self.actor, "overdue")
        self._spawn(self._make_call, order)

    def _spawn(self, work: Callable[..., None], *args: object) -> None:
        self.endpoint.pending += 1
        gevent.spawn(self._counted, work, *args)

    def _counted(self, work: Callable[..., None], *args: object) -> None:
        try:
            work(*args)
        finally:
            self.endpoint.pending -= 1

    def _make_call(self, order: CallOrder) -> None:
        try:
            result = make_call(order, endpoint=self.endpoint, budget=self.budget, clock=self.clock)
        except Exception:  # the edge of the greenlet: without a result the analyst would wait in vain
            self.log.exception("A call of %s failed inside", order.model)
            result = ModelAnswered(
                call_id=order.call_id,
                answer=None,
                blocked="the call failed inside the desk",
                reserved_usd=Decimal(0),
                cost_usd=Decimal(0),
                spent_today_usd=None,
            )
        self.peers.tell(self.actor, result)

    def _read_spend(self, day: str) -> None:
        try:
            usd = spent_by(self.budget.spent(day=day), self.analyst)
        except LedgerUnavailable:
            return  # only shown; every call reads it anew
        self.peers.tell(self.actor, SpendRead(day=day, usd=usd))

    # --- after the call -------------------------------------------------------------------------------------------

    def _not_made(self, message: ModelAnswered, day: str) -> None:
        if message.over_budget:
            self.savings.spared(Spared.BUDGET_USED, len(self._exchange.asked) if self._exchange else 0)
            if self._over_budget[0] != day:
                self._alert(message.blocked)
            self._over_budget = (day, message.blocked)
        self._end(message, message.blocked)

    def _alert(self, reason: str) -> None:
        text = f"Analyst {self.analyst} makes no call: {reason}"
        self.log.warning("%s", text)
        self.peers.tell("hub", Alerted(level="warning", code="budget_used", message=text, at_ms=self.clock.now_ms()))

    def _read(self, exchange: Exchange, message: ModelAnswered, answer: ModelAnswer) -> None:
        read = read_answer(answer, [request.features for request in exchange.asked.values()])
        share = money.up(message.cost_usd / len(exchange.asked))
        for pair, view in read.items():
            if isinstance(view, View):
                exchange.usable = True
                self._form(exchange.asked.pop(pair), view, answer, cost_usd=exchange.cost_per_pair + share)
        unusable = {pair: view.reason for pair, view in read.items() if isinstance(view, Unusable)}
        if unusable and self._worth_repair(exchange, answer):
            self._store(exchange, message, next(iter(unusable.values())))
            exchange.cost_per_pair += share
            self._repair(exchange, answer.text, unusable)
            return
        for pair, reason in unusable.items():
            self._withhold(exchange.asked.pop(pair), reason)
        self._end(message, next(iter(unusable.values()), "usable"))

    def _form(self, request: FormOpinion, view: View, answer: ModelAnswer, *, cost_usd: Decimal) -> None:
        formed = opinion(
            view,
            request.features,
            analyst=self.analyst,
            model=answer.model,
            round_id=request.round_id,
            formed_ms=self.clock.now_ms(),
            cost_usd=cost_usd,
            latency_ms=answer.latency_ms,
            prompt_hash=prompt_hash(self.entry.role),
        )
        seen = frozenset(item.item_id for item in request.features.headlines)
        self._memory[formed.pair] = Memory(opinion=formed, seen=seen)
        self.answer(request, formed)

    def _worth_repair(self, exchange: Exchange, answer: ModelAnswer) -> bool:
        """Content may come out right the second time; an HTTP error was tried again already, and time is time."""
        came = answer.http_status is not None and answer.http_status < 300 and not answer.hopeless
        return came and not exchange.repairing and exchange.deadline_ms - self.clock.now_ms() >= REPAIR_NEEDS_MS

    def _repair(self, exchange: Exchange, text: str, unusable: dict[str, str]) -> None:
        said = (("assistant", text), ("user", repair_prompt(unusable))) if text.strip() else ()
        self._start(exchange.asked, (*exchange.messages, *said), exchange.deadline_ms, after=exchange)

    def _end(self, message: ModelAnswered | None, verdict: str) -> None:
        """Close the exchange: what is still unanswered gets `verdict`, and the breaker learns how it went."""
        exchange = self._exchange
        if exchange is None:
            return
        self._exchange = None
        now_ms = self.clock.now_ms()
        self._withhold_all(exchange.asked, verdict)
        never_made = message is not None and not exchange.repairing and _says_nothing(message)
        if exchange.usable:
            self.breaker = self.breaker.succeeded()
        else:
            self.breaker = self.breaker.spared() if never_made else self.breaker.failed(now_ms)
        self._store(exchange, message, verdict)
        self._gather()

    def _store(self, exchange: Exchange, message: ModelAnswered | None, verdict: str) -> None:
        self.archive.save(
            "llm_calls",
            call_document(
                call_id=exchange.call_id,
                analyst=self.analyst,
                model=self.entry.model,
                pairs=exchange.pairs,
                messages=exchange.messages,
                prompt_hash=prompt_hash(self.entry.role),
                prompt_version=prompt_version(self.entry.role),
                settings_hash=exchange.settings_hash,
                started_ms=exchange.started_ms,
                answer=message.answer if message else None,
                blocked=message.blocked if message else verdict,
                verdict=verdict,
                reserved_usd=message.reserved_usd if message else Decimal(0),
                cost_usd=message.cost_usd if message else Decimal(0),
            ),
        )

    def _withhold_all(self, requests: dict[str, FormOpinion], reason: str) -> None:
        for request in tuple(requests.values()):
            self._withhold(request, reason)
        requests.clear()

    def _withhold(self, request: FormOpinion, reason: str) -> None:
        self.answer(
            request,
            Abstention(
                analyst=self.analyst,
                pair=request.features.pair,
                reason=reason,
                at_ms=self.clock.now_ms(),
                round_id=request.round_id,
            ),
        )

    def _breaker_text(self) -> str:
        until = self.breaker.open_until_ms or 0
        at = datetime.fromtimestamp(until / 1000, UTC).strftime("%H:%M:%S")
        return f"{self.breaker.failures} calls in a row failed, the next is tried at {at} UTC"


def _says_nothing(message: ModelAnswered) -> bool:
    """Return whether no call was made, so that nothing is known of the model."""
    return message.answer is None or message.answer.outcome == "busy"
