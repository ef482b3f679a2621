/** What the analysts think of each pair, and what their votes came to: pure functions. */

import type { Insights, Opinion, Signal } from "./protocol";

/** One analyst on one pair: an opinion, an abstention with its reason, or nothing yet. */
export interface Cell {
  analyst: string;
  opinion: Opinion | null;
  abstained: string | null;
}

export interface Row {
  symbol: string;
  signal: Signal | null;
  cells: Cell[];
}

/** One row for each pair, one cell for each analyst. */
export function matrix(symbols: readonly string[], analysts: readonly string[], insights: Record<string, Insights>): Row[] {
  return symbols.map((symbol) => {
    const known = insights[symbol];
    const cells = analysts.map((analyst) => ({
      analyst,
      opinion: known?.opinions.find((one) => one.analyst === analyst) ?? null,
      abstained: known?.signal.abstentions[analyst] ?? null,
    }));
    return { symbol, signal: known?.signal ?? null, cells };
  });
}

const SIGN: Record<string, number> = { BUY: 1, SELL: -1, HOLD: 0 };

export interface Vote {
  analyst: string;
  action: string;
  confidence: number;
  weight: number;
  part: number; // of the score, -1..1: all parts together are the score
}

/** What each opinion adds to the score: weight x direction x confidence over all weights. */
export function votes(signal: Signal, opinions: readonly Opinion[]): Vote[] {
  const weight = (one: Opinion) => signal.weights[one.analyst] ?? 0;
  const total = opinions.reduce((sum, one) => sum + weight(one), 0);
  return opinions.map((one) => ({
    analyst: one.analyst,
    action: one.action,
    confidence: one.confidence_score,
    weight: weight(one),
    part: total > 0 ? (weight(one) * (SIGN[one.action] ?? 0) * one.confidence_score) / total : 0,
  }));
}

/** Whether what was said at `ms` still counts: not older than three rounds of analysis, and within its own horizon. */
export function outdated(opinion: Opinion, now: number, intervalSeconds: number): boolean {
  const age = now - opinion.timestamp;
  return age > 3 * intervalSeconds * 1000 + 60_000 || age > opinion.horizon_minutes * 60_000;
}

/** Wilson's 95 % interval of a rate. */
export function wilson(rate: number, count: number): [number, number] {
  if (count <= 0) return [0, 1];
  const z = 1.959964;
  const middle = rate + (z * z) / (2 * count);
  const spread = z * Math.sqrt((rate * (1 - rate)) / count + (z * z) / (4 * count * count));
  const whole = 1 + (z * z) / count;
  return [Math.max(0, (middle - spread) / whole), Math.min(1, (middle + spread) / whole)];
}

/** The share of a budget that is spent, 0..1; null where there is no budget. */
export function spent(cost: number, budget: number): number | null {
  return budget > 0 ? Math.min(1, cost / budget) : null;
}
