"""News adapters against a small web server that serves good, changed, missing and hostile answers."""

import time

import gevent
import pytest
from gevent import pywsgi
from pydantic import SecretStr

from adapters.cryptopanic import CryptoPanicSource, parse_posts
from adapters.feargreed import FearGreedSource, parse_index
from adapters.rss import RssSource
from adapters.sentiment import LexiconSentiment
from domain.errors import SourceUnavailable

FEED = b"""<?xml version="1.0"?><rss version="2.0"><channel><title>The Coin Times</title>
<item><title><![CDATA[Bitcoin <b>surges</b>]]></title><link>https://a.example/1?utm_source=rss</link>
<description><![CDATA[<p>Up &amp; away</p>]]></description><pubDate>Thu, 01 Jan 2026 00:00:00 +0000</pubDate></item>
<item><title>No date</title><link>https://a.example/2</link></item></channel></rss>"""
BOMB = (
    b'<?xml version="1.0"?><!DOCTYPE l [<!ENTITY a "ha">'
    + b"".join(b'<!ENTITY %c "%s">' % (98 + n, b"&%c;" % (97 + n) * 10) for n in range(8))
    + b"]><rss><channel><item><title>&i;</title></item></channel></rss>"
)


class Site:
    def __init__(self):
        self.answer = ("200 OK", [], FEED)
        self.seen = []

    def __call__(self, environ, start_response):
        self.seen.append(environ)
        status, headers, body = self.answer
        start_response(status, headers)
        return body() if callable(body) else [body]


@pytest.fixture
def site():
    site = Site()
    server = pywsgi.WSGIServer(("127.0.0.1", 0), site, log=None, error_log=None)
    server.start()
    site.url = f"http://127.0.0.1:{server.server_port}/feed"
    yield site
    server.stop(timeout=1)


def test_a_feed_is_read(site):
    first, second = RssSource(site.url).fetch()

    assert (first.source, first.published_ms) == ("The Coin Times", 1_767_225_600_000)
    assert "surges" in first.title
    assert second.published_ms is None


def test_a_feed_that_did_not_change_is_not_sent_again(site):
    site.answer = ("200 OK", [("ETag", '"v1"')], FEED)
    source = RssSource(site.url)
    source.fetch()
    site.answer = ("304 Not Modified", [], b"")

    assert source.fetch() == ()
    assert site.seen[-1]["HTTP_IF_NONE_MATCH"] == '"v1"'


@pytest.mark.parametrize(
    ("status", "body", "sentence"),
    [
        ("200 OK", b"", "did not send a feed"),
        ("200 OK", b"<html>maintenance</html>", "did not send a feed"),
        ("500 Broken", b"", "answered HTTP 500"),
        ("404 Not Found", b"", "answered HTTP 404"),
    ],
)
def test_what_is_no_feed_is_unavailable(site, status, body, sentence):
    site.answer = (status, [], body)
    with pytest.raises(SourceUnavailable, match=sentence):
        RssSource(site.url).fetch()


def test_the_name_of_a_file_is_no_feed(site, tmp_path):
    (tmp_path / "secret.xml").write_bytes(FEED)
    site.answer = ("200 OK", [], str(tmp_path / "secret.xml").encode())
    with pytest.raises(SourceUnavailable, match="did not send a feed"):
        RssSource(site.url).fetch()


def test_two_feeds_of_one_site_have_two_names():
    names = {RssSource(f"https://a.example/{path}").name for path in ("rss", "rss?tag=btc", "news/")}
    assert names == {"a.example/rss", "a.example/rss?tag=btc", "a.example/news"}


def test_a_large_feed_keeps_nobody_waiting(site):
    item = FEED[FEED.index(b"<item>") : FEED.index(b"</channel>")]
    site.answer = ("200 OK", [], FEED.replace(item, item * 300))
    fetching = gevent.spawn(RssSource(site.url).fetch)
    began = last = time.monotonic()
    longest = 0.0
    while not fetching.ready():
        gevent.sleep(0.001)
        longest, last = max(longest, time.monotonic() - last), time.monotonic()
    assert len(fetching.get()) == 100
    assert longest < (last - began) / 2  # parsed in the loop, nearly all of it would be one wait


def test_an_entity_bomb_does_no_harm(site):
    site.answer = ("200 OK", [], BOMB)
    with gevent.Timeout(5):
        try:
            headlines = RssSource(site.url).fetch()
        except SourceUnavailable:
            headlines = ()
    assert all(len(headline.title) < 10_000_000 for headline in headlines)


def test_an_endless_body_ends_at_the_limit(site):
    site.answer = ("200 OK", [], lambda: (b"x" * 65536 for _ in range(100)))
    with pytest.raises(SourceUnavailable, match="sent more than 1024 KiB"):
        RssSource(site.url).fetch()


