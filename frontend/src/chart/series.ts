/** What is drawn of candles: intervals, and indicators over closes. Pure functions; rows are oldest first. */

import type { CandleRow } from "../protocol";

const UNIT_MS: Record<string, number> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 };

/** `15m` -> 900000; 0 for what has no fixed length. */
export function lengthOf(interval: string): number {
  return Number(interval.slice(0, -1)) * (UNIT_MS[interval.slice(-1)] ?? 0);
}

export interface Choice {
  interval: string; // as it is shown
  from: string; // the series that the desk keeps
}

const WANTED = ["1m", "5m", "15m", "1h", "4h"];

/** The intervals to choose from: those the desk keeps, and usual ones that whole candles of them make up. */
export function choices(kept: readonly string[]): Choice[] {
  const usable = kept.filter((interval) => lengthOf(interval) > 0).toSorted((a, b) => lengthOf(b) - lengthOf(a));
  const all = [...new Set([...kept, ...WANTED])].filter((interval) => lengthOf(interval) > 0);
  return all
    .toSorted((a, b) => lengthOf(a) - lengthOf(b))
    .flatMap((interval) => {
      const from = usable.find((one) => lengthOf(interval) % lengthOf(one) === 0);
      return from ? [{ interval, from }] : [];
    });
}

/** Put candles together to longer ones; the last may still be open. */
export function aggregated(rows: readonly CandleRow[], ms: number): CandleRow[] {
  const made: CandleRow[] = [];
  for (const [at, open, high, low, close, volume] of rows) {
    const start = Math.floor(at / ms) * ms;
    const last = made[made.length - 1];
    if (last && last[0] === start) {
      last[2] = Math.max(last[2], high);
      last[3] = Math.min(last[3], low);
      last[4] = close;
      last[5] += volume;
    } else {
      made.push([start, open, high, low, close, volume]);
    }
  }
  return made;
}

/** Exponential moving average, from the mean of the first `period` values on; null before that. */
export function ema(values: readonly number[], period: number): (number | null)[] {
  const weight = 2 / (period + 1);
  let sum = 0;
  let last: number | null = null;
  return values.map((value, n) => {
    if (n < period - 1) {
      sum += value;
      return null;
    }
    last = last === null ? (sum + value) / period : last + weight * (value - last);
    return last;
  });
}

export interface Band {
  middle: number;
  upper: number;
  lower: number;
}

/** Bollinger bands: the mean of the last `period` values, and `width` population deviations around it. */
export function bollinger(values: readonly number[], period = 20, width = 2): (Band | null)[] {
  return values.map((_, n) => {
    if (n < period - 1) return null;
    const part = values.slice(n - period + 1, n + 1);
    const middle = part.reduce((sum, value) => sum + value, 0) / period;
    const deviation = Math.sqrt(part.reduce((sum, value) => sum + (value - middle) ** 2, 0) / period);
    return { middle, upper: middle + width * deviation, lower: middle - width * deviation };
  });
}

/** Wilder's relative strength index, 0..100; null for the first `period` values, 50 where nothing has moved. */
export function rsi(values: readonly number[], period = 14): (number | null)[] {
  let gain = 0;
  let loss = 0;
  return values.map((value, n) => {
    const change = n === 0 ? 0 : value - (values[n - 1] ?? value);
    const up = Math.max(change, 0);
    const down = Math.max(-change, 0);
    if (n <= period) {
      gain += up / period;
      loss += down / period;
      if (n < period) return null;
    } else {
      gain = (gain * (period - 1) + up) / period;
      loss = (loss * (period - 1) + down) / period;
    }
    return gain + loss === 0 ? 50 : (100 * gain) / (gain + loss);
  });
}
