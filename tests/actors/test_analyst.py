"""Analysts: every question gets exactly one answer, whatever the model, the budget or the clock does."""

import json
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

import gevent
import gevent.event
import pytest
from hypothesis import given
from hypothesis import settings as limits
from hypothesis import strategies as st

from actors.analyst import AnalystActor
from actors.model_call import CallOrder, make_call
from actors.timers import VirtualTimers
from adapters.clock import VirtualClock
from domain.analysis import Action, AnalystState, AnalystStatus, Features
from domain.errors import AlreadyReserved, LedgerUnavailable
from domain.messages import (
    ActorStarted,
    Alerted,
    AnalystChanged,
    FormOpinion,
    ModelAnswered,
    OpinionFormed,
    OpinionWithheld,
    Ping,
    SendAnalystStatus,
    SettingsApplied,
    TimerFired,
)
from domain.ports import JournalDocument, ModelAnswer
from settings import Settings, parse_settings
from tests.analysis_values import NOW_MS, features, flat_candles, item
from tests.domain.test_opinions import MALFORMED

PAIRS = ("BTCUSDT", "ETHUSDT")


def good(*pairs: str, **changes: object) -> str:
    """Return the text of a usable answer on `pairs`."""
    view = {
        "action": "BUY",
        "confidence": 0.7,
        "sentiment": 0.1,
        "horizon_minutes": 30,
        "stop_loss": None,
        "take_profit": None,
        "risk_level": "low",
        "reasoning": "It goes up.",
    }
    return json.dumps({"opinions": [{"symbol": pair, **view, **changes} for pair in pairs]})


def answer(text: str = "", *, outcome: str = "ok", cost: str | None = "0.01", status: int | None = 200) -> ModelAnswer:
    return ModelAnswer(
        text=text,
        outcome=outcome,
        detail="",
        prompt_tokens=1000,
        completion_tokens=100,
        cost_usd=None if cost is None else Decimal(cost),
        latency_ms=120,
        model="maker/model",
        http_status=status,
    )


class ScriptedEndpoint:
    """A model endpoint that gives the prepared answers; the last repeats. `hold` keeps calls waiting."""

    def __init__(self, *answers: ModelAnswer | Exception, price: str = "0.02") -> None:
        self.pending = 0
        self.answers = deque(answers)
        self.price = Decimal(price)
        self.calls: list[dict[str, Any]] = []
        self.hold: gevent.event.Event | None = None

    def complete(self, **call: Any) -> ModelAnswer:
        self.calls.append(call)
        if self.hold is not None:
            self.hold.wait()
        given = self.answers.popleft() if len(self.answers) > 1 else self.answers[0]
        if isinstance(given, Exception):
            raise given
        return given

    def max_cost_usd(self, *, model: str, prompt_tokens: int, max_completion_tokens: int, **_: Any) -> Decimal:
        return self.price


class MemoryBudget:
    """A budget store in memory. `away` makes the named methods fail."""

    def __init__(self) -> None:
        self.calls: dict[str, tuple[str, str, Decimal]] = {}
        self.reserved: dict[str, Decimal] = {}
        self.away: set[str] = set()

    def spent(self, *, day: str) -> tuple[tuple[str, Decimal], ...]:
        self._check("spent")
        return tuple((analyst, usd) for analyst, on, usd in self.calls.values() if on == day)

    def reserve(self, *, call_id: str, analyst: str, day: str, usd: Decimal) -> None:
        self._check("reserve")
        assert call_id not in self.calls
        self.calls[call_id] = (analyst, day, usd)
        self.reserved[call_id] = usd

    def settle(self, *, call_id: str, usd: Decimal) -> None:
        if call_id in self.calls:
            self.calls[call_id] = (*self.calls[call_id][:2], usd)

    def total(self) -> Decimal:
        return sum((usd for *_, usd in self.calls.values()), Decimal(0))

    def _check(self, method: str) -> None:
        if method in self.away:
            raise LedgerUnavailable("away")


class MemoryArchive:
    """Keeps what was saved, in order."""

    def __init__(self) -> None:
        self.saved: list[tuple[str, JournalDocument]] = []

    def save(self, collection: str, document: JournalDocument) -> None:
        self.saved.append((collection, document))

    def recent(self, collection: str, *, limit: int, where: JournalDocument | None = None) -> tuple[Any, ...]:
        return ()

    def of(self, collection: str) -> list[JournalDocument]:
        return [document for name, document in self.saved if name == collection]


