"""The budget in a storm: many callers, a database that comes and goes, a process that is killed again and again.

The provider keeps its own books: what it billed for each try, whatever became of the answer. Of that neither one
analyst nor all together may ever pass a limit, and what the desk has settled and reserved is never less.
QUORUM_EXAMPLES=n plays n storms.
"""

import os
import random
from collections import Counter
from decimal import Decimal

import gevent
import pytest

from actors.model_call import MADE_BEFORE, CallOrder, make_call
from adapters.clock import VirtualClock
from domain.budget import MAX_TRIES, spent_by
from domain.errors import AlreadyReserved, LedgerUnavailable
from domain.ports import ModelAnswer
from tests.analysis_values import NOW_MS

STORMS = int(os.environ.get("QUORUM_EXAMPLES", "0")) or 40
LIVES = 6  # of the process, in each storm
CALLERS = 25  # in each life
OWN = {"grok": Decimal("0.90"), "claude": Decimal("1.10"), "gpt": None}
TOTAL = Decimal("2.00")
DAY = "2026-01-01"
PRICES = tuple(Decimal(usd) for usd in ("0.004", "0.02", "0.05", "0.11"))  # of one try, at most


class Provider:
    """What was billed, in all lives."""

    def __init__(self, chance: random.Random) -> None:
        self.billed: Counter[str] = Counter()
        self.tries = 0
        self.bills = chance.choice(((0, 1, 3, 10), (10,)))  # tenths of the highest price; some take all of it

    def bill(self, analyst: str, usd: Decimal) -> None:
        self.billed[analyst] += usd
        self.tries += 1


class Rows:
    """What the database holds, in all lives."""

    def __init__(self) -> None:
        self.calls: dict[str, tuple[str, Decimal]] = {}
        self.owners: dict[str, object] = {}


class LifeBudget:
    """The budget store of one life: what waits to be settled dies with it. Anything may take a while or fail."""

    def __init__(self, rows: Rows, chance: random.Random) -> None:
        self._rows, self._chance = rows, chance
        self._waiting: dict[str, Decimal] = {}

    def spent(self, *, day: str) -> tuple[tuple[str, Decimal], ...]:
        self._weather()
        found = [
            (name, self._waiting.get(call, usd) if self._owns(call) else usd)
            for call, (name, usd) in self._rows.calls.items()
        ]
        self._pause()
        return tuple(found)

    def reserve(self, *, call_id: str, analyst: str, day: str, usd: Decimal) -> None:
        self._weather()
        if call_id in self._rows.calls:
            raise AlreadyReserved(call_id)
        self._rows.calls[call_id], self._rows.owners[call_id] = (analyst, usd), self
        self._weather()  # the answer may be lost although it was stored

    def settle(self, *, call_id: str, usd: Decimal) -> None:
        self._waiting[call_id] = usd

    def flush(self) -> None:
        """Store what waits, as the background writer does now and then."""
        for call, usd in self._waiting.items():
            if self._owns(call):
                self._rows.calls[call] = (self._rows.calls[call][0], usd)
        self._waiting.clear()

    def _owns(self, call_id: str) -> bool:
        return self._rows.owners.get(call_id) is self

    def _pause(self) -> None:
        for _ in range(self._chance.randrange(4)):
            gevent.sleep(0)

    def _weather(self) -> None:
        self._pause()
        if self._chance.random() < 0.07:
            raise LedgerUnavailable("away")


class Model:
    """One analyst's model: one or two tries, each billed at once at anything up to its price, told or not."""

    def __init__(self, analyst: str, price: Decimal, provider: Provider, chance: random.Random) -> None:
        self.pending = 0
        self._analyst, self._price, self._provider, self._chance = analyst, price, provider, chance

    def max_cost_usd(self, **_: object) -> Decimal:
        return self._price

    def complete(self, **_: object) -> ModelAnswer:
        cost, known = Decimal(0), True
        for _try in range(MAX_TRIES if self._provider.bills == (10,) else self._chance.randint(1, MAX_TRIES)):
            billed = self._price * self._chance.choice(self._provider.bills) / 10
            self._provider.bill(self._analyst, billed)
            cost += billed
            known = known and self._chance.random() < 0.7
            for _ in range(self._chance.randrange(12)):
                gevent.sleep(0)  # the process may be killed here
        return ModelAnswer(
            text="",
            outcome="ok",
            detail="",
            prompt_tokens=None,
            completion_tokens=None,
            cost_usd=cost if known else None,
            latency_ms=1,
            model="m",
            http_status=200,
        )


def _life(number: int, rows: Rows, provider: Provider, chance: random.Random, counts: Counter[str]) -> None:
    """Let many callers call; then end them all, wherever they are."""
    budget = LifeBudget(rows, chance)

    # Clocks go back at a restart: another life comes to the same moments, and so to the same ids.
    moments = chance.sample(range(60), CALLERS)

    def call(at_ms: int) -> None:
        analyst = chance.choice(list(OWN))
        order = CallOrder(
            call_id=f"{analyst}:{at_ms}" + chance.choice(("", ":repair")),
            analyst=analyst,
            model="m",
            messages=(),
            pairs=1,
            deadline_ms=NOW_MS + 100_000,
            day=DAY,
            analyst_limit=OWN[analyst],
            total_limit=TOTAL,
        )
        model = Model(analyst, chance.choice(PRICES), provider, chance)
        made = make_call(order, endpoint=model, budget=budget, clock=VirtualClock(start_ms=at_ms))
        counts["made" if made.answer else "repeated" if made.blocked == MADE_BEFORE else "refused"] += 1

    running = [gevent.spawn(call, NOW_MS + moment) for moment in moments]
    for _ in range(chance.choice((5, 20, 60, 1000))):
        gevent.sleep(0)
        if chance.random() < 0.1:
            budget.flush()
        _check(rows, provider)
    counts["killed in a call"] += sum(not caller.dead for caller in running)
    gevent.killall(running, timeout=10)
    for caller in running:
        assert caller.exception is None, caller.exception
    if number % 3 == 2:
        budget.flush()  # a clean stop


def _check(rows: Rows, provider: Provider) -> None:
    assert sum(provider.billed.values()) <= TOTAL
    for analyst, own in OWN.items():
        assert own is None or provider.billed[analyst] <= own
        booked = spent_by(rows.calls.values(), analyst)
        assert booked >= provider.billed[analyst]


@pytest.mark.parametrize("seed", range(STORMS))
def test_no_storm_spends_more_than_the_budget(seed: int) -> None:
    chance = random.Random(seed)
    rows, provider, counts = Rows(), Provider(chance), Counter[str]()
    for life in range(LIVES):
        _life(life, rows, provider, chance, counts)
        _check(rows, provider)


def test_the_storms_reach_everything_they_are_there_for(capsys: pytest.CaptureFixture[str]) -> None:
    counts, tries, highest = Counter[str](), 0, Decimal(0)
    for seed in range(STORMS):
        chance = random.Random(seed)
        rows, provider = Rows(), Provider(chance)
        for life in range(LIVES):
            _life(life, rows, provider, chance, counts)
        tries += provider.tries
        highest = max(highest, sum(provider.billed.values(), Decimal(0)))
    assert min(counts[kind] for kind in ("made", "refused", "repeated", "killed in a call")) >= STORMS
    assert tries > counts["made"]
    assert TOTAL * 9 / 10 < highest <= TOTAL
    with capsys.disabled():
        if os.environ.get("QUORUM_EXAMPLES"):
            print(f"\n{STORMS} storms: {dict(counts)}, {tries} tries, at most {highest} of {TOTAL} USD")  # noqa: T201
