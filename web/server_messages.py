"""Every message the hub sends: its type, when it comes, and what its `data` is made of."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from domain import views
from domain.performance import Performance

BOTS, SWITCHED = "a bot is started, stopped or configured, and with every trade of one", "the answer to the command"
ASKED = "the answer to the question"


@dataclass(frozen=True, slots=True)
class ServerMessage:
    """`data` is a type; under `by_symbol` stands a map of it, and the same entries stand beside that by symbol."""

    data: Any
    when: str
    by_symbol: str = ""


ANALYSIS = views.AnalysisView | views.NoAnalysisView

SERVER_MESSAGES: dict[str, ServerMessage] = {
    "initial_data": ServerMessage(views.InitialView, "the first frame of a session"),
    "price_update": ServerMessage(views.PriceView, "a price changes, at most `price_updates_per_second` per symbol"),
    "candle_update": ServerMessage(views.CandleView, "an open candle changes, at most once a second; a candle closes"),
    "position_update": ServerMessage(views.PositionsView, "a position or stop changes; marks at most once a second"),
    "balance_update": ServerMessage(views.BalanceView, "a ledger event moves cash; the answer to get_balance"),
    "trade_executed": ServerMessage(views.TradeExecutedView, "each fill of a manual order, to all, once"),
    "position_closed": ServerMessage(views.PositionClosedView, "a position is closed by hand, to all, once"),
    "order_update": ServerMessage(views.OneOrderView, "a resting order changes"),
    "bot_trade_executed": ServerMessage(views.BotTradeExecutedView, "a bot opened a position"),
    "bot_trade_closed": ServerMessage(views.BotTradeClosedView, "a bot's position was closed"),
    "bot_status_update": ServerMessage(views.BotStatusView, BOTS),
    "bot_status_response": ServerMessage(views.BotStatusView, f"{BOTS}; the answer to get_bot_status"),
    "analysis_status": ServerMessage(views.AnalysisProgressView, "analysis starts or stops, and with each step of it"),
    "analysis_log": ServerMessage(views.AnalysisLogView, "each opinion, abstention and combined signal"),
    "trade_log": ServerMessage(views.TradeLogView, "each order, fill, exit and refusal of a bot"),
    "ai_insights": ServerMessage(views.InsightsView, "a new combined signal"),
    "ai_opportunity_alert": ServerMessage(views.OpportunityView, "a signal above `high_confidence_threshold`"),
    "decision": ServerMessage(views.DecisionView, "each decision of a bot"),
    "news_update": ServerMessage(views.NewsUpdateView, "new stories"),
    "analyst_update": ServerMessage(views.AnalystView, "an analyst's state, budget or skill changes"),
    "actor_status": ServerMessage(views.ActorView, "an actor fails, is restarted, gives up, recovers"),
    "market_status": ServerMessage(views.MarketStatusView, "the connection to the market changes"),
    "alert": ServerMessage(views.AlertView, "a protection, a liquidation, trouble with the ledger, a budget used up"),
    "settings_reloaded": ServerMessage(views.SettingsReloadedView, "the settings were read anew, to all"),
    "positions_response": ServerMessage(views.PositionsView, ASKED),
    "trade_history_response": ServerMessage(views.TradesView, ASKED),
    "crypto_data_response": ServerMessage(Mapping[str, views.CryptoView], ASKED),
    "candles_response": ServerMessage(views.CandlesView, ASKED),
    "order_book_response": ServerMessage(views.OrderBookView, ASKED),
    "orders_response": ServerMessage(views.OrdersView, ASKED),
    "order_accepted": ServerMessage(views.OneOrderView, "an order rests; the answer to the command"),
    "order_cancelled": ServerMessage(views.OneOrderView, SWITCHED),
    "paper_trade_response": ServerMessage(views.PaperTradeView, "besides trade_executed or order_accepted"),
    "start_bot_response": ServerMessage(views.OutcomeView, SWITCHED),
    "stop_bot_response": ServerMessage(views.OutcomeView, SWITCHED),
    "bot_config_response": ServerMessage(views.BotConfigView, ASKED),
    "update_bot_config_response": ServerMessage(views.OutcomeView, SWITCHED),
    "start_analysis_response": ServerMessage(views.OutcomeView, SWITCHED),
    "stop_analysis_response": ServerMessage(views.OutcomeView, SWITCHED),
    "analysis_status_response": ServerMessage(views.AnalysisStatusView, ASKED),
    "ai_analysis_response": ServerMessage(ANALYSIS, ASKED),
    "all_ai_analysis_response": ServerMessage(ANALYSIS, ASKED, by_symbol="analyses"),
    "ai_opportunities_response": ServerMessage(views.AnalysisView, ASKED, by_symbol="opportunities"),
    "pending_trades_response": ServerMessage(views.PendingTradeView, ASKED, by_symbol="trades"),
    "trade_accepted": ServerMessage(views.ProposalAnswerView, SWITCHED),
    "trade_rejected": ServerMessage(views.ProposalAnswerView, SWITCHED),
    "news_data_response": ServerMessage(views.NewsDataView, ASKED),
    "analysts_response": ServerMessage(views.AnalystsView, ASKED),
    "decisions_response": ServerMessage(views.DecisionsView, ASKED),
    "equity_curve_response": ServerMessage(views.EquityCurveView, ASKED),
    "statistics_response": ServerMessage(Performance, ASKED),
    "health": ServerMessage(views.HealthView, ASKED),
    "logs_response": ServerMessage(views.LogsView, ASKED),
    "subscribed": ServerMessage(views.SubscribedView, SWITCHED),
    "error": ServerMessage(views.ErrorView, "a message is refused; the session stays open"),
}
"""`pong` is the one message without `data`."""

LISTED = {"pending_trades_response"}  # what stands under `by_symbol` there is a list

ERROR_CODES: dict[str, str] = {
    "bad_json": "no JSON object",
    "bad_message": "a field breaks its rule; the text names the field, the rule and the value",
    "unknown_type": "no such message type",
    "forbidden": "a viewer may not send that",
    "rate_limited": "more than `messages_per_second`; five times as many close the session (1008)",
    "unknown_symbol": "no pair of this desk",
    "no_price": "there is no price of that pair yet",
    "stale_price": "the pair's price is too old",
    "unknown_order": "no such resting order",
    "insufficient_balance": "the cash does not suffice",
    "filter_failure": "an exchange filter: step, least or largest size",
    "slippage_exceeded": "the book would fill it too far from the price",
    "no_position": "there is no position in that pair",
    "pair_disabled": "trading of that pair is off",
    "duplicate_order": "that trade_id was used with another content",
    "ledger_unavailable": "the ledger does not take orders now",
    "not_pending": "no trade of that pair waits for an operator",
    "internal": "something else; it says nothing of the inside",
}

CLOSE_CODES: dict[int, str] = {
    1000: "the client left",
    1001: "the page was left",
    1002: "protocol error",
    1003: "a binary message",
    1007: "text that is not UTF-8",
    1008: "not allowed: far too many messages or frames",
    1009: "a message longer than `max_message_bytes`",
    1011: "two pings were not answered",
    1012: "the desk or its hub restarts: come back",
    1013: "too many sessions, or the client reads too slowly: come back later",
}
