"""Whether two headlines tell the same story in other words. Hiding a story is worse than telling one twice.

Two headlines are taken for one story when they share most of what they say: the rarer words of both, stemmed and with
the trade's synonyms made one, by Jaccard's measure, and nothing in them contradicts: no figure, direction, coin or
place that the other gives differently.
"""

import re
from collections import OrderedDict, defaultdict
from dataclasses import dataclass

MIN_SHARED = 3  # words and telling figures
FIGURE_COUNTS = 2  # words that a shared figure counts for, such as 8,178 or $4.3B
MIN_ALIKE = 0.4  # of all of them; of 0..1
MAX_STORIES = 2_000
WINDOW_MS = 48 * 3_600_000  # a story older than this is over
TOLERANCE = 0.002  # figures nearer than this are one: 835 and 836 millions

_WORD = re.compile(r"\d[\d,]*(?:\.\d+)?\s?(?:k|m|mn|bn|b|million|billion|trillion)?\b%?|[a-z0-9]+", re.IGNORECASE)
_FIGURE = re.compile(r"([\d,]+(?:\.\d+)?)\s?([a-z]*)(%?)", re.IGNORECASE)
_TIMES = {"k": 1e3, "m": 1e6, "mn": 1e6, "million": 1e6, "b": 1e9, "bn": 1e9, "billion": 1e9, "trillion": 1e12}


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_EMPTY = _words(
    "a an the of to in on for and or as at by is are was be been with its it from that this these those after "
    "over amid into has have had his her their will would could how why what who when new now says said say "
    "report reports just breaking update news intel here more most than about under up out not no but if so we "
    "you he she they us crypto cryptocurrency cryptocurrencies"
)
_ONE_WORD = {
    "bitcoin": "btc", "ethereum": "eth", "ether": "eth", "solana": "sol", "ripple": "xrp", "cardano": "ada",
    "launch": "launch", "unveil": "launch", "debut": "launch", "introduc": "launch", "reveal": "launch",
    "offer": "launch", "purchas": "buy", "acquir": "buy", "bought": "buy", "grab": "buy", "add": "buy",
    "exchang": "exchange", "sgx": "singapore", "perp": "perpetual", "perpetual": "perpetual", "continuou": "perpetual",
    "fall": "drop", "fell": "drop", "slip": "drop", "slid": "drop", "plung": "drop", "tumbl": "drop", "declin": "drop",
    "sink": "drop", "crash": "drop", "decreas": "drop", "below": "drop", "los": "loss", "lose": "loss",
    "surpass": "rise", "climb": "rise", "jump": "rise", "soar": "rise", "surg": "rise", "rallie": "rise",
    "rally": "rise",
    "increas": "rise", "gain": "rise", "above": "rise", "hit": "reach", "touch": "reach", "predict": "forecast",
    "warn": "warn", "alert": "warn", "company": "firm", "compani": "firm", "invest": "invest", "investor": "invest",
    "doj": "doj", "fsa": "fsa", "tripl": "triple", "seek": "plan", "propos": "plan",
}  # fmt: skip
_OPPOSITE = (
    ("drop", "rise"), ("inflow", "outflow"), ("approv", "reject"), ("list", "delist"), ("cut", "rais"), ("buy", "sell"),
    ("mint", "burn"), ("win", "loss"), ("lock", "unlock"), ("support", "resistanc"), ("bull", "bear"),
)  # fmt: skip
_COINS = _words("btc eth sol xrp ada bnb doge dot link avax ltc trx ton shib hbar stellar xlm sui near uni aave")
_PLACES = _words(
    "binance coinbase kraken bybit okx bitfinex bitget kucoin upbit bithumb robinhood gemini nasdaq nyse cme cboe "
    "singapore japan korea china hong india russia brazil turkey germany france uk canada australia europe "
    "nigeria vietnam"
)
_DAYS = _words(
    "january february march april june july august september october november december monday tuesday wednesday "
    "thursday friday saturday sunday"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Gist:
    """What a headline says, without how it says it."""

    words: frozenset[str]  # stemmed, without figures
    figures: tuple[float, ...]  # rising; shares in percent are kept apart by their sign: negative


def gist(title: str) -> Gist:
    """Return what is compared of `title`."""
    words: set[str] = set()
    figures: set[float] = set()
    for token in _WORD.findall(title.lower().replace("\u2019", "'").replace("'s ", " ")):
        figure = _figure(token) if token[0].isdigit() else None
        if figure is not None:
            figures.add(figure)
        elif token not in _EMPTY and len(token) > 1:
            stem = token if token in _DAYS or token in _PLACES else _stem(token)
            words.add(_ONE_WORD.get(token) or _ONE_WORD.get(stem) or stem)
    return Gist(words=frozenset(words), figures=tuple(sorted(figures)))


def same_story(one: Gist, other: Gist) -> bool:
    """Return whether the two tell one story."""
    words = len(one.words & other.words)
    if words < MIN_SHARED - 1:
        return False
    telling = FIGURE_COUNTS * sum(
        not _differ((figure,), other.figures) for figure in one.figures if _is_telling(figure)
    )
    shared = words + telling
    if shared < MIN_SHARED or shared < MIN_ALIKE * (len(one.words | other.words) + telling):
        return False
    return not _contradict(one, other)


class Stories:
    """The stories of the last days, to find the one that a headline repeats. Bounded: MAX_STORIES, the oldest go."""

    def __init__(self) -> None:
        self._gists: OrderedDict[str, tuple[Gist, int]] = OrderedDict()
        self._with: defaultdict[str, set[str]] = defaultdict(set)  # word -> ids

    def add(self, story_id: str, title: str, at_ms: int) -> None:
        """Remember a story."""
        told = gist(title)
        self._gists[story_id] = (told, at_ms)
        for word in told.words:
            self._with[word].add(story_id)
        while len(self._gists) > MAX_STORIES:
            self._forget(next(iter(self._gists)))

    def repeated_by(self, title: str, at_ms: int) -> str | None:
        """Return the id of the first remembered story of WINDOW_MS before or after that `title` tells again."""
        told = gist(title)
        near: defaultdict[str, int] = defaultdict(int)
        for word in told.words:
            for story_id in self._with.get(word, ()):
                near[story_id] += 1
        for story_id, (known, known_ms) in self._gists.items():
            if (
                near.get(story_id, 0) >= MIN_SHARED - 1
                and abs(at_ms - known_ms) <= WINDOW_MS
                and same_story(told, known)
            ):
                return story_id
        return None

    def _forget(self, story_id: str) -> None:
        told, _ = self._gists.pop(story_id)
        for word in told.words:
            ids = self._with[word]
            ids.discard(story_id)
            if not ids:
                del self._with[word]


def _contradict(one: Gist, other: Gist) -> bool:
    """Return whether each gives a figure, a coin or a day that the other does not, or they point to opposite sides."""
    if _differ(one.figures, other.figures) and _differ(other.figures, one.figures):
        return True
    ours, theirs = one.words - other.words, other.words - one.words
    if any(ours & kind and theirs & kind for kind in (_COINS, _PLACES, _DAYS)):
        return True
    return any((a in ours and b in theirs) or (b in ours and a in theirs) for a, b in _OPPOSITE)


def _differ(figures: tuple[float, ...], others: tuple[float, ...]) -> bool:
    return any(all(abs(figure - other) > TOLERANCE * abs(figure) for other in others) for figure in figures)


def _is_telling(figure: float) -> bool:
    """Return whether two headlines hardly have it in common by chance: no small count, no year, no round thousand."""
    return (
        (abs(figure) >= 100 and figure % 1000 != 0 and not 1990 <= figure <= 2100) or figure >= 1e6 or figure % 1 != 0
    )


def _figure(token: str) -> float | None:
    match = _FIGURE.fullmatch(token.strip())
    if match is None or not match[1].strip(","):
        return None
    number = float(match[1].replace(",", "")[:30])
    if match[3]:
        return -number
    return number * _TIMES.get(match[2], 1.0)


def _stem(word: str) -> str:
    """Return the word without the commonest English endings: enough to bring launch, launches and launched together."""
    for ending in ("ization", "izing", "izes", "ized", "ize", "ing", "ies", "ied", "ed", "es", "s", "e"):
        if len(word) - len(ending) >= 3 and word.endswith(ending) and not word.endswith("ss"):
            return word[: -len(ending)]
    return word
