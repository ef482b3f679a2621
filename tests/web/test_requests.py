"""Client messages: what is accepted, what is refused, and in which words."""

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import requests
from domain.trading import OrderType, Side
from web.requests import Refused, parse, request_id_of

BTC = {"symbol": "BTCUSDT"}
BUY = {**BTC, "direction": "buy", "amount": 1}


def read(kind, **fields):
    return parse(json.dumps({"type": kind, **fields}))


def refusal(kind, **fields):
    with pytest.raises(Refused) as caught:
        read(kind, **fields)
    return caught.value.code, str(caught.value)


@pytest.mark.parametrize(
    ("kind", "fields", "request_"),
    [
        ("get_positions", {}, requests.GetPositions()),
        ("get_balance", {}, requests.GetBalance()),
        ("get_trade_history", {}, requests.GetTradeHistory(limit=50, symbol=None)),
        (
            "get_trade_history",
            {"limit": "7", "symbol": "btcusdt", "before": 1767225600.5},
            requests.GetTradeHistory(limit=7, symbol="BTCUSDT", before_ms=1767225600500),
        ),
        ("get_trade_history", {"limit": 50, "symbol": None}, requests.GetTradeHistory()),
        ("get_crypto_data", {"symbol": None}, requests.GetCryptoData()),
        ("get_candles", {**BTC, "interval": "1m"}, requests.GetCandles(symbol="BTCUSDT", interval="1m", limit=500)),
        ("get_order_book", {"symbol": "btcusdt"}, requests.GetOrderBook(symbol="BTCUSDT", limit=20)),
        ("cancel_order", {"order_id": "manual:1:2"}, requests.CancelOrder(order_id="manual:1:2")),
        ("get_orders", {}, requests.GetOrders()),
        ("close_position", BTC, requests.ClosePosition(symbol="BTCUSDT", fraction=Decimal(1))),
        (
            "close_position",
            {**BTC, "fraction": "0.25"},
            requests.ClosePosition(symbol="BTCUSDT", fraction=Decimal("0.25")),
        ),
        (
            "update_position",
            {**BTC, "stop_loss": 5},
            requests.UpdatePosition(symbol="BTCUSDT", stop_loss=Decimal(5)),
        ),
        (
            "update_position",
            {**BTC, "stop_loss": None, "take_profit": 7},
            requests.UpdatePosition(symbol="BTCUSDT", take_profit=Decimal(7), remove_stop_loss=True),
        ),
        ("start_bot", {}, requests.StartBot(config=())),
        ("stop_bot", {}, requests.StopBot()),
        ("get_bot_status", {}, requests.GetBotStatus()),
        ("get_bot_config", BTC, requests.GetBotConfig(symbol="BTCUSDT")),
        (
            "update_bot_config",
            {**BTC, "config": {"leverage": 2}},
            requests.UpdateBotConfig(symbol="BTCUSDT", config=(("leverage", 2),)),
        ),
        (
            "update_bot_config",
            {"reset": ["protections.losing_pair.trades"]},
            requests.UpdateBotConfig(reset=("protections.losing_pair.trades",)),
        ),
        ("get_logs", {"level": "warning", "after": 3}, requests.GetLogs(limit=100, after=3, level="WARNING")),
        (
            "get_decisions",
            {"gate": "cooldown", "outcome": "blocked", "features": False},
            requests.GetDecisions(gate="cooldown", outcome="blocked", features=False),
        ),
        ("start_analysis", {}, requests.StartAnalysis()),
        ("stop_analysis", {}, requests.StopAnalysis()),
        ("get_analysis_status", {}, requests.GetAnalysisStatus()),
        ("get_ai_analysis", BTC, requests.GetAiAnalysis(symbol="BTCUSDT")),
        ("get_all_ai_analysis", {"symbols": ["ethusdt"]}, requests.GetAllAiAnalysis(symbols=("ETHUSDT",))),
        ("get_ai_opportunities", {}, requests.GetAiOpportunities(min_confidence=Decimal("0.5"))),
        ("get_pending_trades", {}, requests.GetPendingTrades()),
        (
            "accept_trade",
            {**BTC, "usdt_amount": 20},
            requests.AcceptTrade(symbol="BTCUSDT", usdt_amount=Decimal(20)),
        ),
        ("reject_trade", BTC, requests.RejectTrade(symbol="BTCUSDT")),
        ("get_news_data", {}, requests.GetNewsData(limit=50)),
        ("get_analysts", {}, requests.GetAnalysts()),
        ("get_decisions", {"before": 5}, requests.GetDecisions(limit=50, before_ms=5)),
        ("get_equity_curve", {"from": 1, "to": 2}, requests.GetEquityCurve(from_ms=1, to_ms=2, points=500)),
        ("get_statistics", {}, requests.GetStatistics()),
        ("get_health", {}, requests.GetHealth()),
        ("subscribe", {"topics": ["price_update"]}, requests.Subscribe(topics=("price_update",))),
        ("unsubscribe", {"symbols": ["BTCUSDT"]}, requests.Unsubscribe(symbols=("BTCUSDT",))),
        ("reload_settings", {}, requests.ReloadSettings()),
        ("ping", {"timestamp": 1.5}, requests.PingServer(timestamp=Decimal("1.5"))),
        ("ping", {"timestamp": "noon"}, requests.PingServer(timestamp="noon")),
    ],
)
def test_accepted(kind, fields, request_):
    for message in ({"type": kind, **fields}, {"type": kind, "data": fields}):
        parsed = parse(json.dumps(message))
        assert parsed.request == request_
        assert parsed.warnings == ()


