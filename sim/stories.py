"""News stories, a pure function of (seed, time): one about every 20 seconds, in tune with the prices."""

from dataclasses import dataclass
from decimal import Decimal

from sim.market import SimulatedMarket
from sim.noise import mix, seed_number

EVERY_MS = 20_000
LOOK_BACK_MS = 600_000  # the move that a story is about
BULLISH, BEARISH, NEUTRAL = "bullish", "bearish", "neutral"
NAMES = {
    "BTC": "Bitcoin",
    "ETH": "Ethereum",
    "XRP": "XRP",
    "BNB": "BNB",
    "SOL": "Solana",
    "DOGE": "Dogecoin",
    "ADA": "Cardano",
}
_TITLES = {
    BULLISH: (
        "{name} ({code}) surges past ${price} as buyers return",
        "{name} rallies {move}% after record inflows into spot funds, {code} at ${price}",
        "Institutional adoption of {name} grows: {code} holds gains above ${price}",
        "Analysts turn bullish on {code} after strong breakout to ${price}",
        "{name} soars as major bank wins approval to offer {code} custody at ${price}",
        "Whales accumulate {code}: largest purchases in months lift {name} to ${price}",
        "{name} upgrade goes live successfully, {code} gains {move}%",
    ),
    BEARISH: (
        "{name} ({code}) plunges below ${price} amid wave of liquidations",
        "{name} tumbles {move}% as investors fear tighter regulation, {code} at ${price}",
        "Hackers drain bridge, {code} drops to ${price} in panic selling",
        "Regulator files lawsuit over {name} products; {code} slides to ${price}",
        "Analysts warn of further losses for {code} after breakdown at ${price}",
        "Heavy outflows hit {name} funds, {code} loses {move}%",
        "{name} network suffers outage, {code} falls to ${price}",
    ),
    NEUTRAL: (
        "{name} trades at ${price} as market awaits central bank minutes",
        "What to watch in {code} this week: levels around ${price}",
        "Developers schedule next {name} call; {code} unchanged at ${price}",
        "{code} options expire today: {name} near ${price}",
        "Exchange publishes monthly {name} volume report with {code} at ${price}",
        "Conference brings {name} community together, {code} at ${price}",
    ),
}
_SUMMARIES = {
    BULLISH: "Traders said demand was strong and momentum improving. {name} changed hands at ${price}, up {move}%.",
    BEARISH: "Traders said selling was heavy and sentiment weak. {name} changed hands at ${price}, down {move}%.",
    NEUTRAL: "Volumes were average. {name} changed hands at ${price}, a move of {move}% in ten minutes.",
}
_AUTHORS = ("Ada Kern", "Luis Ortega", "Mina Park", "Tom Hale", "Ines Roth", "Jun Sato")


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """One story as its newsroom wrote it."""

    number: int  # of 20 s periods since the epoch
    title: str
    summary: str
    code: str  # asset, e.g. BTC
    name: str
    tone: str  # bullish | bearish | neutral
    author: str
    published_ms: int

    @property
    def slug(self) -> str:
        words = "".join(letter if letter.isalnum() else " " for letter in self.title.lower()).split()
        return "-".join([*words[:9], str(self.number)])


class Newsroom:
    """Writes the stories.

    Args:
        pairs: what stories are about.
    """

    def __init__(self, *, market: SimulatedMarket, pairs: tuple[str, ...], seed: int) -> None:
        self._market = market
        self._pairs = pairs
        self._salt = seed_number(f"{seed}:stories")
        self._written: dict[int, Story] = {}

    def newest(self, now_ms: int, count: int) -> list[Story]:
        """Return the newest `count` stories that are out by `now_ms`, newest first."""
        last = now_ms // EVERY_MS
        stories = (self.story(number) for number in range(last, last - count - 1, -1))
        return [story for story in stories if story.published_ms <= now_ms][:count]

    def story(self, number: int) -> Story:
        """Return the story of that 20 s period; it comes out at some second of it."""
        if number not in self._written:
            if len(self._written) > 2000:
                self._written.clear()
            self._written[number] = self._write(number)
        return self._written[number]

    def _write(self, number: int) -> Story:
        draw = mix(self._salt, number)
        pair = self._market.pair(self._pairs[draw % len(self._pairs)])
        published_ms = number * EVERY_MS + (draw >> 8) % 20 * 1000
        price = pair.tape.around(published_ms)[0].price
        before = pair.tape.around(published_ms - LOOK_BACK_MS)[0].price
        move = (price - before) / before
        tone = _tone(move, (draw >> 16) % 10)
        name = NAMES.get(pair.listing.base, pair.listing.base)
        words = {
            "name": name,
            "code": pair.listing.base,
            "price": f"{Decimal(pair.listing.price_text(price)).normalize():,f}",
            "move": f"{abs(move) * 100:.2f}",
        }
        titles = _TITLES[tone]
        return Story(
            number=number,
            title=titles[(draw >> 24) % len(titles)].format(**words),
            summary=_SUMMARIES[tone].format(**words),
            code=pair.listing.base,
            name=name,
            tone=tone,
            author=_AUTHORS[(draw >> 32) % len(_AUTHORS)],
            published_ms=published_ms,
        )


def _tone(move: float, draw: int) -> str:
    """Six stories in ten follow the move, the others do not know better."""
    if draw < 6:
        return BULLISH if move > 0.0003 else BEARISH if move < -0.0003 else NEUTRAL
    return (BULLISH, BEARISH, NEUTRAL, NEUTRAL)[draw - 6]
