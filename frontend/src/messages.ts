/** The hub's messages. Made by `make protocol` from the message types; not to be edited. */

/** `actor_status`, and an entry of `health`. */
export interface ActorView {
  name: string;
  state: string;
  restarts: number;
  mailbox: number;
  error?: string;
  last_error?: string;
}

/** `alert`. */
export interface AlertView {
  level: string;
  code: string;
  message: string;
  timestamp: number; // ms
  time: string;
}

/** `analysis_log`. */
export interface AnalysisLogView {
  timestamp: number; // ms
  time: string;
  level: "info" | "high" | "warning" | "error";
  symbol: string;
  message: string;
  action: string | null;
  confidence_score: number | null;
  reasoning: string;
  entry_price: number | null;
  take_profit: number | null;
  stop_loss: number | null;
  source: string;
  cost_usd?: number;
  latency_ms?: number;
}

/** `analysis_status`: `started` or `stopped`, or one step of one pair. */
export interface AnalysisProgressView {
  status: string;
  message: string;
  timestamp: number;
  time: string;
  symbol?: string;
  step?: string;
}

/** `analysis_status_response`, and a part of `initial_data`. */
export interface AnalysisStatusView {
  enabled: boolean;
  start_time: number | null;
  target_pairs: string[];
  interval_seconds: number;
  analysts: string[];
}

/** `ai_analysis_response`, and an entry of the maps of analyses and opportunities. */
export interface AnalysisView {
  symbol: string;
  action: string;
  direction: string;
  confidence_score: number;
  market_data: MarketDataView;
  claude_analysis: ClaudeView;
  gpt_analysis: PlanView;
  opinions: OpinionView[];
  signal: SignalView;
  timestamp: number;
  time: string;
}

/** `analyst_update`, and an item of `analysts_response`. */
export interface AnalystView {
  name: string;
  model: string;
  role: string;
  state: string;
  reason: string | null;
  weight: number;
  opinions: number;
  abstentions: number;
  cost_today_usd: number;
  budget_usd: number;
  latency_ms: number | null;
  calls: number; // on this UTC day
  cached_tokens: number;
  saved: Saving[]; // questions that no call was made for
  hit_rate: number | null;
  brier: number | null;
  calibration: CalibrationBin[];
  shadow_equity: number | null;
  settled: number; // BUY and SELL that the scores count
  hit_rate_interval: [number, number] | null; // 95 %
  log_score: number | null;
  mean_net_return: number | null; // fraction of the notional
  verdict: "too_few" | "skilled" | "not_shown" | "worse_than_chance";
  skill: number; // factor within `weight`
  horizons: HorizonView[];
  null_equity: NullEquityView | null;
}

/** `analysts_response`. */
export interface AnalystsView {
  analysts: AnalystView[];
}

/** The newest audit of the journal, in `health`. */
export interface AuditView {
  timestamp: number; // ms
  time: string;
  seq: number; // of the last document that was audited
  documents: number; // audited this time
  whole: boolean; // from the first document; else what was new
  clean: boolean;
  finding: string; // empty while nothing is wrong
}

/** `balance_update`. */
export interface BalanceView {
  balance: number;
  equity: number;
  held: number;
  margin: number;
  unrealized_pnl: number;
  realized_pnl_today: number;
  fees_today: number;
}

/** `bot_config_response`. */
export interface BotConfigView {
  config: Record<string, unknown>;
  symbol: string | null;
  base: Record<string, unknown>; // the same as settings.yaml has it
  changed: string[]; // dotted keys that operators changed, of this pair or for all
  fields: BotFieldView[];
}

/** What one setting of a bot may be. */
export interface BotFieldView {
  key: string; // dotted
  kind: "flag" | "choice" | "whole" | "number";
  default: boolean | number | string | number; // where settings.yaml says nothing
  low?: number; // of a number, both ends included
  high?: number;
  choices?: string[];
}

