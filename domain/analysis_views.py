"""From opinions, signals, decisions and news to what clients are shown."""

from collections.abc import Iterable
from dataclasses import replace
from decimal import Decimal

from domain.analysis import Abstention, Action, AnalystStatus, Decision, Features, HorizonScore, Opinion, Signal
from domain.decision_documents import features_document
from domain.messages import TradeProposed
from domain.news import FearGreed, NewsItem, NewsSourceStatus
from domain.views import (
    ABSENT,
    AnalysisLogView,
    AnalysisView,
    AnalystView,
    CheckView,
    ClaudeView,
    DecisionView,
    FearGreedView,
    HeadlineView,
    HorizonView,
    InsightsView,
    MarketDataView,
    NewsItemView,
    NewsSourceView,
    NullEquityView,
    OpinionView,
    PairNewsView,
    PendingTradeView,
    PlanView,
    RecommendationView,
    RefinementView,
    SignalView,
    iso,
)

_MOOD = {Action.BUY: "bullish", Action.SELL: "bearish", Action.HOLD: "neutral"}
DIRECTION = {Action.BUY: "LONG", Action.SELL: "SHORT", Action.HOLD: "HOLD"}


def opinion_view(opinion: Opinion) -> OpinionView:
    """Return one analyst's view."""
    return OpinionView(
        analyst=opinion.analyst,
        model=opinion.model,
        symbol=opinion.pair,
        action=opinion.action.value,
        confidence_score=opinion.confidence,
        sentiment=opinion.sentiment,
        horizon_minutes=opinion.horizon_minutes,
        stop_loss=opinion.stop_loss,
        take_profit=opinion.take_profit,
        risk_level=opinion.risk_level.value,
        reasoning=opinion.reasoning,
        price=opinion.price,
        cost_usd=opinion.cost_usd,
        latency_ms=opinion.latency_ms,
        timestamp=opinion.formed_ms,
        time=iso(opinion.formed_ms),
    )


def signal_view(signal: Signal) -> SignalView:
    """Return the combined signal; why analysts abstained stands beside it."""
    return SignalView(
        symbol=signal.pair,
        action=signal.action.value,
        score=signal.score,
        confidence_score=signal.confidence,
        agreed=signal.agreed,
        opinions=len(signal.opinions),
        abstentions={item.analyst: item.reason for item in signal.abstentions},
        weights=dict(signal.weights),
        timestamp=signal.formed_ms,
        time=iso(signal.formed_ms),
    )


def _of(signal: Signal, name: str) -> Opinion | None:
    """Return the opinion of the analyst of that name, else of one whose model is of that family."""
    exact = next((item for item in signal.opinions if item.analyst == name), None)
    return exact or next((item for item in signal.opinions if name in item.model.lower()), None)


def _strongest(signal: Signal) -> Opinion | None:
    agreeing = [item for item in signal.opinions if item.action is signal.action]
    return max(agreeing or signal.opinions, key=lambda item: item.confidence, default=None)


def _reasoning(signal: Signal) -> str:
    return " ".join(f"{item.analyst}: {item.reasoning}" for item in signal.opinions)[:2000]


def _claude_part(signal: Signal) -> ClaudeView:
    """Return what older clients show as the first model's view: that model's own, or the combined one."""
    own = _of(signal, "claude")
    action = own.action if own else signal.action
    return ClaudeView(
        sentiment=_MOOD[action],
        bias=_MOOD[action],
        confidence=own.confidence if own else signal.confidence,
        recommendation=RecommendationView(action=action.value, reasoning=own.reasoning if own else _reasoning(signal)),
        analyst=own.analyst if own else "consensus",
    )


def _gpt_refinement(signal: Signal) -> RefinementView:
    own = _of(signal, "gpt") or _strongest(signal)
    if own is None:
        return RefinementView(
            summary="No analyst gave an opinion.", risk_level="high", timeframe="", analyst="consensus"
        )
    return RefinementView(
        summary=own.reasoning,
        risk_level=own.risk_level.value,
        timeframe=f"{own.horizon_minutes} min",
        analyst=own.analyst,
    )


def _gpt_plan(signal: Signal) -> PlanView:
    own = _of(signal, "gpt") or _strongest(signal)
    return PlanView(
        direction=DIRECTION[own.action if own else signal.action],
        confidence_score=own.confidence if own else signal.confidence,
        entry_price=own.price if own else None,
        stop_loss=own.stop_loss if own else None,
        take_profit=own.take_profit if own else None,
        analyst=own.analyst if own else "consensus",
    )


