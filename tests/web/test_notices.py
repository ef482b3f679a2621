"""Fan-out: one encoding, one send a turn, slow sessions apart from the rest, subscriptions, pings."""

import json
import time
from decimal import Decimal

import gevent
import pytest

from domain.views import AlertView, CandleView
from tests.web.raw import closed, frame, text
from tests.web.test_server import arrive
from web import notices as notices_module
from web import session as session_module


def alert(message):
    return AlertView(level="info", code="c", message=message, timestamp=0, time="t")


def candle(close, *, closed=False, interval="1m"):
    row = (0, Decimal(1), Decimal(1), Decimal(1), Decimal(close), Decimal(1))
    return CandleView(symbol="BTCUSDT", interval=interval, candle=row, closed=closed)


def price(value, symbol="BTCUSDT"):
    return {"symbol": symbol, "price": Decimal(value)}


@pytest.fixture
def desk(serve, connect, peers):
    """A server with one session: (notices, client, session name)."""
    server = serve(price_updates_per_second=1000, messages_per_second=1000)
    client = connect(server.port)
    name = arrive(server, client, peers)
    return server.notices, client, name


def session_of(desk):
    notices, _, name = desk
    return notices.sessions[name]


def until(condition, seconds=5):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it never came true"
        gevent.sleep(0.001)


# --- one turn --------------------------------------------------------------------------------------------------------


def test_the_frames_of_one_turn_go_out_in_one_send(desk):
    notices, client, _ = desk
    sends, frames, size = notices.sends, notices.frames, notices.bytes
    for number in range(20):
        notices.publish("alert", alert(str(number)))
    assert [client.message()["data"]["message"] for _ in range(20)] == [str(number) for number in range(20)]
    assert (notices.sends, notices.frames) == (sends + 1, frames + 20)
    assert notices.bytes > size


def test_replies_keep_their_place_among_what_is_published(desk):
    notices, client, name = desk
    notices.publish("alert", alert("a"))
    notices.reply(name, "positions_response", {}, request_id="r", ledger_seq=3, warnings=("w",))
    notices.publish("alert", alert("b"), ledger_seq=4)
    assert client.message()["data"]["message"] == "a"
    assert client.message() == {
        "type": "positions_response",
        "data": {},
        "request_id": "r",
        "ledger_seq": 3,
        "warnings": ["w"],
    }
    assert client.message()["ledger_seq"] == 4


def test_the_session_that_gets_its_own_reply_is_left_out(desk, connect, peers, serve):
    notices, client, name = desk
    notices.publish("trade_executed", {"n": 1}, but=name)
    notices.reply(name, "trade_executed", {"n": 1}, request_id="r")
    notices.publish("alert", alert("end"))
    assert client.message() == {"type": "trade_executed", "data": {"n": 1}, "request_id": "r"}
    assert client.message()["type"] == "alert"


def test_a_reply_to_somebody_who_left_is_ignored(desk):
    notices, client, _ = desk
    notices.reply("s999", "health", {})
    notices.close("s999", 1013, "x")
    notices.publish("alert", alert("end"))
    assert client.message()["type"] == "alert"


def test_nothing_is_encoded_for_nobody(serve):
    notices = serve().notices
    notices.publish("alert", object())  # encoding it would raise
    assert notices.encoded == 0


def test_very_many_frames_are_sent_before_the_turn_ends(desk):
    notices, client, _ = desk
    for number in range(notices_module._MAX_TURN + 1):
        notices.publish("alert", alert(str(number)))
    assert len(notices._turn) == 1
    for _ in range(notices_module._MAX_TURN + 1):
        client.message()


# --- prices ----------------------------------------------------------------------------------------------------------


def test_prices_of_a_symbol_are_held_back_to_the_rate_and_the_newest_wins(desk):
    notices, client, _ = desk
    notices.price_updates_per_second = 20
    for value in range(1, 6):
        notices.publish("price_update", price(value), symbol="BTCUSDT", conflate=True)
    notices.publish("price_update", price(9, "ETHUSDT"), symbol="ETHUSDT", conflate=True)
    assert [client.message()["data"]["price"] for _ in range(2)] == [1, 9]
    began = time.monotonic()
    assert client.message()["data"]["price"] == 5
    assert time.monotonic() - began > 0.02