class Desk:
    """One analyst with its stand-ins: what it tells others is kept, what it tells itself arrives."""

    def __init__(self, settings: Settings, *, name: str, endpoint: ScriptedEndpoint | None) -> None:
        self.settings = settings
        self.sent: list[tuple[str, object]] = []
        self.clock = VirtualClock(start_ms=NOW_MS)
        self.timers = VirtualTimers(peers=self, clock=self.clock)
        self.endpoint = endpoint
        self.archive = MemoryArchive()
        self.budget = MemoryBudget()
        self.name = f"analyst-{name}"
        self.ref: Any = None
        self._analyst = name

    def start(self) -> "Desk":
        self.ref = AnalystActor.start(
            name_in_settings=self._analyst,
            settings=self.settings,
            peers=self,
            clock=self.clock,
            timers=self.timers,
            endpoint=self.endpoint,
            archive=self.archive,
            budget=self.budget,
        )
        self.settle()
        return self

    def tell(self, name: str, message: object) -> bool:
        if name == self.name:
            self.ref.tell(message)
        else:
            self.sent.append((name, message))
        return True

    def ask(self, *pairs: str, shown: Features | None = None, seconds: float = 60.0) -> None:
        """Ask as the bots of `pairs` would."""
        for pair in pairs:
            request = FormOpinion(
                round_id=f"{pair}:{self.clock.now_ms()}",
                features=shown or features(pair),
                reply_to=f"bot-{pair}",
                deadline_ms=self.clock.now_ms() + round(seconds * 1000),
                settings_hash="hash",
            )
            self.ref.tell(request)
        self.settle()

    def settle(self) -> None:
        """Wait until the actor and its call's greenlet have done what they can."""
        self.ref.ask(Ping(), timeout=30)
        for _ in range(100):
            if self.endpoint is None or self.endpoint.pending == 0 or self.endpoint.hold is not None:
                break
            gevent.sleep(0)
        gevent.sleep(0)
        self.ref.ask(Ping(), timeout=30)

    def fire(self) -> None:
        """Move the clock to the next timer and let it fire."""
        due_ms = self.timers.next_due_ms()
        assert due_ms is not None
        self.clock.move_to(due_ms)
        self.timers.fire_next()
        self.settle()

    def round(self, *pairs: str, **asked: Any) -> None:
        """Ask, and let the gathered call be made and answered."""
        self.ask(*pairs, **asked)
        self.fire()
        self.settle()

    def replies(self, pair: str = "BTCUSDT") -> list[OpinionFormed | OpinionWithheld]:
        return [
            message
            for name, message in self.sent
            if name == f"bot-{pair}" and isinstance(message, OpinionFormed | OpinionWithheld)
        ]

    def reasons(self, pair: str = "BTCUSDT") -> list[str]:
        return [each.abstention.reason for each in self.replies(pair) if isinstance(each, OpinionWithheld)]

    def status(self) -> AnalystStatus:
        self.ref.tell(SendAnalystStatus(reply_to="test"))
        self.settle()
        return next(m.status for name, m in reversed(self.sent) if name == "test" and isinstance(m, AnalystChanged))


def make_settings(**llm: str | int) -> Settings:
    return parse_settings(
        {
            "llm": llm,
            "analysts": {
                "technical": {"model": "technical"},
                "grok": {"model": "x-ai/grok-4.1-fast", "role": "sentiment", "max_cost_usd_per_day": "1"},
                "gpt": {"model": "openai/gpt-5-mini", "role": "planner"},
            },
        }
    )


@pytest.fixture
def desk() -> Iterator[Callable[..., Desk]]:
    def build(*answers: ModelAnswer | Exception, name: str = "grok", price: str = "0.02", **llm: str | int) -> Desk:
        return Desk(make_settings(**llm), name=name, endpoint=ScriptedEndpoint(*answers, price=price)).start()

    yield build


# --- the built-in analyst ---------------------------------------------------------------------------------------------


@pytest.fixture
def technical() -> Desk:
    return Desk(make_settings(), name="technical", endpoint=None).start()


def test_the_built_in_analyst_answers_at_once(technical: Desk) -> None:
    technical.ask("BTCUSDT")
    (reply,) = technical.replies()
    assert isinstance(reply, OpinionFormed)
    assert (reply.opinion.analyst, reply.opinion.round_id) == ("technical", f"BTCUSDT:{NOW_MS}")
    assert ("hub", reply) in technical.sent
    (stored,) = technical.archive.of("opinions")
    assert (stored["_id"], stored["symbol"]) == (f"opinion:technical:BTCUSDT:{NOW_MS}", "BTCUSDT")
    assert (stored["ts"], stored["settings_hash"]) == (NOW_MS, "hash")


