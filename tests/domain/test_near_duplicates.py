"""The same story in other words is found; another story that looks like it is not."""

from pathlib import Path

import pytest

from domain.near_duplicates import MAX_STORIES, WINDOW_MS, Stories, gist, same_story

SAMPLE = Path(__file__).parent.parent / "data" / "news" / "same_story.tsv"
NOW = 1_767_225_600_000


def sample():
    lines = SAMPLE.read_text(encoding="utf-8").splitlines()
    return [tuple(line.split("\t")) for line in lines if not line.startswith("#")]


def test_most_repeats_of_the_labelled_sample_are_found_and_few_others_are_taken_for_one():
    found = [(label, same_story(gist(one), gist(other))) for label, one, other in sample()]
    repeats = [told for label, told in found if label == "same"]
    others = [told for label, told in found if label == "other"]
    assert sum(repeats) / len(repeats) >= 0.8
    assert sum(others) <= 8  # of 48 that were chosen because they look alike


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (
            "UBS and Ant International partner on tokenized deposits",
            "UBS, Ant International Partner for Tokenized Deposits",
        ),
        (
            "Strategy buys another 8,178 bitcoin for $836 million",
            "Strategy Adds 8,178 BTC for $835.6M in latest purchase",
        ),
        (
            "World's highest IQ holder: bitcoin to hit $220K in 45 days",
            "Highest IQ holder says BTC hits $220,000 in 45 days",
        ),
    ],
)
def test_other_words_figures_and_tickers_are_the_same_story(one, other):
    assert same_story(gist(one), gist(other)) and same_story(gist(other), gist(one))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Bitcoin climbs above $100,000 for the first time", "Ethereum climbs above $100,000 for the first time"),
        ("SEC approves spot Solana ETF from VanEck", "SEC rejects spot Solana ETF from VanEck"),
        ("Bitcoin ETFs see $300M inflows on Tuesday", "Bitcoin ETFs see $300M outflows on Tuesday"),
        (
            "Bitcoin drops below 94,000 USDT with a 1.32% decrease",
            "Bitcoin drops below 94,000 USDT with a 2.41% decrease",
        ),
        ("Market update: trends | November 17, 2025", "Market update: trends | November 16, 2025"),
        ("Whale moves 10,000 ETH to Binance", "Whale moves 10,000 ETH to Coinbase"),
        ("", ""),
        ("Bitcoin", "Bitcoin"),  # too little is said
    ],
)
def test_another_figure_direction_coin_day_or_place_is_another_story(one, other):
    assert not same_story(gist(one), gist(other))


def test_a_story_is_remembered_for_its_time():
    stories = Stories()
    stories.add("a", "UBS and Ant International partner on tokenized deposits", NOW)
    again = "UBS, Ant International partner for tokenized deposits"
    assert stories.repeated_by(again, NOW + WINDOW_MS) == "a"
    assert stories.repeated_by(again, NOW + WINDOW_MS + 1) is None
    assert stories.repeated_by("Something else entirely happened here", NOW) is None


def test_the_memory_is_bounded_and_the_oldest_go_first():
    stories = Stories()
    for number in range(MAX_STORIES + 1):
        stories.add(str(number), f"alpha{number} beta{number} gamma{number}", NOW)
    assert stories.repeated_by("alpha0 beta0 gamma0", NOW) is None
    assert stories.repeated_by("alpha1 beta1 gamma1", NOW) == "1"


@pytest.mark.parametrize("title", ["1" * 300, "9" * 299 + "%", "1,,,,,2", "₿ ½ ٣", "1.2.3.4", "$$$ %%% 5%%"])
def test_strange_figures_are_only_text(title):
    assert same_story(gist(title), gist(title)) in (True, False)
