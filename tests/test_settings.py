"""Good settings load exactly; every bad one is named by path, rule and value; no secret is ever shown."""

import copy
import json
import pickle
import re
import typing
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from pydantic import SecretStr, ValidationError

from domain.errors import SettingsError
from settings import (
    RESTART,
    SECRET_NAMES,
    AnalystSettings,
    Between,
    BotSettings,
    Secrets,
    Section,
    Settings,
    as_flat,
    as_plain,
    bot_settings,
    diff,
    is_loopback,
    load_settings,
    needs_restart,
    overlay,
    parse_bot_config,
    parse_settings,
    settings_hash,
)

ROOT = Path(__file__).parent.parent
TOKEN = "operator-token_0123456789abcdefghijklmn"
SECRET_VALUES = {
    "MONGODB_URI": "mongodb://desk:hunter2hunter2@db.example/quorum",
    "OPENROUTER_API_KEY": "or-9f8e7d6c5b4a39281706",
    "CRYPTOPANIC_API_KEY": "cp-00112233445566778899",
    "HUB_OPERATOR_TOKEN": TOKEN,
    "HUB_VIEWER_TOKEN": "viewer-token_0123456789abcdefghijklmnopq",
    "TELEGRAM_BOT_TOKEN": "123456:AAbbCCddEEffGGhhIIjj",
}


def loaded(tmp_path: Path, text: str, **options: object) -> Settings:
    path = tmp_path / "settings.yaml"
    path.write_text(text, encoding="utf-8")
    return load_settings(path, **{"environ": {}, "env_files": (), **options})


def errors(tmp_path: Path, text: str, **options: object) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        loaded(tmp_path, text, **options)
    return str(caught.value).splitlines()


def client_errors(raw: dict[str, object]) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        parse_bot_config(raw)
    return str(caught.value).splitlines()


# --- defaults and documentation ---------------------------------------------------------------------------------------


def test_the_settings_file_of_the_root_spells_the_defaults():
    shipped = load_settings(ROOT / "settings.yaml", environ={}, env_files=())
    assert Settings() == shipped
    assert as_plain(Settings()) == as_plain(shipped)


@pytest.mark.parametrize("text", ["", "# nothing\n", "{}", "---\n", "server:\nbots:\nanalysts:\n", "bots: {pairs: }"])
def test_what_is_left_out_or_empty_has_its_default(tmp_path, text):
    assert Settings() == loaded(tmp_path, text)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("server.port", 8765),
        ("server.max_message_bytes", 65536),
        ("market.source", "auto"),
        ("market.weight_per_minute", 3000),
        ("llm.max_cost_usd_per_day", "2"),
        ("llm.max_cost_usd_per_call", "0.05"),
        ("analysis.min_move_atr", "0.25"),
        ("analysts.grok.model", "x-ai/grok-4.1-fast"),
        ("analysts.grok.max_cost_usd_per_day", "1"),
        ("analysts.claude.role", "technical"),
        ("analysts.gpt.role", "planner"),
        ("paper.balance_usdt", "100000"),
        ("paper.taker_fee", "0.001"),
        ("storage.database", "crypto_trading"),
        ("bots.enabled_at_start", False),
        ("bots.defaults.ai_confidence_threshold", "0.1"),
        ("bots.defaults.exits", "percent"),
        ("bots.defaults.reversal_threshold", "0.02"),
        ("bots.defaults.protections.losing_pair.min_profit_usdt", "-5"),
        ("bots.pairs.SOLUSDT.trade_amount_usdt", "30"),
        ("bots.pairs.SOLUSDT.cooldown_secs", 600),
    ],
)
def test_defaults_are_those_of_the_contract(path, value):
    assert value == dict(as_flat(Settings()))[path]


def leaves(model: type[Section], prefix: str = "") -> Iterator[tuple[str, typing.Any]]:
    """Yield every documented path with its field; NAME stands for any analyst."""
    for name, field in model.model_fields.items():
        path = f"{prefix}{name}"
        if isinstance(field.annotation, type) and issubclass(field.annotation, Section):
            yield from leaves(field.annotation, f"{path}.")
        elif path == "analysts":
            yield from leaves(AnalystSettings, "analysts.NAME.")
        elif path not in ("secrets", "bots.pairs"):
            yield path, field


def range_of(field: typing.Any) -> Between | None:
    metadata = list(field.metadata)
    for part in typing.get_args(field.annotation):
        metadata += getattr(part, "__metadata__", ())
    return next((rule for rule in metadata if isinstance(rule, Between)), None)


def allowed(field: typing.Any) -> list[str]:
    if limits := range_of(field):
        return [f"{limits.low:f}..{limits.high:f}"]
    return list(typing.get_args(field.annotation)) if typing.get_origin(field.annotation) is typing.Literal else []


def spelled(default: object) -> object:
    """Return `default` as YAML without types reads it."""
    if isinstance(default, tuple):
        return list(default)
    return {"None": "null", "True": "true", "False": "false"}.get(str(default), str(default))


def documented() -> dict[str, dict[str, str]]:
    rows = re.findall(
        r"^\| `([\w.]+)` \| (.*?) \| (.*?) \| (.*?) \| (.*?) \|$", (ROOT / "docs/settings.md").read_text(), re.M
    )
    return {
        path: {"default": default.strip("`"), "allowed": may, "effect": effect, "meaning": meaning}
        for path, default, may, effect, meaning in rows
    }


def commented() -> dict[str, str]:
    """Return the comment of each key of settings.yaml: what stands above it, or behind it."""
    comments: dict[str, str] = {}
    stack: list[tuple[int, str]] = []
    above: list[str] = []
    for line in (ROOT / "settings.yaml").read_text().splitlines():
        if line.lstrip().startswith("#"):
            above.append(line.strip("# "))
            continue
        if match := re.match(r"( *)([\w]+):(.*?)(?:  # (.*))?$", line):
            indent, key, _, behind = match.groups()
            stack = [*(outer for outer in stack if outer[0] < len(indent)), (len(indent), key)]
            comments[".".join(name for _, name in stack)] = behind or " ".join(above)
        above = []
    return comments