def test_the_built_in_analyst_abstains_without_a_signal(technical: Desk) -> None:
    technical.ask("BTCUSDT", shown=features(candles=flat_candles(10)))
    assert technical.reasons() == ["needs 50 closed 1m candles, has 10"]
    assert technical.archive.of("opinions") == []


def test_the_built_in_analyst_needs_no_key_and_no_money(technical: Desk) -> None:
    status = technical.status()
    assert (status.state, status.reason, status.budget_usd) == (AnalystState.READY, None, Decimal(0))


def test_hub_and_bots_are_told_the_status_at_the_start_and_when_they_come_back(technical: Desk) -> None:
    told = [name for name, message in technical.sent if isinstance(message, AnalystChanged)]
    bots = ["bot-BTCUSDT", "bot-ETHUSDT", "bot-XRPUSDT", "bot-BNBUSDT", "bot-SOLUSDT"]
    assert told == ["hub", *bots, "hub"]  # the scorecard comes when what was settled before has been read
    technical.sent.clear()
    technical.ref.tell(ActorStarted(name="bot-ETHUSDT", generation=2))
    technical.settle()
    assert [name for name, _ in technical.sent] == ["bot-ETHUSDT"]


def test_a_count_is_told_to_the_hub_only(technical: Desk) -> None:
    technical.sent.clear()
    technical.ask("BTCUSDT")
    assert [name for name, message in technical.sent if isinstance(message, AnalystChanged)] == ["hub"]


# --- without a key ----------------------------------------------------------------------------------------------------


def test_a_model_without_a_key_is_disabled_and_says_so() -> None:
    desk = Desk(make_settings(), name="grok", endpoint=None).start()
    desk.ask("BTCUSDT")
    assert desk.reasons() == ["no key"]
    assert (desk.status().state, desk.status().reason) == (AnalystState.DISABLED, "no key")


# --- one call for all -------------------------------------------------------------------------------------------------


def test_all_questions_of_a_moment_share_one_call(desk) -> None:
    model = desk(answer(good(*PAIRS), cost="0.0101"))
    model.round(*PAIRS)
    (call,) = model.endpoint.calls
    assert call["model"] == "x-ai/grok-4.1-fast"
    assert [role for role, _ in call["messages"]] == ["system", "user"]
    assert '"symbol":"BTCUSDT"' in call["messages"][1][1]
    assert '"symbol":"ETHUSDT"' in call["messages"][1][1]
    for pair in PAIRS:
        (reply,) = model.replies(pair)
        assert isinstance(reply, OpinionFormed)
        assert reply.opinion.action is Action.BUY
        assert (reply.opinion.cost_usd, reply.opinion.latency_ms) == (Decimal("0.00505"), 120)
        assert reply.opinion.price == features(pair).price


def test_analysts_do_not_start_at_the_same_moment(desk) -> None:
    first, second = desk(answer(), name="grok"), desk(answer(), name="gpt")
    for model in (first, second):
        model.ask("BTCUSDT")
    due = [model.timers.next_due_ms() - NOW_MS for model in (first, second)]
    assert due == [450, 700]  # 200 ms to gather, 250 ms for each analyst before it


def test_a_call_is_stored_whole(desk) -> None:
    model = desk(answer(good("BTCUSDT")))
    model.round("BTCUSDT")
    (stored,) = model.archive.of("llm_calls")
    assert stored["_id"] == f"grok:{NOW_MS + 450}"
    assert (stored["verdict"], stored["outcome"], stored["settings_hash"]) == ("usable", "ok", "hash")
    assert (stored["reserved_usd"], stored["cost_usd"]) == (Decimal("0.04"), Decimal("0.01"))
    assert stored["answer"] == good("BTCUSDT")
    assert stored["symbols"] == ["BTCUSDT"]
    assert len(stored["messages"]) == 2


def test_a_question_that_comes_during_a_call_is_asked_after_it(desk) -> None:
    model = desk(answer(good(*PAIRS)))
    model.endpoint.hold = gevent.event.Event()
    model.round("BTCUSDT")
    model.ask("ETHUSDT")
    assert len(model.endpoint.calls) == 1
    assert model.status().state is AnalystState.BUSY
    model.endpoint.hold.set()
    model.endpoint.hold = None
    model.settle()
    model.fire()
    assert len(model.endpoint.calls) == 2
    assert isinstance(model.replies("ETHUSDT")[0], OpinionFormed)