/** `bot_status_update` and `bot_status_response`. */
export interface BotStatusView {
  enabled: boolean;
  start_time: number | null;
  running_duration: number; // seconds
  active_trades: number;
  trades_today: number;
  total_trades: number;
  winning_trades: number;
  win_rate: number; // 0..100
  total_profit: number;
  pair_status: Record<string, string>; // by pair: idle, in_trade, cooldown, paused or disabled
  config: Record<string, unknown>; // the bot settings in force
  pair_until: Record<string, number>; // by pair in cooldown or paused: until when, epoch ms
}

/** `bot_trade_closed`. */
export interface BotTradeClosedView {
  symbol: string;
  trade_record: TradeRecord;
  trade: TradeView;
  new_balance: number;
  positions: Record<string, PositionView>;
  bot_status: BotStatusView;
}

/** What a bot opened. */
export interface BotTradeData {
  symbol: string;
  direction: "LONG" | "SHORT";
  price: number;
  amount: number;
  stop_loss: number | null;
  take_profit: number | null;
  confidence_score: number;
  trade_id: string;
  decision_id: string | null;
  timestamp: number;
  time: string;
}

/** `bot_trade_executed`. */
export interface BotTradeExecutedView {
  symbol: string;
  trade_data: BotTradeData;
  trade: TradeView;
  new_balance: number;
  positions: Record<string, PositionView>;
  bot_status: BotStatusView;
}

/** Opinions whose confidence fell into one bin: what was said against what happened. */
export interface CalibrationBin {
  low: number;
  high: number;
  count: number;
  mean_confidence: number;
  hit_rate: number;
}

/** `candle_update`. */
export interface CandleView {
  symbol: string;
  interval: string;
  candle: [number, number, number, number, number, number];
  closed: boolean;
}

/** `candles_response`. */
export interface CandlesView {
  symbol: string;
  interval: string;
  candles: [number, number, number, number, number, number][];
}

/** One gate of one decision. */
export interface CheckView {
  gate: string;
  value: string;
  limit: string;
  passed: boolean;
}

/** What older clients show as the first model's view; `analyst` says whose it is. */
export interface ClaudeView {
  sentiment: "bullish" | "bearish" | "neutral";
  bias: "bullish" | "bearish" | "neutral";
  confidence: number; // 0..1
  recommendation: RecommendationView;
  analyst: string;
}

/** An entry of `crypto_data`. What the exchange does not give is 0, never invented. */
export interface CryptoView {
  id: string;
  symbol: string; // the pair
  name: string;
  image: string;
  current_price: number;
  market_cap: number;
  market_cap_rank: number;
  total_volume: number;
  volume_24h: number;
  high_24h: number;
  low_24h: number;
  price_change_24h: number;
  price_change_percentage_24h: number;
  circulating_supply: number;
  last_updated: string;
}

/** `decision`, and an item of `decisions_response`; only there with the features. */
export interface DecisionView {
  id: string;
  symbol: string;
  time: string;
  timestamp: number; // ms
  outcome: "traded" | "blocked";
  explanation: string;
  checks: CheckView[];
  signal: SignalView | null;
  opinions: OpinionView[];
  price: number | null;
  order_id: string | null;
  settings_hash: string;
  gate?: string;
  features?: Record<string, unknown>; // all that the analysts were shown, as stored
}

/** `decisions_response`. */
export interface DecisionsView {
  decisions: DecisionView[];
}

/** `equity_curve_response`. */
export interface EquityCurveView {
  points: [number, number, number][]; // t_ms, equity, cash
}

/** `error`. */
export interface ErrorView {
  code: string;
  message: string;
}

/** The mood index. */
export interface FearGreedView {
  value: number;
  label: string;
  timestamp: number;
  time: string;
}

/** One story in the older shape. */
export interface HeadlineView {
  title: string;
  summary: string;
  sentiment: string;
  relevance_score: number; // 0..10
  source: string;
  timestamp: string;
}