def insights_view(signal: Signal) -> InsightsView:
    """Return a new consensus with all opinions behind it."""
    return InsightsView(
        symbol=signal.pair,
        claude_analysis=_claude_part(signal),
        gpt_refinement=_gpt_refinement(signal),
        opinions=tuple(opinion_view(item) for item in signal.opinions),
        signal=signal_view(signal),
        timestamp=signal.formed_ms,
        time=iso(signal.formed_ms),
    )


def _market_data(signal: Signal, features: Features | None) -> MarketDataView:
    price = features.price if features else next((item.price for item in signal.opinions), None)
    if features is None or not features.intervals:
        return MarketDataView(price=price, indicators={})
    shown = features.intervals[0]
    names = {
        "RSI_14": shown.rsi_14,
        "MACD": shown.macd,
        "MACD_SIGNAL": shown.macd_signal,
        "EMA_12": shown.ema_12,
        "EMA_26": shown.ema_26,
        "SMA_20": shown.sma_20,
        "ATR_14": shown.atr_14,
        "ADX_14": shown.adx_14,
        "BB_LOWER": shown.bollinger_lower,
        "BB_UPPER": shown.bollinger_upper,
    }
    return MarketDataView(price=price, indicators=names, interval=shown.interval)


def analysis_view(signal: Signal, features: Features | None) -> AnalysisView:
    """Return the newest analysis of a pair in the shape that older clients read."""
    return AnalysisView(
        symbol=signal.pair,
        action=signal.action.value,
        direction=DIRECTION[signal.action],
        confidence_score=signal.confidence,
        market_data=_market_data(signal, features),
        claude_analysis=_claude_part(signal),
        gpt_analysis=_gpt_plan(signal),
        opinions=tuple(opinion_view(item) for item in signal.opinions),
        signal=signal_view(signal),
        timestamp=signal.formed_ms,
        time=iso(signal.formed_ms),
    )


def opinion_log(opinion: Opinion) -> AnalysisLogView:
    """Return the log line of one opinion."""
    return AnalysisLogView(
        timestamp=opinion.formed_ms,
        time=iso(opinion.formed_ms),
        level="info",
        symbol=opinion.pair,
        message=f"{opinion.pair}: {opinion.analyst} says {opinion.action.value} ({opinion.confidence:.2f})",
        action=opinion.action.value,
        confidence_score=opinion.confidence,
        reasoning=opinion.reasoning,
        entry_price=opinion.price,
        take_profit=opinion.take_profit,
        stop_loss=opinion.stop_loss,
        source=opinion.analyst,
        cost_usd=opinion.cost_usd,
        latency_ms=opinion.latency_ms,
    )


def abstention_log(abstention: Abstention) -> AnalysisLogView:
    """Return the log line of an abstention: no vote, with its reason."""
    return AnalysisLogView(
        timestamp=abstention.at_ms,
        time=iso(abstention.at_ms),
        level="warning",
        symbol=abstention.pair,
        message=f"{abstention.pair}: {abstention.analyst} abstains: {abstention.reason}",
        action=None,
        confidence_score=None,
        reasoning=abstention.reason,
        entry_price=None,
        take_profit=None,
        stop_loss=None,
        source=abstention.analyst,
    )


def signal_log(signal: Signal, *, high_confidence: bool) -> AnalysisLogView:
    """Return the log line of a combined signal."""
    best = _strongest(signal)
    count = len(signal.opinions)
    return AnalysisLogView(
        timestamp=signal.formed_ms,
        time=iso(signal.formed_ms),
        level="high" if high_confidence else "info",
        symbol=signal.pair,
        message=f"{signal.pair}: {signal.action.value} ({signal.confidence:.2f}) from {count} opinion"
        + ("" if count == 1 else "s"),
        action=signal.action.value,
        confidence_score=signal.confidence,
        reasoning=_reasoning(signal),
        entry_price=best.price if best else None,
        take_profit=best.take_profit if best else None,
        stop_loss=best.stop_loss if best else None,
        source="consensus",
    )


def decision_view(decision: Decision, *, with_features: bool = False) -> DecisionView:
    """Return one decision with its inputs; what the analysts were shown is long, so it must be asked for."""
    signal, features = decision.signal, decision.features
    return DecisionView(
        id=decision.decision_id,
        symbol=decision.pair,
        time=iso(decision.decided_ms),
        timestamp=decision.decided_ms,
        outcome=decision.outcome.value,
        explanation=decision.explanation,
        checks=tuple(
            CheckView(gate=check.gate, value=check.value, limit=check.limit, passed=check.passed)
            for check in decision.checks
        ),
        signal=signal_view(signal) if signal else None,
        opinions=tuple(_heard(item, signal) for item in signal.opinions) if signal else (),
        price=features.price if features else None,
        order_id=decision.order_id,
        settings_hash=decision.settings_hash,
        gate=ABSENT if decision.gate is None else decision.gate,
        features=features_document(features) if features and with_features else ABSENT,
    )


