/** The order of rows, and which of them are in sight: pure functions. */

export type SortValue = string | number | null | undefined;

export interface Sort {
  key: string;
  down: boolean; // largest first
}

function compare(a: SortValue, b: SortValue): number {
  if (typeof a === "number" && typeof b === "number") return a - b;
  return String(a).localeCompare(String(b));
}

/** Return the rows by `value`; what has none comes last either way, equal ones keep their order. */
export function sorted<T>(rows: readonly T[], value: (row: T) => SortValue, down: boolean): T[] {
  const missing = (row: T) => value(row) === null || value(row) === undefined;
  return rows.toSorted((a, b) => {
    if (missing(a) || missing(b)) return Number(missing(a)) - Number(missing(b));
    return compare(value(a), value(b)) * (down ? -1 : 1);
  });
}

export interface Range {
  from: number;
  to: number; // not included
}

const BEYOND = 8; // rows drawn above and below what is in sight

/** Return which of `count` rows of one height are worth drawing. */
export function inSight(count: number, rowHeight: number, top: number, height: number): Range {
  const from = Math.max(0, Math.floor(top / rowHeight) - BEYOND);
  const to = Math.min(count, Math.ceil((top + height) / rowHeight) + BEYOND);
  return { from: Math.min(from, to), to };
}
