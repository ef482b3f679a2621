"""An analyst's scores through its actor: settled by the market's candles, stored, told, remembered over restarts."""

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from actors.stored_scores import read_scores
from domain.analysis import Action, AnalystStatus
from domain.errors import LedgerUnavailable
from domain.market import Candle, Source
from domain.messages import (
    ActorStarted,
    AnalystChanged,
    CandleClosed,
    CandleHistory,
    OpinionFormed,
    ScoresRead,
    SendCandles,
)
from domain.settlement import Call, StoredScores, read_settlement
from tests.actors.test_analyst import Desk, MemoryArchive, ScriptedEndpoint, answer, good, make_settings
from tests.analysis_values import NOW_MS, features

MINUTE = 60_000
START = NOW_MS  # a full minute


class KeptArchive(MemoryArchive):
    """An archive that outlives its actor: the first document of an `_id` stays; `recent` as the database answers it."""

    def save(self, collection: str, document: dict[str, Any]) -> None:
        if document["_id"] not in [each["_id"] for each in self.of(collection)]:
            super().save(collection, document)

    def recent(self, collection: str, *, limit: int, where: dict[str, Any] | None = None) -> tuple[Any, ...]:
        found = [each for each in self.of(collection) if all(_fits(each.get(k), v) for k, v in (where or {}).items())]
        return tuple(sorted(found, key=lambda each: each["ts"], reverse=True)[:limit])


def _fits(value: Any, wanted: Any) -> bool:
    if not isinstance(wanted, dict):
        return value == wanted
    tests = {"$gte": lambda a, b: a >= b, "$lte": lambda a, b: a <= b, "$gt": lambda a, b: a > b}
    return value is not None and all(tests[name](value, limit) for name, limit in wanted.items())


def candle(minute: int, close: object) -> Candle:
    """Return the candle that closes `minute` minutes after the start."""
    price = Decimal(str(close))
    at_ms = START + (minute - 1) * MINUTE
    return Candle(open_ms=at_ms, open=price, high=price, low=price, close=price, volume=Decimal(1))


class Bench(Desk):
    """The analyst's desk, with an archive that stays and a market whose candles close."""

    def __init__(self, archive: KeptArchive, *, name: str = "grok", said: str | None = None) -> None:
        super().__init__(make_settings(), name=name, endpoint=ScriptedEndpoint(answer(said or good("BTCUSDT"))))
        self.archive = archive

    def at(self, minute: float) -> "Bench":
        self.clock.move_to(START + round(minute * MINUTE))
        return self

    def close(self, minute: int, price: object, *, pair: str = "BTCUSDT") -> None:
        self.at(minute)
        closed = CandleClosed(
            pair=pair, interval="1m", candle=candle(minute, price), catch_up=False, source=Source.SIMULATED
        )
        self.ref.tell(closed)
        self.settle()

    def fire_all(self) -> None:
        """Let both readings that failed, of the scores and of what was saved, be tried again."""
        self.fire()
        self.fire()

    def history(self, *candles: Candle, pair: str = "BTCUSDT") -> None:
        self.ref.tell(CandleHistory(pair=pair, interval="1m", candles=candles, open_candle=None, request_id=""))
        self.settle()

    def asked_candles(self) -> int:
        return sum(isinstance(message, SendCandles) and name == "market" for name, message in self.sent)

    def told_bots(self) -> list[AnalystStatus]:
        return [m.status for name, m in self.sent if name == "bot-BTCUSDT" and isinstance(m, AnalystChanged)]

    def settlements(self) -> dict[str, Any]:
        return {each["label"]: each for each in self.archive.of("settlements")}

    def stop(self) -> None:
        self.ref.stop()


@pytest.fixture
def archive() -> Iterator[KeptArchive]:
    yield KeptArchive()


def test_an_opinion_is_settled_by_closed_candles_stored_and_told(archive: KeptArchive) -> None:
    bench = Bench(archive).start()
    bench.round("BTCUSDT", shown=features("BTCUSDT", price="100"))
    for minute in range(1, 17):
        bench.close(minute, 100 + minute)
    assert set(bench.settlements()) == {"15m"}
    for minute in range(17, 32):
        bench.close(minute, 100 + minute)
    own = bench.settlements()["own"]
    assert (own["_id"], own["analyst"], own["symbol"]) == (
        f"settlement:opinion:grok:BTCUSDT:{NOW_MS}:own",
        "grok",
        "BTCUSDT",
    )
    assert (own["entry"], own["exit"], own["hit"]) == (Decimal(101), Decimal(131), True)
    card = bench.status().card
    assert card is not None
    assert (card.own.settled, card.own.hit_rate) == (1, 1.0)
    assert card.brier == pytest.approx(0.09)
    assert card.mean_net_return == pytest.approx(own["net_return"] - 0.01 / 50)  # the call cost a cent
    hub = [m.status.card for name, m in bench.sent if name == "hub" and isinstance(m, AnalystChanged)]
    assert hub[-1] == card
    assert (card.skill, bench.told_bots()[-1].weight) == (Decimal("1.03"), Decimal("1.03"))  # a thirtieth of the way