def test_a_newer_question_on_a_pair_replaces_a_waiting_one(desk) -> None:
    model = desk(answer(good("BTCUSDT")))
    model.ask("BTCUSDT")
    model.round("BTCUSDT")
    assert len(model.replies()) == 2
    assert model.reasons() == ["a newer question on the pair came before the call"]


def test_a_question_without_time_left_is_not_asked(desk) -> None:
    model = desk(answer(good("BTCUSDT")))
    model.round("BTCUSDT", seconds=0.6)
    assert model.endpoint.calls == []
    assert model.reasons() == ["the question was out of time before the call"]


def test_the_call_ends_before_the_first_question_is_of_no_use(desk) -> None:
    model = desk(answer(good("BTCUSDT")))
    model.round("BTCUSDT", seconds=10)
    assert model.endpoint.calls[0]["timeout_seconds"] == pytest.approx(9.3)  # 10 - 0.45 gathering - 0.25 margin


def test_the_call_never_takes_longer_than_the_settings_allow(desk) -> None:
    model = desk(answer(good("BTCUSDT")), timeout_seconds=5)
    model.round("BTCUSDT", seconds=60)
    assert model.endpoint.calls[0]["timeout_seconds"] == 5


# --- bad answers ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", MALFORMED)
def test_a_malformed_answer_is_repaired_once_and_then_an_abstention(desk, name: str) -> None:
    text, reason = MALFORMED[name]
    model = desk(answer(text))
    model.round("BTCUSDT", shown=features(price="66000"))
    assert len(model.endpoint.calls) == 2
    (said,) = model.reasons()
    assert reason in said
    assert len(model.replies()) == 1
    assert model.archive.of("opinions") == []


def test_a_repaired_answer_counts(desk) -> None:
    model = desk(answer("Buy!"), answer(good("BTCUSDT"), cost="0.02"))
    model.round("BTCUSDT")
    (reply,) = model.replies()
    assert isinstance(reply, OpinionFormed)
    assert reply.opinion.cost_usd == Decimal("0.03")  # both calls
    roles = [role for role, _ in model.endpoint.calls[1]["messages"]]
    assert roles == ["system", "user", "assistant", "user"]
    assert "must be JSON and nothing else" in model.endpoint.calls[1]["messages"][3][1]
    first, second = model.archive.of("llm_calls")
    assert second["_id"] == f"{first['_id']}:repair"
    assert model.budget.total() == Decimal("0.03")


def test_good_opinions_are_told_at_once_and_only_the_bad_one_is_asked_again(desk) -> None:
    mixed = json.loads(good(*PAIRS))
    mixed["opinions"][1]["confidence"] = 7
    model = desk(answer(json.dumps(mixed)), answer(good("ETHUSDT")))
    model.round(*PAIRS)
    assert len(model.endpoint.calls) == 2
    assert "- ETHUSDT: confidence" in model.endpoint.calls[1]["messages"][3][1]
    assert "- BTCUSDT" not in model.endpoint.calls[1]["messages"][3][1]
    assert all(isinstance(reply, OpinionFormed) for pair in PAIRS for reply in model.replies(pair))
    assert [len(model.replies(pair)) for pair in PAIRS] == [1, 1]


@pytest.mark.parametrize(
    ("outcome", "status", "calls", "reason"),
    [
        ("refused", 200, 2, "the model refused to answer"),
        ("cut_off", 200, 2, "the answer was cut off"),
        ("empty", 200, 2, "the answer was empty"),
        ("error", 200, 2, "the call failed"),  # an error object inside HTTP 200
        ("error", 402, 1, "the call failed"),
        ("error", 503, 1, "the call failed"),
        ("error", None, 1, "the call failed"),
        ("timeout", None, 1, "the model did not answer in time"),
    ],
)
def test_what_comes_without_content_is_an_abstention(
    desk, outcome: str, status: int | None, calls: int, reason: str
) -> None:
    model = desk(answer(outcome=outcome, status=status))
    model.round(*PAIRS)
    assert len(model.endpoint.calls) == calls
    assert [model.reasons(pair) for pair in PAIRS] == [[reason], [reason]]