def test_the_reference_has_exactly_the_keys_of_the_models():
    assert {path for path, _ in leaves(Settings)} == set(documented())


@pytest.mark.parametrize(("path", "field"), [pytest.param(*leaf, id=leaf[0]) for leaf in leaves(Settings)])
def test_the_reference_agrees_with_the_model_and_the_settings_file(path, field):
    row = documented()[path]
    if field.is_required():
        assert row["default"] == "required"
    else:
        assert yaml.load(row["default"], yaml.BaseLoader) == spelled(field.get_default())
    choices = allowed(field)
    assert row["allowed"] == ", ".join(choices) or not choices
    concrete = path.replace("NAME", "grok")
    assert row["effect"] == ("restart" if needs_restart([concrete]) else "live")
    comments = commented()
    first = path.replace("NAME", "technical")
    comment = comments[first if first in comments else concrete]
    assert f"{' | '.join(choices)}: {row['meaning']}" == comment if choices else row["meaning"] == comment


def test_the_reference_names_every_secret():
    text = (ROOT / "docs/settings.md").read_text()
    assert [name for name in SECRET_NAMES if f"| `{name}` |" not in text] == []


# --- exact values -----------------------------------------------------------------------------------------------------


def test_fractions_are_built_from_the_text_and_not_from_binary(tmp_path):
    paper = loaded(tmp_path, "paper: {taker_fee: 0.1, maker_fee: 1e-4, balance_usdt: 100000000000.00000001}").paper
    assert (Decimal("0.1"), Decimal("0.0001")) == (paper.taker_fee, paper.maker_fee)
    assert Decimal("100000000000.00000001") == paper.balance_usdt


@pytest.mark.parametrize("written", ["25", "25.0", '"25"', "+25", "2.5e1"])
def test_a_number_may_be_written_in_several_ways(tmp_path, written):
    bots = loaded(tmp_path, f"bots: {{defaults: {{max_spread_bps: {written}, max_trades_per_day: {written}}}}}").bots
    assert (Decimal(25), 25) == (bots.defaults.max_spread_bps, bots.defaults.max_trades_per_day)
    assert isinstance(bots.defaults.max_trades_per_day, int)


def test_a_telegram_chat_may_be_a_number(tmp_path):
    assert loaded(tmp_path, "notifications: {telegram_chat_id: -100123}").notifications.telegram_chat_id == "-100123"


def test_the_tables_replace_the_default_tables_whole(tmp_path):
    settings = loaded(tmp_path, "analysts: {solo: {model: technical}}\nbots: {pairs: {ADAUSDT: {leverage: 3}}}")
    assert {"solo": AnalystSettings(model="technical")} == settings.analysts
    assert settings.bots.pairs == {"ADAUSDT": {"leverage": 3}}


def test_the_market_of_the_command_line_wins_over_the_file(tmp_path):
    text = "market: {source: recorded, recording: null, history: 7}"
    market = loaded(tmp_path, text, market="simulated").market
    assert (market.source, market.history) == ("simulated", 7)
    assert errors(tmp_path, "", market="kraken") == [
        "market.source: must be 'auto', 'binance', 'simulated' or 'recorded', was 'kraken'"
    ]


@pytest.mark.parametrize(
    "text",
    [
        "server: {port: 0, host: '::1', max_message_bytes: 128}",
        "server: {trusted_proxies: [10.0.0.1, 10.0.0.0/8, 'fd00::/8'], allowed_origins: ['https://a.example:8443']}",
        "news: {interval_seconds: 1, rss: []}\nanalysis: {interval_seconds: 1, opinion_ttl_seconds: 1}",
        "llm: {timeout_seconds: 1, max_cost_usd_per_day: 0, base_url: 'http://127.0.0.1:1/v1'}",
        "market: {stale_after_seconds: 1, intervals: [1m], stream_urls: ['ws://127.0.0.1:9']}",
        "market: {source: recorded, recording: data/klines}",
        "bots: {defaults: {cooldown_secs: 0, opportunity_cooldown_secs: 0, trade_interval_secs: 1}}",
        "bots: {defaults: {reversal_threshold: 0, ai_confidence_threshold: 0, daily_loss_limit_percent: 0}}",
        "analysts: {}",
    ],
)
def test_ranges_are_wide_enough_for_tests(tmp_path, text):
    loaded(tmp_path, text)


@pytest.mark.parametrize(
    "change",
    [
        lambda s: setattr(s.server, "port", 1),
        lambda s: setattr(s.bots.defaults.protections.max_drawdown, "percent", Decimal(1)),
        lambda s: setattr(s.secrets, "mongodb_uri", None),
    ],
)
def test_settings_cannot_be_changed_in_place(change):
    with pytest.raises(ValidationError, match="frozen"):
        change(Settings())


def test_settings_can_be_copied_and_sent_to_other_processes():
    settings = parse_settings({"bots": {"pairs": {"BTCUSDT": {"protections": {"losing_pair": {"trades": 1}}}}}})
    assert settings == copy.deepcopy(settings) == pickle.loads(pickle.dumps(settings))


# --- errors -----------------------------------------------------------------------------------------------------------

