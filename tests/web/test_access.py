"""Who gets in, by Host, Origin, token and address."""

import hmac

import pytest

from domain.errors import SettingsError
from settings import ServerSettings
from web.access import COOKIE, Access, Denied, Grant

OPERATOR, VIEWER = "o" * 40, "v" * 40
HOME = {"REMOTE_ADDR": "127.0.0.1", "HTTP_HOST": "127.0.0.1:8765", "quorum.local_address": "127.0.0.1"}


def access(*, operator=None, viewer=None, **settings):
    return Access(settings=ServerSettings(**settings), port=8765, operator_token=operator, viewer_token=viewer)


def outcome(found):
    return int(found.status[:3]) if isinstance(found, Denied) else found.role


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1:8765", "operator"),
        ("localhost:8765", "operator"),
        ("LOCALHOST:8765", "operator"),
        ("[::1]:8765", "operator"),
        ("127.9.9.9:8765", "operator"),
        ("localhost", 421),
        ("localhost:80", 421),
        ("localhost:3000", 421),
        ("evil.example:8765", 421),
        ("127.0.0.1.evil.example:8765", 421),
        ("user@localhost:8765", 421),
        ("localhost:8765/x", 421),
        ("localhost:port", 421),
        ("[::1", 421),
        ("", 421),
    ],
)
def test_the_host_must_be_the_servers_own(host, expected):
    assert outcome(access().admit({**HOME, "HTTP_HOST": host})) == expected


def test_the_address_the_client_reached_is_the_servers_own_name():
    environ = {**HOME, "HTTP_HOST": "10.0.0.5:8765", "quorum.local_address": "10.0.0.5"}
    found = access(host="0.0.0.0", operator=OPERATOR).admit({**environ, "HTTP_AUTHORIZATION": f"Bearer {OPERATOR}"})
    assert outcome(found) == "operator"


@pytest.mark.parametrize(
    ("origin", "expected"),
    [
        ("http://127.0.0.1:8765", "operator"),
        ("http://localhost:3000", "operator"),
        ("http://127.0.0.1:3000", "operator"),
        ("https://127.0.0.1:8765", 403),
        ("http://localhost:8765", 403),  # another name than the Host of this request
        ("http://evil.example", 403),
        ("http://localhost:3000.evil.example", 403),
        ("null", 403),
        ("", 403),
    ],
)
def test_the_origin_must_be_the_servers_own_or_allowed(origin, expected):
    assert outcome(access().admit({**HOME, "HTTP_ORIGIN": origin})) == expected


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, 401),
        ({"HTTP_AUTHORIZATION": f"Bearer {OPERATOR}"}, "operator"),
        ({"HTTP_AUTHORIZATION": f"bearer {VIEWER}"}, "viewer"),
        ({"HTTP_AUTHORIZATION": f"Basic {OPERATOR}"}, 401),
        ({"HTTP_AUTHORIZATION": "Bearer wrong"}, 401),
        ({"HTTP_AUTHORIZATION": f"Bearer {OPERATOR}x"}, 401),
        ({"HTTP_AUTHORIZATION": "Bearer "}, 401),
        ({"HTTP_AUTHORIZATION": "Bearer \xff"}, 401),
        ({"HTTP_SEC_WEBSOCKET_PROTOCOL": f"quorum, bearer.{OPERATOR}"}, "operator"),
        ({"HTTP_SEC_WEBSOCKET_PROTOCOL": f"bearer.{VIEWER}, quorum"}, "viewer"),
        ({"HTTP_SEC_WEBSOCKET_PROTOCOL": f"quorum, {OPERATOR}"}, 401),
        ({"HTTP_COOKIE": f"{COOKIE}={OPERATOR}"}, 401),  # the cookie is not the token
        ({"HTTP_AUTHORIZATION": f"Bearer cookie {OPERATOR}"}, 401),
        ({"HTTP_COOKIE": "=;;broken"}, 401),
    ],
)
def test_a_token_names_the_role(given, expected):
    assert outcome(access(operator=OPERATOR, viewer=VIEWER).admit({**HOME, **given})) == expected


