/** Numbers and times for people. What is not a finite number is shown as a dash, never as NaN. */

const DASH = "–";

function isNumber(value: unknown): value is number {
  return typeof value === "number" && Number.isFinite(value);
}

const cache = new Map<string, Intl.NumberFormat>();

function formatter(minimum: number, maximum: number): Intl.NumberFormat {
  const key = `${minimum}/${maximum}`;
  let found = cache.get(key);
  if (!found) {
    found = new Intl.NumberFormat("en-US", { minimumFractionDigits: minimum, maximumFractionDigits: maximum });
    cache.set(key, found);
  }
  return found;
}

/** Decimals worth showing of a price: 97,012.37 but 2.4512 and 0.00001234. */
export function priceDecimals(price: number): number {
  if (!isNumber(price) || price === 0) return 2;
  const size = Math.floor(Math.log10(Math.abs(price)));
  return size >= 1 ? 2 : Math.min(8, 4 - Math.min(0, size));
}

export function price(value: unknown): string {
  if (!isNumber(value)) return DASH;
  const decimals = priceDecimals(value);
  return formatter(decimals, decimals).format(value);
}

export function money(value: unknown): string {
  return isNumber(value) ? formatter(2, 2).format(value) : DASH;
}

/** With its sign, so that a gain needs no colour to be seen. */
export function signed(value: unknown, decimals = 2): string {
  if (!isNumber(value)) return DASH;
  const text = formatter(decimals, decimals).format(Math.abs(value));
  if (Number(text.replaceAll(",", "")) === 0) return text;
  return (value > 0 ? "+" : "−") + text;
}

export function percent(value: unknown): string {
  return isNumber(value) ? `${signed(value)} %` : DASH;
}

/** A fraction as a whole number of percent, without the sign. */
export function wholePercent(value: unknown): string {
  return isNumber(value) ? formatter(0, 0).format(value * 100) : DASH;
}

export function quantity(value: unknown): string {
  return isNumber(value) ? formatter(0, 8).format(value) : DASH;
}

/** A large number at a glance: 12.3 K, 4.56 M. */
export function short(value: unknown): string {
  if (!isNumber(value)) return DASH;
  const size = Math.abs(value);
  const [unit, name] = size >= 1e9 ? [1e9, " B"] : size >= 1e6 ? [1e6, " M"] : size >= 1e4 ? [1e3, " K"] : [1, ""];
  return `${formatter(0, size / unit >= 100 ? 1 : 2).format(value / unit)}${name}`;
}

/** What a model cost: cents matter little, hundredths of a cent do. */
export function cost(value: unknown): string {
  if (!isNumber(value)) return DASH;
  return `$${formatter(2, value !== 0 && Math.abs(value) < 1 ? 4 : 2).format(value)}`;
}

const THOUSANDS = /^[+-]?[1-9]\d{0,2}(,\d{3})+(\.\d*)?$/;

/** A number as people type it, as the hub reads it: "1,000" is grouped as this page does it, "0,5" is half of one. */
export function typed(text: string): string | undefined {
  const bare = text.replaceAll(/[\s_']/g, "");
  const plain = THOUSANDS.test(bare) ? bare.replaceAll(",", "") : bare.replace(",", ".");
  return plain === "" ? undefined : plain;
}

/** A price as it may stand in an input. */
export function plainPrice(value: unknown): string {
  return isNumber(value) ? value.toFixed(priceDecimals(value)) : "";
}

export function share(value: unknown): string {
  return isNumber(value) ? `${formatter(0, 0).format(value * 100)} %` : DASH;
}

export function clock(ms: unknown): string {
  return isNumber(ms) ? new Date(ms).toISOString().slice(11, 19) : DASH;
}

/** Day and time of day, UTC. */
export function moment(ms: unknown): string {
  return isNumber(ms) ? new Date(ms).toISOString().slice(5, 19).replace("T", " ") : DASH;
}

export function duration(seconds: unknown): string {
  if (!isNumber(seconds) || seconds < 0) return DASH;
  const minutes = Math.floor(seconds / 60);
  const hours = Math.floor(minutes / 60);
  if (hours >= 24) return `${Math.floor(hours / 24)} d ${hours % 24} h`;
  if (hours > 0) return `${hours} h ${minutes % 60} min`;
  return minutes > 0 ? `${minutes} min` : `${Math.floor(seconds)} s`;
}

/** A class name by sign. */
export function tone(value: unknown): string {
  if (!isNumber(value) || value === 0) return "";
  return value > 0 ? "up" : "down";
}

/** The sign as an arrow: what a colour says must not be said by it alone. */
export function arrow(value: unknown): string {
  if (!isNumber(value) || value === 0) return "";
  return value > 0 ? "▲" : "▼";
}

/** `stop_loss` -> `stop loss` */
export function words(text: string): string {
  return text.replaceAll("_", " ");
}
