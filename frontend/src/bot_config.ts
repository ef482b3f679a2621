/** The bots' settings as a form: names, units, limits, what differs from where. Pure functions. */

import { typed, words } from "./format";
import type { Limits } from "./limits";
import { problem } from "./limits";
import type { BotFieldView } from "./messages";

export type Value = boolean | number | string;
export type Config = Record<string, unknown>;

/** The value of a dotted key in a nested configuration. */
export function valueOf(config: Config, key: string): Value | undefined {
  let inner: unknown = config;
  for (const name of key.split(".")) {
    if (typeof inner !== "object" || inner === null) return undefined;
    inner = (inner as Config)[name];
  }
  return typeof inner === "boolean" || typeof inner === "number" || typeof inner === "string" ? inner : undefined;
}

export interface Group {
  title: string;
  keys: string[];
}

/** The settings in the order in which a trader thinks of them. Whatever is not named here comes last, under "More". */
export const GROUPS: readonly Group[] = [
  {
    title: "When to trade",
    keys: [
      "enabled",
      "max_trades_per_day",
      "max_concurrent_trades",
      "trade_interval_secs",
      "cooldown_secs",
      "opportunity_cooldown_secs",
      "reversal_threshold",
      "run_time_minutes",
    ],
  },
  { title: "Which signals", keys: ["ai_confidence_threshold", "min_opinions", "agreement", "min_risk_reward", "allow_short"] },
  { title: "Size", keys: ["sizing", "trade_amount_usdt", "risk_per_trade_percent", "max_position_usdt", "leverage"] },
  {
    title: "Stops and targets",
    keys: [
      "exits",
      "stop_loss_percent",
      "take_profit_percent",
      "stop_loss_usd",
      "profit_target_usd",
      "stop_loss_atr",
      "take_profit_atr",
      "max_hold_seconds",
    ],
  },
  {
    title: "Trailing stop",
    keys: [
      "trailing_enabled",
      "trailing_trigger_percent",
      "trailing_distance_percent",
      "trailing_trigger_usd",
      "trailing_distance_usd",
    ],
  },
  { title: "Limits", keys: ["slippage_tolerance_percent", "max_spread_bps", "daily_loss_limit_percent"] },
  { title: "Approval by hand", keys: ["manual_approval_mode", "approval_wait_secs"] },
  {
    title: "Pause after stopped-out trades",
    keys: [
      "protections.stoploss_guard.trades",
      "protections.stoploss_guard.window_minutes",
      "protections.stoploss_guard.pause_minutes",
    ],
  },
  {
    title: "Pause after a drawdown",
    keys: ["protections.max_drawdown.percent", "protections.max_drawdown.window_hours", "protections.max_drawdown.pause_minutes"],
  },
  {
    title: "Pause of a losing pair",
    keys: [
      "protections.losing_pair.trades",
      "protections.losing_pair.window_hours",
      "protections.losing_pair.min_profit_usdt",
      "protections.losing_pair.pause_minutes",
    ],
  },
];

/** Why a setting has no effect while the others are as they are; "" where it has one. */
export function idleBecause(key: string, config: Config): string {
  const [exits, sizing] = [valueOf(config, "exits"), valueOf(config, "sizing")];
  const bounds = exits === "percent" || exits === "opinion";
  if (/^trailing_(trigger|distance)/.test(key) && valueOf(config, "trailing_enabled") === false) return "trailing is off";
  if (key.startsWith("trailing_") && key.endsWith("_usd") && exits !== "usd") return `exits: ${exits}`;
  if (/^trailing_.*_percent$/.test(key) && exits === "usd") return "exits: usd";
  if (["stop_loss_percent", "take_profit_percent"].includes(key) && !bounds) return `exits: ${exits}`;
  if (["stop_loss_usd", "profit_target_usd"].includes(key) && exits !== "usd") return `exits: ${exits}`;
  if (["stop_loss_atr", "take_profit_atr"].includes(key) && exits !== "atr") return `exits: ${exits}`;
  if (key === "risk_per_trade_percent" && sizing === "fixed") return "sizing: fixed";
  if (key === "trade_amount_usdt" && (sizing === "risk" || sizing === "kelly")) return `sizing: ${sizing}`;
  if (key === "approval_wait_secs" && valueOf(config, "manual_approval_mode") === false) return "approval is off";
  const guard = /^(protections\.\w+)\.(?:window|pause|min_profit)/.exec(key)?.[1];
  if (guard && (valueOf(config, `${guard}.trades`) ?? valueOf(config, `${guard}.percent`)) === 0) return "off";
  return "";
}