/** `health`. */
export interface HealthView {
  actors: Record<string, ActorView>;
  market: MarketStatusView | null;
  ledger: LedgerView;
  source: SourceView;
  news: NewsSourceView[];
  audit: AuditView | null; // None before the first
  stale: string[]; // pairs whose prices are too old
}

/** An analyst's hit rate after one fixed horizon. */
export interface HorizonView {
  horizon: string;
  settled: number;
  hit_rate: number | null;
  hit_rate_interval: [number, number] | null;
}

/** `initial_data`: the first frame of a session. */
export interface InitialView {
  paper_balance: number;
  equity: number;
  positions: Record<string, PositionView>;
  recent_trades: TradeView[];
  price_cache: Record<string, PriceView>;
  crypto_data: Record<string, CryptoView>;
  ai_insights: Record<string, InsightsView> | null;
  bot_status: BotStatusView;
  analysis_status: AnalysisStatusView;
  orders: OrderView[];
  news: NewsItemView[];
  analysts: AnalystView[];
  source: SourceView;
  server: ServerView;
  ledger: LedgerView;
  market_status: MarketStatusView | null;
  balances: BalanceView | null;
  pending_trades: PendingTradeView[];
  intervals: string[]; // of the candle series that are kept
}

/** `ai_insights`. */
export interface InsightsView {
  symbol: string;
  claude_analysis: ClaudeView;
  gpt_refinement: RefinementView;
  opinions: OpinionView[];
  signal: SignalView;
  timestamp: number;
  time: string;
}

/** The head of the journal; `hash` None where it is not known for this `seq` yet. */
export interface LedgerView {
  seq: number;
  hash: string | null;
  available: boolean;
  read_only: boolean;
  message: string;
}

/** One line of the desk's log. */
export interface LogLineView {
  number: number; // counts up from the start of the process
  timestamp: number; // ms
  time: string;
  level: "DEBUG" | "INFO" | "WARNING" | "ERROR" | "CRITICAL";
  logger: string; // who wrote it, such as actors.bot-BTCUSDT
  message: string;
}

/** `logs_response`. */
export interface LogsView {
  lines: LogLineView[]; // oldest first
}

/** The price and the indicators of one interval that an analysis is of. */
export interface MarketDataView {
  price: number | null;
  indicators: Record<string, number | null>; // by name, as RSI_14
  interval?: string;
}

/** `market_status`; `symbol` where only one pair is concerned. */
export interface MarketStatusView {
  state: string;
  message: string;
  timestamp: number; // ms
  time: string;
  symbol?: string;
}

/** `news_data_response`; `cryptopanic_news` and `grok_news` are where older clients look. */
export interface NewsDataView {
  news: NewsItemView[];
  by_symbol: Record<string, PairNewsView>;
  fear_greed: FearGreedView | null;
  cryptopanic_news: Record<string, PairNewsView>;
  grok_news: Record<string, PairNewsView>;
}

/** One story. */
export interface NewsItemView {
  id: string;
  title: string;
  summary: string;
  url: string;
  source: string;
  symbols: string[];
  sentiment: number;
  label: string;
  published_at: string;
  timestamp: number; // ms
}

/** A source of news or mood in `health`. */
export interface NewsSourceView {
  source: string;
  state: "starting" | "ok" | "failing" | "disabled";
  detail: string;
  last_ok: number | null; // ms
  next_try: number | null; // ms
  stories: number;
  repeats: number;
}

/** `news_update`. */
export interface NewsUpdateView {
  items: NewsItemView[];
}

/** `ai_analysis_response` where there is none yet; of `all_ai_analysis_response` where there can be none. */
export interface NoAnalysisView {
  symbol: string;
  error: string;
}

/** What the null twins of an analyst would have: a coin at its moments, nobody, and who buys and holds. */
export interface NullEquityView {
  random: number;
  hold: number;
  buy_and_hold: number;
}

