/** The page's signals: state, connection and what the person chose. Frames of one animation frame are applied at once. */

import { computed, type ReadonlySignal, signal } from "@preact/signals";
import { Connection, type Link } from "./connection";
import type { ClientFields, ClientKind } from "./messages";
import type { Frame } from "./protocol";
import { type Choice, choices } from "./chart/series";
import { EMPTY, MAX_CANDLES, reduce, seriesKey, type State } from "./state";

export const state = signal<State>(EMPTY);
export const link = signal<Link>("connecting");
export const selected = signal("");
export const interval = signal("1m");
export const lastHeard = signal(0); // ms: when the last frame came before the connection was lost
export const notice = signal<{ text: string; good: boolean } | null>(null);

/** One part of the state: who reads it is drawn anew only when that part has changed. */
function part<K extends keyof State>(name: K): ReadonlySignal<State[K]> {
  return computed(() => state.value[name]);
}

export const prices = part("prices");
export const positions = part("positions");
export const orders = part("orders");
export const trades = part("trades");
export const balance = part("balance");
export const source = part("source");
export const market = part("market");
export const alerts = part("alerts");
export const version = part("version");
export const bot = part("bot");
export const analysis = part("analysis");
export const analysts = part("analysts");
export const analysisLog = part("analysisLog");
export const tradeLog = part("tradeLog");
export const decisions = part("decisions");
export const news = part("news");
export const fearGreed = part("fearGreed");
export const intervals = part("intervals");
export const candles = part("candles");
export const pending = part("pending");
export const health = part("health");
export const role = part("role");
export const ledgerSeq = part("ledgerSeq");
export const insights = part("insights");
export const serverTime = part("serverTime");
export const settingsHash = part("settingsHash");
export const reloaded = part("reloaded");

const joined = computed(() => Object.keys(state.value.bot?.pair_status ?? state.value.prices).join(" "));
export const symbols = computed(() => (joined.value ? joined.value.split(" ") : []));
export const operator = computed(() => role.value === "operator"); // a viewer is shown no commands
export const trusted = computed(() => state.value.ready && link.value === "open");

/** What sparklines are drawn of: the shortest series there is. */
export const sparkInterval = computed(() => choices(intervals.value)[0]?.from ?? "");

const asked = new Set<string>(); // what was asked for since the snapshot

let queue: Frame[] = [];
let scheduled = false;

function apply(): void {
  scheduled = false;
  const frames = queue;
  queue = [];
  state.value = frames.reduce(reduce, state.value);
}

/** Whether an alert says that a trade waits for an operator, or does no longer: which ones wait is asked. */
function concernsWaiting(frame: Frame): boolean {
  const { symbol, status } = frame.data as { symbol: string; status: string };
  return status === "pending_approval" || state.value.pending.some((one) => one.symbol === symbol);
}

function receive(frame: Frame): void {
  queue.push(frame);
  if (frame.type === "ai_opportunity_alert" && concernsWaiting(frame)) void quietly("get_pending_trades", {});
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

// an animation frame that was asked for while the page was in sight does not come once it is hidden
document.addEventListener("visibilitychange", () => {
  if (scheduled) apply();
});

function arrived(): void {
  const first = symbols.value[0] ?? "";
  if (!symbols.value.includes(selected.value)) selected.value = first;
  asked.clear();
  loadCandles();
  void loadSparks(symbols.value, sparkInterval.value);
  if (!state.value.balance) void ask("get_balance", {}); // a hub whose snapshot does not hold them
  if (!state.value.market) void ask("get_health", {});
  void ask("get_news_data", { limit: 50 });
}

const scheme = location.protocol === "https:" ? "wss:" : "ws:";
export const connection: Connection = new Connection(`${scheme}//${location.host}/ws`, receive, (value) => {
  if (value === "lost" && trusted.value) lastHeard.value = connection.heard;
  link.value = value;
  if (value !== "open") state.value = { ...state.value, ready: false };
});

/** Ask the hub; a refusal is shown as a notice. Returns whether it was done. */
export async function ask<Kind extends ClientKind>(type: Kind, fields: ClientFields[Kind]): Promise<Frame | null> {
  try {
    return await connection.ask(type, fields);
  } catch (error) {
    notice.value = { text: error instanceof Error ? error.message : String(error), good: false };
    return null;
  }
}

/** Ask the hub what nobody waits for: where there is no answer, nothing is said. */
export function quietly<Kind extends ClientKind>(type: Kind, fields: ClientFields[Kind]): Promise<Frame | null> {
  return connection.ask(type, fields).catch(() => null);
}

/** Ask the hub and say what came of it. */
export async function command<Kind extends ClientKind>(
  type: Kind,
  fields: ClientFields[Kind],
  done: string | ((frame: Frame) => string),
): Promise<boolean> {
  const frame = await ask(type, fields);
  if (!frame) return false;
  const data = frame.data as { success?: boolean; error?: string; message?: string } | undefined;
  const good = data?.success !== false;
  const said = [typeof done === "string" ? done : done(frame), ...(frame.warnings ?? []).map((one) => `${one}.`)];
  notice.value = { text: good ? said.join(" ") : (data?.error ?? data?.message ?? "Refused."), good };
  return good;
}

/** The series of candles that is drawn: as chosen, or the first there is. */
export const choice = computed<Choice>(() => {
  const all = choices(intervals.value);
  return all.find((one) => one.interval === interval.value) ?? all[0] ?? { interval: interval.value, from: interval.value };
});

/** Ask for the candles and earlier trades of the pair that is shown. */
export function loadCandles(): void {
  const symbol = selected.value;
  const { from } = choice.value;
  const key = seriesKey(symbol, from);
  if (!symbol || !trusted.value || asked.has(key)) return;
  asked.add(key);
  void ask("get_candles", { symbol, interval: from, limit: MAX_CANDLES }).then((frame) => frame ?? asked.delete(key));
  if (asked.has(symbol)) return;
  asked.add(symbol);
  void quietly("get_trade_history", { symbol, limit: 200 });
}

const SPARK_CANDLES = 60;
const PACE_MS = 150; // fewer than the messages that a session may send in a second

/** Ask for the short series that sparklines are drawn of, one pair after the other. */
async function loadSparks(pairs: readonly string[], from: string): Promise<void> {
  for (const symbol of pairs) {
    const key = seriesKey(symbol, from);
    if (!trusted.value) return;
    if (state.value.candles[key] || asked.has(key)) continue;
    await quietly("get_candles", { symbol, interval: from, limit: SPARK_CANDLES });
    await new Promise((resolve) => window.setTimeout(resolve, PACE_MS));
  }
}

export function select(symbol: string): void {
  selected.value = symbol;
  loadCandles();
}

export function chooseInterval(value: string): void {
  interval.value = value;
  loadCandles();
}
