/** What the results are made of, asked for while they are looked at. */

import { signal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { deskNow } from "../ages";
import type { EquityCurveView, Performance, TradesView, TradeView } from "../messages";
import type { Frame } from "../protocol";
import { quietly, trades, trusted } from "../store";
import type { EquityPoint } from "./figures";

export const RANGES = ["1h", "1d", "1w", "all"] as const;
export type Range = (typeof RANGES)[number];

const RANGE_MS: Record<Range, number | null> = { "1h": 3_600_000, "1d": 86_400_000, "1w": 604_800_000, all: null };
const EVERY_MS = 20_000;
const PAGE = 500;
const MOST_PAGES = 40;
const POINTS = 800;

export const range = signal<Range>("all");
export const curve = signal<EquityPoint[] | null>(null);
export const statistics = signal<Performance | null>(null);
export const complete = signal(false); // all executions are here

async function loadFigures(): Promise<void> {
  const wanted = range.peek();
  const span = RANGE_MS[wanted];
  const [points, figures] = await Promise.all([
    quietly("get_equity_curve", { points: POINTS, ...(span === null ? {} : { from: Math.floor(deskNow.peek() - span) }) }),
    quietly("get_statistics", {}),
  ]);
  if (points && range.peek() === wanted) curve.value = (points.data as EquityCurveView).points;
  if (figures) statistics.value = figures.data as Performance;
}

/** Ask for all executions, page by page, newest first; the state keeps them. */
async function loadTrades(): Promise<void> {
  complete.value = false;
  let before: number | null = null;
  for (let page = 0; page < MOST_PAGES; page++) {
    const frame: Frame | null = await quietly("get_trade_history", { limit: PAGE, before });
    if (!frame) return;
    const found: TradeView[] = (frame.data as TradesView).trades;
    const last: TradeView | undefined = found[found.length - 1];
    const next: number | null = last ? last.timestamp + 0.001 : before; // those of the same millisecond may be on the next page
    if (found.length < PAGE || next === before) break;
    before = next;
  }
  complete.value = true;
}

/** Keep the figures fresh while this is shown. */
export function useResults(): void {
  const ready = trusted.value;
  const count = trades.value.length > 0 ? trades.value[0]?.trade_id : ""; // after each trade they are others
  useEffect(() => {
    if (!ready) return undefined;
    void loadFigures();
    const timer = window.setInterval(loadFigures, EVERY_MS);
    return () => window.clearInterval(timer);
  }, [ready, range.value, count]);
  useEffect(() => {
    if (ready) void loadTrades();
  }, [ready]);
}
