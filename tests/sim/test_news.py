"""News through real sockets: feeds as feedparser reads them, CryptoPanic, Fear & Greed."""

import feedparser
import pytest
import requests

from sim.market import SimulatedMarket
from sim.stories import Newsroom
from sim.world import World
from tests.sim.conftest import NOON_MS

NOW_MS = NOON_MS + 2_096_789
PAIRS = ("BTCUSDT", "ETHUSDT", "XRPUSDT")


def newsroom(seed=7):
    return Newsroom(market=SimulatedMarket(seed=seed), pairs=PAIRS, seed=seed)


def feed(world, number=0):
    return feedparser.parse(requests.get(world.rss_urls[number], timeout=5).content)


def test_stories_are_the_same_after_a_restart_and_come_every_twenty_seconds():
    stories = newsroom().newest(NOW_MS, 50)
    assert stories == newsroom().newest(NOW_MS, 50)
    assert stories[1:] == newsroom().newest(stories[0].published_ms - 1, 49)
    assert all(story.published_ms <= NOW_MS for story in stories)
    numbers = [story.number for story in stories]
    assert numbers == list(range(numbers[0], numbers[0] - 50, -1))


def test_stories_are_about_the_desks_coins_and_of_all_tones():
    stories = newsroom().newest(NOW_MS, 200)
    assert {story.code for story in stories} == {"BTC", "ETH", "XRP"}
    assert {story.tone for story in stories} == {"bullish", "bearish", "neutral"}
    assert all(story.name in story.title or story.code in story.title for story in stories)
    assert len({story.title for story in stories}) > 190


def test_feeds_parse_without_a_complaint(still_world):
    for number in range(3):
        parsed = feed(still_world, number)
        assert not parsed.bozo and parsed.version == "rss20"
        assert len(parsed.entries) == 31
        for entry in parsed.entries:
            assert entry.title and entry.summary.startswith("<p") and entry.author
            assert "utm_source=" in entry.link and entry.published_parsed


def test_the_same_story_stands_under_two_feeds_and_twice_in_one(still_world):
    titles = [[entry.title for entry in feed(still_world, number).entries] for number in range(3)]
    assert set(titles[0]) & set(titles[1])
    assert titles[0][0] == titles[0][1]
    links = [entry.link for entry in feed(still_world, 0).entries[:2]]
    assert links[0] != links[1] and links[0].split("?")[0] == links[1].split("?")[0]


def test_an_unchanged_feed_is_304(still_world):
    url = still_world.rss_urls[0]
    first = requests.get(url, timeout=5)
    again = requests.get(url, headers={"If-None-Match": first.headers["ETag"]}, timeout=5)
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["ETag"] == first.headers["ETag"]
    with World(seed=7, clock=lambda: NOW_MS + 120_000) as later:
        changed = requests.get(later.rss_urls[0], headers={"If-None-Match": first.headers["ETag"]}, timeout=5)
        assert changed.status_code == 200


def test_an_unknown_feed_is_404(still_world):
    assert requests.get(f"{still_world.rest_url}/rss/nothing", timeout=5).status_code == 404


def posts(world, **query):
    return requests.get(f"{world.cryptopanic_url}/posts/", params=query, timeout=5)


def test_cryptopanic_posts_have_the_shape_of_version_2(still_world):
    page = posts(still_world, auth_token="secret", currencies="BTC,ETH").json()
    assert set(page) == {"next", "previous", "results"}
    assert len(page["results"]) == 20 and page["previous"] is None
    fields = {"id", "slug", "title", "description", "published_at", "kind", "source", "instruments", "votes"}
    for post in page["results"]:
        assert fields <= set(post)
        assert post["instruments"][0]["code"] in ("BTC", "ETH")
        assert post["published_at"].endswith("Z")
        assert set(post["votes"]) == {
            *("negative", "positive", "important", "liked", "disliked", "lol", "toxic", "saved", "comments"),
        }


def test_cryptopanic_pages_follow_each_other(still_world):
    first, second = (posts(still_world, auth_token="secret", page=page).json() for page in (1, 2))
    assert not {post["id"] for post in first["results"]} & {post["id"] for post in second["results"]}
    assert "auth_token=secret" in first["next"] and second["previous"]
    assert posts(still_world, auth_token="secret", page=99).status_code == 404


def test_cryptopanic_wants_a_token(still_world):
    assert posts(still_world).status_code == 401


def test_some_posts_have_no_source(still_world):
    pages = [posts(still_world, auth_token="x", page=page).json()["results"] for page in (1, 2, 3)]
    assert any(post["source"] is None for page in pages for post in page)


@pytest.mark.parametrize(("limit", "count"), [(None, 1), ("3", 3), ("0", 365), ("x", 1)])
def test_fear_and_greed(still_world, limit, count):
    query = {} if limit is None else {"limit": limit}
    body = requests.get(still_world.fear_greed_url, params=query, timeout=5).json()
    assert body["name"] == "Fear and Greed Index" and body["metadata"] == {"error": None}
    assert len(body["data"]) == count
    assert 0 <= int(body["data"][0]["value"]) <= 100 and int(body["data"][0]["timestamp"]) == 1_767_225_600
    assert "time_until_update" in body["data"][0]
    assert all("time_until_update" not in day for day in body["data"][1:])
