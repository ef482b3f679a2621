/** The hub's messages as this page uses them. Numbers are JSON numbers; times are as the protocol says. */

export interface Price {
  symbol: string;
  price: number;
  bid: number | null;
  ask: number | null;
  change_24h: number;
  volume_24h: number;
  high_24h: number;
  low_24h: number;
  timestamp: number; // s
  stale?: boolean;
}

/** t_ms, open, high, low, close, volume */
export type CandleRow = [number, number, number, number, number, number];

export interface Position {
  symbol: string;
  direction: "long" | "short";
  amount: number;
  entry_price: number;
  current_price: number;
  margin: number;
  leverage: number;
  unrealized_pnl: number;
  pnl_percent: number;
  value: number;
  stop_loss: number | null;
  take_profit: number | null;
  trailing_stop: number | null;
  opened_at: string;
  source: string;
}

export interface Trade {
  trade_id: string;
  order_id: string;
  symbol: string;
  side: "buy" | "sell";
  amount: number;
  price: number;
  value: number;
  fee: number;
  pnl: number;
  timestamp: number; // s
  time: string;
  trade_type: string;
  reason: string;
  fill_model: string;
  catch_up: boolean;
}

export interface Order {
  order_id: string;
  symbol: string;
  side: string;
  order_type: string;
  amount: number;
  filled: number;
  price: number | null;
  trigger_price?: number;
  status: string;
  reduce_only: boolean;
  source: string;
  created_at: string;
}

export interface Balance {
  balance: number;
  equity: number;
  held: number;
  margin: number;
  unrealized_pnl: number;
  realized_pnl_today: number;
  fees_today: number;
}

export interface BotStatus {
  enabled: boolean;
  start_time: number | null;
  running_duration: number;
  active_trades: number;
  trades_today: number;
  total_trades: number;
  winning_trades: number;
  win_rate: number;
  total_profit: number;
  pair_status: Record<string, string>;
}

export interface AnalysisStatus {
  enabled: boolean;
  interval_seconds: number;
  target_pairs: string[];
  analysts: string[];
}

export interface Analyst {
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
  hit_rate: number | null;
}

export interface AnalysisLine {
  timestamp: number; // ms
  level: string;
  symbol: string;
  message: string;
  action: string | null;
  confidence_score: number | null;
  reasoning: string;
  source: string;
}

export interface TradeLine {
  timestamp: number; // ms
  level: string;
  symbol: string;
  message: string;
  profit?: number;
}

export interface Decision {
  id: string;
  symbol: string;
  timestamp: number; // ms
  outcome: "traded" | "blocked";
  gate?: string;
  explanation: string;
}

export interface NewsItem {
  id: string;
  title: string;
  url: string;
  source: string;
  symbols: string[];
  sentiment: number;
  label: string;
  timestamp: number; // ms
}

export interface FearGreed {
  value: number;
  label: string;
}

export interface Alert {
  level: string;
  code: string;
  message: string;
  timestamp?: number;
}

export interface Source {
  kind: string;
  banner?: string;
}

export interface MarketStatus {
  state: string;
  message: string;
  symbol?: string;
}

export interface InitialData {
  paper_balance: number;
  equity: number;
  balances?: Balance | null;
  market_status?: MarketStatus | null;
  positions: Record<string, Position>;
  recent_trades: Trade[];
  price_cache: Record<string, Price>;
  bot_status: BotStatus;
  analysis_status: AnalysisStatus;
  orders: Order[];
  news: NewsItem[];
  analysts: Analyst[];
  source: Source;
  server: { version: string; time: string; settings_hash: string };
  ledger: { seq: number; hash: string };
}

export interface Frame {
  type: string;
  data?: unknown;
  request_id?: string;
  warnings?: string[];
  ledger_seq?: number;
}