/** `order_accepted`, `order_cancelled` and `order_update`. */
export interface OneOrderView {
  order: OrderView;
}

/** One analyst's view, inside `ai_insights` and analyses. */
export interface OpinionView {
  analyst: string;
  model: string;
  symbol: string;
  action: string;
  confidence_score: number;
  sentiment: number;
  horizon_minutes: number;
  stop_loss: number | null;
  take_profit: number | null;
  risk_level: string;
  reasoning: string;
  price: number;
  cost_usd: number;
  latency_ms: number;
  timestamp: number;
  time: string;
  age_ms?: number; // when it was combined, in a decision
}

/** `ai_opportunity_alert`. */
export interface OpportunityView {
  symbol: string;
  analysis: AnalysisView;
  confidence_score: number;
  direction: string;
  status: "pending_approval" | "executed" | "blocked";
  timestamp: number;
  time: string;
  wait_until?: string;
  gate?: string;
}

/** `order_book_response`: best levels first, (price, quantity in base) each, and the terms of the paper exchange.  Without a known book there are no levels, and fills slip by `fallback_slippage_bps`. A limit of 0 is none. */
export interface OrderBookView {
  symbol: string;
  bids: [number, number][];
  asks: [number, number][];
  timestamp: number | null; // ms, when the book was received
  time: string | null;
  taker_fee: number; // fraction of the value
  maker_fee: number;
  latency_ms: number; // from the order to the exchange
  fallback_slippage_bps: number;
  tick_size: number | null; // step of prices; None until the exchange has said it
  step_size: number | null; // step of quantities, base
  min_quantity: number | null;
  min_notional: number | null; // quote
}

/** One order as the exchange holds it. */
export interface OrderView {
  order_id: string;
  symbol: string;
  side: string;
  order_type: string;
  amount: number;
  filled: number;
  price: number | null;
  status: string;
  reduce_only: boolean;
  source: string;
  created_at: string;
  trigger_price?: number;
}

/** `orders_response`. */
export interface OrdersView {
  orders: OrderView[];
}

/** What became of a command: `start_bot_response`, `stop_bot_response`, `start_analysis_response` and the like. */
export interface OutcomeView {
  success: boolean;
  message: string;
  config?: Record<string, unknown>;
  error?: string;
}

/** What one pair came to. */
export interface PairFigures {
  trades: number;
  wins: number;
  win_rate: number; // 0..100
  net_profit: number;
  fees: number;
}

/** The stories of one pair, in the older shape. */
export interface PairNewsView {
  symbol: string;
  news_count: number;
  headlines: HeadlineView[];
  overall_sentiment: number; // -1..1
  sentiment_label: string;
  search_queries_used: string[];
  timestamp: string;
}

/** `paper_trade_response`. */
export interface PaperTradeView {
  success: boolean;
  message: string;
  trade_data: TradeView | OrderView;
  new_balance: number;
}

/** An item of `pending_trades_response`. */
export interface PendingTradeView {
  symbol: string;
  confidence_score: number;
  direction: string;
  status: string;
  detected_time: string;
  wait_until: string;
  remaining_seconds: number;
  remaining_minutes: number;
  price: number;
  stop_loss: number | null;
  take_profit: number | null;
  decision_id: string;
  analysis: AnalysisView | null;
}

/** Figures of a period. None: too little has happened to say. */
export interface Performance {
  trades: number; // closed trades, parts of a position counted each
  wins: number;
  losses: number;
  win_rate: number; // 0..100
  net_profit: number; // of the closed trades, after fees
  gross_profit: number; // sum of the winning trades, after fees
  gross_loss: number; // sum of the losing trades, after fees, <= 0
  profit_factor: number | null; // gross profit / |gross loss|
  fees: number;
  average_win: number | null;
  average_loss: number | null;
  largest_win: number | null;
  largest_loss: number | null;
  average_hold_seconds: number | null;
  exposure_percent: number | null; // share of the period with a position open
  start_equity: number | null;
  equity: number | null;
  return_percent: number | null;
  max_drawdown_percent: number | null; // largest fall from a high
  max_drawdown_usdt: number | null;
  sharpe: number | null; // mean / deviation of daily returns x sqrt(365), no risk-free rate
  sortino: number | null; // the same over the deviation of the losses only
  from_ms: number | null;
  to_ms: number | null;
  per_pair: Record<string, PairFigures>;
}

