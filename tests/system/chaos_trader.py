"""A client that trades by hand while everything around it breaks, and remembers each answer it ever got."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any

import gevent
import websocket

Frame = dict[str, Any]
AGAIN = ("ledger_unavailable", "internal", "rate_limited")  # not for good
TOLD = ("trade_executed", "position_closed", "bot_trade_executed")
AGAIN_SECONDS = 10.0  # without an answer, an order is sent again


@dataclass(slots=True)
class Sent:
    """One order of ours and what was said of it."""

    fields: dict[str, Any]
    executed: set[int] = field(default_factory=set)  # ledger_seq of each answer that tells a fill
    refused: str = ""  # the definite one
    newest: str = ""  # answer, in short

    @property
    def answered(self) -> bool:
        return bool(self.executed or self.refused)


class Trader:
    """Sends orders for `pair` with ids of its own, again until each has a definite answer; connects anew for ever.

    Args:
        address: returns where the desk is; "" while nobody knows.
    """

    def __init__(self, address: Callable[[], str], pair: str, chance: Random) -> None:
        self._address, self._pair, self._chance = address, pair, chance
        self.sent: dict[str, Sent] = {}
        self.told: dict[str, int] = {}  # trade id -> ledger_seq of what was announced to all
        self.contradictions: list[str] = []
        self.connections = 0
        self.asked_again: set[str] = set()
        self.quiet = False  # no new orders
        self._price: float | None = None
        self._greenlet = gevent.spawn(self._run)

    def stop(self) -> None:
        self._greenlet.kill()

    @property
    def waiting(self) -> list[str]:
        return [name for name, sent in self.sent.items() if not sent.answered or name in self.asked_again]

    def ask_again(self) -> None:
        """Send what was executed once more, as a client does that does not know what became of its orders."""
        self.asked_again = {name for name, sent in self.sent.items() if sent.executed}

    # --- connections

    def _run(self) -> None:
        while True:
            try:
                socket = websocket.create_connection(self._address().replace("http", "ws", 1) + "/ws", timeout=10)
            except (OSError, ValueError, websocket.WebSocketException):
                gevent.sleep(0.3)
                continue
            self.connections += 1
            socket.settimeout(None)
            trading = gevent.spawn(self._trade, socket)
            try:
                while text := socket.recv():
                    self._take(json.loads(text))
            except (OSError, ValueError, websocket.WebSocketException):
                pass
            finally:
                trading.kill()
                socket.shutdown()
            gevent.sleep(0.1)

    def _trade(self, socket: websocket.WebSocket) -> None:
        asked: dict[str, float] = {}  # on this connection
        try:
            while True:
                now = time.monotonic()
                late = [one for one in self.waiting if now - asked.get(one, -AGAIN_SECONDS) >= AGAIN_SECONDS]
                for trade_id in late[:5]:
                    asked[trade_id] = now
                    socket.send(json.dumps({"type": "execute_trade", **self.sent[trade_id].fields}))
                if not self.quiet and self._price is not None and len(self.waiting) < 30:
                    trade_id = f"hand-{len(self.sent)}"
                    self.sent[trade_id] = Sent(self._order(trade_id, self._price))
                gevent.sleep(self._chance.uniform(0.05, 0.4))
        except (OSError, websocket.WebSocketException):
            socket.shutdown()

    def _order(self, trade_id: str, price: float) -> dict[str, Any]:
        """Return a small market order; some have a stop or a target near by."""
        direction = self._chance.choice(["buy", "sell"])
        down = 1 if direction == "buy" else -1
        order: dict[str, Any] = {"symbol": self._pair, "direction": direction, "trade_id": trade_id}
        order["value_usdt"] = self._chance.choice([20, 50, 120])
        if self._chance.random() < 0.6:
            order["stop_loss"] = round(price * (1 - down * 0.002), 4)
        return {"trade_data": order, "request_id": trade_id}

    # --- what came

    def _take(self, frame: Frame) -> None:
        data = frame["data"]
        if frame["type"] == "price_update" and data["symbol"] == self._pair:
            self._price = float(data["price"])
        trade = data.get("trade") if frame["type"] in TOLD else None
        if trade is not None:
            self._tell(str(trade["trade_id"]), int(frame["ledger_seq"]))
        sent = self.sent.get(str(frame.get("request_id")))
        if sent is None:
            return
        sent.newest = str({"type": frame["type"], **{name: data[name] for name in ("code", "message") if name in data}})
        if frame["type"] == "trade_executed" or (frame["type"] == "error" and data["code"] not in AGAIN):
            self.asked_again.discard(str(frame["request_id"]))
        if frame["type"] == "trade_executed":
            sent.executed.add(int(frame["ledger_seq"]))
        elif frame["type"] == "error" and data["code"] not in AGAIN:
            sent.refused = data["code"]
        if sent.executed and sent.refused:
            self.contradictions.append(f"{frame['request_id']} was executed and refused ({sent.refused})")

    def _tell(self, trade_id: str, seq: int) -> None:
        before = self.told.setdefault(trade_id, seq)
        if before != seq:
            self.contradictions.append(f"trade {trade_id} was told with seq {before} and with seq {seq}")