BAD_VALUES = [
    ("bots.defaults.leverage", "25", "must be between 1 and 20, was 25"),
    ("bots.defaults.leverage", "0", "must be between 1 and 20, was 0"),
    ("bots.defaults.leverage", "1.5", "must be a whole number between 1 and 20, was 1.5"),
    ("bots.defaults.leverage", "true", "must be a number between 1 and 20, was true"),
    ("bots.defaults.leverage", '""', "must be a number between 1 and 20, was ''"),
    ("bots.defaults.leverage", "null", "must be a number between 1 and 20, was null"),
    ("bots.defaults.leverage", "[2]", "must be a number between 1 and 20, was a list"),
    ("bots.defaults.leverage", "{a: 2}", "must be a number between 1 and 20, was a mapping"),
    ("bots.defaults.leverage", "0x10", "must be a number between 1 and 20, was '0x10'"),
    ("bots.defaults.leverage", "1_0", "must be a number between 1 and 20, was '1_0'"),
    ("bots.defaults.leverage", "1:30", "must be a number between 1 and 20, was '1:30'"),
    ("bots.defaults.leverage", "٣", "must be a number between 1 and 20, was '٣'"),
    ("bots.defaults.leverage", "9" * 5000, "must be between 1 and 20, was a number of more than 60 digits"),
    ("bots.defaults.trade_amount_usdt", ".nan", "must be between 0.01 and 1000000000, was NaN"),
    ("bots.defaults.trade_amount_usdt", ".inf", "must be between 0.01 and 1000000000, was Infinity"),
    ("bots.defaults.trade_amount_usdt", "-.inf", "must be between 0.01 and 1000000000, was -Infinity"),
    ("bots.defaults.trade_amount_usdt", '"nan"', "must be a number between 0.01 and 1000000000, was 'nan'"),
    ("bots.defaults.trade_amount_usdt", "0", "must be between 0.01 and 1000000000, was 0"),
    ("bots.defaults.trade_amount_usdt", "-50", "must be between 0.01 and 1000000000, was -50"),
    ("bots.defaults.trade_amount_usdt", "1e999999", "must be between 0.01 and 1000000000, was 1E+999999"),
    ("bots.defaults.trade_amount_usdt", "1.123456789", "must have at most 8 decimals, was 1.123456789"),
    ("bots.defaults.min_risk_reward", "1e-999999", "must have at most 8 decimals, was 1E-999999"),
    ("bots.defaults.ai_confidence_threshold", "1.01", "must be between 0 and 1, was 1.01"),
    ("bots.defaults.stop_loss_percent", "0", "must be between 0.001 and 99, was 0"),
    ("bots.defaults.enabled", '"yes"', "must be true or false, was 'yes'"),
    ("bots.defaults.enabled", "1", "must be true or false, was 1"),
    ("bots.defaults.sizing", "martingale", "must be 'fixed', 'risk', 'volatility' or 'kelly', was 'martingale'"),
    ("bots.defaults.exits", "[usd]", "must be 'percent', 'usd', 'atr' or 'opinion', was a list"),
    ("bots.defaults.protections.max_drawdown.percent", "101", "must be between 0 and 100, was 101"),
    ("bots.defaults.protections", "5", "must be a mapping, was 5"),
    ("bots.defaults.levrage", "2", "unknown key, was 2"),
    ("bots.pairs.BTCUSDT.leverage", "21", "must be between 1 and 20, was 21"),
    ("bots.pairs.BTCUSDT.levrage", "2", "unknown key, was 2"),
    ("bots.pairs.btcusdt", "{}", "must be an upper-case pair quoted in USDT, such as BTCUSDT, was 'btcusdt'"),
    ("bots.pairs.BTCEUR", "{}", "must be an upper-case pair quoted in USDT, such as BTCUSDT, was 'BTCEUR'"),
    ("bots.pairs.AUSDT", "{}", "must be an upper-case pair quoted in USDT, such as BTCUSDT, was 'AUSDT'"),
    ("bots.pairs", "[BTCUSDT]", "must be a mapping, was a list"),
    (
        "analysts.Grok",
        "{model: x}",
        "must be a name of at most 31 of a-z, 0-9, _ and -, starting with a letter, was 'Grok'",
    ),
    ("analysts.consensus", "{model: x}", "must not be 'consensus', which names the combined signal, was 'consensus'"),
    ("analysts.a.model", "a b", "must be 'technical' or a model id such as openai/gpt-5-mini, was 'a b'"),
    ("server.port", "65536", "must be between 0 and 65535, was 65536"),
    ("server.host", '""', "must be an IP address or a host name, was ''"),
    ("server.host", "a b", "must be an IP address or a host name, was 'a b'"),
    ("server.allowed_origins", "http://a", "must be a list, was 'http://a'"),
    (
        "server.allowed_origins",
        "['*']",
        "[0]: must be an origin such as http://localhost:3000, without a path, was '*'",
    ),
    (
        "server.allowed_origins",
        "['http://a/']",
        "[0]: must be an origin such as http://localhost:3000, without a path, was 'http://a/'",
    ),
    (
        "server.trusted_proxies",
        "[10.0.0.1/8]",
        "[0]: must be an IP address or a network such as 10.0.0.0/8, was '10.0.0.1/8'",
    ),
    ("market.rest_urls", "[]", "must name at least one, was an empty list"),
    ("market.rest_urls", "['wss://a']", "[0]: must be an address that starts with https:// or http://, was 'wss://a'"),
    (
        "market.rest_urls",
        "['https://']",
        "[0]: must be an address that starts with https:// or http://, was 'https://'",
    ),
    (
        "market.rest_urls",
        "['https://a:x']",
        "[0]: must be an address that starts with https:// or http://, was 'https://a:x'",
    ),
    (
        "market.rest_urls",
        "['https://me:pass@a.example/b']",
        "[0]: must not carry a user name or password, was 'https://***a.example/b'",
    ),
    ("market.rest_urls", "['https://a', 'https://a']", "must not name anything twice, was a list"),
    (
        "market.stream_urls",
        "['https://a']",
        "[0]: must be an address that starts with wss:// or ws://, was 'https://a'",
    ),
    ("market.intervals", "[1h]", "must contain '1m', was a list"),
    ("market.intervals", "[1m, 1m]", "must not name anything twice, was a list"),
    ("market.history", "1001", "must be between 1 and 1000, was 1001"),
    (
        "market.source",
        "recorded",
        "market.recording: must name a file or folder where market.source is recorded, was null",
    ),
    ("news.interval_seconds", "0", "must be between 1 and 86400, was 0"),
    ("news.rss", "[5]", "[0]: must be text, was 5"),
    ("logging.level", "info", "must be 'DEBUG', 'INFO', 'WARNING' or 'ERROR', was 'info'"),
    ("notifications.events", "[fills]", "[0]: must be 'fill', 'exit', 'alert' or 'gave_up', was 'fills'"),
    ("notifications.telegram_chat_id", "me", "must be a Telegram chat number or @channel, was 'me'"),
    ("storage.database", "a.b", "must be a database name of at most 48 of A-Z, a-z, 0-9, _ and -, was 'a.b'"),
    ("logging.level", "x" * 61, f"must be 'DEBUG', 'INFO', 'WARNING' or 'ERROR', was '{'x' * 57}...'"),
    ("storage.database", "admin", "must not be admin, local or config, which are the server's own, was 'admin'"),
    (
        "storage.database",
        "x_sim",
        "must not end in _sim or _rec, which mark simulated and recorded prices, was 'x_sim'",
    ),
    ("storage.data_dir", '" "', "must be the name of a file or folder, was ' '"),
    ("storage.data_dir", r'"a\0b"', r"must be the name of a file or folder, was 'a\x00b'"),
    ("storage.data_dir", r'"\ud800"', r"must be the name of a file or folder, was '\ud800'"),
    ("paper", "7", "must be a mapping, was 7"),
    ("k" * 65, "1", f"'{'k' * 61}...': unknown key, was 1"),
    ("colour", "red", "unknown key, was 'red'"),
]