/** What older clients show as the second model's plan; `analyst` says whose it is. */
export interface PlanView {
  direction: "LONG" | "SHORT" | "HOLD";
  confidence_score: number; // 0..1
  entry_price: number | null;
  stop_loss: number | null;
  take_profit: number | null;
  analyst: string;
}

/** `position_closed`. */
export interface PositionClosedView {
  trade: TradeView;
  new_balance: number;
  positions: Record<string, PositionView>;
  realized_pnl: number;
}

/** One open position. */
export interface PositionView {
  symbol: string;
  direction: "long" | "short";
  amount: number;
  entry_price: number;
  avg_price: number;
  current_price: number;
  margin: number;
  leverage: number;
  unrealized_pnl: number;
  pnl_percent: number; // of the notional at entry
  value: number;
  stop_loss: number | null;
  take_profit: number | null;
  trailing_stop: number | null; // None until it is armed
  liquidation_price: number | null;
  opened_at: string;
  source: string;
}

/** `positions_response` and `position_update`. */
export interface PositionsView {
  balance: number;
  equity: number;
  positions: Record<string, PositionView>;
}

/** `price_update`, and an entry of `price_cache`. */
export interface PriceView {
  symbol: string;
  price: number;
  bid: number | null;
  ask: number | null;
  change_24h: number; // percent
  volume: number; // base, 24 h; the same as volume_24h, under the name the original frontend reads
  volume_24h: number;
  high_24h: number;
  low_24h: number;
  market_cap: number;
  timestamp: number; // epoch seconds
  time: string;
  stale?: boolean;
}

/** `trade_accepted` and `trade_rejected`. */
export interface ProposalAnswerView {
  success: boolean;
  symbol: string;
  message: string;
  new_balance: number;
  trade_details: PendingTradeView | null;
  error?: string;
}

/** What one view of the market comes to. */
export interface RecommendationView {
  action: "BUY" | "SELL" | "HOLD";
  reasoning: string;
}

/** What older clients show as the second model's summary; `analyst` says whose it is. */
export interface RefinementView {
  summary: string;
  risk_level: "low" | "medium" | "high";
  timeframe: string;
  analyst: string;
}

/** One row of the table. */
export interface Saving {
  reason: "unchanged" | "breaker_open" | "too_many_calls" | "budget_used" | "out_of_time";
  questions: number;
  usd: number; // questions times what a question that was asked cost on the mean; 0 while none was
}

/** Who speaks, and to whom. */
export interface ServerView {
  version: string;
  time: string;
  settings_hash: string;
  role: "operator" | "viewer";
}

/** `settings_reloaded`. */
export interface SettingsReloadedView {
  changed: string[];
  hash: string;
  restart_required: string[];
}

/** The combined signal. */
export interface SignalView {
  symbol: string;
  action: string;
  score: number;
  confidence_score: number;
  agreed: boolean;
  opinions: number;
  abstentions: Record<string, string>; // analyst -> why
  weights: Record<string, number>; // analyst -> weight of its vote
  timestamp: number;
  time: string;
}

/** Where prices come from. */
export interface SourceView {
  kind: string;
  banner?: string;
}

/** `subscribed`: all that the session gets now. */
export interface SubscribedView {
  topics: string[];
  symbols: string[];
}

/** `trade_executed`. */
export interface TradeExecutedView {
  trade: TradeView;
  new_balance: number;
  positions: Record<string, PositionView>;
}

