import { describe, expect, it } from "vitest";
import type { CandleRow, Frame, Order, Trade } from "../src/protocol";
import { EMPTY, MAX_ROWS, reduce, type State, withCandle } from "../src/state";

const snapshot: Frame = {
  type: "initial_data",
  data: {
    paper_balance: 100000,
    equity: 100010.5,
    balances: { balance: 100000, equity: 100010.5, held: 0, margin: 20, unrealized_pnl: -9.5, realized_pnl_today: 1, fees_today: 2 },
    market_status: { state: "live", message: "" },
    positions: {},
    recent_trades: [],
    price_cache: { BTCUSDT: { symbol: "BTCUSDT", price: 97000 } },
    bot_status: { enabled: false, pair_status: { BTCUSDT: "idle" } },
    analysis_status: { enabled: true },
    orders: [],
    news: [],
    analysts: [],
    source: { kind: "simulated", banner: "Simulated exchange" },
    server: { version: "0.1.0", time: "", settings_hash: "" },
    ledger: { seq: 7, hash: "" },
  },
};

function after(...frames: Frame[]): State {
  return frames.reduce(reduce, EMPTY);
}

const trade = { trade_id: "t1", symbol: "BTCUSDT", side: "buy", price: 97000 } as Trade;
const order = { order_id: "o1", symbol: "BTCUSDT", status: "open" } as Order;

describe("reduce", () => {
  it("takes everything from a snapshot, and forgets candles that may have closed meanwhile", () => {
    const before = { ...EMPTY, candles: { "BTCUSDT 1m": [[0, 1, 1, 1, 1, 1] as CandleRow] } };
    const state = reduce(before, snapshot);
    expect([state.ready, state.balance?.balance, state.ledgerSeq, state.source.kind]).toEqual([true, 100000, 7, "simulated"]);
    expect(state.candles).toEqual({});
  });

  it("shows margin, market and earlier trades from the first frame on", () => {
    const earlier = [
      { ...trade, trade_id: "t2", side: "sell", amount: 1, timestamp: 2, reason: "take_profit" },
      { ...trade, amount: 1, timestamp: 1, reason: "manual" },
    ];
    const state = after({ ...snapshot, data: { ...(snapshot.data as object), recent_trades: earlier } });
    expect([state.balance?.margin, state.market?.state]).toEqual([20, "live"]);
    expect(state.tradeLog.map((line) => line.message)).toEqual([
      "BTCUSDT: sell 1 at 97000 (take profit)",
      "BTCUSDT: buy 1 at 97000 (manual)",
    ]);
    expect(new Set(state.tradeLog.map((line) => line.key)).size).toBe(2);
  });

  it("takes what a snapshot without balances lacks from the answers", () => {
    const { balances: _, ...older } = snapshot.data as { balances: unknown };
    const state = after({ type: "initial_data", data: older }, { type: "balance_update", data: { balance: 5, margin: 1 } });
    expect([state.balance?.balance, state.balance?.margin]).toEqual([5, 1]);
  });

  it("never shows one trade twice", () => {
    const frame: Frame = { type: "trade_executed", data: { trade, new_balance: 99000, positions: {} }, ledger_seq: 9 };
    const state = after(snapshot, frame, frame);
    expect([state.trades.length, state.balance?.balance, state.ledgerSeq]).toEqual([1, 99000, 9]);
  });

  it("keeps open orders only", () => {
    const open = after(snapshot, { type: "order_update", data: { order } });
    expect(open.orders.length).toBe(1);
    expect(reduce(open, { type: "order_update", data: { order: { ...order, status: "filled" } } }).orders).toEqual([]);
  });

  it("ignores types it does not know and frames without data", () => {
    expect(after({ type: "unheard_of", data: {} }, { type: "price_update" })).toEqual(EMPTY);
  });

  it("caps logs", () => {
    const lines = Array.from({ length: MAX_ROWS + 50 }, (_, n): Frame => ({ type: "trade_log", data: { timestamp: n } }));
    const state = after(...lines);
    expect([state.tradeLog.length, state.tradeLog[0]?.timestamp]).toEqual([MAX_ROWS, MAX_ROWS + 49]);
  });

  it("shows a story once, newest first", () => {
    const item = (id: string, timestamp: number) => ({ id, timestamp });
    const state = after(
      { type: "news_update", data: { items: [item("a", 1), item("b", 2)] } },
      { type: "news_update", data: { items: [item("b", 2), item("c", 3)] } },
    );
    expect(state.news.map((one) => one.id)).toEqual(["c", "b", "a"]);
  });
});

describe("withCandle", () => {
  const rows: CandleRow[] = [
    [0, 1, 1, 1, 1, 1],
    [60_000, 1, 1, 1, 1, 1],
  ];
  it("replaces the open candle and appends the next", () => {
    const replaced = withCandle(rows, [60_000, 1, 2, 1, 2, 5]);
    expect([replaced.length, replaced[1]?.[4]]).toEqual([2, 2]);
    expect(withCandle(rows, [120_000, 1, 1, 1, 1, 1]).length).toBe(3);
  });
  it("leaves a candle older than all alone", () => {
    expect(withCandle(rows, [-60_000, 1, 1, 1, 1, 1])).toBe(rows);
  });
});
