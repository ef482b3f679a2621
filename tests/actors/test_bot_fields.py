"""What the dashboard is told that bot settings may be is what the settings let through."""

from decimal import Decimal

import pytest

from actors.bot_fields import bot_fields
from domain.errors import SettingsError
from domain.views import ABSENT
from settings import BotSettings, as_flat, overlay

FIELDS = {field.key: field for field in bot_fields()}
NUMBERS = [field for field in FIELDS.values() if field.kind in ("whole", "number")]


def test_every_setting_is_told_with_its_default():
    assert sorted(FIELDS) == [key for key, _ in as_flat(BotSettings())]
    assert (FIELDS["leverage"].kind, FIELDS["leverage"].default) == ("whole", 1)
    assert (FIELDS["stop_loss_percent"].kind, FIELDS["stop_loss_percent"].default) == ("number", Decimal("1.0"))
    assert (FIELDS["allow_short"].kind, FIELDS["allow_short"].choices) == ("flag", ABSENT)
    assert FIELDS["exits"].choices == ("percent", "usd", "atr", "opinion")
    assert FIELDS["protections.losing_pair.min_profit_usdt"].low == Decimal("-1e9")


@pytest.mark.parametrize("field", NUMBERS, ids=lambda field: field.key)
def test_the_ends_are_allowed_and_nothing_beyond_them(field):
    for allowed in (field.low, field.high):
        overlay(BotSettings(), {field.key: allowed})
    for beyond in (field.low - Decimal("0.00000001"), field.high + Decimal("0.00000001")):
        with pytest.raises(SettingsError, match="between"):
            overlay(BotSettings(), {field.key: beyond})
    if field.kind == "whole":
        with pytest.raises(SettingsError, match="whole"):
            overlay(BotSettings(), {field.key: Decimal("1.5") if field.low < 2 else field.low + Decimal("0.5")})