def test_an_error_inside_the_desk_is_an_abstention_too(desk) -> None:
    model = desk(RuntimeError("bug"), answer(good("BTCUSDT")))
    model.round("BTCUSDT")
    assert model.reasons() == ["the call failed inside the desk"]
    model.round("BTCUSDT")
    assert isinstance(model.replies()[-1], OpinionFormed)
    assert model.endpoint.pending == 0


def test_a_call_that_does_not_come_back_is_given_up(desk) -> None:
    model = desk(answer(good("BTCUSDT")))
    model.endpoint.hold = gevent.event.Event()
    model.round("BTCUSDT", seconds=30)
    model.fire()  # overdue
    assert model.reasons() == ["no answer came before the deadline"]
    model.endpoint.hold.set()
    model.endpoint.hold = None
    model.settle()
    assert len(model.replies()) == 1  # the late answer tells nobody anything
    assert [call["_id"] for call in model.archive.of("llm_calls")] == [
        f"grok:{NOW_MS + 450}",
        f"grok:{NOW_MS + 450}:late",
    ]
    assert model.archive.of("llm_calls")[1]["cost_usd"] == Decimal("0.01")


def test_a_stale_overdue_timer_ends_no_younger_call(desk) -> None:
    model = desk(answer(good("BTCUSDT")))
    model.endpoint.hold = gevent.event.Event()
    model.round("BTCUSDT")
    model.ref.tell(TimerFired(key="overdue", due_ms=NOW_MS))
    model.settle()
    assert model.replies() == []
    assert model.status().state is AnalystState.BUSY


def test_an_unknown_call_id_is_ignored(desk) -> None:
    model = desk(answer(good("BTCUSDT")))
    stray = ModelAnswered(
        call_id="grok:1",
        answer=answer(good("BTCUSDT")),
        blocked="",
        reserved_usd=Decimal(0),
        cost_usd=Decimal(0),
        spent_today_usd=Decimal("0.5"),
    )
    model.ref.tell(stray)
    model.settle()
    assert model.replies() == []
    assert model.status().cost_today_usd == Decimal("0.5")


# --- breaker and rate -------------------------------------------------------------------------------------------------


def _minutes(model: Desk, count: int) -> None:
    for _ in range(count):
        model.clock.move_to(model.clock.now_ms() + 10_000)
        model.round("BTCUSDT")


def test_five_unusable_answers_in_a_row_open_the_breaker_for_a_minute(desk) -> None:
    model = desk(answer("no"))
    _minutes(model, 4)
    assert model.status().state is AnalystState.READY
    _minutes(model, 1)
    assert model.status().state is AnalystState.BREAKER_OPEN
    made = len(model.endpoint.calls)
    _minutes(model, 1)
    assert len(model.endpoint.calls) == made
    assert model.reasons()[-1].startswith("5 calls in a row failed, the next is tried at 00:0")


def test_after_the_rest_one_probe_closes_it_or_doubles_the_rest(desk) -> None:
    model = desk(*[answer("no")] * 12, answer(good("BTCUSDT")))
    _minutes(model, 5)  # 10 answers
    model.clock.move_to(model.clock.now_ms() + 60_000)
    model.round("BTCUSDT")  # the probe fails
    model.clock.move_to(model.clock.now_ms() + 60_000)
    made = len(model.endpoint.calls)
    model.round("BTCUSDT")
    assert len(model.endpoint.calls) == made
    model.clock.move_to(model.clock.now_ms() + 60_000)
    model.round("BTCUSDT")
    assert isinstance(model.replies()[-1], OpinionFormed)
    assert model.status().state is AnalystState.READY


def test_a_flood_of_questions_is_held_to_the_bucket(desk) -> None:
    model = desk(answer(good("BTCUSDT")))
    for n in range(8):
        model.round("BTCUSDT", shown=features(headlines=(item(f"news-{n}"),)))
    assert len(model.endpoint.calls) == 6
    assert model.reasons() == ["too many calls were made in the last minute"] * 2


# --- skipping ---------------------------------------------------------------------------------------------------------


def test_where_nothing_changed_the_last_opinion_is_given_again_without_a_call(desk) -> None:
    model = desk(answer(good("BTCUSDT")))
    model.round("BTCUSDT")
    model.clock.move_to(NOW_MS + 120_000)
    model.ask("BTCUSDT")
    first, second = model.replies()
    assert isinstance(first, OpinionFormed)
    assert isinstance(second, OpinionFormed)
    assert second.opinion == replace(first.opinion, round_id=f"BTCUSDT:{NOW_MS + 120_000}", cost_usd=Decimal(0))
    assert len(model.endpoint.calls) == 1
    assert len(model.archive.of("opinions")) == 1


