"""The desk's port as clients see it: pages, refusals, sessions."""

import json

import gevent
import pytest

from domain import requests
from domain.messages import ClientArrived, ClientLeft, ClientRequest
from domain.views import AlertView
from tests.web.conftest import RUNNING
from tests.web.raw import closed, frame, text

TOKENS = {"operator_token": "o" * 40, "viewer_token": "v" * 40}


def arrive(server, client, peers, **headers):
    """Open a session and give it its first frame; return its name."""
    count = len(peers.to("hub", ClientArrived))
    assert client.upgrade(**headers).status() == 101
    while len(peers.to("hub", ClientArrived)) == count:
        gevent.sleep(0)
    name = peers.to("hub", ClientArrived)[-1].session
    server.notices.reply(name, "initial_data", {"n": name}, ledger_seq=1)
    assert client.message()["type"] == "initial_data"
    return name


def alert(message="m"):
    return AlertView(level="info", code="c", message=message, timestamp=0, time="t")


# --- pages -----------------------------------------------------------------------------------------------------------


def test_health_pages(client):
    client.request(path="/healthz")
    assert client.status() == 200


@pytest.mark.parametrize(
    ("health", "problem", "status", "missing"),
    [
        (RUNNING, None, 200, {}),
        (
            {**RUNNING, "market": {"state": "restarting", "error": "boom"}},
            None,
            503,
            {"market": "It is restarting: boom"},
        ),
        ({**RUNNING, "news": {"state": "gave_up"}}, None, 200, {}),
        ({"market": {"state": "running"}, "hub": {"state": "running"}}, None, 503, {"broker": "It is not running."}),
        (RUNNING, "Binance cannot be reached.", 503, {"market": "Binance cannot be reached."}),
    ],
)
def test_readiness_names_what_does_not_work(serve, connect, health, problem, status, missing):
    server = serve(health=lambda: health)
    server.notices.report("market", problem)
    client = connect(server.port).request(path="/readyz", Connection="close")
    assert client.status() == status
    assert json.loads(client.rest())["missing"] == missing


def test_a_solved_problem_is_forgotten(server, connect):
    server.notices.report("market", "gone")
    server.notices.report("market", None)
    assert connect(server.port).request(path="/readyz").status() == 200


def test_metrics_count_sessions(server, client, peers, connect):
    arrive(server, client, peers)
    page = connect(server.port).request(path="/metrics", Connection="close").rest().decode()
    assert "quorum_hub_sessions 1.0" in page


def test_an_unbuilt_dashboard_says_so(client):
    client.request(Connection="close")
    status, headers = client.head()
    assert status == 503
    assert b"make setup" in client.rest()
    assert "script-src 'self'" in headers["Content-Security-Policy"]


@pytest.fixture
def dist(tmp_path):
    """A built dashboard beside a file that must never be served."""
    (tmp_path / "secret.txt").write_text("secret")
    (tmp_path / "dist" / "assets").mkdir(parents=True)
    (tmp_path / "dist" / "index.html").write_text("<title>desk</title>")
    (tmp_path / "dist" / "assets" / "main.js").write_text("run()")
    (tmp_path / "dist" / ".hidden").write_text("secret")
    (tmp_path / "dist" / "assets" / "link.js").symlink_to(tmp_path / "secret.txt")
    return tmp_path / "dist"


def test_the_dashboard_is_served_with_headers_that_keep_others_out(dist, client):
    status, headers = client.request(Connection="close").head()
    assert (status, client.rest()) == (200, b"<title>desk</title>")
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"


def test_assets_are_cached_for_ever_and_typed(dist, client):
    status, headers = client.request(path="/assets/main.js", Connection="close").head()
    assert (status, client.rest()) == (200, b"run()")
    assert headers["Content-Type"].startswith("text/javascript")
    assert "immutable" in headers["Cache-Control"]