/** `trade_log`. */
export interface TradeLogView {
  timestamp: number; // ms
  time: string;
  level: "success" | "info" | "warning";
  symbol: string;
  message: string;
  action?: string;
  profit?: number;
}

/** What closing (a part of) a position came to. */
export interface TradeRecord {
  trade_id: string;
  symbol: string;
  direction: "LONG" | "SHORT";
  entry_price: number;
  exit_price: number;
  quantity: number;
  profit_loss: number; // net of fees
  profit_loss_percent: number; // of the notional at entry
  fees: number;
  exit_reason: string;
  entry_time: string;
  exit_time: string;
  hold_duration: number; // seconds
  confidence_score: number;
}

/** One execution. */
export interface TradeView {
  trade_id: string;
  order_id: string;
  symbol: string;
  direction: "BUY" | "SELL";
  side: "buy" | "sell";
  amount: number;
  price: number;
  value: number;
  fee: number;
  pnl: number;
  timestamp: number;
  time: string;
  trade_type: "MANUAL" | "BOT";
  status: string;
  order_type: string;
  reason: string;
  fill_model: string;
  catch_up: boolean;
}

/** `trade_history_response`. */
export interface TradesView {
  trades: TradeView[];
}

/** The `data` of each message by its type. */
export interface ServerData {
  initial_data: InitialView;
  price_update: PriceView;
  candle_update: CandleView;
  position_update: PositionsView;
  balance_update: BalanceView;
  trade_executed: TradeExecutedView;
  position_closed: PositionClosedView;
  order_update: OneOrderView;
  bot_trade_executed: BotTradeExecutedView;
  bot_trade_closed: BotTradeClosedView;
  bot_status_update: BotStatusView;
  bot_status_response: BotStatusView;
  analysis_status: AnalysisProgressView;
  analysis_log: AnalysisLogView;
  trade_log: TradeLogView;
  ai_insights: InsightsView;
  ai_opportunity_alert: OpportunityView;
  decision: DecisionView;
  news_update: NewsUpdateView;
  analyst_update: AnalystView;
  actor_status: ActorView;
  market_status: MarketStatusView;
  alert: AlertView;
  settings_reloaded: SettingsReloadedView;
  positions_response: PositionsView;
  trade_history_response: TradesView;
  crypto_data_response: Record<string, CryptoView>;
  candles_response: CandlesView;
  order_book_response: OrderBookView;
  orders_response: OrdersView;
  order_accepted: OneOrderView;
  order_cancelled: OneOrderView;
  paper_trade_response: PaperTradeView;
  start_bot_response: OutcomeView;
  stop_bot_response: OutcomeView;
  bot_config_response: BotConfigView;
  update_bot_config_response: OutcomeView;
  start_analysis_response: OutcomeView;
  stop_analysis_response: OutcomeView;
  analysis_status_response: AnalysisStatusView;
  ai_analysis_response: AnalysisView | NoAnalysisView;
  all_ai_analysis_response: { analyses: Record<string, AnalysisView | NoAnalysisView> };
  ai_opportunities_response: { opportunities: Record<string, AnalysisView> };
  pending_trades_response: { trades: (PendingTradeView)[] };
  trade_accepted: ProposalAnswerView;
  trade_rejected: ProposalAnswerView;
  news_data_response: NewsDataView;
  analysts_response: AnalystsView;
  decisions_response: DecisionsView;
  equity_curve_response: EquityCurveView;
  statistics_response: Performance;
  health: HealthView;
  logs_response: LogsView;
  subscribed: SubscribedView;
  error: ErrorView;
}

export type ServerKind = keyof ServerData;

