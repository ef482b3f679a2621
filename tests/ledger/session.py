"""A small journal worked out by hand: deposit, settings, an entry, a stop, a limit order, an amendment, a liquidation.

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


def switches(count: int) -> list[JournalDocument]:
    """Return a chain of `count` documents: the deposit and operators' switches."""
    return sealed([_bodies()[0], *(_switch(seq) for seq in range(2, count + 1))])


def session() -> list[JournalDocument]:
    """Return the twelve sealed documents."""
    return sealed(_bodies())


def _bodies() -> list[JournalDocument]:
    entry = _order("manual:1", "buy", "market", "0.02", leverage=2, created=START_MS + 4000)
    limit = _order("manual:2", "buy", "limit", "0.001", limit_price=D("40000"), created=START_MS + 7000)
    return [
        _event(1, "deposit", "deposit", [("deposits", "-1000"), ("cash", "1000")], ["-1000", "1000"]),
        _event(
            2,
            "settings",
            "settings:2",
            [],
            [],
            settings={
                "hash": "a" * 64,
                "changed": [],
                "values": [
                    {"key": "paper.maker_fee", "value": "0.001"},
                    {"key": "paper.taker_fee", "value": "0.001"},
                ],
            },
        ),
        _event(3, "checkpoint", "checkpoint:3", [], [], state=_state(), markets=[]),
        _event(
            4,
            "order",
            "order:manual:1",
            [],
            [],
            order_id="manual:1",
            symbol=PAIR,
            reason="manual",
            content="c" * 32,
            order=entry,
        ),
        # notional 0.01 x 50000 + 0.01 x 50010 = 1000.1, margin / 2 = 500.05, fee 1.0001
        _event(
            5,
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
            order=entry | {"filled": D("0.02"), "status": "filled", "fills": 1},
            fill=_fill("buy", [("50000", "0.01"), ("50010", "0.01")], "0.02", "50005", "1000.1", "1.0001"),
            position=_position("0.02", "1000.1", "500.05", "50005", "1.0001", stop_loss=D("49100")),
        ),
        # a quarter closed at 49000: cost 250.025, margin 125.0125, entry fee 0.250025, notional 245, pnl -5.025
        _event(
            6,
            "fill",
            "fill:stop_loss:BTCUSDT:5:1",
            [
                ("cash", "119.7425"),
                ("margin:BTCUSDT", "-125.0125"),
                ("pnl:BTCUSDT", "5.025"),
                ("fees", "0.245"),
                ("position:BTCUSDT", "-0.005"),
                ("market:BTCUSDT", "0.005"),
            ],
            ["618.6924", "375.0375", "5.025", "1.2451", "0.015", "-0.015"],
            order_id="stop_loss:BTCUSDT:5",
            symbol=PAIR,
            trade_id="stop_loss:BTCUSDT:5",
            reason="stop_loss",
            model="book20",
            order=_exit("stop_loss", "0.02", trigger_price=D("49100"), created=START_MS + 6000)
            | {"filled": D("0.005"), "status": "open"},
            fill=_fill("sell", [("49000", "0.005")], "0.005", "49000", "245", "0.245", pnl="-5.025"),
            position=_position("0.015", "750.075", "375.0375", "50005", "0.750075", stop_loss=D("49100")),
            closed=_closed("50005", "0.250025"),
        ),
        # 0.001 x 40000 = 40 and its fee of 0.04 are held
        _event(
            7,
            "order",
            "order:manual:2",
            [("cash", "-40.04"), ("held", "40.04")],
            ["578.6524", "40.04"],
            order_id="manual:2",
            symbol=PAIR,
            reason="manual",
            content="d" * 32,
            order=limit | {"held": D("40.04")},
        ),
        # 0.0004 of it filled at its limit: notional 16 = margin, fee 0.016, released 16.016
        _event(
            8,
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
            order=limit | {"filled": D("0.0004"), "held": D("24.024"), "fills": 1},
            fill=_fill("buy", [("40000", "0.0004")], "0.0004", "40000", "16", "0.016", liquidity="maker"),
            position=_position("0.0154", "766.075", "391.0375", "49745.12987012987", "0.766075", stop_loss=D("49100")),
        ),
        _event(
            9,
            "cancel",
            "cancel:manual:2",
            [("cash", "24.024"), ("held", "-24.024")],
            ["602.6764", "0"],
            order_id="manual:2",
            symbol=PAIR,
            reason="cancelled",
            order=limit | {"filled": D("0.0004"), "held": D("0"), "status": "cancelled", "fills": 1},
        ),
        _event(
            10,
            "amend",
            "amend:BTCUSDT:1",
            [],
            [],
            symbol=PAIR,
            reason="requested",
            position=_position("0.0154", "766.075", "391.0375", "49745.12987012987", "0.766075", stop_loss=D("45000")),
        ),
        # all of it at 20000: notional 308, fee 0.308, pnl -458.075; the margin lacks 67.0375, with the fee 67.3455;
        # liquidated at (766.075 - 391.0375) / (0.0154 x 0.995) = 24475.461724205...
        _event(
            11,
            "liquidation",
            "fill:liquidation:BTCUSDT:5:1",
            [
                ("margin:BTCUSDT", "-391.0375"),
                ("pnl:BTCUSDT", "458.075"),
                ("fees", "0.308"),
                ("insurance", "-67.3455"),
                ("position:BTCUSDT", "-0.0154"),
                ("market:BTCUSDT", "0.0154"),
            ],
            ["0", "463.1", "1.5691", "-67.3455", "0", "0"],
            order_id="liquidation:BTCUSDT:5",
            symbol=PAIR,
            trade_id="liquidation:BTCUSDT:5",
            reason="liquidation",
            model="book20",
            order=_exit("liquidation", "0.0154", trigger_price=D("24475.4617242"), created=START_MS + 11000)
            | {"filled": D("0.0154"), "status": "filled"},
            fill=_fill("sell", [("20000", "0.0154")], "0.0154", "20000", "308", "0.308", pnl="-458.075"),
            position={"symbol": PAIR, "direction": "flat", "quantity": D(0), "cost": D(0), "margin": D(0)},
            closed=_closed("49745.12987012987", "0.766075"),
        ),
        _switch(12),
    ]


