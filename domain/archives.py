"""Documents of the collections `opinions`, `llm_calls` and `savings`."""

from dataclasses import fields
from decimal import Decimal
from typing import Any

from domain.analysis import Opinion
from domain.ports import JournalDocument, ModelAnswer
from domain.savings import Savings, Spared
from domain.settlement import opinion_id


def opinion_document(opinion: Opinion, *, settings_hash: str) -> JournalDocument:
    """Return the document of `opinions`: the opinion's present fields (`pair` as `symbol`) and the settings' hash."""
    named = {field.name: getattr(opinion, field.name) for field in fields(opinion)}
    named["symbol"] = named.pop("pair")
    document: JournalDocument = {
        name: str(value) if isinstance(value, str) else value for name, value in named.items() if value is not None
    }
    return {
        "_id": opinion_id(opinion.analyst, opinion.round_id),
        "ts": opinion.formed_ms,
        "settings_hash": settings_hash,
        **document,
    }


def call_document(
    *,
    call_id: str,
    analyst: str,
    model: str,
    pairs: tuple[str, ...],
    messages: tuple[tuple[str, str], ...],
    prompt_hash: str,
    prompt_version: str,
    settings_hash: str,
    started_ms: int,
    answer: ModelAnswer | None,
    blocked: str,
    verdict: str,
    reserved_usd: Decimal,
    cost_usd: Decimal,
) -> JournalDocument:
    """Return the document of `llm_calls`: what was sent, what came back, what it cost and what became of it.

    `verdict` says what the answer was worth (`usable`, or the first reason why not); `blocked` why no call was made.
    """
    document: JournalDocument = {
        "_id": call_id,
        "ts": started_ms,
        "analyst": analyst,
        "model": model,
        "symbols": list(pairs),
        "messages": [{"role": role, "content": content} for role, content in messages],
        "prompt_hash": prompt_hash,
        "prompt_version": prompt_version,
        "settings_hash": settings_hash,
        "verdict": verdict,
        "reserved_usd": reserved_usd,
        "cost_usd": cost_usd,
    }
    if answer is None:
        return {**document, "outcome": "not_made", "detail": blocked}
    told = {
        "outcome": answer.outcome,
        "detail": answer.detail,
        "answer": answer.text,
        "answered_by": answer.model,
        "prompt_tokens": answer.prompt_tokens,
        "completion_tokens": answer.completion_tokens,
        "cached_tokens": answer.cached_tokens,
        "latency_ms": answer.latency_ms,
        "http_status": answer.http_status,
    }
    return {**document, **{name: value for name, value in told.items() if value is not None}}


def savings_document(analyst: str, savings: Savings, *, at_ms: int) -> JournalDocument:
    """Return the document of `savings`: the counts of a UTC day as they stand at `at_ms`; the newest one counts."""
    return {
        "_id": f"savings:{analyst}:{at_ms}",
        "ts": at_ms,
        "analyst": analyst,
        "day": savings.day,
        "calls": savings.calls,
        "asked": savings.asked,
        "cost_usd": savings.cost_usd,
        "cached_tokens": savings.cached_tokens,
        "spared": {reason.value: count for reason, count in savings.spared.items()},
    }


def read_savings(document: JournalDocument) -> Savings:
    """Return the counts of a document of `savings`."""
    body: Any = document
    return Savings(
        day=body["day"],
        calls=body["calls"],
        asked=body["asked"],
        cost_usd=body["cost_usd"],
        cached_tokens=body["cached_tokens"],
        spared={Spared(reason): count for reason, count in body["spared"].items()},
    )