def nested_yaml(path: str, value: str) -> str:
    keys = path.split(".")
    return "".join(f"{'  ' * depth}{key}:\n" for depth, key in enumerate(keys))[:-1] + f" {value}\n"


@pytest.mark.parametrize(("path", "value", "text"), BAD_VALUES, ids=[f"{p}={v[:20]}" for p, v, _ in BAD_VALUES])
def test_a_bad_value_is_named_by_path_rule_and_value(tmp_path, path, value, text):
    found = errors(tmp_path, nested_yaml(path, value))
    if text.startswith("["):
        assert found == [path + text]
    else:
        assert found in ([f"{path}: {text}"], [text])


def test_all_errors_are_named_at_once_sorted_by_path(tmp_path):
    text = """
server: {port: 70000, port: 1, colour: red}
paper: {taker_fee: 2}
analysts: {gpt: {role: oracle}}
bots: {pairs: {ETHUSDT: {leverage: 0}}, defaults: {leverage: 25}}
"""
    assert errors(tmp_path, text, environ={"MONGODB_URI": "localhost"}) == [
        "MONGODB_URI: must start with mongodb:// or mongodb+srv:// (value not shown)",
        "analysts.gpt.model: must be given, was not",
        "analysts.gpt.role: must be 'technical', 'sentiment' or 'planner', was 'oracle'",
        "bots.defaults.leverage: must be between 1 and 20, was 25",
        "bots.pairs.ETHUSDT.leverage: must be between 1 and 20, was 0",
        "paper.taker_fee: must be between 0 and 0.1, was 2",
        "server.colour: unknown key, was 'red'",
        "server.port: must be between 0 and 65535, was 70000",
        "server.port: must be given once, was given again (line 2)",
    ]


def test_a_key_given_twice_is_refused_with_its_line(tmp_path):
    assert errors(tmp_path, "bots:\n  pairs:\n    BTCUSDT: {}\n    BTCUSDT: {leverage: 2}\n") == [
        "bots.pairs.BTCUSDT: must be given once, was given again (line 4)"
    ]
    assert errors(tmp_path, "server: {}\nserver: {}\n") == ["server: must be given once, was given again (line 2)"]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("server:\n  port: [1\n", "line 3, column 1"),
        ("server:\n\tport: 1\n", "line 2, column 1"),
        ("server: 'open\n", "line 2, column 1"),
        ("a: &x {}\nb: *x\n", "line 2, column 4: aliases are not supported"),
        ("{}\n---\n{}\n", "line 2, column 1"),
        ("server:\n  host: \x07\n", "line 2: unprintable character"),
    ],
)
def test_a_syntax_error_is_named_with_its_line(tmp_path, text, found):
    (line,) = errors(tmp_path, text)
    assert line.startswith(f"settings.yaml: must be valid YAML, was not at {found}")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("- server\n", "settings.yaml: must be a mapping of sections, was a list"),
        ("server", "settings.yaml: must be a mapping of sections, was text"),
        ("server: !!python/name:os.system {}\n", "server: must not carry a tag (line 1)"),
        ("server: {port: !!float 1}\n", "server.port: must not carry a tag (line 1)"),
        ("server: !local {}\n", "server: must not carry a tag (line 1)"),
        ("server: {[1]: 2}\n", "server: must have plain keys, was a list (line 1)"),
        ("[" * 3000, "settings.yaml: must be valid YAML, was nested too deeply"),
    ],
)
def test_what_is_no_settings_file_is_refused(tmp_path, text, found):
    assert errors(tmp_path, text) == [found]


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    for path, found in [(tmp_path / "none.yaml", "must exist, was not found"), (tmp_path, "must be a readable file")]:
        with pytest.raises(SettingsError, match=re.escape(f"{path}: {found}")):
            load_settings(path, environ={}, env_files=())
    (tmp_path / "latin.yaml").write_bytes(b"server: {host: \xe9}")
    with pytest.raises(SettingsError, match=r"latin\.yaml: must be UTF-8, was not at byte 15"):
        load_settings(tmp_path / "latin.yaml", environ={}, env_files=())


def test_a_byte_order_mark_does_no_harm(tmp_path):
    assert loaded(tmp_path, "\ufeffserver: {port: 1}").server.port == 1


# --- secrets ----------------------------------------------------------------------------------------------------------


def test_secrets_come_from_the_environment_and_never_show(tmp_path):
    settings = loaded(tmp_path, "", environ=SECRET_VALUES)
    for name, value in SECRET_VALUES.items():
        secret = getattr(settings.secrets, name.lower())
        assert isinstance(secret, SecretStr)
        assert value == secret.get_secret_value()
        shown = [
            repr(settings),
            str(settings),
            repr(settings.secrets),
            json.dumps(as_plain(settings)),
            repr(as_flat(settings)),
        ]
        assert not [text for text in shown if value in text]
    assert settings_hash(settings) == settings_hash(Settings())