@pytest.mark.parametrize(
    ("later_seconds", "shown"),
    [
        (120, features(headlines=(item("new"),))),
        (120, features(price=str(features().price + 100))),
        (301, features()),
    ],
)
def test_a_headline_a_move_or_age_make_a_new_call(desk, later_seconds: int, shown: Features) -> None:
    model = desk(answer(good("BTCUSDT")))
    model.round("BTCUSDT")
    model.clock.move_to(NOW_MS + later_seconds * 1000)
    model.round("BTCUSDT", shown=shown)
    assert len(model.endpoint.calls) == 2


# --- money ------------------------------------------------------------------------------------------------------------


def test_no_call_is_made_while_the_reservation_cannot_be_stored(desk) -> None:
    model = desk(answer(good("BTCUSDT")))
    for method in ("spent", "reserve"):
        model.budget.away = {method}
        model.round("BTCUSDT")
    assert model.endpoint.calls == []
    assert model.reasons() == ["the ledger is unavailable, so the cost could not be reserved"] * 2
    assert model.status().state is AnalystState.READY


def test_an_unreadable_sum_after_the_reservation_makes_no_call(desk) -> None:
    model = desk(answer(good("BTCUSDT")))

    def reserve_then_lose(**reserved: Any) -> None:
        MemoryBudget.reserve(model.budget, **reserved)
        model.budget.away = {"spent"}

    model.budget.reserve = reserve_then_lose
    model.round("BTCUSDT")
    assert model.endpoint.calls == []
    assert model.budget.total() == 0


def test_a_call_that_could_pass_the_budget_is_not_made_and_told(desk) -> None:
    model = desk(answer(good("BTCUSDT")), price="0.51")  # two tries: 1.02 > 1.00
    model.round("BTCUSDT")
    assert model.endpoint.calls == []
    assert model.reasons() == ["the call could pass the analyst's budget of 1 USD a day"]
    assert model.status().state is AnalystState.BUDGET_USED
    (alert,) = [message for name, message in model.sent if name == "hub" and isinstance(message, Alerted)]
    assert alert.code == "budget_used"
    model.round("BTCUSDT")
    assert len([message for _, message in model.sent if isinstance(message, Alerted)]) == 1


def test_a_budget_that_is_used_up_is_there_again_the_next_utc_day(desk) -> None:
    model = desk(answer(good("BTCUSDT"), cost="0.35"), price="0.2")
    for n in range(3):
        model.round("BTCUSDT", shown=features(headlines=(item(f"news-{n}"),)))
    assert len(model.endpoint.calls) == 2  # 0.35 + 0.35 + a reservation of 0.4 would be 1.1
    model.clock.move_to(NOW_MS + 86_400_000)
    assert model.status().state is AnalystState.READY
    assert model.status().cost_today_usd == 0
    model.round("BTCUSDT")
    assert len(model.endpoint.calls) == 3


def test_all_analysts_together_keep_the_common_budget(desk) -> None:
    model = desk(answer(good("BTCUSDT")), max_cost_usd_per_day="0.5")
    model.budget.reserve(call_id="x", analyst="gpt", day="2026-01-01", usd=Decimal("0.47"))
    model.round("BTCUSDT")
    assert model.endpoint.calls == []
    assert model.reasons() == ["the call could pass the budget of all analysts of 0.5 USD a day"]


def test_a_budget_of_zero_allows_no_paid_call(desk) -> None:
    model = desk(answer(good("BTCUSDT")), max_cost_usd_per_day=0)
    model.round("BTCUSDT")
    assert model.endpoint.calls == []


def test_an_unknown_cost_is_settled_at_the_reservation(desk) -> None:
    model = desk(answer(good("BTCUSDT"), cost=None))
    model.round("BTCUSDT")
    assert model.budget.total() == Decimal("0.04")
    assert model.status().cost_today_usd == Decimal("0.04")


def test_what_was_spent_before_a_restart_is_shown_after_it() -> None:
    model = Desk(make_settings(), name="grok", endpoint=ScriptedEndpoint(answer()))
    model.budget.reserve(call_id="before", analyst="grok", day="2026-01-01", usd=Decimal("0.3"))
    assert model.start().status().cost_today_usd == Decimal("0.3")


