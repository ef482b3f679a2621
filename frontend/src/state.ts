/** What the page knows, and how a frame changes it: pure functions, no DOM, no socket. */

import type {
  Actor,
  Alert,
  AnalysisLine,
  AnalysisStatus,
  Analyst,
  Balance,
  BotStatus,
  CandleRow,
  Decision,
  FearGreed,
  Frame,
  Health,
  InitialData,
  Insights,
  MarketStatus,
  NewsItem,
  Order,
  Pending,
  Position,
  Price,
  Reloaded,
  Role,
  Source,
  Trade,
  TradeLine,
} from "./protocol";

export const MAX_ROWS = 200;
export const MAX_CANDLES = 1000;
export const MAX_TRADES = 20_000;

/** A line of a log with a number of its own, so that a new line does not draw the others anew. */
export type Keyed<T> = T & { key: number };

export interface State {
  ready: boolean; // a snapshot has come over the connection that is open now
  role: Role; // what this session may do
  source: Source;
  version: string;
  ledgerSeq: number;
  market: MarketStatus | null;
  balance: Balance | null;
  prices: Record<string, Price>;
  positions: Record<string, Position>;
  orders: Order[];
  trades: Trade[];
  bot: BotStatus | null;
  analysis: AnalysisStatus | null;
  analysts: Analyst[];
  analysisLog: Keyed<AnalysisLine>[];
  tradeLog: Keyed<TradeLine>[];
  decisions: Decision[];
  news: NewsItem[];
  fearGreed: FearGreed | null;
  alerts: Alert[];
  intervals: string[]; // of the candle series that the desk keeps
  candles: Record<string, CandleRow[]>; // by seriesKey
  pending: Pending[]; // trades that wait for an approval
  health: Health | null;
  insights: Record<string, Insights>; // the newest opinions and signal of each pair
  serverTime: number; // ms: the desk's clock when the snapshot was made
  settingsHash: string;
  reloaded: Reloaded | null; // what the newest reload of the settings changed
}

export const EMPTY: State = {
  ready: false,
  role: "", // not known: no command is shown
  source: { kind: "" },
  version: "",
  ledgerSeq: 0,
  market: null,
  balance: null,
  prices: {},
  positions: {},
  orders: [],
  trades: [],
  bot: null,
  analysis: null,
  analysts: [],
  analysisLog: [],
  tradeLog: [],
  decisions: [],
  news: [],
  fearGreed: null,
  alerts: [],
  intervals: [],
  candles: {},
  pending: [],
  health: null,
  insights: {},
  serverTime: 0,
  settingsHash: "",
  reloaded: null,
};

export function seriesKey(symbol: string, interval: string): string {
  return `${symbol} ${interval}`;
}

function newestFirst<T>(list: T[], item: T): T[] {
  return [item, ...list].slice(0, MAX_ROWS);
}

function withLine<T>(lines: Keyed<T>[], line: T): Keyed<T>[] {
  return newestFirst(lines, { ...line, key: (lines[0]?.key ?? 0) + 1 });
}

/** What was traded before this page was opened, as the log would have told it. */
function withTradeLine(lines: Keyed<TradeLine>[], trade: Trade): Keyed<TradeLine>[] {
  const { symbol, side, amount, price, reason } = trade;
  const message = `${symbol}: ${side} ${amount} at ${price} (${reason.replaceAll("_", " ")})`;
  return withLine(lines, { timestamp: trade.timestamp * 1000, time: trade.time, level: "info", symbol, message });
}

function isKnown(state: State, trade: Trade): boolean {
  return state.trades.some((one) => one.trade_id === trade.trade_id);
}

function balanceOf(state: State, free: number, equity?: number): Balance | null {
  if (!state.balance) return null;
  return { ...state.balance, balance: free, equity: equity ?? state.balance.equity };
}