export interface Section {
  title: string;
  fields: BotFieldView[];
}

/** The fields in their groups; those that contain `wanted` in their name or meaning. */
export function sections(fields: readonly BotFieldView[], wanted: string, meanings: Record<string, string>): Section[] {
  const text = wanted.trim().toLowerCase();
  const fits = (field: BotFieldView) =>
    !text || `${label(field.key)} ${field.key} ${meanings[field.key] ?? ""}`.toLowerCase().includes(text);
  const named = new Set(GROUPS.flatMap((group) => group.keys));
  const rest = { title: "More", keys: fields.map((field) => field.key).filter((key) => !named.has(key)) };
  return [...GROUPS, rest]
    .map(({ title, keys }) => ({
      title,
      fields: keys.flatMap((key) => fields.find((field) => field.key === key) ?? []).filter(fits),
    }))
    .filter((section) => section.fields.length > 0);
}

const UNITS: [RegExp, string][] = [
  [/_percent$|\.percent$/, "%"],
  [/_usdt$/, "USDT"],
  [/_usd$/, "USD"],
  [/_secs$|_seconds$/, "s"],
  [/_minutes$/, "min"],
  [/_hours$/, "h"],
  [/_bps$/, "bps"],
  [/_atr$/, "ATR"],
  [/^leverage$/, "×"],
  [/^reversal_threshold$|^ai_confidence_threshold$/, "of 1"],
  [/trades(_per_day)?$/, "trades"],
  [/^min_opinions$/, "opinions"],
  [/^min_risk_reward$/, "ratio"],
];

export function unit(key: string): string {
  return UNITS.find(([pattern]) => pattern.test(key))?.[1] ?? "";
}

/** `protections.losing_pair.window_hours` -> `Window`: the group says the rest, the unit its own. */
export function label(key: string): string {
  const last = key.split(".").at(-1) ?? key;
  const bare = last === "percent" ? "drawdown" : last.replace(/_(percent|usdt|usd|secs|seconds|minutes|hours|bps|atr)$/, "");
  const text = words(bare).replace(/^ai /, "");
  return text.charAt(0).toUpperCase() + text.slice(1);
}

export function limits(field: BotFieldView): Limits {
  return {
    ...(field.low === undefined ? {} : { min: field.low }),
    ...(field.high === undefined ? {} : { max: field.high }),
    whole: field.kind === "whole",
    required: true,
  };
}

const BILLION = 1e9;

/** `0..100000` in people's words. */
export function range(field: BotFieldView): string {
  if (field.low === undefined || field.high === undefined) return "";
  const plain = (value: number) => value.toLocaleString("en-US", { maximumFractionDigits: 8 });
  const show = (value: number) => (Math.abs(value) >= BILLION ? `${plain(value / BILLION)} bn` : plain(value));
  return `${show(field.low)} to ${show(field.high)}`;
}

/** A value as it stands in an input or a sentence. */
export function text(value: unknown): string {
  if (typeof value === "boolean") return value ? "on" : "off";
  return typeof value === "number" || typeof value === "string" ? String(value) : "–";
}

export type Draft = Record<string, boolean | string>;

/** Whether what was typed says something else than what is in force. */
export function differs(typedValue: boolean | string, inForce: Value | undefined): boolean {
  if (typeof typedValue === "boolean") return typedValue !== inForce;
  const plain = typed(typedValue);
  if (typeof inForce === "number") return plain === undefined || Number(plain) !== inForce;
  return typedValue !== inForce;
}

/** The draft without what is in force anyway. */
export function changes(draft: Draft, config: Config): Draft {
  return Object.fromEntries(Object.entries(draft).filter(([key, value]) => differs(value, valueOf(config, key))));
}

/** What is wrong with a draft: by key, one sentence. */
export function problems(draft: Draft, fields: readonly BotFieldView[]): Record<string, string> {
  const found: Record<string, string> = {};
  for (const field of fields) {
    const value = draft[field.key];
    if (typeof value !== "string" || (field.kind !== "number" && field.kind !== "whole")) continue;
    const said = problem(value, limits(field));
    if (said) found[field.key] = said;
  }
  return found;
}

/** The draft as the hub reads it: numbers as plain text. */
export function toSend(draft: Draft, fields: readonly BotFieldView[]): Record<string, boolean | string> {
  const kinds = new Map(fields.map((field) => [field.key, field.kind]));
  return Object.fromEntries(
    Object.entries(draft).map(([key, value]) => {
      const number = kinds.get(key) === "number" || kinds.get(key) === "whole";
      return [key, typeof value === "string" && number ? (typed(value) ?? value) : value];
    }),
  );
}
