"""News adapters against a small web server that serves good, changed, missing and hostile answers."""

import time
import tracemalloc
import zlib
from urllib.parse import parse_qs

import gevent
import pytest
from gevent import pywsgi
from pydantic import SecretStr

from adapters.cryptopanic import MAX_PAGES, CryptoPanicSource, parse_page
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
    server.stop(timeout=30)


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
    site.answer = ("200 OK", [], FEED.replace(item, item * 2500))
    fetching = gevent.spawn(RssSource(site.url).fetch)
    began = last = time.monotonic()
    longest = 0.0
    while not fetching.ready():
        gevent.sleep(0.001)
        longest, last = max(longest, time.monotonic() - last), time.monotonic()
    assert len(fetching.get()) == 100
    assert longest < (last - began) / 2  # parsed in the loop, nearly all of it would be one wait


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-16-le", "utf-32"])
def test_a_feed_that_declares_entities_is_not_read(site, encoding):
    site.answer = ("200 OK", [], BOMB.decode().replace("?>", f' encoding="{encoding}"?>').encode(encoding))
    with pytest.raises(SourceUnavailable, match=r"declares entities|did not send a feed"):
        RssSource(site.url).fetch()


@pytest.mark.parametrize("encoding", ["utf-7", "unicode_escape", "cp037", "rot13", "zlib", "x" * 30, "../../etc"])
def test_an_encoding_that_could_hide_something_is_refused(site, encoding):
    site.answer = ("200 OK", [], FEED.replace(b"?>", f' encoding="{encoding}"?>'.encode(), 1))
    with pytest.raises(SourceUnavailable, match="must be in a usual encoding"):
        RssSource(site.url).fetch()


@pytest.mark.parametrize("encoding", ["utf-8", "iso-8859-1", "windows-1252", "utf-16"])
def test_the_usual_encodings_are_read(site, encoding):
    text = FEED.decode().replace("?>", f' encoding="{encoding}"?>', 1).replace("No date", "Société")
    site.answer = ("200 OK", [("Content-Type", "text/plain; charset=koi8-r")], text.encode(encoding))
    assert [story.title for story in RssSource(site.url).fetch()][1] == "Société"


def test_bytes_that_do_not_fit_the_encoding_are_still_text(site):
    site.answer = ("200 OK", [], FEED.replace(b"No date", b"caf\xe9 \xff"))
    assert len(RssSource(site.url).fetch()) == 2


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
def test_a_body_that_swells_when_it_is_unpacked_ends_at_the_limit(site, coding):
    packer = zlib.compressobj(9, zlib.DEFLATED, 31 if coding == "gzip" else 15)
    bomb = packer.compress(b"<" * 200_000_000) + packer.flush()
    site.answer = ("200 OK", [("Content-Encoding", coding)], bomb)
    tracemalloc.start()
    try:
        with pytest.raises(SourceUnavailable, match="sent more than 1024 KiB"):
            RssSource(site.url).fetch()
        assert tracemalloc.get_traced_memory()[1] < 40_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("headers", [[("Content-Encoding", "gzip")], [("Content-Encoding", "br")]])
def test_a_body_that_is_not_packed_as_it_says_is_unavailable(site, headers):
    site.answer = ("200 OK", headers, b"not packed at all")
    with pytest.raises(SourceUnavailable):
        RssSource(site.url).fetch()


def test_a_feed_of_too_many_stories_is_read_up_to_a_limit(site):
    item = b"<item><title>a</title></item>"
    site.answer = ("200 OK", [], b'<rss version="2.0"><channel>' + item * 5000 + b"</channel></rss>")
    assert len(RssSource(site.url).fetch()) == 100


def test_a_feed_whose_answer_could_not_be_read_is_asked_for_again_as_a_whole(site):
    site.answer = ("200 OK", [("ETag", '"broken"')], b"<html>maintenance</html>")
    source = RssSource(site.url)
    with pytest.raises(SourceUnavailable):
        source.fetch()
    site.answer = ("200 OK", [("Last-Modified", "Thu, 01 Jan 2026 00:00:00 GMT")], FEED)
    source.fetch()
    assert "HTTP_IF_NONE_MATCH" not in site.seen[-1]
    source.fetch()
    assert site.seen[-1]["HTTP_IF_MODIFIED_SINCE"] == "Thu, 01 Jan 2026 00:00:00 GMT"


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


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ([("Retry-After", "120")], 120),
        ([("Retry-After", "99999999")], 86_400),
        (
            [("Retry-After", "Thu, 01 Jan 2026 00:02:00 GMT"), ("Date", "Thu, 01 Jan 2026 00:00:30 GMT")],
            90,
        ),
        ([("Retry-After", "soon")], None),
        ([("Retry-After", "-1")], None),
        ([], None),
    ],
)
def test_retry_after_is_passed_on(site, headers, seconds):
    site.answer = ("429 Too Many Requests", headers, b"")
    with pytest.raises(SourceUnavailable) as caught:
        RssSource(site.url).fetch()
    assert caught.value.retry_after_seconds == seconds


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