/** What a client may send. */
export type ClientKind =
  | "get_positions"
  | "get_balance"
  | "get_trade_history"
  | "get_crypto_data"
  | "get_candles"
  | "get_order_book"
  | "execute_trade"
  | "paper_trade"
  | "cancel_order"
  | "get_orders"
  | "close_position"
  | "update_position"
  | "start_bot"
  | "stop_bot"
  | "get_bot_status"
  | "get_bot_config"
  | "update_bot_config"
  | "start_analysis"
  | "stop_analysis"
  | "get_analysis_status"
  | "get_ai_analysis"
  | "get_all_ai_analysis"
  | "get_ai_opportunities"
  | "get_pending_trades"
  | "accept_trade"
  | "reject_trade"
  | "get_news_data"
  | "get_analysts"
  | "get_decisions"
  | "get_equity_curve"
  | "get_statistics"
  | "get_health"
  | "get_logs"
  | "subscribe"
  | "unsubscribe"
  | "reload_settings"
  | "ping";

/** Executions, newest first. */
export interface GetTradeHistory {
  limit?: number | string | null | undefined;
  symbol?: string | null | undefined;
  before?: number | string | null | undefined;
}

/** 24 h figures of one pair, or of all. */
export interface GetCryptoData {
  symbol?: string | null | undefined;
}

/** Newest candles of one series, oldest first. */
export interface GetCandles {
  symbol: string;
  interval: string;
  limit?: number | string | null | undefined;
}

/** The newest order book of one pair and the terms on which an order would be filled. */
export interface GetOrderBook {
  symbol: string;
  limit?: number | string | null | undefined;
}

/** A manual order (`execute_trade` and `paper_trade`). Exactly one of `amount` and `value_usdt` is given. */
export interface ExecuteTrade {
  order_type?: string | null | undefined;
  amount?: number | string | null | undefined;
  value_usdt?: number | string | null | undefined;
  price?: number | string | null | undefined;
  margin_mode?: string | null | undefined;
  symbol: string;
  direction: string;
  stop_loss?: number | string | null | undefined;
  take_profit?: number | string | null | undefined;
  leverage?: number | string | null | undefined;
  trade_id?: string | null | undefined;
}

/** Take back a resting order. */
export interface CancelOrder {
  order_id: string;
}

/** Close a share of a position at market. */
export interface ClosePosition {
  symbol: string;
  fraction?: number | string | null | undefined;
}

/** Set or remove the stop and target of a position; at least one of the four is given. */
export interface UpdatePosition {
  symbol: string;
  stop_loss?: number | string | null | undefined;
  take_profit?: number | string | null | undefined;
}

/** Switch trading (and analysis) on; `config` as dotted key and raw value, not checked yet. */
export interface StartBot {
  [setting: string]: unknown;
}

/** The bot settings in force, of one pair or the defaults. */
export interface GetBotConfig {
  symbol?: string | null | undefined;
}

/** Change bot settings, of one pair or the defaults; `config` as in StartBot. */
export interface UpdateBotConfig {
  symbol?: string | null | undefined;
  reset?: string[] | null | undefined;
  [setting: string]: unknown;
}

/** The newest analysis of one pair. */
export interface GetAiAnalysis {
  symbol: string;
}

/** The newest analysis of these pairs; None: of all. */
export interface GetAllAiAnalysis {
  symbols?: string[] | null | undefined;
}

/** Fresh signals of at least this confidence. */
export interface GetAiOpportunities {
  min_confidence?: number | string | null | undefined;
}

/** Let a waiting trade be made, of another size if given. */
export interface AcceptTrade {
  symbol: string;
  usdt_amount?: number | string | null | undefined;
}

/** Drop a waiting trade. */
export interface RejectTrade {
  symbol: string;
}

/** Newest stories, of one pair or all. */
export interface GetNewsData {
  symbol?: string | null | undefined;
  limit?: number | string | null | undefined;
}

/** Decisions, newest first; `gate` and `outcome` choose among them. */
export interface GetDecisions {
  symbol?: string | null | undefined;
  limit?: number | string | null | undefined;
  before?: number | string | null | undefined;
  gate?: string | null | undefined;
  outcome?: string | null | undefined;
  features?: boolean | null | undefined;
}