def test_a_closed_candle_is_not_followed_by_its_open_self(desk):
    notices, client, _ = desk
    for close in (1, 2):
        notices.publish("candle_update", candle(close), symbol="BTCUSDT", conflate=True)
    notices.publish("candle_update", candle(3, closed=True), symbol="BTCUSDT")
    assert [client.message()["data"]["candle"][4] for _ in range(2)] == [1, 3]
    assert notices._held == {}


def test_candles_of_two_intervals_do_not_replace_each_other(desk):
    notices, client, _ = desk
    notices.publish("candle_update", candle(1), symbol="BTCUSDT", conflate=True)
    notices.publish("candle_update", candle(2, interval="1h"), symbol="BTCUSDT", conflate=True)
    assert [client.message()["data"]["interval"] for _ in range(2)] == ["1m", "1h"]


# --- subscriptions ---------------------------------------------------------------------------------------------------


def ask(client, **message):
    client.send(text(message))
    return client.message("subscribed")["data"]


def heard(desk):
    """Publish one of each; return what arrives as (type, symbol)."""
    notices, client, _ = desk
    notices.publish("alert", alert("x"))
    for symbol in ("BTCUSDT", "ETHUSDT"):
        notices.publish("decision", {"symbol": symbol}, symbol=symbol)
    client.send(text({"type": "ping"}))
    found = []
    while (message := client.message())["type"] != "pong":
        found.append((message["type"], message["data"].get("symbol")))
    return found


def test_a_session_starts_with_everything(desk):
    assert heard(desk) == [("alert", None), ("decision", "BTCUSDT"), ("decision", "ETHUSDT")]


def test_the_first_subscription_replaces_later_ones_add(desk):
    _, client, _ = desk
    both = ["BTCUSDT", "ETHUSDT"]
    assert ask(client, type="subscribe", topics=["alert"]) == {"topics": ["alert"], "symbols": both}
    assert heard(desk) == [("alert", None)]
    assert ask(client, type="subscribe", topics=["decision"], symbols=["ethusdt"]) == {
        "topics": ["alert", "decision"],
        "symbols": ["ETHUSDT"],
    }
    assert heard(desk) == [("alert", None), ("decision", "ETHUSDT")]


def test_unsubscribe_removes(desk):
    _, client, _ = desk
    answer = ask(client, type="unsubscribe", topics=["alert"], symbols=["BTCUSDT"])
    assert "alert" not in answer["topics"]
    assert answer["symbols"] == ["ETHUSDT"]
    assert heard(desk) == [("decision", "ETHUSDT")]


def test_a_first_subscription_after_unsubscribing_names_exactly_what_comes(desk):
    _, client, _ = desk
    ask(client, type="unsubscribe", topics=["alert"])
    assert ask(client, type="subscribe", topics=["alert"])["topics"] == ["alert"]
    assert heard(desk) == [("alert", None)]


def test_replies_and_errors_come_whatever_is_subscribed(desk):
    notices, client, name = desk
    ask(client, type="subscribe", topics=[])
    notices.reply(name, "health", {})
    client.send(text({"type": "nope"}))
    assert client.message()["type"] == "health"
    assert client.message()["type"] == "error"
    assert heard(desk) == []


# --- slow sessions ---------------------------------------------------------------------------------------------------

BIG = "x" * 100_000


def make_slow(desk):
    """Publish to a client that does not read, until the kernel takes no more."""
    notices, _, _ = desk
    sent = 0
    while not session_of(desk).slow:
        notices.publish("alert", alert(BIG))
        notices.flush()
        sent += 1
    return sent


def test_a_stalled_session_delays_nobody(desk, connect, peers):
    notices, stalled, _ = desk
    honest = connect(stalled.port)
    name = "arriving"
    assert honest.upgrade().status() == 101
    until(lambda: len(notices.sessions) == 2)
    name = list(notices.sessions)[1]
    notices.reply(name, "initial_data", {})
    sent = make_slow(desk)
    assert honest.message()["type"] == "initial_data"
    for _ in range(sent):
        assert honest.message()["data"]["message"] == BIG


def test_what_waits_arrives_in_order_and_prices_only_with_their_newest(desk):
    notices, client, _ = desk
    sent = make_slow(desk)
    for value in range(5):
        notices.publish("price_update", price(value), symbol="BTCUSDT", conflate=True)
        notices._spoke.clear()
        notices.publish("alert", alert(str(value)))
        notices.flush()
    received = [client.message() for _ in range(sent + 6)]
    assert [message["data"]["message"] for message in received[sent : sent + 5]] == list("01234")
    assert received[-1]["data"]["price"] == 4
    until(lambda: not session_of(desk).slow)