function fromSnapshot(state: State, data: InitialData): State {
  return {
    ...state,
    ready: true,
    role: data.server.role,
    source: data.source,
    version: data.server.version,
    ledgerSeq: data.ledger.seq,
    market: data.market_status ?? null,
    balance: data.balances ?? null,
    prices: data.price_cache,
    positions: data.positions,
    orders: data.orders,
    trades: data.recent_trades,
    tradeLog: data.recent_trades.filter((trade) => !isKnown(state, trade)).toReversed().reduce(withTradeLine, state.tradeLog),
    bot: data.bot_status,
    analysis: data.analysis_status,
    analysts: data.analysts,
    news: data.news,
    pending: data.pending_trades ?? [],
    insights: data.ai_insights ?? {},
    serverTime: Date.parse(data.server.time),
    settingsHash: data.server.settings_hash,
    decisions: [], // some may have been missed: who shows them asks for them
    intervals: data.intervals ?? [],
    candles: {}, // asked for anew: some may have closed meanwhile
  };
}

/** Put one candle at its place: the newest replaces or follows the last. */
export function withCandle(rows: CandleRow[], row: CandleRow): CandleRow[] {
  const last = rows[rows.length - 1];
  if (!last || row[0] > last[0]) return [...rows, row].slice(-MAX_CANDLES);
  const index = rows.findIndex((one) => one[0] === row[0]);
  if (index < 0) return rows;
  const changed = rows.slice();
  changed[index] = row;
  return changed;
}

function withOrder(orders: Order[], order: Order): Order[] {
  const others = orders.filter((one) => one.order_id !== order.order_id);
  return order.status === "open" ? [...others, order] : others;
}

function withTrade(trades: Trade[], trade: Trade): Trade[] {
  return trades.some((one) => one.trade_id === trade.trade_id) ? trades : [trade, ...trades].slice(0, MAX_TRADES);
}

/** Put older trades to those that are known, newest first. */
export function withTrades(trades: Trade[], older: readonly Trade[]): Trade[] {
  const known = new Set(trades.map((trade) => trade.trade_id));
  const added = older.filter((trade) => !known.has(trade.trade_id));
  if (added.length === 0) return trades;
  return [...trades, ...added].sort((a, b) => b.timestamp - a.timestamp).slice(0, MAX_TRADES);
}

interface Executed {
  trade: Trade;
  new_balance: number;
  positions: Record<string, Position>;
  bot_status?: BotStatus;
}

function afterTrade(state: State, data: Executed): State {
  return {
    ...state,
    trades: withTrade(state.trades, data.trade),
    positions: data.positions,
    balance: balanceOf(state, data.new_balance),
    bot: data.bot_status ?? state.bot,
  };
}

function withoutPending(state: State, symbol: string): State {
  return { ...state, pending: state.pending.filter((one) => one.symbol !== symbol) };
}

type Reducer = (state: State, data: never) => State;

