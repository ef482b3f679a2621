/** The decisions that the page Why has loaded, its filter and which one is looked at. */

import { computed, effect, signal } from "@preact/signals";
import type { GetDecisions } from "./messages";
import type { Decision, Frame } from "./protocol";
import { decisions, quietly, trusted } from "./store";
import { type Filter, fits, merged } from "./traces";

const PAGE = 100;
const KEPT = 5000;

export const filter = signal<Filter>({ symbol: "", gate: "", outcome: "" });
export const detail = signal<Decision | null>(null); // with all its inputs
export const loading = signal(false);
export const complete = signal(false); // there are no older ones
const loaded = signal<Decision[]>([]);
const chosenId = signal<string | null>(null);

/** What fits the filter, newest first: what was loaded and what has come since. */
export const shown = computed(() => merged(decisions.value.filter((one) => fits(one, filter.value)), loaded.value));

/** The one that is looked at, also where it is older than what is loaded. */
export const chosen = computed(() => {
  const id = chosenId.value;
  return shown.value.find((one) => one.id === id) ?? (detail.value?.id === id ? detail.value : null);
});

function asked(more: GetDecisions): GetDecisions {
  const { symbol, gate, outcome } = filter.peek();
  return { ...(symbol && { symbol }), ...(gate && { gate }), ...(outcome && { outcome }), limit: PAGE, features: false, ...more };
}

function decisionsOf(frame: Frame | null): Decision[] {
  return (frame?.data as { decisions: Decision[] } | undefined)?.decisions ?? [];
}

let turn = 0; // only the answer to the newest question counts

/** Load the newest decisions that fit the filter. */
export async function load(): Promise<void> {
  const mine = ++turn;
  loading.value = true;
  const found = decisionsOf(await quietly("get_decisions", asked({})));
  if (mine !== turn) return;
  loaded.value = found;
  complete.value = found.length < PAGE;
  loading.value = false;
}

/** Load what is older than all that is shown. Several may be of one moment, so the last moment is asked for again. */
export async function loadOlder(): Promise<void> {
  const last = shown.peek().at(-1);
  if (!last || loading.peek() || complete.peek()) return;
  const mine = ++turn;
  loading.value = true;
  const found = decisionsOf(await quietly("get_decisions", asked({ before: last.timestamp + 1 })));
  if (mine !== turn) return;
  const all = merged(loaded.peek(), found);
  complete.value = all.length === loaded.peek().length || found.length < PAGE;
  loaded.value = all;
  loading.value = false;
}

export function setFilter(change: Partial<Filter>): void {
  filter.value = { ...filter.peek(), ...change };
  loaded.value = [];
  complete.value = false;
  if (trusted.peek()) void load();
}

/** Look at one decision; what the analysts were shown is asked for by itself. */
export async function choose(decision: Decision): Promise<void> {
  chosenId.value = decision.id;
  if (detail.peek()?.id === decision.id) return;
  detail.value = null;
  const frame = await quietly("get_decisions", { symbol: decision.symbol, before: decision.timestamp + 1, limit: 3 });
  const whole = decisionsOf(frame).find((one) => one.id === decision.id);
  if (whole && chosenId.peek() === decision.id) detail.value = whole;
}

/** Look at a decision that is known by its id only, as a link has it. */
export async function chooseById(id: string): Promise<void> {
  const [, symbol, ms] = id.split(":");
  if (!symbol || !ms || !Number.isFinite(Number(ms))) return;
  const frame = await quietly("get_decisions", { symbol, before: Number(ms) + 1, limit: 3 });
  const found = decisionsOf(frame).find((one) => one.id === id);
  if (!found) return;
  loaded.value = merged(loaded.peek(), [found]);
  chosenId.value = id;
  detail.value = found;
}

let started = false;

/** Load for the first time, and again after each time the connection was lost. */
export function start(): void {
  if (started) return;
  started = true;
  effect(() => {
    if (trusted.value) void load();
  });
  effect(() => {
    const fresh = decisions.value.filter((one) => fits(one, filter.value));
    loaded.value = merged(fresh, loaded.peek()).slice(0, KEPT); // `decisions` forgets all but the newest
  });
}