@pytest.mark.parametrize(
    "path",
    [
        "/../secret.txt",
        "/assets/../../secret.txt",
        "/%2e%2e/secret.txt",
        "/assets/%2e%2e%2f%2e%2e%2fsecret.txt",
        "/..%5csecret.txt",
        "//etc/passwd",
        "/assets/link.js",
        "/.hidden",
        "/assets",
        "/assets/",
        "/nothing.js",
        "/index.html%00.js",
        "/" + "a" * 5000,
    ],
)
def test_nothing_outside_the_dashboard_is_served(dist, client, path):
    client.request(path=path, Connection="close")
    assert client.status() == 404
    assert b"secret" not in client.rest()


def test_head_has_no_body(dist, client):
    client.request("HEAD", Connection="close")
    assert client.status() == 200
    assert client.rest() == b""


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "PATCH"])
def test_other_methods_are_405(client, method):
    assert client.request(method).status() == 405


# --- who gets in -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/", {}, 401),
        ("/assets/main.js", {}, 401),
        ("/metrics", {}, 401),
        ("/healthz", {}, 200),
        ("/readyz", {}, 200),
        ("/metrics", {"Authorization": "Bearer " + "v" * 40}, 200),
        ("/healthz", {"Host": "evil.example"}, 421),
        ("/healthz", {"Origin": "http://evil.example"}, 403),
        ("/?token=wrong", {}, 401),
    ],
)
def test_pages_with_tokens_configured(serve, connect, path, headers, status):
    assert connect(serve(**TOKENS).port).request(path=path, **headers).status() == status


def test_metrics_can_be_public(serve, connect):
    server = serve(**TOKENS, metrics_public=True)
    assert connect(server.port).request(path="/metrics").status() == 200


def test_a_token_in_the_address_becomes_a_cookie(serve, connect, peers):
    server = serve(**TOKENS)
    status, headers = connect(server.port).request(path="/?token=" + "v" * 40).head()
    assert (status, headers["Location"]) == (303, "/")
    cookie, flags = headers["Set-Cookie"].split("; ", 1)
    assert "HttpOnly; SameSite=Strict" in flags
    assert connect(server.port).upgrade(Cookie=cookie).status() == 101
    gevent.sleep(0)


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/", {}, 101),
        ("/ws", {}, 101),
        ("/other", {}, 404),
        ("/ws", {"Origin": "http://evil.example"}, 403),
        ("/ws", {"Origin": "http://localhost:3000"}, 101),
        ("/ws", {"Host": "evil.example"}, 421),
    ],
)
def test_handshakes_without_tokens(server, connect, path, headers, status):
    assert connect(server.port).upgrade(path, **headers).status() == status


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401),
        ({"Authorization": "Bearer wrong"}, 401),
        ({"Authorization": "Bearer " + "o" * 40}, 101),
        ({"Sec_WebSocket_Protocol": "quorum, bearer." + "v" * 40}, 101),
    ],
)
def test_handshakes_with_tokens(serve, connect, headers, status):
    assert connect(serve(**TOKENS).port).upgrade(**headers).status() == status


def test_ws_without_an_upgrade_is_426(client):
    assert client.request(path="/ws").status() == 426


# --- sessions --------------------------------------------------------------------------------------------------------


def test_a_session_is_announced_served_and_said_farewell(server, client, peers):
    name = arrive(server, client, peers)
    client.send(text({"type": "get_positions", "request_id": "r", "odd": 1}))
    client.send(frame(8, b"\x03\xe8"))
    assert client.frames() == [closed(1000)]
    arrived, request, left = peers.to("hub")
    assert arrived == ClientArrived(session=name, role="operator", address="127.0.0.1")
    assert request == ClientRequest(
        session=name,
        role="operator",
        address="127.0.0.1",
        kind="get_positions",
        request=requests.GetPositions(),
        request_id="r",
        warnings=("unknown field ignored: odd",),
    )
    assert left == ClientLeft(session=name)
    assert server.notices.sessions == {}


