"""Analysts of known skill on a seeded market: what a scorecard should find, because it was put in.

They speak every quarter of an hour on every pair, through the same scorebook as the desk's own analysts. The price of
each pair follows a random walk with a share common to all pairs. How often an analyst is right is drawn, not earned: it
is shown where the price will stand.
"""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal

from domain.analysis import Action, Scorecard
from domain.market import Candle
from domain.scorebook import Scorebook
from domain.settlement import MINUTE_MS, Call
from domain.shadow_trade import TradeCosts

START_MS = 1_767_225_600_000  # 2026-01-01
ROUND_MS = 15 * MINUTE_MS
PAIRS = ("BTCUSDT", "ETHUSDT", "XRPUSDT", "BNBUSDT", "SOLUSDT")
SPOKEN_BEFORE_MS = 20_000  # that long before the candle closes by whose price the opinion is measured
STEP = 0.002  # standard deviation of a quarter of an hour's log return
COSTS = TradeCosts(fee=0.001, maker_fee=0.001, slippage=0.0005)
BALANCE, AMOUNT = Decimal(100_000), Decimal(50)

Speak = Callable[[random.Random, int, dict[str, int]], dict[str, tuple[int, float]]]
"""From random numbers, the round's number and the directions to come: direction and confidence of every pair."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Market:
    """Closes of every pair, one a round, the first before any opinion."""

    closes: tuple[dict[str, Decimal], ...]


def market(rng: random.Random, *, rounds: int, pairs: tuple[str, ...] = PAIRS, common: float = 0.7) -> Market:
    """Return a driftless market.

    Args:
        rng: seeded.
        rounds: quarters of an hour, >= 1.
        pairs: their names.
        common: 0..1, correlation of the pairs' returns.
    """
    prices = dict.fromkeys(pairs, 100.0)
    closes = [{pair: Decimal("100") for pair in pairs}]
    for _ in range(rounds):
        shared = rng.gauss(0, 1)
        for pair in pairs:
            own = rng.gauss(0, 1)
            prices[pair] *= 1 + STEP * (common**0.5 * shared + (1 - common) ** 0.5 * own)
        closes.append({pair: Decimal(f"{price:.8f}") for pair, price in prices.items()})
    return Market(closes=tuple(closes))


def right_at(chance: float, *, confidence: float) -> Speak:
    """Return an analyst that is right with probability `chance`, each time anew, and says `confidence`."""

    def speak(rng: random.Random, number: int, ahead: dict[str, int]) -> dict[str, tuple[int, float]]:
        return {pair: (sign if rng.random() < chance else -sign, confidence) for pair, sign in ahead.items()}

    return speak


def coin_for_all(*, rounds: int = 1) -> Speak:
    """Return an analyst that flips one coin for all pairs, and keeps to it for some rounds."""
    kept = [1]

    def speak(rng: random.Random, number: int, ahead: dict[str, int]) -> dict[str, tuple[int, float]]:
        if number % rounds == 0:
            kept[0] = 1 if rng.random() < 0.5 else -1
        return {pair: (kept[0], 0.55) for pair in ahead}

    return speak


def known_analysts() -> dict[str, tuple[Speak, float]]:
    """Return analysts by name: how they speak, and how often they are right."""
    return {
        "perfect": (right_at(1.0, confidence=0.95), 1.0),
        "60 %": (right_at(0.6, confidence=0.6), 0.6),
        "coin flip": (right_at(0.5, confidence=0.5), 0.5),
        "inverted": (right_at(0.1, confidence=0.9), 0.1),
        "overconfident": (right_at(0.6, confidence=0.95), 0.6),
    }


def coin_flips() -> dict[str, Callable[[], Speak]]:
    """Return kinds of analysts without skill."""
    return {
        "a coin for each opinion": lambda: right_at(0.5, confidence=0.5),
        "one coin for all pairs": coin_for_all,
        "one coin for all pairs for four hours": lambda: coin_for_all(rounds=16),
    }


def scorebooks(
    speak: Speak, prices: Market, rng: random.Random, *, name: str = "simulated"
) -> Iterator[tuple[int, Scorebook]]:
    """Yield after every round its number, from 1, and the scorebook as it stands; the same object each time."""
    book = Scorebook()
    pairs = tuple(prices.closes[0])
    for number in range(len(prices.closes)):
        close_ms = START_MS + number * ROUND_MS
        if number + 1 < len(prices.closes):
            _speak(book, speak, prices, rng, number, close_ms - SPOKEN_BEFORE_MS, name)
        for pair in pairs:
            price = prices.closes[number][pair]
            at_ms = close_ms - MINUTE_MS
            candle = Candle(open_ms=at_ms, open=price, high=price, low=price, close=price, volume=Decimal(1))
            book.settle(pair, (candle,), interval_ms=MINUTE_MS, costs=COSTS)
        if number:
            yield number, book


def _speak(
    book: Scorebook, speak: Speak, prices: Market, rng: random.Random, number: int, formed_ms: int, name: str
) -> None:
    now, then = prices.closes[number], prices.closes[number + 1]
    ahead = {pair: 1 if then[pair] > now[pair] else -1 for pair in now}
    for pair, (sign, confidence) in speak(rng, number, ahead).items():
        call = Call(
            opinion_id=f"opinion:{name}:{pair}:{formed_ms}",
            pair=pair,
            action=Action.BUY if sign > 0 else Action.SELL,
            confidence=confidence,
            horizon_minutes=ROUND_MS // MINUTE_MS,
            formed_ms=formed_ms,
            cost_usd=Decimal(0),
        )
        book.note(call)


def card_of(book: Scorebook) -> Scorecard:
    """Return the card of a simulated analyst."""
    return book.card(balance=BALANCE, amount=AMOUNT, costs=COSTS)
