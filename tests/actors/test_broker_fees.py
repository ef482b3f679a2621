"""Fees change with the journal: from the settings document that records them on, not before and not after."""

from decimal import Decimal

import pytest

from domain import execution
from domain.messages import RecordSettings, SettingsApplied
from ledger.audit import audit
from settings import Settings
from tests.actors.test_broker import Desk
from tests.domain.paper import T0, order


def record(rate: str) -> RecordSettings:
    values = (("paper.maker_fee", rate), ("paper.taker_fee", rate))
    return RecordSettings(settings_hash=f"h{rate}", changed=("paper.taker_fee",), values=values, submitted_ms=T0)


@pytest.fixture
def desk(peers, clock, timers):
    return Desk(peers, clock, timers)


def buy(desk, at_ms):
    desk.book(at_ms, update_id=at_ms + 1)
    desk.tell(order(f"o{at_ms}", submitted_ms=T0 + at_ms))
    desk.book(at_ms + 100, update_id=at_ms + 2)


def rates(desk) -> list[Decimal]:
    fills = [document["fill"] for document in desk.store.documents if "fill" in document]
    return [(fill["fee"] / fill["notional"]).quantize(Decimal("0.00001")) for fill in fills]


def test_a_recorded_fee_is_charged_at_once(desk):
    desk.tell(record("0.001"))
    buy(desk, 0)
    desk.tell(record("0.002"))
    buy(desk, 1000)
    assert rates(desk) == [Decimal("0.001"), Decimal("0.002")]
    assert audit(desk.store.documents).clean


def test_settings_that_are_not_recorded_change_no_fee(desk):
    desk.tell(record("0.001"))
    paper = Settings().paper.model_copy(update={"taker_fee": Decimal("0.002")})
    desk.tell(SettingsApplied(settings=Settings().model_copy(update={"paper": paper}), settings_hash="other"))
    buy(desk, 0)
    assert rates(desk) == [Decimal("0.001")]


def test_a_broker_that_starts_anew_charges_what_the_journal_records(desk):
    desk.tell(record("0.002"))
    desk.broker.stop()
    desk.start()
    desk.market_is_live()
    buy(desk, 0)
    assert rates(desk) == [Decimal("0.002")]
    assert audit(desk.store.documents).clean


def test_latency_slippage_and_staleness_change_with_the_journal_too(desk, monkeypatch):
    """An event is made by the rules of the newest settings document before it, never by others."""
    settings = Settings()
    paper = settings.paper.model_copy(update={"latency_ms": 777, "fallback_slippage_bps": Decimal(77)})
    market = settings.market.model_copy(update={"stale_after_seconds": 7})
    values = (
        ("market.stale_after_seconds", 8),
        ("paper.fallback_slippage_bps", "88"),
        ("paper.latency_ms", 888),
    )
    exchanges, start = [], execution.start
    monkeypatch.setattr(execution, "start", lambda **parts: exchanges.append(start(**parts)) or exchanges[-1])
    desk.broker.stop()
    desk.start()
    desk.tell(RecordSettings(settings_hash="h8", changed=(), values=values, submitted_ms=T0))
    applied = settings.model_copy(update={"paper": paper, "market": market})
    desk.tell(SettingsApplied(settings=applied, settings_hash="h7"))
    desk.broker.stop()
    desk.start()
    assert len(exchanges) == 2
    for exchange in exchanges:
        paper = exchange.executor.paper
        assert (paper.latency_ms, paper.fallback_slippage_bps) == (888, Decimal(88))
        assert exchange.market.stale_after_ms == 8000
