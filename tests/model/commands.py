"""Random commands of the state machines, fair and hostile."""

from dataclasses import replace
from decimal import Decimal

from hypothesis import strategies as st

from domain.messages import AmendProtection, ClosePosition, SubmitOrder
from domain.trading import OrderSource, OrderType, Reason, Side, Trailing
from tests.model.session import BTC, TICKS, XRP

PAIRS = st.sampled_from([BTC, XRP])
SIDES = st.sampled_from(list(Side))
HUGE, FINE = Decimal("1e30"), Decimal("1e-25")
NUMBERS = [Decimal(0), Decimal(-1), Decimal("NaN"), Decimal("sNaN"), Decimal("Infinity"), HUGE, FINE]
BAD_FIELDS = ["quantity", "notional", "price", "stop_loss", "take_profit", "max_slippage_bps", "max_spread_bps"]
HOSTILE = st.one_of(
    st.tuples(st.sampled_from(BAD_FIELDS), st.sampled_from(NUMBERS)),
    st.tuples(st.just("quantity"), st.sampled_from([None, Decimal("0.000001"), Decimal("1e14"), Decimal("25000.05")])),
    st.tuples(st.just("notional"), st.sampled_from([None, Decimal("4.99"), Decimal("1e15"), Decimal("50")])),
    st.tuples(st.just("price"), st.sampled_from([None, Decimal("0.000001"), Decimal("1e6"), Decimal("0.01")])),
    st.tuples(st.just("leverage"), st.sampled_from([0, -1, 21, 10**9])),
    st.tuples(st.just("pair"), st.sampled_from(["DOGEUSDT", "", "btcusdt", "BTCUSDT "])),
    st.tuples(st.just("order_id"), st.sampled_from(["", "x" * 201, "stop_loss:BTCUSDT:3", "liquidation:XRPUSDT:1"])),
    st.tuples(
        st.just("trailing"), st.sampled_from([Trailing(trigger=bad, distance=Decimal(1)) for bad in NUMBERS[1:5]])
    ),
    st.tuples(st.just("trailing"), st.sampled_from([Trailing(trigger=Decimal(1), distance=bad) for bad in NUMBERS])),
    st.tuples(st.just("max_open_positions"), st.integers(0, 1)),
)

# Distances are in ticks of a pair whose price is 5,000 to 10,000 of them.
SHAPES = st.fixed_dictionaries(
    {
        "size": st.integers(1, 60) | st.integers(60, 4000),
        "dust": st.sampled_from(["0", "0", "0", "0.0000049"]),
        "by_value": st.booleans(),
        "offset": st.integers(-20, 150),
        "leverage": st.sampled_from([1, 2, 3, 7, 20, 20]),
        "reduce": st.sampled_from([False] * 15 + [True]),
        "stop": st.none() | st.integers(20, 400) | st.integers(20, 100) | st.integers(-10, 40),
        "target": st.none() | st.integers(20, 400) | st.integers(20, 100) | st.integers(-10, 40),
        "trail": st.none() | st.tuples(st.integers(0, 100), st.integers(1, 100)),
        "slippage": st.sampled_from([None] * 10 + ["3", "40"]),
        "spread": st.sampled_from([None] * 10 + ["5", "60"]),
        "lag": st.sampled_from([0, 0, 50, 150]),
    }
)
KINDS = st.sampled_from([OrderType.MARKET, OrderType.MARKET, OrderType.LIMIT, OrderType.LIMIT, OrderType.STOP])


def order(order_id: str, pair: str, side: Side, kind: OrderType, shape: dict, *, mid: int, now: int) -> SubmitOrder:
    """Return an order around the price of `mid` ticks."""
    tick, trail = TICKS[pair], shape["trail"]
    away = -side.sign * shape["offset"] if kind is OrderType.LIMIT else side.sign * shape["offset"]
    price = (mid + away) * tick
    entry = mid if kind is OrderType.MARKET else mid + away
    value = Decimal(shape["size"]) / 2
    return SubmitOrder(
        order_id=order_id,
        pair=pair,
        side=side,
        order_type=kind,
        source=OrderSource.MANUAL,
        reason=Reason.ENTRY,
        reply_to="hub",
        submitted_ms=now - shape["lag"],
        quantity=None if shape["by_value"] else round(value / (mid * tick), 5) + Decimal(shape["dust"]),
        notional=value if shape["by_value"] else None,
        price=None if kind is OrderType.MARKET else price,
        stop_loss=None if shape["stop"] is None else (entry - side.sign * shape["stop"]) * tick,
        take_profit=None if shape["target"] is None else (entry + side.sign * shape["target"]) * tick,
        trailing=None if trail is None else Trailing(trigger=trail[0] * tick, distance=trail[1] * tick),
        leverage=shape["leverage"],
        reduce_only=shape["reduce"],
        max_slippage_bps=None if shape["slippage"] is None else Decimal(shape["slippage"]),
        max_spread_bps=None if shape["spread"] is None else Decimal(shape["spread"]),
    )


def spoiled(command: SubmitOrder, fault: tuple[str, object]) -> SubmitOrder:
    """Return `command` with one field that is wrong, or at least odd."""
    return replace(command, **{fault[0]: fault[1]})


FRACTIONS = st.sampled_from(["0.3", "0.5", "1", "1", "0.333333333", "0.0000001", "0", "-1", "1.01", "NaN"])


def close(order_id: str, pair: str, fraction: str, *, lag: int, now: int) -> ClosePosition:
    return ClosePosition(
        order_id=order_id,
        pair=pair,
        fraction=Decimal(fraction),
        source=OrderSource.MANUAL,
        reason=Reason.MANUAL,
        reply_to="hub",
        submitted_ms=now - lag,
    )


LEVELS = st.none() | st.integers(-200, 200) | st.sampled_from([-20_000, 60_000])  # ticks from the price


def amend(amend_id: str, pair: str, stop, target, remove, *, mid: int, now: int) -> AmendProtection:
    return AmendProtection(
        amend_id=amend_id,
        pair=pair,
        stop_loss=None if stop is None else (mid + stop) * TICKS[pair],
        take_profit=None if target is None else (mid + target) * TICKS[pair],
        remove_stop_loss=remove == "stop",
        remove_take_profit=remove == "target",
        reply_to="hub",
        submitted_ms=now,
    )
