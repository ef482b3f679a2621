import { describe, expect, it } from "vitest";
import type { Trade } from "../src/protocol";
import { chosen, csv, drawdowns, grouped, isExit } from "../src/results/figures";
import { withTrades } from "../src/state";

const trade = (part: Partial<Trade>): Trade =>
  ({
    trade_id: "t",
    order_id: "o",
    symbol: "BTCUSDT",
    side: "buy",
    amount: 0.00000001,
    price: 97012.37,
    value: 1,
    fee: 0.1,
    pnl: 0,
    timestamp: 1,
    time: "2026-01-01T00:00:00.000Z",
    trade_type: "BOT",
    order_type: "market",
    reason: "entry",
    fill_model: "book20",
    catch_up: false,
    ...part,
  }) as Trade;

it("drawdowns are falls from the highest equity so far", () => {
  const points = [100, 110, 99, 120].map((equity, n) => [n, equity, 0] as const);
  expect(drawdowns(points)).toEqual([0, 0, expect.closeTo(-10), 0]);
});

describe("executions", () => {
  const all = [
    trade({ trade_id: "a" }),
    trade({ trade_id: "b", pnl: 3, reason: "take_profit", side: "sell" }),
    trade({ trade_id: "c", pnl: -1, reason: "stop_loss", side: "sell", symbol: "ETHUSDT", trade_type: "MANUAL" }),
    trade({ trade_id: "d", pnl: 0, reason: "stop_loss", side: "sell" }),
  ];
  it("that closed something are told from entries", () => expect(all.map(isExit)).toEqual([false, true, true, true]));
  it("are put together by reason, the best first", () => {
    expect(grouped(all.filter(isExit), (one) => one.reason)).toEqual([
      { name: "take_profit", trades: 1, won: 1, gain: 3, fees: 0.1 },
      { name: "stop_loss", trades: 2, won: 0, gain: -1, fees: 0.2 },
    ]);
  });
  it("are chosen by every part of the filter", () => {
    const ids = (part: object) => chosen(all, { symbol: "", kind: "all", source: "", reason: "", ...part }).map((one) => one.trade_id).join("");
    expect([ids({}), ids({ symbol: "ETHUSDT" }), ids({ kind: "exits" }), ids({ kind: "entries" }), ids({ source: "MANUAL" })]).toEqual([
      "abcd",
      "c",
      "bcd",
      "a",
      "c",
    ]);
    expect(ids({ reason: "stop_loss", source: "BOT" })).toBe("d");
  });
  it("go into CSV with exact numbers, and nothing that a spreadsheet would run", () => {
    const [head, row] = csv([trade({ reason: '=1+"1"', order_id: "a,b" })]).split("\r\n");
    expect(head?.split(",").slice(0, 4)).toEqual(["time", "trade_id", "order_id", "symbol"]);
    expect(row).toContain('"a,b"');
    expect(row).toContain("97012.37");
    expect(row).toContain('"\'=1+""1"""');
  });
  it("of earlier pages come once, newest first", () => {
    const newer = [trade({ trade_id: "x", timestamp: 9 })];
    const older = [trade({ trade_id: "x", timestamp: 9 }), trade({ trade_id: "y", timestamp: 2 }), trade({ trade_id: "z", timestamp: 5 })];
    expect(withTrades(newer, older).map((one) => one.trade_id)).toEqual(["x", "z", "y"]);
    expect(withTrades(newer, newer)).toBe(newer);
  });
});