def test_the_process_environment_is_read_when_no_other_is_given(tmp_path, monkeypatch):
    monkeypatch.setenv("OPENROUTER_API_KEY", "from-the-process")
    assert loaded(tmp_path, "", environ=None).secrets.openrouter_api_key.get_secret_value() == "from-the-process"
    assert Settings().secrets.openrouter_api_key is None


def test_the_environment_wins_over_env_files_and_the_one_beside_the_settings_wins_over_the_folder(
    tmp_path, monkeypatch
):
    here, beside = tmp_path / "here", tmp_path / "beside"
    here.mkdir()
    beside.mkdir()
    monkeypatch.chdir(here)
    (here / ".env").write_text("OPENROUTER_API_KEY=a\nCRYPTOPANIC_API_KEY=a\nTELEGRAM_BOT_TOKEN=a\nOTHER=a\n")
    (beside / ".env").write_text("OPENROUTER_API_KEY=b\nCRYPTOPANIC_API_KEY='b'\n")
    secrets = loaded(beside, "", environ={"OPENROUTER_API_KEY": "c"}, env_files=None).secrets
    found = [secrets.openrouter_api_key, secrets.cryptopanic_api_key, secrets.telegram_bot_token]
    assert [secret.get_secret_value() for secret in found] == ["c", "b", "a"]


@pytest.mark.parametrize("empty", ["", "  "])
def test_an_empty_secret_is_absent(tmp_path, empty):
    (tmp_path / ".env").write_text(f"CRYPTOPANIC_API_KEY={empty}\n")
    settings = loaded(tmp_path, "", environ=dict.fromkeys(SECRET_NAMES, empty), env_files=(tmp_path / ".env",))
    assert [value for _, value in settings.secrets] == [None] * len(SECRET_NAMES)


@pytest.mark.parametrize("name", SECRET_NAMES)
@pytest.mark.parametrize(
    "place",
    [
        "{name}: {value}",
        "llm: {{{name}: {value}}}",
        "{lower}: {value}",
        "bots: {{pairs: {{BTCUSDT: {{{name}: {value}}}}}}}",
    ],
)
def test_a_secret_in_the_settings_file_is_refused_and_not_shown(tmp_path, name, place):
    value = SECRET_VALUES[name]
    (line,) = errors(tmp_path, place.format(name=name, lower=name.lower(), value=json.dumps(value)))
    assert "must stand in the environment or .env (line 1, value not shown)" in line
    assert name in line.upper()
    assert value not in line


@pytest.mark.parametrize("name", SECRET_NAMES)
@pytest.mark.parametrize(
    "place",
    [
        "llm: {{base_url: {value}}}",
        "storage: {{database: {value}}}",
        "bots: {{defaults: {{leverage: {value}, exits: {value}}}}}",
        "server: {{host: {value}, allowed_origins: [{value}]}}",
        "server: {value}",
        "{value}: {value}",
        "llm: {{api_key: {value}}}",
    ],
)
def test_a_secret_that_strayed_into_another_key_is_not_shown(tmp_path, name, place):
    value = SECRET_VALUES[name] + "x" * 40
    text = "\n".join(errors(tmp_path, place.format(value=json.dumps(value)), environ={name: value}))
    assert value[8:20] not in text


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ("llm: {base_url: 'https://me:pass1@a.example'}", "pass1"),
        ("llm: {base_url: 'https://me:pass1/x@a.example'}", "pass1"),
        ("storage: {database: 'mongodb://me:pass1@a.example'}", "pass1"),
        ("logging: {level: sk-or-v1-0123456789}", "0123456789"),
        ("llm: {api_key: abc123}", "abc123"),
        ("llm: {password: abc123}", "abc123"),
        ("notifications: {webhook_url: 'hooks.example/T000/B000'}", "B000"),
        ("llm: OPENROUTER_API_KEY=abc123", "abc123"),
        ("OPENROUTER_API_KEY=abc123", "abc123"),
        ("secrets: {openrouter_api_key: abc123}", "abc123"),
        ("secrets: abc123", "abc123"),
    ],
)
def test_what_looks_like_a_secret_is_not_shown(tmp_path, text, hidden):
    assert hidden not in "\n".join(errors(tmp_path, text))


def test_an_empty_variable_leaves_the_secret_to_the_env_file(tmp_path):
    (tmp_path / ".env").write_text("OPENROUTER_API_KEY=from-file\n")
    environ = {"OPENROUTER_API_KEY": " "}
    secrets = loaded(tmp_path, "", environ=environ, env_files=(tmp_path / ".env",)).secrets
    assert secrets.openrouter_api_key == SecretStr("from-file")


def test_white_space_around_a_secret_is_not_part_of_it(tmp_path):
    settings = loaded(tmp_path, "", environ={"OPENROUTER_API_KEY": " key\n"})
    assert settings.secrets.openrouter_api_key == SecretStr("key")


@pytest.mark.parametrize(
    ("name", "value", "rule"),
    [
        ("OPENROUTER_API_KEY", "two words", "must be printable ASCII without spaces"),
        ("CRYPTOPANIC_API_KEY", "schlüssel", "must be printable ASCII without spaces"),
        ("TELEGRAM_BOT_TOKEN", "a\r\nHost: b", "must be printable ASCII without spaces"),
        ("MONGODB_URI", "mysql://db", "must start with mongodb:// or mongodb+srv://"),
    ],
)
def test_a_malformed_secret_is_named_without_its_value(tmp_path, name, value, rule):
    assert errors(tmp_path, "", environ={name: value}) == [f"{name}: {rule} (value not shown)"]