def test_nothing_comes_before_initial_data(server, client, peers):
    client.upgrade().status()
    client.send(text({"type": "ping", "timestamp": 7}))
    while not server.notices.sessions or not next(iter(server.notices.sessions.values()))._waiting:
        gevent.sleep(0)
    server.notices.publish("alert", alert())
    name = peers.to("hub", ClientArrived)[0].session
    server.notices.reply(name, "initial_data", {})
    assert client.message()["type"] == "initial_data"
    assert client.message() == {"type": "pong", "timestamp": 7}


def test_what_was_published_before_the_snapshot_is_not_sent_after_it(server, client, peers, connect):
    arrive(server, client, peers)
    other = connect(server.port)
    other.upgrade().status()
    while len(peers.to("hub", ClientArrived)) < 2:
        gevent.sleep(0)
    server.notices.publish("alert", alert("before"))
    server.notices.reply(peers.to("hub", ClientArrived)[1].session, "initial_data", {})
    server.notices.publish("alert", alert("after"))
    assert other.message()["type"] == "initial_data"
    assert other.message()["data"]["message"] == "after"
    assert [client.message()["data"]["message"] for _ in range(2)] == ["before", "after"]


@pytest.mark.parametrize(
    ("sent", "code", "request_id"),
    [
        ("{", "bad_json", None),
        ("[]", "bad_message", None),
        ('{"type":"nope","request_id":"r"}', "unknown_type", "r"),
        ('{"type":"get_candles","request_id":"r"}', "bad_message", "r"),
        ('{"request_id":5}', "bad_message", None),
    ],
)
def test_a_bad_message_is_answered_and_the_session_stays(server, client, peers, sent, code, request_id):
    arrive(server, client, peers)
    client.send(text(sent))
    answer = client.message()
    assert (answer["type"], answer["data"]["code"], answer.get("request_id")) == ("error", code, request_id)
    client.send(text({"type": "ping"}))
    assert client.message()["type"] == "pong"


def test_pong_says_the_time_where_the_client_named_none(server, client, peers):
    arrive(server, client, peers)
    client.send(text({"type": "ping", "request_id": "x"}))
    assert client.message() == {"type": "pong", "timestamp": 1767225600, "request_id": "x"}


COMMANDS = sorted(set(requests.KINDS) - requests.READING)
MINIMAL = {
    "execute_trade": {"symbol": "BTCUSDT", "direction": "buy", "amount": 1},
    "paper_trade": {"symbol": "BTCUSDT", "direction": "buy", "amount": 1},
    "cancel_order": {"order_id": "x"},
    "close_position": {"symbol": "BTCUSDT"},
    "update_position": {"symbol": "BTCUSDT", "stop_loss": 1},
    "accept_trade": {"symbol": "BTCUSDT"},
    "reject_trade": {"symbol": "BTCUSDT"},
    "get_candles": {"symbol": "BTCUSDT", "interval": "1m"},
    "get_order_book": {"symbol": "BTCUSDT"},
    "get_ai_analysis": {"symbol": "BTCUSDT"},
}


@pytest.mark.parametrize("kind", sorted(requests.KINDS))
def test_a_viewer_reads_and_commands_nothing(serve, connect, peers, kind):
    server = serve(**TOKENS, messages_per_second=1000)
    client = connect(server.port)
    arrive(server, client, peers, Authorization="Bearer " + "v" * 40)
    client.send(text({"type": kind, **MINIMAL.get(kind, {})}))
    client.send(frame(8, b""))
    answers = [json.loads(payload) for opcode, payload in client.frames() if opcode == 1]
    asked = [message.kind for message in peers.to("hub", ClientRequest)]
    if kind in COMMANDS:
        assert [answer["data"]["code"] for answer in answers] == ["forbidden"]
        assert asked == []
    else:
        assert asked == ([] if kind in ("ping", "subscribe", "unsubscribe") else [kind])