def test_settings_change_weight_and_budget_but_not_the_model(desk) -> None:
    model = desk(answer(good("BTCUSDT")))
    changed = parse_settings(
        {"analysts": {"grok": {"model": "other/model", "weight": 3, "max_cost_usd_per_day": "0.5"}}}
    )
    model.ref.tell(SettingsApplied(settings=changed, settings_hash="new"))
    status = model.status()
    assert (status.model, status.weight, status.budget_usd) == ("x-ai/grok-4.1-fast", Decimal(3), Decimal("0.5"))


def _order(number: int, analyst: str) -> CallOrder:
    return CallOrder(
        call_id=str(number),
        analyst=analyst,
        model="m",
        messages=(),
        pairs=1,
        deadline_ms=NOW_MS + 1000,
        day="2026-01-01",
        analyst_limit=Decimal("0.8"),
        total_limit=Decimal("1.2"),
    )


def test_two_who_saw_room_at_the_same_time_do_not_both_call() -> None:
    class Simultaneous(MemoryBudget):
        """Everybody reads the sum before anybody reserves."""

        def spent(self, *, day: str) -> tuple[tuple[str, Decimal], ...]:
            seen = super().spent(day=day)
            gevent.sleep(0)
            return seen

    budget, endpoint = Simultaneous(), ScriptedEndpoint(answer(cost=None), price="0.35")
    clock = VirtualClock(start_ms=NOW_MS)
    calls = [
        gevent.spawn(make_call, _order(number, analyst), endpoint=endpoint, budget=budget, clock=clock)
        for number, analyst in enumerate(("grok", "gpt"))
    ]
    gevent.joinall(calls, timeout=5, raise_error=True)
    assert [call.value.over_budget for call in calls].count(True) >= 1
    assert budget.total() <= Decimal("1.2")
    assert len(endpoint.calls) <= 1


CALLERS = st.lists(
    st.tuples(
        st.sampled_from(["grok", "claude", "gpt"]),
        st.sampled_from(["0.1", "0.25", "0.35", "0.6"]),  # USD at most per try
        st.sampled_from([None, "0", "0.5", "1"]),  # share of the reservation that is billed; None: unknown
        st.booleans(),  # the ledger is away at some moment
    ),
    min_size=1,
    max_size=10,
)


@limits(max_examples=100, deadline=None)
@given(callers=CALLERS, order=st.randoms(use_true_random=False))
def test_calls_at_once_never_spend_more_than_the_budgets(callers: Sequence[tuple], order: Any) -> None:
    store = MemoryBudget()
    billed: list[tuple[str, Decimal]] = []

    class Slow(MemoryBudget):
        """The same store behind a database that answers in any order and is away now and then."""

        def __init__(self, flaky: bool) -> None:
            self.flaky = flaky

        def spent(self, *, day: str) -> tuple[tuple[str, Decimal], ...]:
            self._pause()
            return store.spent(day=day)

        def reserve(self, **reserved: Any) -> None:
            self._pause()
            store.reserve(**reserved)
            self._pause()

        def settle(self, **settled: Any) -> None:
            store.settle(**settled)

        def _pause(self) -> None:
            for _ in range(order.randrange(4)):
                gevent.sleep(0)
            if self.flaky and order.random() < 0.3:
                raise LedgerUnavailable("away")

    def call(number: int, analyst: str, price: str, share: str | None, flaky: bool) -> ModelAnswered:
        bound = Decimal(price) * 2
        cost = None if share is None else bound * Decimal(share)
        endpoint = ScriptedEndpoint(replace(answer(), cost_usd=cost), price=price)
        result = make_call(
            _order(number, analyst), endpoint=endpoint, budget=Slow(flaky), clock=VirtualClock(start_ms=NOW_MS)
        )
        if endpoint.calls:
            billed.append((analyst, bound if cost is None else cost))
        return result

    running = [gevent.spawn(call, number, *each) for number, each in enumerate(callers)]
    gevent.joinall(running, timeout=10, raise_error=True)
    assert sum((usd for _, usd in billed), Decimal(0)) <= Decimal("1.2")
    for analyst in ("grok", "claude", "gpt"):
        assert sum((usd for name, usd in billed if name == analyst), Decimal(0)) <= Decimal("0.8")
    assert store.total() >= sum((usd for _, usd in billed), Decimal(0))


# --- what was saved ---------------------------------------------------------------------------------------------------