def _switch(seq: int) -> JournalDocument:
    control = {"trading": True, "analysis": False, "defaults": [], "pairs": []}
    return _event(seq, "control", f"control:{seq}", [], [], reason="start_bot", actor="operator", control=control)


def _event(
    seq: int, kind: str, key: str, legs: list[tuple[str, str]], balances: list[str], **parts: object
) -> JournalDocument:
    def asset(account: str) -> str:
        return "BTC" if account.startswith(("position:", "market:")) else "USDT"

    at_ms = START_MS + seq * 1000
    if "model" in parts:
        parts["market_event"] = {"kind": "book", "id": seq, "ts": at_ms}
    return {
        "_id": key,
        "seq": seq,
        "type": kind,
        "ts": at_ms,
        "recorded_at": date(at_ms),
        "epoch": 1,
        "postings": [{"account": name, "asset": asset(name), "amount": D(amount)} for name, amount in legs],
        "after": [
            {"account": account, "asset": asset(account), "balance": D(balance)}
            for (account, _), balance in zip(legs, balances, strict=True)
        ],
        **parts,
    }


def _state() -> JournalDocument:
    """Return the state after deposit and settings."""
    empty = ("holdings", "orders", "seen", "answered", "trades", "closed")
    return {
        "balances": [
            {"account": "cash", "asset": "USDT", "balance": D(1000)},
            {"account": "deposits", "asset": "USDT", "balance": D(-1000)},
        ],
        **{name: [] for name in empty},
        "control_seq": 0,
        "settings_hash": "a" * 64,
        "settings_seq": 2,
        "tally": {
            **{name: [] for name in ("earned", "entries", "last_trade", "recent")},
            "total_trades": 0,
            "winning_trades": 0,
            "total_profit": D(0),
        },
    }


def _order(
    order_id: str,
    side: str,
    order_type: str,
    quantity: str,
    *,
    created: int,
    leverage: int = 1,
    **more: object,
) -> JournalDocument:
    stop = {"stop_loss": D("49100")} if order_type == "market" else {}
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
        "source": "manual",
        "reason": "manual",
        "leverage": leverage,
        "created": created,
        "fills": 0,
        **stop,
        **more,
    }


def _exit(reason: str, quantity: str, *, created: int, trigger_price: Decimal) -> JournalDocument:
    """Return the exchange's own order that ends the position which seq 5 opened, after its first execution."""
    changes = {"source": "exchange", "reason": reason, "reduce_only": True, "fills": 1}
    order = _order(
        f"{reason}:{PAIR}:5", "sell", "stop", quantity, created=created, leverage=2, trigger_price=trigger_price
    )
    return order | changes


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


def _position(quantity: str, cost: str, margin: str, price: str, entry_fee: str, **more: object) -> JournalDocument:
    """Return the long that seq 5 opened."""
    return {
        "symbol": PAIR,
        "direction": "long",
        "quantity": D(quantity),
        "cost": D(cost),
        "margin": D(margin),
        "entry_price": D(price),
        "leverage": 2,
        "opened": START_MS + 5000,
        "source": "manual",
        "trade_id": "manual:1",
        "entry_fee": D(entry_fee),
        **more,
    }


def _closed(entry_price: str, entry_fee: str) -> JournalDocument:
    return {
        "trade_id": "manual:1",
        "direction": "long",
        "entry_price": D(entry_price),
        "entry_fee": D(entry_fee),
        "opened": START_MS + 5000,
        "source": "manual",
    }