def test_every_message_of_the_protocol_is_read():
    from web.requests import SHAPES

    assert SHAPES.keys() == requests.KINDS.keys()
    assert {kind: shape.request for kind, shape in SHAPES.items()} == requests.KINDS


ORDER = requests.ExecuteTrade(symbol="BTCUSDT", side=Side.BUY, amount=Decimal("0.01"))


@pytest.mark.parametrize("kind", ["execute_trade", "paper_trade"])
def test_an_order_may_be_flat_or_inside_trade_data(kind):
    fields = {**BTC, "direction": "LONG", "amount": "0.01"}
    assert read(kind, **fields).request == ORDER
    assert read(kind, trade_data=fields).request == ORDER
    assert read(kind, data={"trade_data": fields}).request == ORDER
    assert read(kind, data=fields).request == ORDER


def test_a_field_beside_type_wins():
    parsed = read("execute_trade", amount=2, data={"amount": 3, "trade_data": {**BUY, "amount": 4}})
    assert parsed.request.amount == 2


@pytest.mark.parametrize(
    ("direction", "side"),
    [("buy", Side.BUY), ("BUY", Side.BUY), ("Long", Side.BUY), ("sell", Side.SELL), ("SHORT", Side.SELL)],
)
def test_directions_in_any_case(direction, side):
    assert read("execute_trade", **{**BUY, "direction": direction}).request.side is side


def test_the_order_of_the_original_frontend_is_taken_and_what_it_adds_is_named():
    trade_data = {
        **BUY,
        "order_type": "limit",
        "price": 64000.5,
        "strategy": "manual",
        "ai_confidence": 0,
        "trade_id": "BTCUSDT-limit-1767225600000-abc123",
        "trade_type": "LONG",
        "margin_mode": "cross",
        "leverage": 10,
    }
    parsed = read("execute_trade", trade_data=trade_data)
    assert parsed.request == requests.ExecuteTrade(
        symbol="BTCUSDT",
        side=Side.BUY,
        order_type=OrderType.LIMIT,
        amount=Decimal(1),
        price=Decimal("64000.5"),
        leverage=10,
        trade_id="BTCUSDT-limit-1767225600000-abc123",
    )
    assert parsed.warnings == (
        "margin_mode cross is treated as isolated",
        "unknown field ignored: trade_data.strategy",
        "unknown field ignored: trade_data.ai_confidence",
        "unknown field ignored: trade_data.trade_type",
    )


BAD_AMOUNTS = [True, False, "", " 1", "1e", "abc", "NaN", "Infinity", "-1", 0, "0", -1, 1e300, [], {}, "1" * 70, "٣"]


@pytest.mark.parametrize("amount", BAD_AMOUNTS)
def test_a_bad_amount_is_refused_by_name(amount):
    code, words = refusal("execute_trade", **{**BUY, "amount": amount})
    assert code == "bad_message"
    assert words.startswith("amount must be a number greater than 0")


LONG_NUMBERS = [
    "999999.123456789012345678901234567891",  # more digits than a journal amount may have
    "1." + "0" * 21,
    "1e-21",
    "1" * 25 + "." + "1" * 6,
]


