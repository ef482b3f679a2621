"""Which of the desk's pairs a text speaks of: whole words only, names before their parts, no everyday words."""

import re
from collections.abc import Iterable, Sequence

QUOTES = ("", "USDT", "USDC", "USD", "FDUSD")  # what may follow a ticker in one word
NAMES = {  # names a headline uses for an asset, besides its ticker; lower case
    "BTC": ("bitcoin", "satoshi", "satoshis"),
    "ETH": ("ethereum", "ether", "vitalik"),
    "XRP": ("ripple", "xrpl", "xrp ledger"),
    "BNB": ("binance coin", "bnb chain", "binance smart chain"),
    "SOL": ("solana",),
    "ADA": ("cardano",),
    "DOGE": ("dogecoin",),
    "DOT": ("polkadot",),
    "LINK": ("chainlink",),
    "AVAX": ("avalanche",),
    "LTC": ("litecoin",),
    "BCH": ("bitcoin cash",),
    "ETC": ("ethereum classic",),
    "TRX": ("tron",),
    "TON": ("toncoin", "the open network"),
    "SHIB": ("shiba inu",),
    "XLM": ("stellar lumens", "stellar network"),
    "HBAR": ("hedera",),
    "UNI": ("uniswap",),
    "AAVE": ("aave",),
    "ATOM": ("cosmos hub",),
    "NEAR": ("near protocol",),
    "APT": ("aptos",),
    "ARB": ("arbitrum",),
    "POL": ("polygon",),
    "FIL": ("filecoin",),
    "XMR": ("monero",),
    "ZEC": ("zcash",),
    "ALGO": ("algorand",),
    "HYPE": ("hyperliquid",),
    "PEPE": ("pepe coin",),
}
OTHERS = (  # phrases that hold a name and mean something else
    "ripple effect", "ripple effects", "avalanche of", "bitcoin sv", "bitcoin gold", "tron legacy", "wrapped bitcoin",
)  # fmt: skip


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


EVERYDAY = _words(  # tickers that are words too: in a text all in capitals they say nothing
    "LINK DOT NEAR ONE OP APE SAND GAS FLOW ICE HOT KEY WIN FUN SUN CAKE SUPER MAGIC PEOPLE ACT TON ATOM HYPE APT "
    "MASK BAND REEF WAVES TRUMP S W T G ME AI IO"
)
COMMON = frozenset({"ripple", "avalanche", "tron", "polygon"})  # names only where they are written with a capital
_WORD = re.compile(r"[$#]?[A-Za-z0-9]+")


class PairNames:
    """Finds pairs in texts. Built once for the desk's pairs; about 10 µs a headline, however many pairs there are.

    Args:
        pairs: such as BTCUSDT, in the order in which they are returned.
    """

    def __init__(self, pairs: Sequence[str]) -> None:
        self._pairs = tuple(pairs)
        self._bases = {pair: base_asset(pair) for pair in pairs}
        self._ticker = {f"{base}{quote}": base for base in self._bases.values() for quote in QUOTES}
        phrases: dict[str, str] = dict.fromkeys(OTHERS, "")
        phrases |= {name: base for base, names in NAMES.items() for name in names}
        longest_first = sorted(phrases, key=len, reverse=True)
        self._of_phrase = phrases
        self._phrase = re.compile(rf"\b(?:{'|'.join(map(re.escape, longest_first))})\b", re.IGNORECASE)

    def of(self, text: str, currencies: Iterable[str] = ()) -> tuple[str, ...]:
        """Return those pairs that `text` names by ticker or name, or that the source itself names by asset code.

        A ticker counts in capitals as a whole word, alone or with its quote asset (SOL, SOLUSDT, SOL/USDT; not
        SOLUTION, not sol), and in any case behind a $ ($sol). `Bitcoin Cash` is not bitcoin.
        """
        found = {code.upper() for code in currencies}
        found |= {self._of_phrase[name.lower()] for name in self._phrase.findall(text) if name not in COMMON}
        shouted = text.upper() == text and len(text.split()) > 2
        for word in _WORD.findall(text):
            ticker = word.lstrip("$#")
            if word[0] == "$":
                ticker = ticker.upper()
            base = self._ticker.get(ticker)
            if base is not None and not (shouted and word == base and base in EVERYDAY):
                found.add(base)
        return tuple(pair for pair in self._pairs if self._bases[pair] in found)


def base_asset(pair: str) -> str:
    """Return the base of a USDT pair: BTC for BTCUSDT."""
    return pair.removesuffix("USDT")