def test_a_closed_candle_drops_the_waiting_open_one_of_a_slow_session(desk):
    notices, client, _ = desk
    sent = make_slow(desk)
    notices.publish("candle_update", candle(1), symbol="BTCUSDT", conflate=True)
    notices.flush()
    notices.publish("candle_update", candle(2, closed=True), symbol="BTCUSDT")
    notices.publish("alert", alert("end"))
    notices.flush()
    received = [client.message() for _ in range(sent + 2)]
    assert received[-2]["data"]["closed"] is True
    assert received[-1]["data"]["message"] == "end"
    client.send(text({"type": "ping"}))
    assert client.message()["type"] == "pong"  # nothing else waited


def test_a_session_that_never_reads_is_closed_with_1013_when_its_outbox_is_full(desk):
    notices, client, _ = desk
    session = session_of(desk)
    make_slow(desk)
    while not session.too_slow:
        notices.publish("alert", alert(BIG))
        notices.flush()
    assert client.frames()[-1] == closed(1013)
    until(lambda: not notices.sessions)
    assert notices.slow_kicks == 1


def test_the_outbox_is_bounded_in_bytes_and_in_frames(desk, monkeypatch):
    notices, _, _ = desk
    monkeypatch.setattr(session_module, "MAX_QUEUED_FRAMES", 5)
    session = session_of(desk)
    make_slow(desk)
    for number in range(5):
        notices.publish("alert", alert(str(number)))
        notices.flush()
    assert session.too_slow


def test_a_session_that_takes_nothing_for_too_long_is_cut(serve, connect, peers, monkeypatch):
    monkeypatch.setattr(session_module, "STALL_SECONDS", 0.05)
    server = serve()
    client = connect(server.port)
    name = arrive(server, client, peers)
    make_slow((server.notices, client, name))
    until(lambda: not server.notices.sessions)
    assert server.notices.slow_kicks == 1


def test_pongs_wait_their_turn_behind_a_half_sent_frame(desk):
    _, client, _ = desk
    sent = make_slow(desk)
    client.send(frame(9, b"are you there"))
    opcodes = [client.frame()[0] for _ in range(sent + 1)]
    assert sorted(opcodes) == [1] * sent + [10]


def test_a_cut_at_the_end_of_a_frame_ends_the_writing_quietly(desk):
    """The kernel took whole frames and no more; a kick leaves nothing to write, and a cut forgets even that."""
    make_slow(desk)
    session = session_of(desk)
    part = session._queue[0]
    part.data = part.data[: part.sent]
    session.cut()
    until(lambda: session._pump_greenlet.dead)
    assert session._pump_greenlet.successful()


def test_what_is_sent_to_all_is_counted_once_however_slow_who_reads(desk):
    notices, client, _ = desk
    before = notices.bytes + session_of(desk).bytes
    sent = make_slow(desk)
    frames = [client.frame() for _ in range(sent)]
    until(lambda: not session_of(desk).slow)
    size = sum(len(payload) + 10 for _, payload in frames)  # heads of ten bytes: more than 65535 of payload
    assert notices.bytes + session_of(desk).bytes - before == size


def test_a_client_that_vanishes_is_forgotten(desk):
    notices, client, _ = desk
    make_slow(desk)
    client.close()
    until(lambda: not notices.sessions)


# --- pings -----------------------------------------------------------------------------------------------------------


def test_a_session_is_pinged_and_closed_with_1011_after_two_missed_pongs(desk):
    _, client, _ = desk
    session = session_of(desk)
    now = time.monotonic()
    session.ping(now)  # not due yet
    for step in (20, 40, 60):
        session.ping(now + step + 1)
    assert client.frames() == [(9, b""), (9, b""), closed(1011)]


def test_a_pong_keeps_the_session(desk):
    _, client, _ = desk
    session = session_of(desk)
    now = time.monotonic()
    for step in (20, 40, 60, 80):
        session.ping(now + step + 1)
        assert client.frame() == (9, b"")
        client.send(frame(10, b""))
        until(lambda: session.missed_pongs == 0)


def test_the_last_word_of_a_frame_is_whole_json(desk):
    _, client, _ = desk
    make_slow(desk)
    session_of(desk).kick(1013, "test")
    for opcode, payload in client.frames()[:-1]:
        assert opcode == 1
        json.loads(payload)