def page_of(*numbers, more=True):
    posts = ",".join(f'{{"title":"Story {number}","url":"https://a.example/{number}"}}' for number in numbers)
    following = '"https://cryptopanic.example/posts/?auth_token=k&page=2"' if more else "null"
    return f'{{"next":{following},"results":[{posts}]}}'.encode()


class Pages(Site):
    """Answers page N of `pages`."""

    def __init__(self):
        super().__init__()
        self.pages = {}

    def __call__(self, environ, start_response):
        asked = parse_qs(environ["QUERY_STRING"]).get("page", ["1"])[0]
        self.answer = ("200 OK", [], self.pages[int(asked)]) if int(asked) in self.pages else ("503 Away", [], b"")
        return super().__call__(environ, start_response)


@pytest.fixture
def pages():
    site = Pages()
    server = pywsgi.WSGIServer(("127.0.0.1", 0), site, log=None, error_log=None)
    server.start()
    site.url = f"http://127.0.0.1:{server.server_port}"
    yield site
    server.stop(timeout=30)


def panic(site, now, **changes):
    return CryptoPanicSource(url=site.url, key=SecretStr("k"), currencies=("BTC",), monotonic=lambda: now[0], **changes)


def titles(stories):
    return [story.title.removeprefix("Story ") for story in stories]


def test_later_rounds_go_back_page_by_page_to_what_is_known(pages):
    now = [100.0]
    source = panic(pages, now)
    pages.pages = {1: page_of(2, 1)}
    assert titles(source.fetch()) == ["2", "1"]
    assert len(pages.seen) == 1  # the first round takes one page
    now[0] += 30
    pages.pages = {1: page_of(6, 5), 2: page_of(4, 3), 3: page_of(2, 1)}
    assert titles(source.fetch()) == ["6", "5", "4", "3", "2", "1"]
    now[0] += 30
    source.fetch()
    assert len(pages.seen) == 1 + 3 + 1


def test_a_round_ends_after_some_pages_and_keeps_what_it_has_when_one_fails(pages):
    now = [100.0]
    source = panic(pages, now)
    pages.pages = {1: page_of(0)}
    source.fetch()
    now[0] += 30
    pages.pages = {number: page_of(100 + number) for number in range(1, 51)}
    assert len(source.fetch()) == MAX_PAGES
    now[0] += 30
    pages.pages = {1: page_of(300)}
    assert titles(source.fetch()) == ["300"]


def test_the_day_s_share_of_requests_is_kept(pages):
    now = [100.0]
    source = panic(pages, now, requests_per_day=2)
    pages.pages = {1: page_of(1, more=False)}
    for _ in range(2):
        source.fetch()
        now[0] += 60
    with pytest.raises(SourceUnavailable, match="2 times within a day") as caught:
        source.fetch()
    assert caught.value.retry_after_seconds == 86_400 - 120
    now[0] += 86_400 - 120
    source.fetch()
    assert len(pages.seen) == 3


def test_a_quota_is_named_and_no_word_of_the_answer_is_repeated(site):
    site.answer = ("200 OK", [], b'{"status":"api_error","info":"Monthly quota exceeded for k3y-of-ours"}')
    source = CryptoPanicSource(url=site.url, key=SecretStr("k3y-of-ours"), currencies=("BTC",))
    with pytest.raises(SourceUnavailable, match=r"the quota is exceeded$"):
        source.fetch()


def test_posts_of_both_versions_are_read():
    v2 = b"""{"next":null,"results":[{"title":"A","description":"d","published_at":"2026-01-01T00:00:00Z","source":null,
      "original_url":"https://a.example","instruments":[{"code":"BTC"}],"votes":{"positive":3,"negative":1}},
      {"title":null},{"title":"B","source":{"title":"S"},"votes":null,"published_at":"never"}]}"""
    first, second = parse_page(v2).stories

    assert (first.currencies, first.votes_positive, first.source) == (("BTC",), 3, "cryptopanic")
    assert first.published_ms == 1_767_225_600_000
    assert (second.source, second.published_ms) == ("S", None)


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"results": 3}', b"<html>", b"[" * 100_000])
def test_other_shapes_of_posts_are_unavailable(body):
    with pytest.raises(SourceUnavailable):
        parse_page(body)


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
