/** The page's signals: state, connection and what the person chose. Frames of one animation frame are applied at once. */

import { computed, signal } from "@preact/signals";
import { Connection, type Link } from "./connection";
import type { Frame } from "./protocol";
import { EMPTY, reduce, seriesKey, type State } from "./state";

export const state = signal<State>(EMPTY);
export const link = signal<Link>("connecting");
export const selected = signal("");
export const interval = signal("1m");
export const notice = signal<{ text: string; good: boolean } | null>(null);

export const symbols = computed(() => Object.keys(state.value.bot?.pair_status ?? state.value.prices));
export const trusted = computed(() => state.value.ready && link.value === "open");

let queue: Frame[] = [];
let scheduled = false;

function apply(): void {
  scheduled = false;
  const frames = queue;
  queue = [];
  state.value = frames.reduce(reduce, state.value);
}

function receive(frame: Frame): void {
  queue.push(frame);
  if (frame.type === "initial_data") {
    apply();
    arrived();
  } else if (!scheduled) {
    scheduled = true;
    // a hidden page gets no animation frames, but must not pile up frames either
    if (document.hidden) window.setTimeout(apply, 250);
    else requestAnimationFrame(apply);
  }
}

function arrived(): void {
  const first = symbols.value[0] ?? "";
  if (!symbols.value.includes(selected.value)) selected.value = first;
  loadCandles();
  void ask("get_news_data", { limit: 50 });
  void ask("get_decisions", { limit: 50 });
}

const scheme = location.protocol === "https:" ? "wss:" : "ws:";
export const connection = new Connection(`${scheme}//${location.host}/ws`, receive, (value) => {
  link.value = value;
  if (value !== "open") state.value = { ...state.value, ready: false };
});

/** Ask the hub; a refusal is shown as a notice. Returns whether it was done. */
export async function ask(type: string, fields: Record<string, unknown> = {}): Promise<Frame | null> {
  try {
    return await connection.ask(type, fields);
  } catch (error) {
    notice.value = { text: error instanceof Error ? error.message : String(error), good: false };
    return null;
  }
}

/** Ask the hub and say what came of it. */
export async function command(type: string, fields: Record<string, unknown>, done: string): Promise<boolean> {
  const frame = await ask(type, fields);
  if (!frame) return false;
  const data = frame.data as { success?: boolean; error?: string; message?: string } | undefined;
  const good = data?.success !== false;
  notice.value = { text: good ? done : (data?.error ?? data?.message ?? "Refused."), good };
  return good;
}

export function loadCandles(): void {
  const symbol = selected.value;
  if (!symbol || state.value.candles[seriesKey(symbol, interval.value)]) return;
  void ask("get_candles", { symbol, interval: interval.value, limit: 500 });
}

export function select(symbol: string): void {
  selected.value = symbol;
  loadCandles();
}

export function chooseInterval(value: string): void {
  interval.value = value;
  loadCandles();
}
