/** Finding a moment among candles: pure functions. */

import type { CandleRow } from "./protocol";

/** The index of the candle that a moment (epoch ms) fell into; -1 where there is none. */
export function candleAt(rows: readonly CandleRow[], ms: number): number {
  let [low, high] = [0, rows.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((rows[middle]?.[0] ?? Infinity) <= ms) low = middle + 1;
    else high = middle;
  }
  const index = low - 1;
  const row = rows[index];
  if (!row) return -1;
  const step = (rows[1]?.[0] ?? 0) - (rows[0]?.[0] ?? 0);
  return ms < row[0] + Math.max(step, 60_000) * 2 ? index : -1;
}

/** The finest candles that reach back to a moment. */
export function intervalFor(minutes: readonly CandleRow[], ms: number): "1m" | "1h" {
  const first = minutes[0];
  return first && first[0] <= ms ? "1m" : "1h";
}

const AROUND = 45;

/** Which candles to show so that the one at `index` stands in the middle, or as near to it as the newest allows. */
export function windowAround(index: number, count: number): { from: number; to: number } {
  const to = Math.min(count + 5, index + AROUND);
  return { from: to - 2 * AROUND, to };
}