@pytest.mark.parametrize("text", LONG_NUMBERS)
@pytest.mark.parametrize(
    ("kind", "fields", "name"),
    [
        ("execute_trade", BUY, "amount"),
        ("execute_trade", BUY, "stop_loss"),
        ("close_position", BTC, "fraction"),
        ("update_position", BTC, "take_profit"),
        ("update_bot_config", {}, "trade_amount_usdt"),
    ],
)
def test_numbers_that_the_journal_could_not_keep_are_refused(kind, fields, name, text):
    for value in (text, f'"{text}"') if name != "trade_amount_usdt" else (text,):
        given = {**{key: json.dumps(item) for key, item in fields.items()}, "type": f'"{kind}"', name: value}
        with pytest.raises(Refused) as caught:
            parse("{" + ",".join(f'"{key}":{item}' for key, item in given.items()) + "}")
        assert caught.value.code == "bad_message"
        assert str(caught.value).startswith(f"{name} must have at most 30 digits and 20 decimals, was ")


def test_a_number_of_twenty_decimals_is_taken():
    parsed = parse('{"type":"execute_trade","symbol":"BTCUSDT","direction":"buy","amount":0.00000000000000000001}')
    assert parsed.request.amount == Decimal("1e-20")


@pytest.mark.parametrize("text", ["NaN", "Infinity", "-Infinity", "1e99999999999999999999", "0x10", "1_000", "01"])
def test_numbers_that_are_none_are_refused(text):
    with pytest.raises(Refused) as caught:
        parse(f'{{"type":"execute_trade","symbol":"BTCUSDT","direction":"buy","amount":{text}}}')
    assert caught.value.code in ("bad_json", "bad_message")


def test_an_exponent_in_range_is_a_number():
    parsed = parse('{"type":"execute_trade","symbol":"BTCUSDT","direction":"buy","amount":1e-3}')
    assert parsed.request.amount == Decimal("0.001")


@pytest.mark.parametrize(
    ("kind", "fields", "words"),
    [
        (
            "execute_trade",
            {**BTC, "direction": "buy"},
            "amount or value_usdt must be given, one of the two, was 'neither'.",
        ),
        ("execute_trade", {**BUY, "value_usdt": 5}, "amount or value_usdt must be given, one of the two, was 'both'."),
        ("execute_trade", {**BUY, "symbol": "BTC/USDT"}, "symbol must be a pair such as BTCUSDT, was 'BTC/USDT'."),
        ("execute_trade", {**BUY, "symbol": None}, "symbol must be a pair such as BTCUSDT, was missing."),
        ("execute_trade", {**BUY, "symbol": 5}, "symbol must be a pair such as BTCUSDT, was 5."),
        ("execute_trade", {**BUY, "direction": "up"}, "direction must be one of buy, long, sell, short, was 'up'."),
        ("execute_trade", {**BUY, "order_type": "oco"}, "order_type must be one of market, limit, stop, was 'oco'."),
        ("execute_trade", {**BUY, "order_type": "limit"}, "price must be given for limit orders, was missing."),
        (
            "execute_trade",
            {**BUY, "order_type": "stop", "price": 0},
            "price must be a number greater than 0 and at most 1000000000000, was 0.",
        ),
        ("execute_trade", {**BUY, "leverage": 21}, "leverage must be a whole number from 1 to 20, was 21."),
        ("execute_trade", {**BUY, "leverage": 1.5}, "leverage must be a whole number from 1 to 20, was 1.5."),
        ("execute_trade", {**BUY, "margin_mode": "x"}, "margin_mode must be one of isolated, cross, was 'x'."),
        (
            "execute_trade",
            {**BUY, "trade_id": "bot:BTCUSDT:1"},
            "trade_id must be 1 to 100 letters, digits and . _ ~ -, was 'bot:BTCUSDT:1'.",
        ),
        ("execute_trade", {"trade_data": []}, "trade_data must be an object, was a list."),
        ("execute_trade", {"data": 5}, "data must be an object, was 5."),
        ("get_trade_history", {"limit": 0}, "limit must be a whole number from 1 to 500, was 0."),
        ("get_trade_history", {"limit": 501}, "limit must be a whole number from 1 to 500, was 501."),
        ("get_trade_history", {"limit": True}, "limit must be a whole number from 1 to 500, was true."),
        ("get_trade_history", {"before": "x"}, "before must be a number from 0 to 100000000000, was 'x'."),
        ("get_candles", BTC, "interval must be an interval such as 1m, was missing."),
        (
            "get_candles",
            {**BTC, "interval": "1m", "limit": 1001},
            "limit must be a whole number from 1 to 1000, was 1001.",
        ),
        ("close_position", {}, "symbol must be a pair such as BTCUSDT, was missing."),
        ("close_position", {**BTC, "fraction": 0}, "fraction must be a number greater than 0 and at most 1, was 0."),
        (
            "close_position",
            {**BTC, "fraction": 1.1},
            "fraction must be a number greater than 0 and at most 1, was 1.1.",
        ),
        ("update_position", BTC, "stop_loss or take_profit must be given, was missing."),
        ("cancel_order", {"order_id": ""}, "order_id must be 1 to 160 visible characters, was ''."),
        ("cancel_order", {"order_id": "a b"}, "order_id must be 1 to 160 visible characters, was 'a b'."),
        ("get_ai_opportunities", {"min_confidence": 2}, "min_confidence must be a number from 0 to 1, was 2."),
        ("get_all_ai_analysis", {"symbols": "BTCUSDT"}, "symbols must be a list of at most 1000, was 'BTCUSDT'."),
        ("get_all_ai_analysis", {"symbols": [1]}, "symbols[0] must be a pair such as BTCUSDT, was 1."),
        (
            "subscribe",
            {"topics": ["prices"]},
            "topics[0] must be the type of a server message, such as price_update, was 'prices'.",
        ),
        ("start_bot", {"config": []}, "config must be an object, was a list."),
        ("start_bot", {"config": {"a": [[1]]}}, "a must be a plain list of at most 1000, was a list."),
        ("start_bot", {"config": {"a": {"b": {"c": {"d": {"e": {"f": {"g": 1}}}}}}}}, None),
        ("ping", {"timestamp": True}, "timestamp must be a number or a short text, was true."),
        ("ping", {"timestamp": []}, "timestamp must be a number or a short text, was a list."),
    ],
)
def test_refused(kind, fields, words):
    code, said = refusal(kind, **fields)
    assert code == "bad_message"
    assert words is None or said == words


