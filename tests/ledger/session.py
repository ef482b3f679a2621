"""A small journal worked out by hand: one deposit, an entry, a stop, a limit order, an amendment, a liquidation.

Fees are 0.1 %. Every number below was computed on paper from the rules of the ledger, not by the desk's code.
"""

from collections.abc import Iterable
from decimal import Decimal

from domain.journal import GENESIS, date, seal
from domain.ports import JournalDocument

D = Decimal
START_MS = 1_767_225_600_000  # 2026-01-01T00:00:00Z
PAIR = "BTCUSDT"

FINAL_BALANCES = {
    ("deposits", "USDT"): D("-1000"),
    ("cash", "USDT"): D("602.6764"),
    ("held", "USDT"): D("0"),
    ("margin:BTCUSDT", "USDT"): D("0"),
    ("fees", "USDT"): D("1.5691"),
    ("pnl:BTCUSDT", "USDT"): D("463.1"),
    ("insurance", "USDT"): D("-67.3455"),
    ("position:BTCUSDT", "BTC"): D("0"),
    ("market:BTCUSDT", "BTC"): D("0"),
}


def sealed(bodies: Iterable[JournalDocument]) -> list[JournalDocument]:
    """Return the documents chained anew; the prev and hash they may have are replaced."""
    chain: list[JournalDocument] = []
    prev = GENESIS
    for body in bodies:
        chain.append(seal({key: value for key, value in body.items() if key not in ("prev", "hash")}, prev))
        prev = str(chain[-1]["hash"])
    return chain


def session() -> list[JournalDocument]:
    """Return the eleven sealed documents."""
    return sealed(_bodies())


def _bodies() -> list[JournalDocument]:
    entry = _order("manual:1", "buy", "market", "0.02", leverage=2)
    limit = _order("manual:2", "buy", "limit", "0.001", limit_price=D("40000"))
    return [
        _event(1, "deposit", "deposit", [("deposits", "-1000"), ("cash", "1000")], ["-1000", "1000"]),
        _event(2, "order", "order:manual:1", [], [], order_id="manual:1", symbol=PAIR, order=entry),
        # notional 0.01 x 50000 + 0.01 x 50010 = 1000.1, margin / 2 = 500.05, fee 1.0001
        _event(
            3,
            "fill",
            "fill:manual:1:1",
            [
                ("cash", "-501.0501"),
                ("margin:BTCUSDT", "500.05"),
                ("fees", "1.0001"),
                ("position:BTCUSDT", "0.02"),
                ("market:BTCUSDT", "-0.02"),
            ],
            ["498.9499", "500.05", "1.0001", "0.02", "-0.02"],
            order_id="manual:1",
            symbol=PAIR,
            trade_id="manual:1",
            reason="manual",
            model="book20",
            order=entry | {"filled": D("0.02"), "status": "filled"},
            fill=_fill("buy", [("50000", "0.01"), ("50010", "0.01")], "0.02", "50005", "1000.1", "1.0001"),
            position=_position("long", "0.02", "1000.1", "500.05", "50005"),
        ),
        # a quarter closed at 49000: cost 250.025, margin 125.0125, notional 245, pnl -5.025, fee 0.245
        _event(
            4,
            "fill",
            "fill:stop_loss:BTCUSDT:3:1",
            [
                ("cash", "119.7425"),
                ("margin:BTCUSDT", "-125.0125"),
                ("pnl:BTCUSDT", "5.025"),
                ("fees", "0.245"),
                ("position:BTCUSDT", "-0.005"),
                ("market:BTCUSDT", "0.005"),
            ],
            ["618.6924", "375.0375", "5.025", "1.2451", "0.015", "-0.015"],
            order_id="stop_loss:BTCUSDT:3",
            symbol=PAIR,
            trade_id="stop_loss:BTCUSDT:3",
            reason="stop_loss",
            model="book20",
            order=_order("stop_loss:BTCUSDT:3", "sell", "stop", "0.02", source="exchange")
            | {"filled": D("0.005"), "reduce_only": True},
            fill=_fill("sell", [("49000", "0.005")], "0.005", "49000", "245", "0.245", pnl="-5.025"),
            position=_position("long", "0.015", "750.075", "375.0375", "50005"),
        ),
        # 0.001 x 40000 = 40 and its fee of 0.04 are held
        _event(
            5,
            "order",
            "order:manual:2",
            [("cash", "-40.04"), ("held", "40.04")],
            ["578.6524", "40.04"],
            order_id="manual:2",
            symbol=PAIR,
            order=limit | {"held": D("40.04")},
        ),
        # 0.0004 of it filled at its limit: notional 16 = margin, fee 0.016, released 16.016
        _event(
            6,
            "fill",
            "fill:manual:2:1",
            [
                ("held", "-16.016"),
                ("margin:BTCUSDT", "16"),
                ("fees", "0.016"),
                ("position:BTCUSDT", "0.0004"),
                ("market:BTCUSDT", "-0.0004"),
            ],
            ["24.024", "391.0375", "1.2611", "0.0154", "-0.0154"],
            order_id="manual:2",
            symbol=PAIR,
            trade_id="manual:2",
            reason="manual",
            model="book20",
            order=limit | {"filled": D("0.0004"), "held": D("24.024")},
            fill=_fill("buy", [("40000", "0.0004")], "0.0004", "40000", "16", "0.016", liquidity="maker"),
            position=_position("long", "0.0154", "766.075", "391.0375", "49745.129870129870"),
        ),
        _event(
            7,
            "cancel",
            "cancel:manual:2",
            [("cash", "24.024"), ("held", "-24.024")],
            ["602.6764", "0"],
            order_id="manual:2",
            symbol=PAIR,
            order=limit | {"filled": D("0.0004"), "held": D("0"), "status": "cancelled"},
        ),
        _event(
            8,
            "amend",
            "amend:BTCUSDT:1",
            [],
            [],
            symbol=PAIR,
            position=_position("long", "0.0154", "766.075", "391.0375", "49745.129870129870", stop_loss=D("45000")),
        ),
        # all of it at 20000: notional 308, fee 0.308, pnl -458.075; the margin lacks 67.0375, with the fee 67.3455
        _event(
            9,
            "liquidation",
            "fill:liquidation:BTCUSDT:3:1",
            [
                ("margin:BTCUSDT", "-391.0375"),
                ("pnl:BTCUSDT", "458.075"),
                ("fees", "0.308"),
                ("insurance", "-67.3455"),
                ("position:BTCUSDT", "-0.0154"),
                ("market:BTCUSDT", "0.0154"),
            ],
            ["0", "463.1", "1.5691", "-67.3455", "0", "0"],
            order_id="liquidation:BTCUSDT:3",
            symbol=PAIR,
            trade_id="liquidation:BTCUSDT:3",
            reason="liquidation",
            model="book20",
            order=_order("liquidation:BTCUSDT:3", "sell", "stop", "0.0154", source="exchange")
            | {"filled": D("0.0154"), "reduce_only": True},
            fill=_fill("sell", [("20000", "0.0154")], "0.0154", "20000", "308", "0.308", pnl="-458.075"),
            position={"symbol": PAIR, "direction": "flat", "quantity": D(0), "cost": D(0), "margin": D(0)},
        ),
        _event(10, "checkpoint", "checkpoint:10", [], [], state={"holdings": [], "orders": []}),
        _event(11, "control", "control:start", [], [], reason="start_bot", control={"trading": True, "pairs": []}),
    ]