def test_login_gives_a_cookie_that_opens_and_is_not_the_token():
    desk = access(operator=OPERATOR, viewer=VIEWER)
    cookie = desk.login(VIEWER, "127.0.0.1")
    assert VIEWER not in cookie
    assert outcome(desk.admit({**HOME, "HTTP_COOKIE": f"a=b; {COOKIE}={cookie}"})) == "viewer"
    assert isinstance(desk.login("wrong", "127.0.0.1"), Denied)
    assert isinstance(desk.admit({**HOME, "HTTP_AUTHORIZATION": f"Bearer cookie {cookie}"}), Denied)
    assert isinstance(desk.admit({**HOME, "HTTP_AUTHORIZATION": f"Bearer {cookie}"}), Denied)


def test_without_tokens_everybody_on_this_machine_operates():
    assert access().admit(HOME) == Grant("operator", "127.0.0.1", False)


def test_with_only_a_viewer_token_nobody_operates():
    assert outcome(access(viewer=VIEWER).admit(HOME)) == 401


def test_the_eleventh_wrong_token_of_a_minute_is_429_and_the_right_one_still_opens():
    desk = access(operator=OPERATOR)
    wrong = {**HOME, "HTTP_AUTHORIZATION": "Bearer guess"}
    assert [outcome(desk.admit(wrong)) for _ in range(12)] == [401] * 10 + [429] * 2
    assert outcome(desk.admit({**wrong, "REMOTE_ADDR": "127.0.0.2"})) == 401  # another address
    assert outcome(desk.admit({**HOME, "HTTP_AUTHORIZATION": f"Bearer {OPERATOR}"})) == "operator"


def test_no_token_is_no_wrong_token():
    desk = access(operator=OPERATOR)
    assert {outcome(desk.admit(HOME)) for _ in range(20)} == {401}


def test_the_table_of_wrong_guesses_is_bounded():
    desk = access(operator=OPERATOR)
    for number in range(10_050):
        desk.wrong(f"10.0.{number // 256}.{number % 256}")
    assert len(desk._wrong) == 10_000


@pytest.mark.parametrize(("host", "token"), [("0.0.0.0", None), ("0.0.0.0", "o" * 31), ("::", None), ("desk.lan", "x")])
def test_an_open_port_needs_a_long_token(host, token):
    with pytest.raises(SettingsError, match="at least 32"):
        access(host=host, operator=token)


PROXY = {
    "REMOTE_ADDR": "10.0.0.1",
    "HTTP_HOST": "desk:8765",
    "HTTP_X_FORWARDED_FOR": "9.9.9.9, 203.0.113.7, 10.0.0.2",
    "HTTP_X_FORWARDED_HOST": "desk.example.com",
    "HTTP_X_FORWARDED_PROTO": "https",
    "HTTP_AUTHORIZATION": f"Bearer {OPERATOR}",
}
BEHIND = {"allowed_origins": ("https://desk.example.com",), "trusted_proxies": ("10.0.0.0/8",), "operator": OPERATOR}


def test_a_trusted_proxy_says_who_the_client_is():
    found = access(**BEHIND).admit({**PROXY, "HTTP_ORIGIN": "https://desk.example.com"})
    assert found == Grant("operator", "203.0.113.7", True)


def test_a_foreign_host_behind_the_proxy_is_refused():
    assert outcome(access(**BEHIND).admit({**PROXY, "HTTP_X_FORWARDED_HOST": "evil.example"})) == 421


def test_forwarded_headers_of_a_stranger_mean_nothing():
    assert outcome(access(**BEHIND).admit({**PROXY, "REMOTE_ADDR": "203.0.113.9"})) == 421
    strangers = {**HOME, "HTTP_X_FORWARDED_FOR": "1.2.3.4", "HTTP_X_FORWARDED_PROTO": "https"}
    assert access().admit(strangers) == Grant("operator", "127.0.0.1", False)


def test_every_token_is_compared_in_constant_time(monkeypatch):
    compared = []
    real = hmac.compare_digest
    monkeypatch.setattr("web.access.hmac.compare_digest", lambda a, b: compared.append((a, b)) or real(a, b))
    for given in (OPERATOR, VIEWER, "wrong"):
        compared.clear()
        access(operator=OPERATOR, viewer=VIEWER).admit({**HOME, "HTTP_AUTHORIZATION": f"Bearer {given}"})
        assert [right for _, right in compared] == [OPERATOR.encode(), VIEWER.encode()]
