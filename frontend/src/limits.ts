/** Whether a typed number may be sent: checked as it is typed, in the words of the hub. */

import { typed } from "./format";

export interface Limits {
  min?: number; // smallest allowed
  above?: number; // must be greater than
  max?: number; // largest allowed
  whole?: boolean; // no fraction
  required?: boolean;
}

function rule({ min, above, max, whole }: Limits): string {
  const kind = whole ? "a whole number" : "a number";
  if (min !== undefined && max !== undefined) return `${kind} from ${min} to ${max}`;
  if (above !== undefined && max !== undefined) return `${kind} above ${above}, at most ${max}`;
  if (min !== undefined) return `${kind} of at least ${min}`;
  if (above !== undefined) return `${kind} above ${above}`;
  if (max !== undefined) return `${kind} of at most ${max}`;
  return kind;
}

/** Return what is wrong with a typed number, in one sentence; "" where nothing is. */
export function problem(text: string, limits: Limits): string {
  const plain = typed(text);
  if (plain === undefined) return limits.required ? "Needed." : "";
  const value = Number(plain);
  const inside =
    Number.isFinite(value) &&
    !(limits.min !== undefined && value < limits.min) &&
    !(limits.above !== undefined && value <= limits.above) &&
    !(limits.max !== undefined && value > limits.max) &&
    !(limits.whole && !Number.isInteger(value));
  return inside ? "" : `Must be ${rule(limits)}.`;
}