def test_a_bot_configuration_is_flattened_with_its_raw_values():
    config = {"allowed_pairs": ["BTCUSDT"], "protections": {"losing_pair": {"trades": 3}}, "leverage": "2", "x": None}
    parsed = read("start_bot", config=config)
    assert parsed.request.config == (
        ("allowed_pairs", ("BTCUSDT",)),
        ("protections.losing_pair.trades", 3),
        ("leverage", "2"),
        ("x", None),
    )
    assert read("update_bot_config", **config).request.config == parsed.request.config


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "bad_json"),
        ("nope", "bad_json"),
        ('{"a":1}{"b":2}', "bad_json"),
        ('{"type":"ping","timestamp":NaN}', "bad_json"),
        ('{"type":"\\ud800"}', "bad_json"),
        ("[" * 100_000, "bad_json"),
        ('{"a":' * 100_000, "bad_json"),
        ("null", "bad_message"),
        ("5", "bad_message"),
        ("{}", "bad_message"),
        ('{"type":5}', "bad_message"),
        ('{"type":null}', "bad_message"),
        ('{"type":"PING"}', "unknown_type"),
        ('{"type":""}', "unknown_type"),
        ('{"type":"ping","request_id":"%s"}' % ("x" * 65), "bad_message"),
        ('{"type":"ping","request_id":5}', "bad_message"),
    ],
)
def test_what_is_no_message(text, code):
    with pytest.raises(Refused) as caught:
        parse(text)
    assert caught.value.code == code
    assert str(caught.value).endswith(".")


def test_the_request_id_comes_back_with_every_outcome():
    assert read("ping", request_id="a").request_id == "a"
    with pytest.raises(Refused) as caught:
        read("get_candles", request_id="a")
    assert caught.value.request_id == "a"
    assert request_id_of('{"type":"x","request_id":"a"}') == "a"
    assert request_id_of('{"request_id":5}') is None
    assert request_id_of("{") is None


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=12,
)
names = st.sampled_from(
    ["symbol", "symbols", "amount", "price", "limit", "config", "trade_data", "data", "before", "topics", "timestamp"]
)


@given(kind=st.sampled_from(sorted(requests.KINDS)), fields=st.dictionaries(names, json_values, max_size=5))
def test_whatever_is_sent_is_read_or_refused(kind, fields):
    try:
        parsed = parse(json.dumps({"type": kind, **fields}))
    except Refused as refused:
        assert refused.code in ("bad_message", "bad_json")
        assert len(str(refused)) < 500
    else:
        assert isinstance(parsed.request, requests.KINDS[kind])
        hash(parsed.request)  # frozen through and through


@given(st.text(max_size=200) | st.binary(max_size=200).map(lambda raw: raw.decode("latin-1")))
def test_noise_is_refused(text):
    with pytest.raises(Refused):
        parse(text)