@pytest.mark.parametrize("name", ["HUB_OPERATOR_TOKEN", "HUB_VIEWER_TOKEN"])
@pytest.mark.parametrize("token", ["a b", "tökén", "a,b", "a/b", 'a"b', "a=b", "a\nb"])
def test_a_hub_token_fits_every_place_it_travels_in(tmp_path, name, token):
    (line,) = errors(tmp_path, "", environ={name: token})
    assert line.startswith(f"{name}: must ")
    assert token not in line


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "desk.example", "127.0.0.1.example", "0"])
def test_beyond_loopback_an_operator_token_is_needed(tmp_path, host):
    where = f"where server.host is not a loopback address, was '{host}'"
    text = f"server: {{host: '{host}'}}"
    assert [f"HUB_OPERATOR_TOKEN: must be set {where}"] == errors(tmp_path, text)
    short = {"HUB_OPERATOR_TOKEN": TOKEN[:31]}
    assert [f"HUB_OPERATOR_TOKEN: must have at least 32 characters {where}"] == errors(tmp_path, text, environ=short)
    assert host == loaded(tmp_path, text, environ={"HUB_OPERATOR_TOKEN": TOKEN[:32]}).server.host
    assert host == loaded(tmp_path, text, serving=False).server.host


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "localhost", "LOCALHOST"])
def test_on_loopback_no_token_is_needed_and_a_short_one_will_do(tmp_path, host):
    settings = loaded(tmp_path, f"server: {{host: '{host}'}}", environ={"HUB_OPERATOR_TOKEN": "short"})
    assert is_loopback(settings.server.host)
    assert loaded(tmp_path, f"server: {{host: '{host}'}}")


def test_the_two_hub_tokens_differ(tmp_path):
    same = {"HUB_OPERATOR_TOKEN": TOKEN, "HUB_VIEWER_TOKEN": TOKEN}
    assert errors(tmp_path, "", environ=same) == [
        "HUB_VIEWER_TOKEN: must differ from HUB_OPERATOR_TOKEN (values not shown)"
    ]


def test_an_env_file_that_is_not_text_is_named(tmp_path):
    (tmp_path / "secret.env").write_bytes(b"OPENROUTER_API_KEY=\xff\xfe")
    (line,) = errors(tmp_path, "", env_files=(tmp_path / "secret.env",))
    assert line.startswith(".env: must be a readable UTF-8 file")


# --- settings of one bot ----------------------------------------------------------------------------------------------


def test_a_pair_has_the_defaults_overlaid_by_its_own_keys():
    settings = parse_settings(
        {
            "bots": {
                "defaults": {"leverage": 5, "protections": {"stoploss_guard": {"trades": 9, "pause_minutes": 8}}},
                "pairs": {
                    "BTCUSDT": {},
                    "SOLUSDT": {"cooldown_secs": 600, "protections": {"stoploss_guard": {"trades": 2}}},
                },
            }
        }
    )
    assert settings.bots.defaults == bot_settings(settings, "BTCUSDT")
    sol = bot_settings(settings, "SOLUSDT")
    assert (sol.leverage, sol.cooldown_secs) == (5, 600)
    assert (
        sol.protections.stoploss_guard.trades,
        sol.protections.stoploss_guard.pause_minutes,
        sol.protections.stoploss_guard.window_minutes,
    ) == (2, 8, 60)


def test_a_pairs_own_key_holds_even_where_it_equals_the_built_in_default():
    settings = parse_settings({"bots": {"defaults": {"leverage": 5}, "pairs": {"BTCUSDT": {"leverage": 1}}}})
    assert bot_settings(settings, "BTCUSDT").leverage == 1


def test_a_pair_that_is_not_in_the_table_has_no_settings():
    with pytest.raises(SettingsError, match=r"^bots\.pairs: must name 'ADAUSDT', was 'BTCUSDT, ETHUSDT, "):
        bot_settings(Settings(), "ADAUSDT")


def test_an_overlay_changes_only_what_it_names():
    bot = overlay(BotSettings(leverage=3), {"stop_loss_percent": "0.5", "protections.max_drawdown.percent": 7})
    assert (3, Decimal("0.5"), Decimal(7), 24) == (
        bot.leverage,
        bot.stop_loss_percent,
        bot.protections.max_drawdown.percent,
        bot.protections.max_drawdown.window_hours,
    )


def test_nested_and_dotted_keys_may_be_mixed():
    first = {"protections.losing_pair.trades": 2, "protections": {"losing_pair": {"pause_minutes": 3}}}
    losing = overlay(BotSettings(), first).protections.losing_pair
    assert (losing.trades, losing.pause_minutes, losing.window_hours) == (2, 3, 24)
    with pytest.raises(SettingsError, match=r"protections\.losing_pair: must be given once, was given again"):
        overlay(BotSettings(), {"protections": 1, "protections.losing_pair": {}})


def test_an_overlay_with_errors_names_them_all():
    with pytest.raises(SettingsError) as caught:
        overlay(BotSettings(), {"leverage": 25, "enabled": "x", "colour": 1, "protections.losing_pair.trades": -1})
    assert str(caught.value).splitlines() == [
        "colour: unknown key, was 1",
        "enabled: must be true or false, was 'x'",
        "leverage: must be between 1 and 20, was 25",
        "protections.losing_pair.trades: must be between 0 and 1000, was -1",
    ]


ORIGINAL = {
    "max_trades_per_day": 10,
    "trade_amount_usdt": 50,
    "ai_confidence_threshold": 0.5,
    "max_concurrent_trades": 3,
    "allowed_pairs": ["BTCUSDT", "ethusdt", "SOLUSDT", "BTCUSDT"],
    "profit_target_usd": 2,
    "stop_loss_usd": 1,
    "trailing_enabled": True,
    "trailing_trigger_usd": 1,
    "trailing_distance_usd": 0.5,
    "trade_interval_secs": 60,
    "cooldown_secs": 300,
    "run_time_minutes": 180,
    "test_mode": False,
    "slippage_tolerance_percent": 0.1,
    "signal_sources": ["gpt", "claude"],
    "risk_per_trade_percent": 1.0,
    "manual_approval_mode": False,
}