def test_the_status_tells_what_was_asked_and_what_was_not(desk) -> None:
    model = desk(replace(answer(good(*PAIRS), cost="0.02"), cached_tokens=512))
    model.round(*PAIRS)
    model.clock.move_to(NOW_MS + 60_000)
    model.ask(*PAIRS)  # nothing changed
    model.round("BTCUSDT", shown=features(headlines=(item("new"),)), seconds=0.6)  # and no time is left
    status = model.status()
    assert (status.calls, status.cached_tokens) == (1, 512)
    assert [(row.reason, row.questions, row.usd) for row in status.saved] == [
        ("unchanged", 2, Decimal("0.02")),
        ("out_of_time", 1, Decimal("0.01")),
    ]
    model.clock.move_to(NOW_MS + 86_400_000)
    assert (model.status().calls, model.status().saved) == (0, ())


class SavingsArchive(MemoryArchive):
    """Outlives its analyst; can be away."""

    def __init__(self) -> None:
        super().__init__()
        self.away = False

    def recent(self, collection: str, *, limit: int, where: JournalDocument | None = None) -> tuple[Any, ...]:
        if self.away:
            raise LedgerUnavailable("away")
        wanted = where or {}
        found = [each for each in self.of(collection) if each.get("day") == wanted.get("day")]
        return tuple(reversed(found))[:limit]


def test_what_was_saved_today_outlives_the_process(desk) -> None:
    archive = SavingsArchive()
    first = Desk(make_settings(), name="grok", endpoint=ScriptedEndpoint(answer(good(*PAIRS), cost="0.02")))
    first.archive = archive
    first.start()
    first.round(*PAIRS)  # stored at once
    first.ask(*PAIRS)
    first.ask(*PAIRS)  # not stored before a minute has gone by, or the process stops
    assert [each["spared"] for each in archive.of("savings")] == [{}]
    expected = first.status()
    first.ref.stop()
    assert [each["spared"] for each in archive.of("savings")] == [{}, {"unchanged": 4}]

    archive.away = True
    second = Desk(make_settings(), name="grok", endpoint=ScriptedEndpoint(answer(good(*PAIRS), cost="0.02")))
    second.archive = archive
    second.clock.move_to(NOW_MS + 120_000)
    second.start()
    second.round(*PAIRS)
    assert (second.status().calls, len(archive.of("savings"))) == (1, 2)  # the past is not known: nothing is stored
    archive.away = False
    while second.status().calls == 1:
        second.fire()
    status = second.status()
    assert (status.calls, status.saved) == (2, expected.saved)
    assert archive.of("savings")[-1]["calls"] == 2
    third = Desk(make_settings(), name="grok", endpoint=ScriptedEndpoint(answer()))
    third.archive = archive
    third.clock.move_to(NOW_MS + 86_400_000)  # another day
    third.start()
    assert (third.status().calls, third.status().saved) == (0, ())


def test_what_breaker_bucket_and_budget_spare_is_counted(desk) -> None:
    model = desk(*[answer("no")] * 10, answer(good("BTCUSDT")))
    _minutes(model, 6)
    assert [(row.reason, row.questions) for row in model.status().saved] == [("breaker_open", 1)]
    dear = desk(answer(good("BTCUSDT")), price="0.51")
    dear.round("BTCUSDT")
    assert [(row.reason, row.questions) for row in dear.status().saved] == [("budget_used", 1)]
    busy = desk(answer(good("BTCUSDT")))
    for n in range(8):
        busy.round("BTCUSDT", shown=features(headlines=(item(f"news-{n}"),)))
    assert [(row.reason, row.questions) for row in busy.status().saved] == [("too_many_calls", 2)]


def test_a_call_of_a_moment_that_was_paid_for_before_is_not_made(desk) -> None:
    model = desk(answer(good("BTCUSDT")))

    def taken(**_: Any) -> None:
        raise AlreadyReserved("before")

    model.budget.reserve = taken
    model.round("BTCUSDT")
    assert model.endpoint.calls == []
    assert model.reasons() == ["a call of this moment was made before, so nothing could be reserved for another"]


def test_a_call_that_found_no_place_says_nothing_about_the_model(desk) -> None:
    model = desk(answer(outcome="busy", cost="0", status=None))
    _minutes(model, 7)
    assert model.status().state is AnalystState.READY
    assert set(model.reasons()) == {"no call was made"}
    assert model.status().cost_today_usd == 0
