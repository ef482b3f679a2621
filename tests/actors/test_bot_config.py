"""Settings below what operators changed."""

from dataclasses import replace
from decimal import Decimal

import pytest

from actors.bot_config import changed_control, effective, enabled_pairs, shown_config
from domain.errors import SettingsError
from domain.trading import Control
from settings import Settings, parse_settings

SETTINGS = Settings()
CONTROL = Control(trading=False, trading_since_ms=None, analysis=True, analysis_since_ms=1)


def test_an_untouched_pair_keeps_its_own_keys():
    assert effective(SETTINGS, CONTROL, "SOLUSDT").trade_amount_usdt == 30
    assert effective(SETTINGS, CONTROL, "BTCUSDT").trade_amount_usdt == 50


def test_what_an_operator_changes_for_all_wins_over_the_file_and_for_one_over_all():
    control, _ = changed_control(SETTINGS, CONTROL, (("trade_amount_usdt", 75),))
    control, _ = changed_control(SETTINGS, control, (("trade_amount_usdt", "80.5"),), "ETHUSDT")
    amounts = {pair: effective(SETTINGS, control, pair).trade_amount_usdt for pair in ("SOLUSDT", "ETHUSDT")}
    assert amounts == {"SOLUSDT": 75, "ETHUSDT": Decimal("80.5")}
    assert effective(SETTINGS, control).trade_amount_usdt == 75


def test_changes_add_up():
    control, _ = changed_control(SETTINGS, CONTROL, (("leverage", 2), ("protections.losing_pair.trades", 3)))
    control, _ = changed_control(SETTINGS, control, (("leverage", 3),))
    bot = effective(SETTINGS, control)
    assert (bot.leverage, bot.protections.losing_pair.trades) == (3, 3)
    assert control.defaults == (("leverage", 3), ("protections.losing_pair.trades", 3))


def test_a_change_that_is_not_allowed_any_more_is_left_out():
    control = replace(CONTROL, defaults=(("leverage", 99),))
    assert effective(SETTINGS, control).leverage == 1


@pytest.mark.parametrize(
    "config",
    [
        (("leverage", 0),),
        (("trade_amount_usdt", "x"),),
        (("trade_amount_usdt", True),),
        (("trade_amount_usdt", ""),),
        (("trade_amount_usdt", None),),
        (("enabled", 1),),
        (("exits", "moon"),),
        (("allowed_pairs", "BTCUSDT"),),
        (("allowed_pairs", ("DOGEUSDT",)),),
        (("protections.losing_pair.trades", -1),),
    ],
)
def test_bad_values_are_refused(config):
    with pytest.raises(SettingsError):
        changed_control(SETTINGS, CONTROL, config)


def test_allowed_pairs_are_exactly_those_enabled():
    control, warnings = changed_control(SETTINGS, CONTROL, (("allowed_pairs", ("ethusdt", "LINKUSDT")),))
    assert enabled_pairs(SETTINGS, control) == ("ETHUSDT",)
    assert warnings == ("LINKUSDT is not traded by this desk",)


def test_pairs_switched_off_in_the_file_are_not_enabled():
    settings = parse_settings({"bots": {"pairs": {"BTCUSDT": {}, "ETHUSDT": {"enabled": False}}}})
    assert enabled_pairs(settings, CONTROL) == ("BTCUSDT",)


def test_unknown_analysts_are_named_and_the_built_in_one_stays():
    control, warnings = changed_control(SETTINGS, CONTROL, (("signal_sources", ("gpt", "oracle")),))
    assert control.signal_sources == ("technical", "gpt")
    assert warnings == ("there is no analyst oracle",)


def test_usd_exits_select_their_kind_of_exit():
    control, _ = changed_control(SETTINGS, CONTROL, (("profit_target_usd", 3),))
    assert effective(SETTINGS, control).exits == "usd"


def test_the_shown_configuration_has_the_keys_of_older_clients():
    shown = shown_config(SETTINGS, CONTROL)
    assert shown["allowed_pairs"] == tuple(SETTINGS.bots.pairs)
    assert shown["signal_sources"] == ("technical", "grok", "claude", "gpt")
    assert shown["protections"]["max_drawdown"]["percent"] == 10


def test_one_change_that_is_not_allowed_any_more_does_not_take_the_others_with_it():
    control = replace(CONTROL, defaults=(("leverage", 99), ("trade_amount_usdt", "77")))
    assert effective(SETTINGS, control).trade_amount_usdt == 77


def test_one_pair_is_switched_off_and_on_where_the_pairs_were_chosen():
    control, _ = changed_control(SETTINGS, CONTROL, (("allowed_pairs", ("BTCUSDT", "ETHUSDT")),))
    off, _ = changed_control(SETTINGS, control, (("enabled", False),), "BTCUSDT")
    assert enabled_pairs(SETTINGS, off) == ("ETHUSDT",)
    assert shown_config(SETTINGS, off, "BTCUSDT")["enabled"] is False

    on, _ = changed_control(SETTINGS, off, (("enabled", True),), "SOLUSDT")
    assert enabled_pairs(SETTINGS, on) == ("ETHUSDT", "SOLUSDT")
    assert shown_config(SETTINGS, on, "XRPUSDT")["enabled"] is False