def test_bots_are_told_only_when_the_weight_changes(archive: KeptArchive) -> None:
    bench = Bench(archive).start()
    bench.round("BTCUSDT", shown=features("BTCUSDT", price="100"))
    before = len(bench.told_bots())
    for minute in range(1, 31):
        bench.close(minute, 100)
    assert len(bench.told_bots()) == before  # the 15 m score changed, the weight did not
    bench.close(31, 90)
    assert len(bench.told_bots()) == before + 1


def test_a_restart_in_the_middle_settles_what_was_missed_and_nothing_twice(archive: KeptArchive) -> None:
    bench = Bench(archive).start()
    bench.round("BTCUSDT", shown=features("BTCUSDT", price="100"))
    for minute in range(1, 20):
        bench.close(minute, 100 + minute)
    bench.stop()
    stored = list(archive.saved)
    again = Bench(archive).at(40.5).start()
    assert again.asked_candles() == 1
    again.history(*(candle(minute, 100 + minute) for minute in range(1, 41)))
    assert archive.saved[: len(stored)] == stored
    assert [document["label"] for document in archive.of("settlements")] == ["15m", "own"]
    assert (again.status().card.own.settled, again.status().opinions) == (1, 0)
    card = again.status().card
    again.stop()
    third = Bench(archive).at(41.5).start()
    third.history(*(candle(minute, 100 + minute) for minute in range(1, 41)))
    assert third.status().card == card
    assert len(archive.of("settlements")) == 2


def test_a_missed_candle_is_asked_for(archive: KeptArchive) -> None:
    bench = Bench(archive).start()
    bench.round("BTCUSDT", shown=features("BTCUSDT", price="100"))
    asked = bench.asked_candles()
    bench.close(2, 100)  # the first was the entry
    assert bench.asked_candles() == asked
    bench.close(3, 100)
    assert bench.asked_candles() == asked + 1
    bench.history(*(candle(minute, 100) for minute in range(1, 4)))
    bench.close(4, 100)
    assert bench.asked_candles() == asked + 1


def test_a_market_that_comes_back_is_asked_for_its_candles(archive: KeptArchive) -> None:
    bench = Bench(archive).start()
    bench.round("BTCUSDT", shown=features("BTCUSDT", price="100"))
    asked = bench.asked_candles()
    bench.ref.tell(ActorStarted(name="market", generation=2))
    bench.settle()
    assert bench.asked_candles() == asked + 1


def test_nothing_from_later_than_now_is_read(archive: KeptArchive) -> None:
    """A recording that is played again meets the documents of its first play."""
    bench = Bench(archive).start()
    bench.round("BTCUSDT", shown=features("BTCUSDT", price="100"))
    for minute in range(1, 32):
        bench.close(minute, 100 + minute)
    bench.stop()
    earlier = Bench(archive).at(0).start()
    assert earlier.status().card.own.settled == 0
    assert earlier.asked_candles() == 0


def test_an_opinion_that_is_given_again_is_settled_once(archive: KeptArchive) -> None:
    bench = Bench(archive).start()
    shown = features("BTCUSDT", price="100")
    bench.round("BTCUSDT", shown=shown)
    bench.close(1, 100)
    bench.at(1.5).ask("BTCUSDT", shown=shown)
    assert len([each for each in bench.replies() if isinstance(each, OpinionFormed)]) == 2
    for minute in range(2, 300):
        bench.close(minute, 100)
    assert len({each["opinion"] for each in archive.of("settlements")}) == 1


def test_the_model_is_reminded_of_what_it_said_and_what_happened(archive: KeptArchive) -> None:
    bench = Bench(archive).start()
    bench.round("BTCUSDT", shown=features("BTCUSDT", price="100"))
    for minute in range(1, 32):
        bench.close(minute, 100)
    bench.close(32, 200)
    bench.round("BTCUSDT", shown=features("BTCUSDT", price="200"))
    prompt = bench.endpoint.calls[-1]["messages"][1][1]
    (pair,) = json.loads(prompt[prompt.index("{") :])["pairs"]
    assert pair["your_last_calls"] == [
        {
            "action": "BUY",
            "confidence": 0.7,
            "horizon_minutes": 30,
            "ended_minutes_ago": 1,
            "moved_percent": 0.0,
            "right": False,
        }
    ]


def test_the_built_in_analyst_is_scored_like_the_others(archive: KeptArchive) -> None:
    bench = Bench(archive, name="technical").start()
    bench.ask("BTCUSDT")
    reply = bench.replies()[-1]
    assert isinstance(reply, OpinionFormed)
    sign = {Action.BUY: 1, Action.SELL: -1, Action.HOLD: 0}[reply.opinion.action]
    for minute in range(0, 16):
        bench.close(minute, 70_000 + minute)
    assert bench.settlements()["own"].get("hit") == {1: True, -1: False, 0: None}[sign]