def _heard(opinion: Opinion, signal: Signal) -> OpinionView:
    return replace(opinion_view(opinion), age_ms=signal.formed_ms - opinion.formed_ms)


def analyst_view(status: AnalystStatus) -> AnalystView:
    """Return state, cost and skill of one analyst."""
    card = status.card
    own, books = (card.own, card.books) if card else (None, None)
    return AnalystView(
        name=status.name,
        model=status.model,
        role=status.role,
        state=status.state.value,
        reason=status.reason,
        weight=status.weight,
        opinions=status.opinions,
        abstentions=status.abstentions,
        cost_today_usd=status.cost_today_usd,
        budget_usd=status.budget_usd,
        latency_ms=status.latency_ms,
        calls=status.calls,
        cached_tokens=status.cached_tokens,
        saved=status.saved,
        hit_rate=own.hit_rate if own else None,
        brier=card.brier if card else None,
        calibration=card.calibration if card else (),
        shadow_equity=books.analyst if books else None,
        settled=own.settled if own else 0,
        hit_rate_interval=_interval_of(own),
        log_score=card.log_score if card else None,
        mean_net_return=card.mean_net_return if card else None,
        verdict=card.verdict if card else "too_few",
        skill=card.skill if card else Decimal(1),
        horizons=tuple(_horizon_view(score) for score in card.fixed) if card else (),
        null_equity=NullEquityView(random=books.random, hold=books.hold, buy_and_hold=books.buy_and_hold)
        if books
        else None,
    )


def _horizon_view(score: HorizonScore) -> HorizonView:
    return HorizonView(
        horizon=score.horizon,
        settled=score.settled,
        hit_rate=score.hit_rate,
        hit_rate_interval=_interval_of(score),
    )


def _interval_of(score: HorizonScore | None) -> tuple[float, float] | None:
    return None if score is None or score.low is None or score.high is None else (score.low, score.high)


def pending_trade_view(proposed: TradeProposed, analysis: AnalysisView | None, now_ms: int) -> PendingTradeView:
    """Return a trade that waits for an operator."""
    remaining = max(0, proposed.wait_until_ms - now_ms) // 1000
    return PendingTradeView(
        symbol=proposed.pair,
        confidence_score=proposed.signal.confidence,
        direction=DIRECTION[proposed.signal.action],
        status="pending_approval",
        detected_time=iso(proposed.proposed_ms),
        wait_until=iso(proposed.wait_until_ms),
        remaining_seconds=remaining,
        remaining_minutes=round(remaining / 60, 2),
        price=proposed.price,
        stop_loss=proposed.stop_loss,
        take_profit=proposed.take_profit,
        decision_id=proposed.decision_id,
        analysis=analysis,
    )


def news_item_view(item: NewsItem) -> NewsItemView:
    """Return one story."""
    return NewsItemView(
        id=item.item_id,
        title=item.title,
        summary=item.summary,
        url=item.url,
        source=item.source,
        symbols=item.pairs,
        sentiment=item.sentiment,
        label=item.label,
        published_at=iso(item.published_ms),
        timestamp=item.published_ms,
    )


def pair_news_view(pair: str, items: Iterable[NewsItem], now_ms: int) -> PairNewsView:
    """Return the stories of one pair in the older shape; the overall sentiment is their plain mean."""
    stories = tuple(items)
    mean = sum(item.sentiment for item in stories) / len(stories) if stories else 0.0
    label = "bullish" if mean > 0.05 else "bearish" if mean < -0.05 else "neutral"
    return PairNewsView(
        symbol=pair,
        news_count=len(stories),
        headlines=tuple(
            HeadlineView(
                title=item.title,
                summary=item.summary,
                sentiment=item.label,
                relevance_score=0,  # no feed says it
                source=item.source,
                timestamp=iso(item.published_ms),
            )
            for item in stories
        ),
        overall_sentiment=mean,
        sentiment_label=label,
        search_queries_used=(),
        timestamp=iso(now_ms),
    )


def fear_greed_view(mood: FearGreed) -> FearGreedView:
    """Return the mood index."""
    return FearGreedView(value=mood.value, label=mood.label, timestamp=mood.at_ms, time=iso(mood.at_ms))


def news_source_view(status: NewsSourceStatus) -> NewsSourceView:
    """Return a source of news as `health` shows it."""
    return NewsSourceView(
        source=status.name,
        state=status.state,
        detail=status.detail,
        last_ok=status.last_ok_ms,
        next_try=status.next_ms,
        stories=status.stories,
        repeats=status.repeats,
    )


def usd(amount: Decimal) -> str:
    """Return an amount of US dollars for a sentence: sign first, two decimals."""
    return f"{'-' if amount < 0 else ''}${abs(amount):.2f}"
