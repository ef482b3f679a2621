/** What an order would come to, worked out from the book of now: pure functions. */

export type BookLevel = readonly [price: number, quantity: number];

export interface Walk {
  amount: number; // base
  value: number; // quote
  mean: number; // price
  whole: boolean; // the levels that are known are enough
}

/** Take `amount` (base) or `value` (quote) from levels, best first. What lies deeper is taken at the last level's price. */
export function walk(levels: readonly BookLevel[], size: { amount: number } | { value: number }): Walk | null {
  let amount = 0;
  let value = 0;
  const left = (price: number) => ("amount" in size ? size.amount - amount : (size.value - value) / price);
  for (const [price, quantity] of levels) {
    const taken = Math.min(quantity, left(price));
    amount += taken;
    value += taken * price;
    if (taken < quantity) break;
  }
  const last = levels[levels.length - 1]?.[0];
  if (last === undefined) return null;
  const rest = Math.max(0, left(last));
  const whole = rest <= amount * 1e-9;
  if (!whole) {
    amount += rest;
    value += rest * last;
  }
  return amount > 0 ? { amount, value, mean: value / amount, whole } : null;
}

/** The quantity that the exchange takes: whole steps, rounded down. */
export function stepped(amount: number, step: number | null): number {
  if (!step) return amount;
  const decimals = Math.max(0, Math.ceil(-Math.log10(step)));
  return Number((Math.floor(amount / step + 1e-9) * step).toFixed(decimals));
}

export interface Terms {
  taker_fee: number;
  maker_fee: number;
  fallback_slippage_bps: number;
  step_size: number | null;
  min_notional: number | null;
  bids: readonly BookLevel[];
  asks: readonly BookLevel[];
}

export interface Estimate {
  price: number; // mean
  amount: number; // base, in whole steps
  value: number;
  fee: number;
  margin: number;
  slippageBps: number; // against the best price; what is worse is positive
  source: "book" | "deeper" | "quote" | "order"; // what the price is known from; "deeper": more than the levels shown
}

export interface Wanted {
  side: "buy" | "sell";
  kind: "market" | "limit" | "stop";
  size: number;
  unit: "base" | "usdt";
  price: number; // of a limit or stop order
  leverage: number;
}

function marketPrice(wanted: Wanted, terms: Terms, best: number): { mean: number; source: Estimate["source"] } {
  const size = wanted.unit === "base" ? { amount: wanted.size } : { value: wanted.size };
  const found = walk(wanted.side === "buy" ? terms.asks : terms.bids, size);
  if (found) return { mean: found.mean, source: found.whole ? "book" : "deeper" };
  const slip = terms.fallback_slippage_bps / 10_000;
  return { mean: best * (wanted.side === "buy" ? 1 + slip : 1 - slip), source: "quote" };
}

/** What an order would come to; null while something of it is not known. `best`: the price offered for this side. */
export function estimated(wanted: Wanted, terms: Terms | null, best: number | null | undefined): Estimate | null {
  if (!terms || !(wanted.size > 0) || !(wanted.leverage >= 1)) return null;
  const resting = wanted.kind !== "market";
  if (resting ? !(wanted.price > 0) : !best) return null;
  const from = resting ? { mean: wanted.price, source: "order" as const } : marketPrice(wanted, terms, best as number);
  const amount = stepped(wanted.unit === "base" ? wanted.size : wanted.size / from.mean, terms.step_size);
  const value = amount * from.mean;
  const away = resting || !best ? 0 : (from.mean / best - 1) * 10_000;
  return {
    price: from.mean,
    amount,
    value,
    fee: value * (wanted.kind === "limit" ? terms.maker_fee : terms.taker_fee),
    margin: value / wanted.leverage,
    slippageBps: wanted.side === "buy" ? away : -away,
    source: from.source,
  };
}
