/** Why a decision came out as it did: each gate in order, and what would have had to be different. Pure functions. */

import { GATES } from "./meanings";
import type { CheckView } from "./messages";
import type { Decision } from "./protocol";
import { words } from "./format";

export interface Step {
  gate: string;
  value: string;
  limit: string;
  state: "passed" | "failed" | "unreached";
}

/** The gates that were checked, in their order, and those that were never reached. */
export function steps(decision: Decision): Step[] {
  const checked = decision.checks.map(({ gate, value, limit, passed }) => ({
    gate,
    value,
    limit,
    state: passed ? ("passed" as const) : ("failed" as const),
  }));
  const reached = new Set(checked.map((step) => step.gate));
  const rest = decision.outcome === "traded" ? [] : GATES.filter((gate) => !reached.has(gate));
  return [...checked, ...rest.map((gate) => ({ gate, value: "", limit: "", state: "unreached" as const }))];
}

export function failed(decision: Decision): CheckView | undefined {
  return decision.checks.find((check) => !check.passed);
}

export interface Need {
  text: string; // what would have had to be different
  settings: string[]; // bot settings that set the limit
}

/** The first number of a text such as `>= 0.1` or `12.5 bps`. */
export function numberIn(text: string): number | null {
  const found = /-?\d+(\.\d+)?/.exec(text);
  return found ? Number(found[0]) : null;
}

/** The moment in `until 2026-11-24 20:37:35 UTC`, epoch ms. */
export function untilIn(text: string): number | null {
  const found = /until (\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d) UTC/.exec(text);
  return found ? Date.parse(`${found[1]}T${found[2]}Z`) : null;
}

function difference(value: string, limit: string): string {
  const [have, want] = [numberIn(value), numberIn(limit)];
  if (have === null || want === null) return "";
  return String(Number(Math.abs(want - have).toPrecision(3)));
}

type Explain = (value: string, limit: string, at: number) => string;

/** A rest ends at a moment: how much later the decision would have had to be. */
const later: Explain = (value, _limit, at) => {
  const end = untilIn(value);
  if (end === null) return `It had to be over (${value}).`;
  const seconds = Math.max(1, Math.ceil((end - at) / 1000));
  const span = seconds < 120 ? `${seconds} s` : `${Math.ceil(seconds / 60)} min`;
  return `${span} later, after ${new Date(end).toISOString().slice(11, 19)} UTC, or with a shorter rest.`;
};

const fewer =
  (what: string): Explain =>
  (value, limit) =>
    `Fewer than ${limit} ${what} (there were ${value}), or a limit of at least ${(numberIn(value) ?? 0) + 1}.`;

const WANTED: Record<string, { explain: Explain; settings?: string[] }> = {
  trading_off: { explain: () => "The bots had to be on." },
  pair_disabled: { explain: () => "The pair had to be enabled.", settings: ["enabled"] },
  data_stale: { explain: (value) => `Prices and account had to be fresh: ${value}.` },
  run_time_over: {
    explain: (value) => `The bots had to be started again, or with a run time above ${value}.`,
    settings: ["run_time_minutes"],
  },
  protection_paused: {
    explain: (value, limit, at) => (untilIn(value) ? later(value, limit, at) : `The pause had to be over: ${value}.`),
    settings: ["protections"],
  },
  cooldown: { explain: later, settings: ["cooldown_secs", "trade_interval_secs"] },
  opportunity_cooldown: { explain: later, settings: ["opportunity_cooldown_secs"] },
  daily_trades: { explain: fewer("trades that day"), settings: ["max_trades_per_day"] },
  concurrent_trades: { explain: fewer("open positions"), settings: ["max_concurrent_trades"] },
  position_open: { explain: (value) => `The pair had to be without a position and without an order on its way (${value}).` },
  too_few_opinions: {
    explain: (value, limit) => `${difference(value, limit)} more fresh opinions (${value} of ${limit.replace(">= ", "")}).`,
    settings: ["min_opinions"],
  },
  no_agreement: {
    explain: (_value, limit) =>
      limit === "unanimous" ? "Every vote had to go the same way." : "More than half of all weight had to go one way.",
    settings: ["agreement"],
  },
  hold: { explain: () => "The votes had to add up to a direction: BUY and SELL cancelled out, or all said HOLD." },
  low_confidence: {
    explain: (value, limit) => `${difference(value, limit)} more confidence, or a threshold of at most ${value}.`,
    settings: ["ai_confidence_threshold"],
  },
  short_not_allowed: { explain: () => "Short positions had to be allowed, or the signal had to be to buy.", settings: ["allow_short"] },
  risk_reward: {
    explain: (value, limit) =>
      numberIn(value) === null ? "The plan had to have a stop and a target." : `A ratio ${difference(value, limit)} higher: a farther target or a nearer stop.`,
    settings: ["min_risk_reward"],
  },
  daily_loss: {
    explain: (value, limit) => `The day's loss had to be ${limit}, it was ${value}.`,
    settings: ["daily_loss_limit_percent"],
  },
  spread: {
    explain: (value, limit) => `A spread ${difference(value, limit)} bps narrower, or a wider one allowed.`,
    settings: ["max_spread_bps"],
  },
  size_below_minimum: {
    explain: (value, limit) => `A larger size: ${limit} was needed, it would have been ${value}.`,
    settings: ["trade_amount_usdt", "sizing", "max_position_usdt"],
  },
  insufficient_balance: {
    explain: (value, limit) => `${difference(value, limit)} USDT more free cash, or a smaller trade.`,
    settings: ["trade_amount_usdt", "leverage"],
  },
  awaiting_approval: {
    explain: (value) => `An operator had to accept it (${value}).`,
    settings: ["manual_approval_mode"],
  },
  slippage: {
    explain: (value) => `The order book had to be deeper: ${value}.`,
    settings: ["slippage_tolerance_percent"],
  },
};

/** What would have had to be different for a gate that failed. */
export function needed(check: CheckView, at: number): Need {
  const known = WANTED[check.gate];
  if (!known) return { text: check.value, settings: [] };
  return { text: known.explain(check.value, check.limit, at), settings: known.settings ?? [] };
}

export interface Filter {
  symbol: string; // "" any
  gate: string;
  outcome: string;
}

export function fits(decision: Decision, { symbol, gate, outcome }: Filter): boolean {
  return (!symbol || decision.symbol === symbol) && (!gate || decision.gate === gate) && (!outcome || decision.outcome === outcome);
}

/** Two lists of decisions as one, newest first, each once; the first list wins. */
export function merged(fresh: readonly Decision[], known: readonly Decision[]): Decision[] {
  const ids = new Set<string>();
  const all = [...fresh, ...known].filter((one) => !ids.has(one.id) && ids.add(one.id));
  return all.sort((a, b) => b.timestamp - a.timestamp || a.symbol.localeCompare(b.symbol));
}

/** In a few words what became of it. */
export function outcomeText(decision: Decision): string {
  return decision.outcome === "traded" ? "traded" : words(decision.gate ?? "blocked");
}
