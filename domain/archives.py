"""Documents of the collections `opinions` and `llm_calls`."""

from dataclasses import fields
from decimal import Decimal

from domain.analysis import Opinion
from domain.ports import JournalDocument, ModelAnswer
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
