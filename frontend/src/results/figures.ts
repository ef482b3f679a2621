/** Figures of what was traded: pure functions. */

import type { Trade } from "../protocol";

export type EquityPoint = readonly [ms: number, equity: number, cash: number];

/** Fall from the highest equity so far, in percent (0 or below), for each point. */
export function drawdowns(points: readonly EquityPoint[]): number[] {
  let high = 0;
  return points.map(([, equity]) => {
    high = Math.max(high, equity);
    return high > 0 ? (equity / high - 1) * 100 : 0;
  });
}

/** Whether an execution closed something: only these gain or lose. */
export function isExit(trade: Trade): boolean {
  return trade.pnl !== 0 || !["entry", "manual"].includes(trade.reason);
}

export interface Group {
  name: string;
  trades: number;
  won: number;
  gain: number; // before fees
  fees: number;
}

/** Put executions together by a name, largest gain first. */
export function grouped(trades: readonly Trade[], name: (trade: Trade) => string): Group[] {
  const groups = new Map<string, Group>();
  for (const trade of trades) {
    const key = name(trade);
    const group = groups.get(key) ?? { name: key, trades: 0, won: 0, gain: 0, fees: 0 };
    group.trades += 1;
    group.won += trade.pnl > 0 ? 1 : 0;
    group.gain += trade.pnl;
    group.fees += trade.fee;
    groups.set(key, group);
  }
  return [...groups.values()].sort((a, b) => b.gain - a.gain);
}

export interface Filter {
  symbol: string; // "" is all
  kind: "all" | "entries" | "exits";
  source: string; // "", BOT or MANUAL
  reason: string; // "" is all
}

export function chosen(trades: readonly Trade[], filter: Filter): Trade[] {
  return trades.filter(
    (trade) =>
      (filter.symbol === "" || trade.symbol === filter.symbol) &&
      (filter.source === "" || trade.trade_type === filter.source) &&
      (filter.reason === "" || trade.reason === filter.reason) &&
      (filter.kind === "all" || (filter.kind === "exits") === isExit(trade)),
  );
}

const CSV_FIELDS = [
  "time",
  "trade_id",
  "order_id",
  "symbol",
  "side",
  "amount",
  "price",
  "value",
  "fee",
  "pnl",
  "trade_type",
  "order_type",
  "reason",
  "fill_model",
  "catch_up",
] as const satisfies readonly (keyof Trade)[];

/** A cell of CSV; what a spreadsheet would take for a formula is kept from being one. */
function cell(value: string | number | boolean): string {
  if (typeof value !== "string") return String(value);
  const text = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
  return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** Executions as CSV (RFC 4180), with exactly the numbers that the hub sent. */
export function csv(trades: readonly Trade[]): string {
  const lines = [CSV_FIELDS.join(","), ...trades.map((trade) => CSV_FIELDS.map((field) => cell(trade[field])).join(","))];
  return `${lines.join("\r\n")}\r\n`;
}