def _event(
    seq: int, kind: str, key: str, legs: list[tuple[str, str]], balances: list[str], **parts: object
) -> JournalDocument:
    def asset(account: str) -> str:
        return "BTC" if account.startswith(("position:", "market:")) else "USDT"

    return {
        "_id": key,
        "seq": seq,
        "type": kind,
        "ts": START_MS + seq * 1000,
        "recorded_at": date(START_MS + seq * 1000 + 5),
        "epoch": 1,
        "postings": [{"account": name, "asset": asset(name), "amount": D(amount)} for name, amount in legs],
        "after": [
            {"account": name, "asset": asset(name), "balance": D(balance)}
            for (name, _), balance in zip(legs, balances, strict=True)
        ],
        **parts,
    }


def _order(
    order_id: str,
    side: str,
    order_type: str,
    quantity: str,
    *,
    leverage: int = 1,
    source: str = "manual",
    **more: object,
) -> JournalDocument:
    return {
        "order_id": order_id,
        "symbol": PAIR,
        "side": side,
        "order_type": order_type,
        "quantity": D(quantity),
        "filled": D(0),
        "held": D(0),
        "status": "open",
        "reduce_only": False,
        "source": source,
        "leverage": leverage,
        **more,
    }


def _fill(
    side: str,
    levels: list[tuple[str, str]],
    quantity: str,
    price: str,
    notional: str,
    fee: str,
    *,
    pnl: str = "0",
    liquidity: str = "taker",
) -> JournalDocument:
    return {
        "side": side,
        "quantity": D(quantity),
        "price": D(price),
        "levels": [[D(price), D(quantity)] for price, quantity in levels],
        "notional": D(notional),
        "fee": D(fee),
        "liquidity": liquidity,
        "realized_pnl": D(pnl),
        "catch_up": False,
    }


def _position(direction: str, quantity: str, cost: str, margin: str, price: str, **more: object) -> JournalDocument:
    return {
        "symbol": PAIR,
        "direction": direction,
        "quantity": D(quantity),
        "cost": D(cost),
        "margin": D(margin),
        "entry_price": D(price),
        **more,
    }