def test_the_whole_set_of_the_original_frontend_is_accepted():
    change = parse_bot_config(ORIGINAL)
    assert change.allowed_pairs == ("BTCUSDT", "ETHUSDT", "SOLUSDT")
    assert change.signal_sources == ("gpt", "claude")
    assert change.ignored == ()
    separate = {"allowed_pairs", "signal_sources", "test_mode"}
    assert {**{key: value for key, value in ORIGINAL.items() if key not in separate}, "exits": "usd"} == {
        key: float(value) if isinstance(value, Decimal) else value for key, value in change.changes.items()
    }
    bot = overlay(BotSettings(), change.changes)
    assert ("usd", Decimal("0.1"), 180) == (bot.exits, bot.slippage_tolerance_percent, bot.run_time_minutes)


@pytest.mark.parametrize("key", ["stop_loss_usd", "profit_target_usd", "trailing_trigger_usd", "trailing_distance_usd"])
def test_exits_in_dollars_select_usd_unless_exits_are_given(key):
    assert {key: Decimal(3), "exits": "usd"} == parse_bot_config({key: 3}).changes
    assert {key: Decimal(3), "exits": "atr"} == parse_bot_config({key: 3, "exits": "atr"}).changes


def test_without_exits_in_dollars_exits_are_left_alone():
    assert parse_bot_config({"leverage": 2}).changes == {"leverage": 2}


@pytest.mark.parametrize("value", [0.15, 0.15000000000000002, Decimal("0.15000000000000002"), "0.15", Decimal("0.15")])
def test_a_client_number_is_a_number_or_a_decimal_string_without_binary_noise(value):
    assert {"ai_confidence_threshold": Decimal("0.15")} == parse_bot_config({"ai_confidence_threshold": value}).changes


@pytest.mark.parametrize(
    "value", [True, "", "x", None, float("nan"), float("inf"), "NaN", "Infinity", Decimal("sNaN"), [], {}, "1 ", "1,5"]
)
@pytest.mark.parametrize("key", ["leverage", "trade_amount_usdt"])
def test_a_client_number_that_is_none_is_refused(key, value):
    (line,) = client_errors({key: value})
    assert re.match(rf"{key}: must be (a number )?between .*, was ", line)


def test_a_bad_client_configuration_names_all_its_errors():
    assert client_errors(
        {
            "leverage": 25,
            "allowed_pairs": ["BTCUSDT", "doge"],
            "signal_sources": "gpt",
            "test_mode": "no",
            "protections": {"stoploss_guard": {"trade": 1}},
        }
    ) == [
        "allowed_pairs[1]: must be an upper-case pair quoted in USDT, such as BTCUSDT, was 'DOGE'",
        "leverage: must be between 1 and 20, was 25",
        "protections.stoploss_guard.trade: unknown key, was 1",
        "signal_sources: must be a list, was 'gpt'",
        "test_mode: must be true or false, was 'no'",
    ]


def test_unknown_names_of_a_client_are_warnings():
    change = parse_bot_config({"theme": "dark", "leverage": 2, "OPENROUTER_API_KEY": "x"})
    assert (change.changes, change.ignored) == ({"leverage": 2}, ("theme", "OPENROUTER_API_KEY"))


def test_no_allowed_pairs_differ_from_none_given():
    assert parse_bot_config({}).allowed_pairs is None
    assert parse_bot_config({"allowed_pairs": []}).allowed_pairs == ()


def test_changes_survive_being_kept_flat_as_text():
    change = parse_bot_config({"stop_loss_usd": 0.3, "protections": {"losing_pair": {"trades": 2}}, "enabled": False})
    flat = as_flat(change.changes)
    assert flat == (
        ("enabled", False),
        ("exits", "usd"),
        ("protections.losing_pair.trades", 2),
        ("stop_loss_usd", "0.3"),
    )
    assert overlay(BotSettings(), change.changes) == overlay(BotSettings(), dict(flat))


# --- plain form, hash, difference -------------------------------------------------------------------------------------


def kinds(value: object) -> set[type]:
    if isinstance(value, dict):
        return {str} | {kind for item in value.values() for kind in kinds(item)}
    if isinstance(value, list):
        return {kind for item in value for kind in kinds(item)}
    return {type(value)}


def test_the_plain_form_has_no_float_and_no_null():
    assert {bool, int, str} == kinds(as_plain(Settings()))
    assert {bool, int, str} == {type(value) for _, value in as_flat(Settings())}
    assert "recording" not in as_plain(Settings())["market"]


def test_the_hash_depends_on_values_and_not_on_spelling(tmp_path):
    one, two = "analysts: {a: {model: x}, b: {model: y}}", "analysts: {b: {model: y}, a: {model: x}}"
    assert settings_hash(loaded(tmp_path, one)) == settings_hash(loaded(tmp_path, two))
    assert re.fullmatch(r"[0-9a-f]{64}", settings_hash(Settings()))
    assert settings_hash(Settings()) == settings_hash(loaded(tmp_path, 'paper: {balance_usdt: "1.0e5"}'))
    assert settings_hash(Settings()) != settings_hash(loaded(tmp_path, "paper: {balance_usdt: 100001}"))


@pytest.mark.parametrize(
    ("text", "paths"),
    [
        ("", ()),
        ("paper: {taker_fee: 0.0010}", ()),
        ("server: {port: 1}\npaper: {taker_fee: 0}", ("paper.taker_fee", "server.port")),
        ("market: {recording: x}", ("market.recording",)),
        ("news: {rss: []}", ("news.rss",)),
        (
            "bots: {defaults: {protections: {losing_pair: {trades: 1}}}}",
            ("bots.defaults.protections.losing_pair.trades",),
        ),
        (
            "bots: {pairs: {BTCUSDT: {leverage: 2}, ETHUSDT: {}, BNBUSDT: {},"
            " ADAUSDT: {}, SOLUSDT: {cooldown_secs: 600}}}",
            (
                "bots.pairs.ADAUSDT",
                "bots.pairs.BTCUSDT.leverage",
                "bots.pairs.SOLUSDT.trade_amount_usdt",
                "bots.pairs.XRPUSDT",
            ),
        ),
    ],
)
def test_the_difference_names_each_changed_path(tmp_path, text, paths):
    new = loaded(tmp_path, text)
    assert paths == diff(Settings(), new) == diff(new, Settings())