const REDUCERS: Record<string, Reducer> = {
  initial_data: fromSnapshot as Reducer,
  price_update: ((state: State, data: Price) => ({ ...state, prices: { ...state.prices, [data.symbol]: data } })) as Reducer,
  position_update: ((state: State, data: { balance: number; equity: number; positions: Record<string, Position> }) => ({
    ...state,
    positions: data.positions,
    balance: balanceOf(state, data.balance, data.equity),
  })) as Reducer,
  balance_update: ((state: State, data: Balance) => ({ ...state, balance: data })) as Reducer,
  trade_executed: afterTrade as Reducer,
  position_closed: afterTrade as Reducer,
  bot_trade_executed: afterTrade as Reducer,
  bot_trade_closed: afterTrade as Reducer,
  order_update: ((state: State, data: { order: Order }) => ({ ...state, orders: withOrder(state.orders, data.order) })) as Reducer,
  order_accepted: ((state: State, data: { order: Order }) => ({ ...state, orders: withOrder(state.orders, data.order) })) as Reducer,
  order_cancelled: ((state: State, data: { order: Order }) => ({ ...state, orders: withOrder(state.orders, data.order) })) as Reducer,
  bot_status_response: ((state: State, data: BotStatus) => ({ ...state, bot: data })) as Reducer,
  bot_status_update: ((state: State, data: BotStatus) => ({ ...state, bot: data })) as Reducer,
  analysis_status: ((state: State, data: { status: string }) => {
    if (!state.analysis || (data.status !== "started" && data.status !== "stopped")) return state;
    return { ...state, analysis: { ...state.analysis, enabled: data.status === "started" } };
  }) as Reducer,
  analysis_status_response: ((state: State, data: AnalysisStatus) => ({ ...state, analysis: data })) as Reducer,
  analysts_response: ((state: State, data: { analysts: Analyst[] }) => ({ ...state, analysts: data.analysts })) as Reducer,
  analyst_update: ((state: State, data: Analyst) => ({
    ...state,
    analysts: state.analysts.some((one) => one.name === data.name)
      ? state.analysts.map((one) => (one.name === data.name ? data : one))
      : [...state.analysts, data],
  })) as Reducer,
  analysis_log: ((state: State, data: AnalysisLine) => ({ ...state, analysisLog: withLine(state.analysisLog, data) })) as Reducer,
  trade_log: ((state: State, data: TradeLine) => ({ ...state, tradeLog: withLine(state.tradeLog, data) })) as Reducer,
  decision: ((state: State, data: Decision) => ({ ...state, decisions: newestFirst(state.decisions, data) })) as Reducer,
  ai_insights: ((state: State, data: Insights) => ({ ...state, insights: { ...state.insights, [data.symbol]: data } })) as Reducer,
  actor_status: ((state: State, data: Actor) => {
    if (!state.health) return state;
    const { error, ...told } = data;
    const actor = { ...state.health.actors[data.name], ...told, ...(error ? { last_error: error } : {}) };
    return { ...state, health: { ...state.health, actors: { ...state.health.actors, [data.name]: actor } } };
  }) as Reducer,
  settings_reloaded: ((state: State, data: Reloaded) => ({ ...state, reloaded: data, settingsHash: data.hash })) as Reducer,
  trade_accepted: ((state: State, data: { symbol: string }) => withoutPending(state, data.symbol)) as Reducer,
  trade_rejected: ((state: State, data: { symbol: string }) => withoutPending(state, data.symbol)) as Reducer,
  news_update: ((state: State, data: { items: NewsItem[] }) => {
    const known = new Set(state.news.map((item) => item.id));
    const fresh = data.items.filter((item) => !known.has(item.id));
    const news = [...fresh, ...state.news].sort((a, b) => b.timestamp - a.timestamp).slice(0, MAX_ROWS);
    return { ...state, news };
  }) as Reducer,
  news_data_response: ((state: State, data: { news: NewsItem[]; fear_greed: FearGreed | null }) => ({
    ...state,
    news: data.news.slice(0, MAX_ROWS),
    fearGreed: data.fear_greed,
  })) as Reducer,
  health: ((state: State, data: Health) => ({ ...state, health: data, market: data.market ?? state.market })) as Reducer,
  pending_trades_response: ((state: State, data: { trades: Pending[] }) => ({ ...state, pending: data.trades })) as Reducer,
  market_status: ((state: State, data: MarketStatus) => (data.symbol ? state : { ...state, market: data })) as Reducer,
  alert: ((state: State, data: Alert) => ({ ...state, alerts: newestFirst(state.alerts, data).slice(0, 20) })) as Reducer,
  candles_response: ((state: State, data: { symbol: string; interval: string; candles: CandleRow[] }) => {
    const key = seriesKey(data.symbol, data.interval);
    if (data.candles.length < (state.candles[key]?.length ?? 0)) return state; // a short one beside the whole
    return { ...state, candles: { ...state.candles, [key]: data.candles.slice(-MAX_CANDLES) } };
  }) as Reducer,
  trade_history_response: ((state: State, data: { trades: Trade[] }) => ({
    ...state,
    trades: withTrades(state.trades, data.trades),
  })) as Reducer,
  candle_update: ((state: State, data: { symbol: string; interval: string; candle: CandleRow }) => {
    const key = seriesKey(data.symbol, data.interval);
    const rows = state.candles[key];
    return rows ? { ...state, candles: { ...state.candles, [key]: withCandle(rows, data.candle) } } : state;
  }) as Reducer,
};

/** Return the state after `frame`; a type this page does not use changes nothing. */
export function reduce(state: State, frame: Frame): State {
  const reducer = REDUCERS[frame.type];
  if (!reducer || frame.data === undefined || frame.data === null) return state;
  const next = reducer(state, frame.data as never);
  return frame.ledger_seq && frame.ledger_seq > next.ledgerSeq ? { ...next, ledgerSeq: frame.ledger_seq } : next;
}
