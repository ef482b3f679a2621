"""Hostile, doubled and vague headlines become inert, single, tagged items, or nothing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.headlines import clean_url, label_of, news_item, pairs_of, plain_text, story_id
from domain.ports import RawHeadline

PAIRS = ("BTCUSDT", "ETHUSDT", "XRPUSDT", "BNBUSDT", "SOLUSDT", "LINKUSDT")
NOW = 1_767_225_600_000


def raw(title="Bitcoin rises", **changes):
    return RawHeadline(**{"title": title, "summary": "", "url": "", "source": "x", "published_ms": NOW - 1, **changes})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<p>Bitcoin &amp; Ether</p>", "Bitcoin & Ether"),
        ("a<script>alert(1)</script>b", "a b"),
        ("&lt;script&gt;alert(1)&lt;/script&gt;", "alert(1)"),
        ("a<script>never closed", "a"),
        ("line\r\n\x00\u202ebreak\u200b", "line break"),
        ("x" * 400, "x" * 299 + "…"),
    ],
)
def test_markup_and_control_characters_are_removed(text, expected):
    assert plain_text(text, 300) == expected


@given(st.text(max_size=2000))
def test_whatever_comes_is_bounded_and_prints_on_one_line(text):
    clean = plain_text(text, 300)
    assert len(clean) <= 300
    assert not any(ord(c) < 32 for c in clean)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://a.example/x?utm_source=rss&id=7#top", "https://a.example/x?id=7"),
        ("https://a.example/x?auth_token=secret", "https://a.example/x"),
        ("javascript:alert(1)", ""),
        ("https://user:pass@a.example/", ""),
        ("http://[broken", ""),
        ("https://a.example/" + "x" * 600, ""),
    ],
)
def test_only_plain_web_addresses_survive(url, expected):
    assert clean_url(url) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Bitcoin and ether fall", ("BTCUSDT", "ETHUSDT")),
        ("A SOLUTION for SOL holders", ("SOLUSDT",)),
        ("Click this link, solo", ()),
        ("LINK jumps", ("LINKUSDT",)),
        ("BTCUSDT breaks out", ("BTCUSDT",)),
        ("Tethered", ()),
    ],
)
def test_pairs_are_found_by_whole_words(text, expected):
    assert pairs_of(text, (), PAIRS) == expected


def test_the_source_s_own_tags_count():
    assert pairs_of("Token news", ("XRP",), PAIRS) == ("XRPUSDT",)


def test_the_same_story_in_other_case_and_marks_is_one_story():
    assert story_id("Bitcoin Hits $100K!") == story_id("bitcoin hits 100k")


@pytest.mark.parametrize("title", ["", "   ", "<b></b>", "!!! ???"])
def test_a_title_without_words_is_no_item(title):
    assert news_item(raw(title), pairs=PAIRS, sentiment=0.0, received_ms=NOW) is None


@pytest.mark.parametrize("published", [None, NOW + 60_000])
def test_a_time_unknown_or_in_the_future_is_the_time_of_receipt(published):
    item = news_item(raw(published_ms=published), pairs=PAIRS, sentiment=0.0, received_ms=NOW)
    assert item.published_ms == NOW


@pytest.mark.parametrize(
    ("score", "label"), [(0.15, "bullish"), (-0.15, "bearish"), (0.14, "neutral"), (-0.14, "neutral")]
)
def test_labels(score, label):
    assert label_of(score) == label