@pytest.mark.parametrize("kind", COMMANDS)
def test_what_a_viewer_may_not_send_is_forbidden_before_its_fields_are_looked_at(serve, connect, peers, kind):
    server = serve(**TOKENS)
    client = connect(server.port)
    arrive(server, client, peers, Authorization="Bearer " + "v" * 40)
    client.send(text({"type": kind, "symbol": 5, "amount": [], "config": 7, "data": 1, "request_id": "r"}))
    answer = client.message()
    assert (answer["data"]["code"], answer["request_id"]) == ("forbidden", "r")


def test_the_commands_are_those_of_the_protocol():
    assert COMMANDS == [
        "accept_trade",
        "cancel_order",
        "close_position",
        "execute_trade",
        "paper_trade",
        "reject_trade",
        "reload_settings",
        "start_analysis",
        "start_bot",
        "stop_analysis",
        "stop_bot",
        "update_bot_config",
        "update_position",
    ]


def test_more_than_the_burst_is_rate_limited_and_answered(serve, connect, peers):
    server = serve(messages_per_second=2)
    client = connect(server.port)
    arrive(server, client, peers)
    client.send(b"".join(text({"type": "ping", "request_id": str(n)}) for n in range(6)))
    answers = [client.message() for _ in range(6)]
    assert [answer["type"] for answer in answers] == ["pong"] * 4 + ["error"] * 2
    assert answers[5]["data"]["code"] == "rate_limited"
    assert answers[5]["request_id"] == "5"


def test_five_times_the_limit_closes_with_1008(serve, connect, peers):
    server = serve(messages_per_second=2)
    client = connect(server.port)
    arrive(server, client, peers)
    client.send(text({"type": "ping"}) * 20)
    assert client.frames()[-1] == closed(1008)


def test_one_session_too_many_is_closed_with_1013(serve, connect, peers):
    server = serve(max_sessions=1)
    first, second = connect(server.port), connect(server.port)
    arrive(server, first, peers)
    assert second.upgrade().status() == 101
    assert second.frames() == [closed(1013)]
    first.send(text({"type": "ping"}))
    assert first.message()["type"] == "pong"


def test_messages_longer_than_the_setting_are_1009(serve, connect, peers):
    server = serve(max_message_bytes=200)
    client = connect(server.port)
    arrive(server, client, peers)
    client.send(text({"type": "ping", "timestamp": "x" * 300}))
    assert client.frames() == [closed(1009)]


def test_a_stop_closes_with_1012(serve, connect, peers):
    server = serve()
    client = connect(server.port)
    arrive(server, client, peers)
    server.stop()
    assert client.frames() == [closed(1012)]


def test_a_new_hub_sends_the_sessions_of_the_old_one_away(server, client, peers):
    arrive(server, client, peers)
    server.notices.restarted()
    assert client.frames() == [closed(1012)]


def test_while_the_hub_is_down_requests_are_answered_with_internal(server, client, peers):
    arrive(server, client, peers)
    server._tell = lambda name, message: False
    client.send(text({"type": "get_positions", "request_id": "r"}))
    answer = client.message()
    assert (answer["data"]["code"], answer["request_id"]) == ("internal", "r")


def test_changed_limits_hold_for_new_sessions(server, connect, peers):
    from settings import ServerSettings

    server.apply(ServerSettings(port=0, max_sessions=1, allowed_origins=()))
    arrive(server, connect(server.port), peers)
    late = connect(server.port)
    late.upgrade().status()
    assert late.frames() == [closed(1013)]
    assert connect(server.port).upgrade(Origin="http://localhost:3000").status() == 403


def test_more_sessions_by_new_settings_have_connections_too(serve, connect, peers, monkeypatch):
    """While its pool of connections is full, a server accepts none."""
    from settings import ServerSettings

    monkeypatch.setattr("web.server._SPARE_CONNECTIONS", 1)
    server = serve(max_sessions=1)
    server.apply(ServerSettings(port=0, max_sessions=5))
    for _ in range(5):
        arrive(server, connect(server.port), peers)