class FailingArchive(KeptArchive):
    """Cannot be read while `failure` is set; what is saved is kept all the same, as in a queue."""

    def __init__(self, failure: Exception | None = None) -> None:
        super().__init__()
        self.failure = failure
        self.reads = 0

    def recent(self, collection: str, *, limit: int, where: dict[str, Any] | None = None) -> tuple[Any, ...]:
        self.reads += 1
        if self.failure is not None:
            raise self.failure
        return super().recent(collection, limit=limit, where=where)


@pytest.mark.parametrize("failure", [LedgerUnavailable("away"), RuntimeError("a bug")])
def test_what_cannot_be_read_at_the_start_is_read_later_and_nothing_is_settled_twice(failure: Exception) -> None:
    archive = FailingArchive()
    before = Bench(archive).start()
    before.round("BTCUSDT", shown=features("BTCUSDT", price="100"))
    for minute in range(1, 32):
        before.close(minute, 100 + minute)
    before.at(31.5).round("BTCUSDT", shown=features("BTCUSDT", price="131"))
    before.stop()
    stored = list(archive.saved)

    archive.failure = failure
    bench = Bench(archive).at(32).start()
    bench.round("BTCUSDT", shown=features("BTCUSDT", price="150"))  # it works all the same
    for minute in range(33, 40):
        bench.close(minute, 100 + minute)
    assert bench.status().card is None  # which is not the same as nothing settled
    assert archive.of("settlements") == [each for name, each in stored if name == "settlements"]

    reads = archive.reads
    bench.fire_all()
    assert archive.reads > reads  # tried again
    archive.failure = None
    bench.fire_all()
    assert bench.status().card.own.settled == 1
    assert bench.asked_candles() == 1
    bench.history(*(candle(minute, 100 + minute) for minute in range(1, 300)))
    assert bench.status().card.own.settled == 2  # the third was formed inside the second's horizon
    keys = [each["_id"] for each in archive.of("settlements")]
    assert len(keys) == len(set(keys)) == 3 * 4
    assert bench.timers.next_due_ms() is None  # it does not read on


def test_what_a_predecessor_asked_for_is_not_taken_for_ones_own(archive: KeptArchive) -> None:
    """The mail of a reading that outlived its actor comes to the next one of that name."""
    bench = Bench(archive).start()
    bench.round("BTCUSDT", shown=features("BTCUSDT", price="100"))
    for minute in range(1, 32):
        bench.close(minute, 100 + minute)
    (own,) = [read_settlement(each) for each in archive.of("settlements") if each["label"] == "own"]
    for asked_ms in (START, START - 1):
        bench.ref.tell(ScoresRead(asked_ms=asked_ms, stored=StoredScores(settlements=(own,))))
    bench.ref.tell(ScoresRead(asked_ms=START, stored=None))
    bench.settle()
    assert bench.status().card.own.settled == 1
    assert bench.timers.next_due_ms() is None


def test_what_was_open_when_the_desk_went_down_long_ago_is_settled_as_void(archive: KeptArchive) -> None:
    """Its candles are gone, but its cost is not: the next opinion that counts bears it."""
    bench = Bench(archive).start()
    bench.round("BTCUSDT", shown=features("BTCUSDT", price="100"))
    for minute in range(1, 17):
        bench.close(minute, 100)
    bench.stop()
    days = 5 * 24 * 60
    again = Bench(archive).at(days).start()
    again.history(*(candle(minute, 100) for minute in range(days - 400, days + 1)))
    assert [(each["label"], "void" in each) for each in archive.of("settlements")] == [
        ("15m", False),
        ("own", True),
        ("1h", True),
        ("4h", True),
    ]
    again.at(days + 0.5).round("BTCUSDT", shown=features("BTCUSDT", price="200"))
    again.history(*(candle(minute, 100) for minute in range(days, days + 60)))
    card = again.status().card
    assert (card.own.settled, card.cost_usd) == (1, Decimal("0.02"))


def test_more_than_a_page_is_read_back() -> None:
    archive = KeptArchive()
    for number in range(5_000):
        at_ms = START - 1_000 * (number // 3)
        said = Call(
            opinion_id=f"opinion:grok:BTCUSDT:{number}",
            pair="BTCUSDT",
            action=Action.HOLD,
            confidence=0.5,
            horizon_minutes=15,
            formed_ms=at_ms,
            cost_usd=Decimal("0.01"),
        )
        named = {"_id": said.opinion_id, "ts": at_ms, "analyst": "grok", "symbol": said.pair, "formed_ms": at_ms}
        figures = {"action": "HOLD", "confidence": 0.5, "horizon_minutes": 15, "cost_usd": said.cost_usd}
        archive.saved.append(("opinions", named | figures))
    archive.saved.append(("opinions", {"_id": "broken", "ts": START, "analyst": "grok"}))
    archive.saved.append(("settlements", {"_id": "other", "ts": START, "analyst": "gpt"}))
    found = read_scores(archive, "grok", now_ms=START)
    assert {each.opinion_id for each in found.calls} == {f"opinion:grok:BTCUSDT:{number}" for number in range(5_000)}
    assert found.settlements == ()
