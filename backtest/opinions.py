"""Recorded opinions: what models said in the period, read from a file; and what their models may have known.

A model that learned from texts of the period knows how it ended: its opinions there prove nothing. So each opinion is
sorted by the knowledge cutoff of its model: formed after it, before it, or not known.
"""

import gzip
import json
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from pathlib import Path
from typing import Any

from domain.analysis import Action, Opinion, RiskLevel
from domain.errors import SettingsError

_DECIMALS = ("stop_loss", "take_profit", "price", "cost_usd")


class Leakage(StrEnum):
    """Whether the model can have learned what came after an opinion."""

    AFTER = "after_cutoff"  # it cannot
    BEFORE = "before_cutoff"  # it can
    UNKNOWN = "cutoff_unknown"


@dataclass(frozen=True, slots=True)
class Vote:
    """What one analyst said, as far as a decision rests on it."""

    analyst: str
    model: str
    action: Action
    confidence: float
    formed_ms: int

    @classmethod
    def of(cls, opinion: Opinion) -> "Vote":
        return cls(opinion.analyst, opinion.model, opinion.action, opinion.confidence, opinion.formed_ms)


@dataclass(frozen=True, slots=True)
class Cutoffs:
    """Until when the models know the world, epoch ms; by analyst name, or by model."""

    known: Mapping[str, int]

    def of(self, opinion: Vote) -> Leakage:
        """Return on which side of its model's cutoff an opinion was formed; rules have no knowledge."""
        if opinion.model == "technical":
            return Leakage.AFTER
        cutoff = self.known.get(opinion.analyst, self.known.get(opinion.model))
        if cutoff is None:
            return Leakage.UNKNOWN
        return Leakage.AFTER if opinion.formed_ms >= cutoff else Leakage.BEFORE

    def of_all(self, opinions: Iterable[Vote]) -> Leakage:
        """Return the worst of several: one that may have known spoils a decision."""
        found = {self.of(opinion) for opinion in opinions}
        for worst in (Leakage.BEFORE, Leakage.UNKNOWN):
            if worst in found:
                return worst
        return Leakage.AFTER


class RecordedOpinions:
    """Opinions by analyst and pair, each list by rising time."""

    def __init__(self, opinions: Iterable[Opinion]) -> None:
        self._lists: dict[tuple[str, str], list[Opinion]] = {}
        for opinion in sorted(opinions, key=lambda each: each.formed_ms):
            self._lists.setdefault((opinion.analyst, opinion.pair), []).append(opinion)
        self._times = {key: [each.formed_ms for each in listed] for key, listed in self._lists.items()}
        self.analysts = frozenset(analyst for analyst, _ in self._lists)

    def newest(self, analyst: str, pair: str, now_ms: int) -> Opinion | None:
        """Return the newest opinion formed at or before `now_ms`; what came later is not looked at."""
        times = self._times.get((analyst, pair))
        if times is None or not (count := bisect_right(times, now_ms)):
            return None
        return self._lists[analyst, pair][count - 1]

    def all_of(self, pair: str) -> Iterator[Opinion]:
        """Yield the opinions of one pair, of all analysts."""
        for (_, of), listed in self._lists.items():
            if of == pair:
                yield from listed


def read_opinions(path: Path) -> RecordedOpinions:
    """Read documents of the collection `opinions`, one JSON object a line (also gzipped), as mongoexport writes them.

    Raises:
        SettingsError: names the line that is no opinion, and why.
    """
    try:
        with gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8") as lines:
            return RecordedOpinions(tuple(_read(line, path.name, n) for n, line in enumerate(lines, 1) if line.strip()))
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise SettingsError(f"--opinions must name a readable file of JSON lines, {path} is not: {error}") from error


def _read(line: str, name: str, number: int) -> Opinion:
    try:
        return opinion_of({key: _plain(value) for key, value in json.loads(line).items()})
    except (ValueError, KeyError, TypeError, InvalidOperation, AttributeError) as error:
        what = f"{type(error).__name__} {error}"
        raise SettingsError(f"--opinions: line {number} of {name} must be an opinion's document: {what}") from error


def opinion_of(document: Mapping[str, Any]) -> Opinion:
    """Return the opinion that a document of the collection `opinions` holds.

    Raises:
        KeyError, ValueError: it is none.
    """
    known = {field.name for field in fields(Opinion)}
    named = {name: value for name, value in document.items() if name in known}
    for name in _DECIMALS:
        if name in named:
            named[name] = _finite(named[name])
    confidence = float(document["confidence"])
    if not 0 <= confidence <= 1:
        raise ValueError(f"confidence must be in [0, 1], was {confidence}")
    named |= {
        "pair": document["symbol"],
        "action": Action(document["action"]),
        "risk_level": RiskLevel(document["risk_level"]),
        "confidence": confidence,
        "sentiment": float(document.get("sentiment", 0.0)),
        "formed_ms": int(document["formed_ms"]),
        "horizon_minutes": int(document["horizon_minutes"]),
    }
    for optional in ("stop_loss", "take_profit"):
        named.setdefault(optional, None)
    return Opinion(**named)


def _finite(value: object) -> Decimal:
    number = Decimal(str(value))
    if not number.is_finite():
        raise ValueError(f"a price must be finite, was {value}")
    return number


def _plain(value: Any) -> Any:
    """Undo MongoDB's extended JSON: {"$numberDecimal": "1"} and its like."""
    if isinstance(value, dict) and len(value) == 1 and next(iter(value)).startswith("$number"):
        text = next(iter(value.values()))
        return int(text) if "$numberLong" in value or "$numberInt" in value else str(text)
    return value
