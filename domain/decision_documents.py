"""Documents of the collection `decisions`: every decision with all its inputs. Absent values are left out."""

from decimal import Decimal

from domain.analysis import Abstention, Decision, Features, GateCheck, IntervalFeatures, Opinion, Signal
from domain.market import Candle
from domain.news import NewsItem
from domain.ports import JournalDocument


def decision_document(decision: Decision) -> JournalDocument:
    """Return the document: `_id` is the decision's id, `ts` its time in epoch ms."""
    return _present(
        _id=decision.decision_id,
        ts=decision.decided_ms,
        symbol=decision.pair,
        outcome=decision.outcome.value,
        gate=decision.gate,
        explanation=decision.explanation,
        checks=[_check(check) for check in decision.checks],
        signal=_signal(decision.signal) if decision.signal else None,
        features=features_document(decision.features) if decision.features else None,
        order_id=decision.order_id,
        settings_hash=decision.settings_hash,
    )


def _check(check: GateCheck) -> JournalDocument:
    return {"gate": check.gate, "value": check.value, "limit": check.limit, "passed": check.passed}


def _signal(signal: Signal) -> JournalDocument:
    return {
        "action": signal.action.value,
        "score": signal.score,
        "confidence": signal.confidence,
        "agreed": signal.agreed,
        "formed_at": signal.formed_ms,
        "round_id": signal.round_id,
        "opinions": [_opinion(opinion, signal.formed_ms) for opinion in signal.opinions],
        "weights": dict(signal.weights),
        "abstentions": [_abstention(abstention) for abstention in signal.abstentions],
    }


def _opinion(opinion: Opinion, now_ms: int) -> JournalDocument:
    return _present(
        analyst=opinion.analyst,
        action=opinion.action.value,
        confidence=opinion.confidence,
        sentiment=opinion.sentiment,
        horizon_minutes=opinion.horizon_minutes,
        stop_loss=opinion.stop_loss,
        take_profit=opinion.take_profit,
        risk_level=opinion.risk_level.value,
        reasoning=opinion.reasoning,
        price=opinion.price,
        formed_at=opinion.formed_ms,
        age_ms=now_ms - opinion.formed_ms,
        round_id=opinion.round_id,
        model=opinion.model,
        cost_usd=opinion.cost_usd,
        latency_ms=opinion.latency_ms,
        prompt_hash=opinion.prompt_hash,
    )


def _abstention(abstention: Abstention) -> JournalDocument:
    return {"analyst": abstention.analyst, "reason": abstention.reason, "at": abstention.at_ms}


def features_document(features: Features) -> JournalDocument:
    """Return all that the analysts were shown of a pair; times in epoch ms."""
    position = features.position
    return _present(
        price=features.price,
        event_at=features.event_ms,
        source=features.source,
        change_24h_percent=features.change_24h_percent,
        intervals=[_interval(each) for each in features.intervals],
        last_candles=[_candle(candle) for candle in features.last_candles],
        headlines=[_headline(item) for item in features.headlines],
        fear_greed=features.fear_greed,
        position=_present(
            direction=position.direction.value,
            entry_price=position.entry_price,
            quantity=position.quantity,
            unrealized_pnl_percent=position.unrealized_pnl_percent,
            opened_at=position.opened_ms,
        )
        if position
        else None,
    )


def _interval(features: IntervalFeatures) -> JournalDocument:
    return _present(**{name: getattr(features, name) for name in IntervalFeatures.__slots__})


def _candle(candle: Candle) -> list[int | Decimal]:
    return [candle.open_ms, candle.open, candle.high, candle.low, candle.close, candle.volume]


def _headline(item: NewsItem) -> JournalDocument:
    return {
        "item_id": item.item_id,
        "title": item.title,
        "source": item.source,
        "sentiment": item.sentiment,
        "published_at": item.published_ms,
    }


def _present(**values: object) -> JournalDocument:
    return {key: value for key, value in values.items() if value is not None}
