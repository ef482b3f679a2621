/** The actors as a tree, and the lines of the log: pure functions. */

import type { LogLineView } from "./messages";
import type { Actor } from "./protocol";

export interface Branch {
  title: string;
  actors: Actor[];
}

const ORDER = ["market", "news", "broker", "hub"];

/** The supervisor, and below it who it watches over: the single ones, the analysts, the bots. */
export function branches(actors: Record<string, Actor>): { root: Actor | undefined; branches: Branch[] } {
  const all = Object.values(actors).filter((actor) => actor.name !== "supervisor");
  const of = (prefix: string) => all.filter((actor) => actor.name.startsWith(prefix)).sort(byName);
  const single = all.filter((actor) => !/^(analyst|bot)-/.test(actor.name)).sort(byPlace);
  return {
    root: actors.supervisor,
    branches: [
      { title: "Desk", actors: single },
      { title: "Analysts", actors: of("analyst-") },
      { title: "Bots", actors: of("bot-") },
    ].filter((branch) => branch.actors.length > 0),
  };
}

function byName(a: Actor, b: Actor): number {
  return a.name.localeCompare(b.name);
}

function place(actor: Actor): number {
  const index = ORDER.indexOf(actor.name);
  return index < 0 ? ORDER.length : index;
}

function byPlace(a: Actor, b: Actor): number {
  return place(a) - place(b) || byName(a, b);
}

export function works(actor: Actor): boolean {
  return actor.state === "running";
}

/** `3 running`, or what is wrong with how many. */
export function summary(actors: readonly Actor[]): string {
  const down = actors.filter((actor) => !works(actor));
  if (down.length === 0) return `${actors.length} running`;
  return `${actors.length - down.length} of ${actors.length} running`;
}

export const LOG_KEPT = 500;
export const LEVELS = ["DEBUG", "INFO", "WARNING", "ERROR"] as const;
export type Level = (typeof LEVELS)[number];

/** Add newer lines; numbers that begin anew are those of a desk that was started again. */
export function withLines(known: readonly LogLineView[], fresh: readonly LogLineView[]): LogLineView[] {
  const last = known.at(-1)?.number ?? 0;
  const added = fresh.filter((line) => line.number > last);
  return added.length ? [...known, ...added].slice(-LOG_KEPT) : [...known];
}

/** The lines of at least that level that contain the text in their message or their writer's name. */
export function chosenLines(lines: readonly LogLineView[], level: Level, text: string): LogLineView[] {
  const least = LEVELS.indexOf(level);
  const wanted = text.trim().toLowerCase();
  const rank = (line: LogLineView) => (line.level === "CRITICAL" ? LEVELS.length : LEVELS.indexOf(line.level as Level));
  return lines.filter((line) => rank(line) >= least && (!wanted || `${line.logger} ${line.message}`.toLowerCase().includes(wanted)));
}

/** `actors.bot-BTCUSDT` -> `bot-BTCUSDT` */
export function writer(line: LogLineView): string {
  return line.logger.replace(/^actors\./, "");
}