def test_a_changed_secret_is_named_without_its_value(tmp_path):
    new = loaded(tmp_path, "", environ={"OPENROUTER_API_KEY": "x"})
    assert ("OPENROUTER_API_KEY",) == diff(Settings(), new) == needs_restart(diff(Settings(), new))


@pytest.mark.parametrize(
    ("path", "restart"),
    [
        ("server.host", True),
        ("server.port", True),
        ("storage.database", True),
        ("market.source", True),
        ("market.rest_urls", True),
        ("market.recording", True),
        ("analysts.grok", True),
        ("analysts.grok.model", True),
        ("analysts.grok.weight", False),
        ("bots.pairs.ADAUSDT", True),
        ("bots.pairs.ADAUSDT.leverage", False),
        ("bots.defaults.leverage", False),
        ("news.interval_seconds", False),
        ("server.max_sessions", False),
    ],
)
def test_paths_that_need_a_restart_are_told_apart(path, restart):
    assert ((path,) if restart else ()) == needs_restart([path])


def test_every_path_that_needs_a_restart_exists():
    known = {path.replace("NAME", "*") for path, _ in leaves(Settings)} | {*SECRET_NAMES, "analysts.*", "bots.pairs.*"}
    assert set(RESTART) <= known


# --- any settings -----------------------------------------------------------------------------------------------------


def values(field: typing.Any) -> st.SearchStrategy[object]:
    limits = range_of(field)
    if limits and field.annotation is int:
        return st.integers(int(limits.low), int(limits.high))
    if limits:
        numbers = st.decimals(limits.low, limits.high, places=8)
        return numbers | st.none() if field.get_default() is None else numbers
    if field.annotation is bool:
        return st.booleans()
    if typing.get_origin(field.annotation) is typing.Literal:
        return st.sampled_from(typing.get_args(field.annotation))
    return st.just(field.get_default())


def section(
    of: type[Section], /, optional: bool = False, **given: st.SearchStrategy[object]
) -> st.SearchStrategy[dict[str, object]]:
    fields = {}
    for name, field in of.model_fields.items():
        if name in given:
            fields[name] = given[name]
        elif isinstance(field.annotation, type) and issubclass(field.annotation, Section):
            fields[name] = section(field.annotation, optional)
        elif name not in ("secrets", "recording"):
            fields[name] = values(field)
    return st.fixed_dictionaries({}, optional=fields) if optional else st.fixed_dictionaries(fields)


def tables() -> st.SearchStrategy[dict[str, object]]:
    analyst = section(AnalystSettings, model=st.sampled_from(["technical", "x-ai/grok-4.1-fast"]))
    return st.fixed_dictionaries(
        {
            "server": section(Settings.model_fields["server"].annotation),
            "market": section(
                Settings.model_fields["market"].annotation, recording=st.sampled_from(["var/recordings", "Ω.zst"])
            ),
            "llm": section(Settings.model_fields["llm"].annotation),
            "analysis": section(Settings.model_fields["analysis"].annotation),
            "paper": section(Settings.model_fields["paper"].annotation),
            "recorder": section(Settings.model_fields["recorder"].annotation),
            "logging": section(Settings.model_fields["logging"].annotation),
            "analysts": st.dictionaries(st.from_regex(r"[a-b][a-z0-9_-]{0,30}", fullmatch=True), analyst, max_size=3),
            "bots": st.fixed_dictionaries(
                {
                    "defaults": section(BotSettings),
                    "pairs": st.dictionaries(
                        st.from_regex(r"[A-Z0-9]{2,20}USDT", fullmatch=True),
                        section(BotSettings, optional=True),
                        max_size=3,
                    ),
                }
            ),
        }
    )


def unquoted(value: object) -> str:
    """Return `value` as flow YAML, its fractions written as bare numbers."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(key)}: {unquoted(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(unquoted(item) for item in value) + "]"
    return f"{value:f}" if isinstance(value, Decimal) else json.dumps(value)


@given(raw=tables())
@hypothesis_settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)
def test_any_valid_settings_are_the_same_after_dump_and_load(tmp_path, raw):
    settings = parse_settings(raw)
    for text in (yaml.safe_dump(as_plain(settings), allow_unicode=True), json.dumps(as_plain(settings)), unquoted(raw)):
        again = loaded(tmp_path, text)
        assert settings == again
        assert settings_hash(settings) == settings_hash(again)
        assert diff(settings, again) == ()
    for pair in settings.bots.pairs:
        assert overlay(bot_settings(settings, pair), {}) == bot_settings(settings, pair)


@given(
    raw=st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(), lambda x: st.lists(x) | st.dictionaries(st.text(), x)
    )
)
@hypothesis_settings(max_examples=100, deadline=None)
def test_whatever_a_client_sends_is_settings_or_a_settings_error(raw):
    for key in BotSettings.model_fields:
        try:
            changes = parse_bot_config({key: raw, "x": raw}).changes
        except SettingsError as error:
            assert str(error).startswith(key)
        else:
            assert isinstance(overlay(BotSettings(), changes), BotSettings)


@given(text=st.text() | st.text(alphabet="ab:{}[]-!&*'\"\n #|>%@`0.e"))
@hypothesis_settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_stands_in_the_file_is_settings_or_a_settings_error(tmp_path, text):
    (tmp_path / "any.yaml").write_text(text, encoding="utf-8", errors="replace")
    try:
        load_settings(tmp_path / "any.yaml", environ={}, env_files=())
    except SettingsError as error:
        assert str(error)


def test_secrets_alone_read_nothing_by_themselves(monkeypatch):
    monkeypatch.setenv("MONGODB_URI", "mongodb://x")
    assert Secrets().mongodb_uri is None
