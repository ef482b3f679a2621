"""Pairs are found by whole words, names before their parts, and everyday words are none."""

import pytest

from domain.pair_names import PairNames

PAIRS = (
    *("BTCUSDT", "ETHUSDT", "XRPUSDT", "BNBUSDT", "SOLUSDT", "LINKUSDT"),
    *("BCHUSDT", "ETCUSDT", "AVAXUSDT", "NEARUSDT", "TRXUSDT"),
)
NAMES = PairNames(PAIRS)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Bitcoin and ether fall", ("BTCUSDT", "ETHUSDT")),
        ("BITCOIN'S PRICE", ("BTCUSDT",)),
        ("A SOLUTION for SOL holders", ("SOLUSDT",)),
        ("Click this link, solo, sol", ()),
        ("LINK jumps", ("LINKUSDT",)),
        ("BTCUSDT breaks out", ("BTCUSDT",)),
        ("BTC/USDT and ETH-USD", ("BTCUSDT", "ETHUSDT")),
        ("Whale buys $sol and #XRP", ("XRPUSDT", "SOLUSDT")),
        ("Bitcoin(BTC) drops", ("BTCUSDT",)),
        ("Tethered, bitcoins, Bitcoinist", ()),
        ("Bitcoin Cash forks", ("BCHUSDT",)),
        ("Bitcoin Cash and Bitcoin", ("BTCUSDT", "BCHUSDT")),
        ("Ethereum Classic halves", ("ETCUSDT",)),
        ("A ripple effect", ()),
        ("losses ripple through markets", ()),
        ("Ripple wins", ("XRPUSDT",)),
        ("An avalanche of liquidations", ()),
        ("Avalanche upgrades", ("AVAXUSDT",)),
        ("NEAR Protocol grows", ("NEARUSDT",)),
        ("CLICK THE LINK NEAR YOU", ()),
        ("BREAKING: BTC OVER 100K", ("BTCUSDT",)),
        ("", ()),
    ],
)
def test_a_text_speaks_of_what_it_names(text, expected):
    assert NAMES.of(text) == expected


def test_the_source_s_own_tags_count_in_any_case():
    assert NAMES.of("Token news", ("xrp", "PEPE")) == ("XRPUSDT",)


def test_a_pair_without_known_names_is_found_by_its_ticker():
    assert PairNames(("WIFUSDT",)).of("WIF and WIFUSDT") == ("WIFUSDT",)