/** Equity over time, oldest first, thinned to `points`. */
export interface GetEquityCurve {
  from?: number | string | null | undefined;
  to?: number | string | null | undefined;
  points?: number | string | null | undefined;
}

/** The newest lines of the desk's log, oldest first. */
export interface GetLogs {
  limit?: number | string | null | undefined;
  after?: number | string | null | undefined;
  level?: string | null | undefined;
}

/** Choose what is delivered; the session answers it, the hub never sees it. */
export interface Subscribe {
  topics?: ("initial_data" | "price_update" | "candle_update" | "position_update" | "balance_update" | "trade_executed" | "position_closed" | "order_update" | "bot_trade_executed" | "bot_trade_closed" | "bot_status_update" | "bot_status_response" | "analysis_status" | "analysis_log" | "trade_log" | "ai_insights" | "ai_opportunity_alert" | "decision" | "news_update" | "analyst_update" | "actor_status" | "market_status" | "alert" | "settings_reloaded")[] | null | undefined;
  symbols?: string[] | null | undefined;
}

/** Drop what is delivered; the session answers it, the hub never sees it. */
export interface Unsubscribe {
  topics?: ("initial_data" | "price_update" | "candle_update" | "position_update" | "balance_update" | "trade_executed" | "position_closed" | "order_update" | "bot_trade_executed" | "bot_trade_closed" | "bot_status_update" | "bot_status_response" | "analysis_status" | "analysis_log" | "trade_log" | "ai_insights" | "ai_opportunity_alert" | "decision" | "news_update" | "analyst_update" | "actor_status" | "market_status" | "alert" | "settings_reloaded")[] | null | undefined;
  symbols?: string[] | null | undefined;
}

/** Answered with pong by the session; the hub never sees it. */
export interface PingServer {
  timestamp?: number | string | null | undefined;
}

/** The fields of each message of a client. */
export interface ClientFields {
  get_positions: Record<string, never>;
  get_balance: Record<string, never>;
  get_trade_history: GetTradeHistory;
  get_crypto_data: GetCryptoData;
  get_candles: GetCandles;
  get_order_book: GetOrderBook;
  execute_trade: ExecuteTrade | { trade_data: ExecuteTrade };
  paper_trade: ExecuteTrade | { trade_data: ExecuteTrade };
  cancel_order: CancelOrder;
  get_orders: Record<string, never>;
  close_position: ClosePosition;
  update_position: UpdatePosition;
  start_bot: StartBot | { config: StartBot };
  stop_bot: Record<string, never>;
  get_bot_status: Record<string, never>;
  get_bot_config: GetBotConfig;
  update_bot_config: UpdateBotConfig | { config: UpdateBotConfig };
  start_analysis: Record<string, never>;
  stop_analysis: Record<string, never>;
  get_analysis_status: Record<string, never>;
  get_ai_analysis: GetAiAnalysis;
  get_all_ai_analysis: GetAllAiAnalysis;
  get_ai_opportunities: GetAiOpportunities;
  get_pending_trades: Record<string, never>;
  accept_trade: AcceptTrade;
  reject_trade: RejectTrade;
  get_news_data: GetNewsData;
  get_analysts: Record<string, never>;
  get_decisions: GetDecisions;
  get_equity_curve: GetEquityCurve;
  get_statistics: Record<string, never>;
  get_health: Record<string, never>;
  get_logs: GetLogs;
  subscribe: Subscribe;
  unsubscribe: Unsubscribe;
  reload_settings: Record<string, never>;
  ping: PingServer;
}

export type ErrorCode =
  | "bad_json"
  | "bad_message"
  | "unknown_type"
  | "forbidden"
  | "rate_limited"
  | "unknown_symbol"
  | "no_price"
  | "stale_price"
  | "unknown_order"
  | "insufficient_balance"
  | "filter_failure"
  | "slippage_exceeded"
  | "no_position"
  | "pair_disabled"
  | "duplicate_order"
  | "ledger_unavailable"
  | "not_pending"
  | "internal";