def test_a_dripping_answer_ends_at_the_deadline(site):
    def drip():
        while True:
            gevent.sleep(0.05)
            yield b"x"

    site.answer = ("200 OK", [], drip)
    with pytest.raises(SourceUnavailable, match=r"did not answer within 0\.3 s"):
        RssSource(site.url, timeout_seconds=0.3).fetch()


def test_retry_after_is_passed_on(site):
    site.answer = ("429 Too Many Requests", [("Retry-After", "120")], b"")
    with pytest.raises(SourceUnavailable) as caught:
        RssSource(site.url).fetch()
    assert caught.value.retry_after_seconds == 120


def test_the_key_stands_in_no_error(site):
    site.answer = ("403 Forbidden", [], b"")
    source = CryptoPanicSource(url=site.url, key=SecretStr("k3y-of-ours"), currencies=("BTC",))
    with pytest.raises(SourceUnavailable) as caught:
        source.fetch()

    assert "auth_token=k3y-of-ours" in site.seen[-1]["QUERY_STRING"]
    assert "k3y-of-ours" not in f"{caught.value!r} {caught.value.__cause__!r}"


def test_posts_are_asked_for_at_most_every_thirty_seconds(site):
    now = [100.0]
    source = CryptoPanicSource(url=site.url, key=SecretStr("k"), currencies=("BTC",), monotonic=lambda: now[0])
    site.answer = ("200 OK", [], b'{"results":[{"title":"A"}]}')
    first = source.fetch()
    now[0] += 29
    site.answer = ("200 OK", [], b'{"results":[{"title":"B"}]}')
    assert source.fetch() == first
    now[0] += 1
    assert [story.title for story in source.fetch()] == ["B"]
    assert len(site.seen) == 2


def test_a_failed_call_is_not_repeated_at_once_either(site):
    now = [100.0]
    source = CryptoPanicSource(url=site.url, key=SecretStr("k"), currencies=("BTC",), monotonic=lambda: now[0])
    site.answer = ("503 Away", [], b"")
    for _ in range(2):
        with pytest.raises(SourceUnavailable, match="HTTP 503") as caught:
            source.fetch()
    assert caught.value.retry_after_seconds == 30
    assert len(site.seen) == 1


def test_posts_of_both_versions_are_read():
    v2 = b"""{"next":null,"results":[{"title":"A","description":"d","published_at":"2026-01-01T00:00:00Z","source":null,
      "original_url":"https://a.example","instruments":[{"code":"BTC"}],"votes":{"positive":3,"negative":1}},
      {"title":null},{"title":"B","source":{"title":"S"},"votes":null,"published_at":"never"}]}"""
    first, second = parse_posts(v2)

    assert (first.currencies, first.votes_positive, first.source) == (("BTC",), 3, "cryptopanic")
    assert first.published_ms == 1_767_225_600_000
    assert (second.source, second.published_ms) == ("S", None)


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"results": 3}', b"<html>", b"[" * 100_000])
def test_other_shapes_of_posts_are_unavailable(body):
    with pytest.raises(SourceUnavailable):
        parse_posts(body)


def test_the_index_is_read(site):
    site.answer = (
        "200 OK",
        [],
        b'{"data":[{"value":"25","value_classification":"Extreme Fear","timestamp":"1639958400"}]}',
    )
    index = FearGreedSource(site.url).fetch()
    assert (index.value, index.label, index.at_ms) == (25, "Extreme Fear", 1_639_958_400_000)


@pytest.mark.parametrize(
    "body",
    [
        b"{}",
        b'{"data":[]}',
        b'{"data":[{"value":"x"}]}',
        b'{"data":[{"value":"101","value_classification":"?","timestamp":"1"}]}',
        b"[" * 100_000,
    ],
)
def test_other_shapes_of_the_index_are_unavailable(body):
    with pytest.raises(SourceUnavailable):
        parse_index(body)


@pytest.mark.parametrize(
    ("title", "sign"),
    [
        ("Bitcoin surges past record as ETF inflows soar", 1),
        ("Exchange hacked, millions stolen", -1),
        ("SEC sues exchange for fraud", -1),
        ("Ethereum upgrade approved", 1),
        ("Startup raises $20 million in Series A funding", 1),
        ("Regulators shut down unregistered exchange", -1),
    ],
)
def test_the_lexicon_knows_how_the_market_speaks(title, sign):
    assert LexiconSentiment().score(title) * sign > 0.15


@pytest.mark.parametrize(
    "title", ["What is a smart contract?", "US Treasury security token interest", "Is it Worth Buying Bitcoin in 2021?"]
)
def test_questions_and_words_of_the_trade_are_neutral(title):
    assert abs(LexiconSentiment().score(title)) < 0.15


def test_only_the_beginning_of_a_text_is_scored():
    assert LexiconSentiment().score("x " * 250 + "crash") == 0
