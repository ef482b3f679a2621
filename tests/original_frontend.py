"""A stand-in for the original frontend: it sends what that page sends and reads every field that the page reads.

The page has no error boundary: a field of the wrong kind crashes it. Here such a field raises PageCrashed instead.
"""

import json
import time

import websocket

NUMBER = (int, float)
ON_LOAD = (
    {"type": "get_positions"},
    {"type": "get_trade_history", "limit": 50},
    {"type": "get_crypto_data"},
)
WHOLE_CONFIG = {
    "max_trades_per_day": 10,
    "trade_amount_usdt": 50,
    "ai_confidence_threshold": 0.5,
    "max_concurrent_trades": 3,
    "allowed_pairs": ["BTCUSDT", "ETHUSDT", "SOLUSDT"],
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


class PageCrashed(AssertionError):
    """The page would have thrown while rendering."""


def need(holder, name, kind):
    """Read a field as the page does."""
    value = holder.get(name) if isinstance(holder, dict) else None
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise PageCrashed(f"{name} must be {kind}, was {value!r} in {json.dumps(holder)[:200]}")
    return value


def number_or_null(holder, name):
    if holder.get(name) is not None:
        need(holder, name, NUMBER)


def check_price(entry):
    for name in ("price", "change_24h", "volume", "volume_24h", "market_cap", "timestamp"):
        need(entry, name, NUMBER)
    need(entry, "symbol", str)
    if not 1e9 < entry["timestamp"] < 1e11:
        raise PageCrashed(f"a price's timestamp must be epoch seconds, was {entry['timestamp']}")


def check_crypto(entry):
    for name in ("name", "symbol", "id", "image", "last_updated"):
        need(entry, name, str)
    for name in ("current_price", "market_cap", "total_volume", "volume_24h", "high_24h", "low_24h"):
        need(entry, name, NUMBER)
    need(entry, "price_change_percentage_24h", NUMBER)


def check_position(position):
    need(position, "symbol", str)
    if need(position, "direction", str) not in ("long", "short"):
        raise PageCrashed(f"direction must be long or short, was {position['direction']}")
    for name in ("amount", "avg_price", "entry_price", "current_price", "unrealized_pnl"):
        need(position, name, NUMBER)


def check_trade(trade):
    for name in ("trade_id", "symbol", "direction", "side", "trade_type", "status"):
        need(trade, name, str)
    for name in ("price", "amount", "value", "pnl", "timestamp"):
        need(trade, name, NUMBER)
    if trade["side"] not in ("buy", "sell") or not 1e9 < trade["timestamp"] < 1e11:
        raise PageCrashed(f"a trade must have a side and epoch seconds, was {trade}")


def check_log(line):
    for name in ("level", "message"):
        need(line, name, str)
    if need(line, "timestamp", NUMBER) < 1e12:
        raise PageCrashed(f"a log's timestamp must be epoch milliseconds, was {line['timestamp']}")


def check_bot_status(status):
    need(status, "enabled", bool)
    for name in ("active_trades", "trades_today", "total_trades", "running_duration"):
        need(status, name, int)
    need(status, "total_profit", NUMBER)
    if not 0 <= need(status, "win_rate", NUMBER) <= 100:
        raise PageCrashed("win_rate must be 0..100")
    need(status, "pair_status", dict)
    number_or_null(status, "start_time")
    if status.get("start_time") is not None and not 1e9 < status["start_time"] < 1e11:
        raise PageCrashed("start_time must be epoch seconds")


HANDLED = frozenset(
    {
        "initial_data",
        "price_update",
        "crypto_data_response",
        "trade_executed",
        "position_closed",
        "ai_insights",
        "trade_history_response",
        "positions_response",
        "position_update",
        "error",
    }
)
PANEL = frozenset({"bot_status_response", "bot_trade_executed", "bot_trade_closed", "analysis_log", "trade_log"})
"""Seen only while the bot panel is open. All other messages are dropped by the page."""


class OriginalFrontend:
    """One page. `panel_open`: the bot panel is open and sees its messages."""

    def __init__(self, url, *, timeout=10, **options):
        self._ws = websocket.create_connection(url, timeout=timeout, **options)
        self.state = {"recent_trades": [], "positions": {}, "price_cache": {}, "crypto_data": {}}
        self.bot_status = None
        self.analysis_logs, self.trade_logs, self.errors = [], [], []
        self.bot_opened, self.bot_closed = [], []
        self.panel_open = False
        self.frames = []
        self.closed_with = None

    # --- sending -----------------------------------------------------------------------------------------------------

    def send(self, message):
        self._ws.send(json.dumps(message))

    def load(self):
        for message in ON_LOAD:
            self.send(message)

    def open_panel(self):
        self.panel_open = True
        self.send({"type": "get_bot_status"})

    def trade(self, symbol, side, amount, *, order_type="market", price=None, leverage=10, margin_mode="isolated"):
        """Send an order as the page does; return its trade_id. It asks for positions a second later."""
        trade_id = f"{symbol}-{order_type}-{int(time.time() * 1000)}-{time.monotonic_ns() % 1_000_000}"
        self.send(
            {
                "type": "execute_trade",
                "trade_data": {
                    "symbol": symbol,
                    "direction": side,
                    "amount": amount,
                    "order_type": order_type,
                    "price": price or self.state["price_cache"][symbol]["price"],
                    "strategy": "manual",
                    "ai_confidence": 0,
                    "trade_id": trade_id,
                    "trade_type": "LONG" if side == "buy" else "SHORT",
                    "margin_mode": margin_mode,
                    "leverage": leverage,
                },
            }
        )
        return trade_id

    def close_position(self, symbol):
        self.send({"type": "close_position", "symbol": symbol})

    def start_bot(self, **changes):
        self.send({"type": "start_bot", "config": {**WHOLE_CONFIG, **changes}})

    def stop_bot(self):
        self.send({"type": "stop_bot"})

    def update_config(self, **changes):
        self.send({"type": "update_bot_config", "config": {**WHOLE_CONFIG, **changes}})

    def leave(self):
        self._ws.close(status=1000)
        self._ws.shutdown()  # after a close from the desk only this frees the socket

    # --- receiving ---------------------------------------------------------------------------------------------------

    def read(self, seconds=10, until=None):
        """Take frames until `until(self, frame)` is true; return the last frame. AssertionError after `seconds`."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            self._ws.settimeout(max(0.01, deadline - time.monotonic()))
            try:
                opcode, payload = self._ws.recv_data()
            except websocket.WebSocketTimeoutException:
                break
            if opcode == websocket.ABNF.OPCODE_CLOSE:
                self.closed_with = int.from_bytes(payload[:2], "big") if payload else 1005
                raise ConnectionError(f"closed with {self.closed_with}")
            frame = json.loads(payload)
            self.take(frame)
            if until is not None and until(self, frame):
                return frame
        assert until is None, f"it never came; last were {[frame['type'] for frame in self.frames[-20:]]}"
        return None

    def read_until(self, kind, seconds=10):
        """Take frames until one of that type; return its data."""
        frame = self.read(seconds, until=lambda page, frame: frame["type"] == kind)
        return frame.get("data", frame)

    def take(self, frame):
        """Do with one frame what the page does."""
        self.frames.append(frame)
        kind = need(frame, "type", str)
        if kind != "pong":
            need(frame, "data", (dict, list))
        if kind in HANDLED or (kind in PANEL and self.panel_open):
            getattr(self, f"_on_{kind}")(frame["data"])

    def _on_initial_data(self, data):
        self.state.update(data)  # merged whole
        for entry in need(data, "price_cache", dict).values():
            check_price(entry)
        for entry in need(data, "crypto_data", dict).values():
            check_crypto(entry)
        for position in need(data, "positions", dict).values():
            check_position(position)
        for trade in need(data, "recent_trades", list):
            check_trade(trade)
        need(data, "paper_balance", NUMBER)
        if data.get("ai_insights") is not None:
            need(data, "ai_insights", dict)

    def _on_price_update(self, data):
        check_price(data)
        self.state["price_cache"][data["symbol"]] = data

    def _on_crypto_data_response(self, data):
        for entry in data.values():
            check_crypto(entry)
        self.state["crypto_data"].update(data)

    def _on_trade_executed(self, data):
        self.state["paper_balance"] = need(data, "new_balance", NUMBER)
        for position in need(data, "positions", dict).values():
            check_position(position)
        self.state["positions"] = data["positions"]
        check_trade(need(data, "trade", dict))
        self.state["recent_trades"] = [data["trade"], *self.state["recent_trades"]]

    _on_position_closed = _on_trade_executed

    def _on_ai_insights(self, data):
        need(data, "symbol", str)
        analysis = need(data, "claude_analysis", dict)
        need(analysis, "confidence", NUMBER)
        recommendation = need(analysis, "recommendation", dict)
        need(recommendation, "action", str)
        need(recommendation, "reasoning", str)
        refinement = need(data, "gpt_refinement", dict)
        for name in ("summary", "risk_level", "timeframe"):
            need(refinement, name, str)

    def _on_trade_history_response(self, data):
        for trade in need(data, "trades", list):
            check_trade(trade)
        self.state["recent_trades"] = data["trades"]

    def _on_positions_response(self, data):
        self.state["paper_balance"] = need(data, "balance", NUMBER)
        for position in need(data, "positions", dict).values():
            check_position(position)
        self.state["positions"] = data["positions"]

    _on_position_update = _on_positions_response

    def _on_error(self, data):
        self.errors.append(need(data, "message", str))

    def _on_bot_status_response(self, data):
        check_bot_status(data)
        self.bot_status = data

    def _on_bot_trade_executed(self, data):
        need(data, "symbol", str)
        opened = need(data, "trade_data", dict)
        need(opened, "direction", str).lower()
        for name in ("price", "amount", "confidence_score"):
            need(opened, name, NUMBER)
        number_or_null(opened, "take_profit")
        number_or_null(opened, "stop_loss")
        self.bot_opened.append(data)
        self.send({"type": "get_bot_status"})

    def _on_bot_trade_closed(self, data):
        record = need(data, "trade_record", dict)
        need(record, "direction", str).lower()
        need(record, "symbol", str)
        need(record, "exit_reason", str)
        for name in ("entry_price", "exit_price", "profit_loss"):
            need(record, name, NUMBER)
        self.bot_closed.append(data)
        self.send({"type": "get_bot_status"})

    def _on_analysis_log(self, data):
        check_log(data)
        number_or_null(data, "confidence_score")
        number_or_null(data, "entry_price")
        self.analysis_logs.append(data)

    def _on_trade_log(self, data):
        check_log(data)
        number_or_null(data, "profit")
        self.trade_logs.append(data)

    # --- what the user sees ------------------------------------------------------------------------------------------

    @property
    def button(self):
        """Return the text of the bot button."""
        return "Bot Running" if self.bot_status and self.bot_status["enabled"] else "Bot Stopped"

    def pnl(self, symbol):
        """Return a position's P&L as the page computes it."""
        position = self.state["positions"][symbol]
        price = self.state["price_cache"][symbol]["price"]
        sign = 1 if position["direction"] == "long" else -1
        return sign * (price - (position.get("avg_price") or position["entry_price"])) * position["amount"]
