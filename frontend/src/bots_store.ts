/** The bots' settings as the desk has them, and what the person is about to change. */

import { computed, effect, signal } from "@preact/signals";
import { changes, type Config, type Draft, problems, toSend } from "./bot_config";
import type { BotConfigView } from "./messages";
import { ask, bot, notice, operator, quietly, reloaded, trusted } from "./store";

export const scope = signal(""); // a pair, or "" for all
export const configs = signal<Record<string, BotConfigView>>({}); // by scope
export const draft = signal<Draft>({});
export const saving = signal(false);

export const current = computed(() => configs.value[scope.value]);
export const everywhere = computed(() => configs.value[""]);
export const fields = computed(() => everywhere.value?.fields ?? []);
export const changed = computed(() => (current.value ? changes(draft.value, current.value.config as Config) : {}));
export const wrong = computed(() => problems(changed.value, fields.value));

/** Read the settings of all pairs, and of the chosen one. */
export async function loadConfigs(): Promise<void> {
  const wanted = scope.peek() ? ["", scope.peek()] : [""];
  for (const symbol of wanted) {
    const frame = await quietly("get_bot_config", symbol ? { symbol } : {});
    const view = frame?.data as BotConfigView | undefined;
    if (view) configs.value = { ...configs.peek(), [symbol]: view };
  }
}

export function chooseScope(symbol: string): void {
  scope.value = symbol;
  draft.value = {};
  void loadConfigs();
}

export function type(key: string, value: boolean | string): void {
  draft.value = { ...draft.peek(), [key]: value };
}

export function discard(): void {
  draft.value = {};
}

interface Outcome {
  success: boolean;
  message: string;
  error?: string;
}

async function update(asked: Record<string, unknown>, done: string): Promise<boolean> {
  saving.value = true;
  const symbol = scope.peek();
  const frame = await ask("update_bot_config", { ...asked, ...(symbol && { symbol }) });
  saving.value = false;
  const outcome = frame?.data as Outcome | undefined;
  if (!outcome) return false; // the notice says why
  notice.value = outcome.success ? { text: done, good: true } : { text: outcome.error ?? outcome.message, good: false };
  await loadConfigs();
  return outcome.success;
}

/** Send what was typed; it stays in the form when the desk does not take it. */
export async function save(): Promise<void> {
  const sent = toSend(changed.peek(), fields.peek());
  const count = Object.keys(sent).length;
  if (count === 0 || Object.keys(wrong.peek()).length > 0 || !operator.peek()) return;
  const where = scope.peek() || "all pairs";
  if (await update(sent, `${count} ${count === 1 ? "setting" : "settings"} of ${where} changed.`)) draft.value = {};
}

/** Forget what operators changed of a setting. */
export async function reset(key: string): Promise<void> {
  if (await update({ reset: [key] }, "Set back.")) {
    const { [key]: _, ...rest } = draft.peek();
    draft.value = rest;
  }
}

let started = false;

/** Read the settings now, and again whenever they may have changed elsewhere. */
export function start(): void {
  if (started) return;
  started = true;
  const told = computed(() => JSON.stringify(bot.value?.config ?? null));
  effect(() => {
    void told.value;
    void reloaded.value;
    if (trusted.value) void loadConfigs();
  });
}
