/** Entry, stop and target of a position: what may be moved, where to, and what it would come to. Pure functions. */

import type { Position } from "../protocol";

export type LevelName = "stop_loss" | "take_profit";

export interface Level {
  name: "entry" | "trailing_stop" | "liquidation" | LevelName;
  title: string;
  price: number;
  movable: boolean;
  tone: string; // up, down or nothing
}

/** The lines of a position, those that can be moved last: they lie on top. */
export function levelsOf(position: Position | undefined): Level[] {
  if (!position) return [];
  const { entry_price, trailing_stop, liquidation_price, stop_loss, take_profit } = position;
  const made: Level[] = [{ name: "entry", title: `${position.direction} entry`, price: entry_price, movable: false, tone: "" }];
  const add = (name: Level["name"], title: string, price: number | null, movable: boolean, tone: string) => {
    if (price !== null) made.push({ name, title, price, movable, tone });
  };
  add("liquidation", "liquidation", position.leverage > 1 ? liquidation_price : null, false, "down");
  add("trailing_stop", "trailing stop", trailing_stop, false, "down");
  add("stop_loss", "stop", stop_loss, true, "down");
  add("take_profit", "target", take_profit, true, "up");
  return made;
}

interface PriceRange {
  minValue: number;
  maxValue: number;
}

/** Widen a range of prices to the levels that are no further from it than its own height. */
export function withLevels({ minValue, maxValue }: PriceRange, levels: readonly number[]): PriceRange {
  const height = maxValue - minValue;
  const near = levels.filter((price) => price >= minValue - height && price <= maxValue + height);
  return { minValue: Math.min(minValue, ...near), maxValue: Math.max(maxValue, ...near) };
}

/** What the position would gain if it were closed at `price`, before fees. */
export function gainAt(position: Position, price: number): number {
  return (position.direction === "long" ? 1 : -1) * position.amount * (price - position.entry_price);
}

/** Why a stop or target may not stand there, in one sentence; "" where it may. `now`: the newest price. */
export function levelProblem(position: Position, name: LevelName, price: number, now: number | undefined): string {
  if (!(price > 0) || !Number.isFinite(price)) return "Must be a price above 0.";
  if (now === undefined) return "";
  const below = (position.direction === "long") === (name === "stop_loss");
  const what = name === "stop_loss" ? "stop" : "target";
  if (below && price >= now) return `The ${what} of a ${position.direction} position must be below the price.`;
  if (!below && price <= now) return `The ${what} of a ${position.direction} position must be above the price.`;
  return "";
}
