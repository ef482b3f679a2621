/** What the analysts were shown, out of a stored decision whose shape may be older than this page: pure functions. */

export interface IntervalInputs {
  interval: string;
  figures: { name: string; value: number }[];
}

export interface HeadlineInput {
  title: string;
  source: string;
  sentiment: number | null;
  at: number | null; // ms
}

export interface InputsShown {
  figures: { name: string; value: string | number }[];
  intervals: IntervalInputs[];
  headlines: HeadlineInput[];
}

type Raw = Record<string, unknown>;

function records(value: unknown): Raw[] {
  return Array.isArray(value) ? value.filter((one): one is Raw => typeof one === "object" && one !== null) : [];
}

function numberOf(value: unknown): number | null {
  return typeof value === "number" && Number.isFinite(value) ? value : null;
}

/** Sort out a document of features; what is missing is left out. */
export function inputs(features: Raw): InputsShown {
  const plain = Object.entries(features)
    .filter((entry): entry is [string, string | number] => typeof entry[1] === "string" || numberOf(entry[1]) !== null)
    .map(([name, value]) => ({ name, value }));
  const intervals = records(features.intervals).map((one) => ({
    interval: String(one.interval ?? ""),
    figures: Object.entries(one).flatMap(([name, value]) => {
      const figure = numberOf(value);
      return figure === null ? [] : [{ name, value: figure }];
    }),
  }));
  const headlines = records(features.headlines).map((one) => ({
    title: String(one.title ?? ""),
    source: String(one.source ?? ""),
    sentiment: numberOf(one.sentiment),
    at: numberOf(one.published_at) ?? numberOf(one.ts),
  }));
  const held = typeof features.position === "object" && features.position !== null ? Object.entries(features.position as Raw) : [];
  const position = held.flatMap(([name, value]) =>
    typeof value === "string" || typeof value === "number" ? [{ name: `position_${name}`, value }] : [],
  );
  return { figures: [...plain, ...position], intervals, headlines };
}

/** The names of the figures of all intervals, in the order they first come. */
export function figureNames(intervals: readonly IntervalInputs[]): string[] {
  return [...new Set(intervals.flatMap((one) => one.figures.map((figure) => figure.name)))];
}

/** A figure with as many digits as say something. */
export function figure(value: number): string {
  if (Number.isInteger(value)) return value.toLocaleString("en-US");
  if (Math.abs(value) >= 1000) return value.toLocaleString("en-US", { minimumFractionDigits: 2, maximumFractionDigits: 2 });
  return value.toLocaleString("en-US", { minimumSignificantDigits: 5, maximumSignificantDigits: 5 });
}
