"""How amounts and prices are written."""

from decimal import Decimal

import pytest

from domain import money


@pytest.mark.parametrize(
    ("price", "shown"),
    [
        ("86.566014542936", "86.5660145"),
        ("67855.81", "67855.81"),
        ("1234567.89", "1234567.89"),
        ("0.000012345678912", "0.0000123456789"),
        ("100.000000000001", "100"),
    ],
)
def test_a_mean_price_is_shown_in_nine_digits(price: str, shown: str):
    assert money.mean_text(Decimal(price)) == shown
