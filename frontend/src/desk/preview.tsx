import type { Estimate, Terms } from "../estimate";
import * as show from "../format";

interface PreviewProps {
  buy: Estimate | null;
  sell: Estimate | null;
  base: string;
  book: Terms | null;
}

function bps(estimate: Estimate | null): string {
  return estimate ? `${Math.abs(estimate.slippageBps).toFixed(1)} bp` : show.price(null);
}

const SOURCES: Record<Estimate["source"], string> = {
  book: "Estimated from the order book of now.",
  deeper: "More than the 20 levels of the book that are known: it may be worse.",
  quote: "No order book is known: estimated from the best price and the desk's slippage.",
  order: "At the order's own price.",
};

/** What the order would come to on each side. */
export function Preview({ buy, sell, base, book }: PreviewProps) {
  const known = buy ?? sell;
  const rows: [string, (estimate: Estimate) => string][] = [
    ["Mean price", (estimate) => show.price(estimate.price)],
    [`Amount, ${base}`, (estimate) => show.quantity(estimate.amount)],
    ["Value", (estimate) => show.money(estimate.value)],
    ["Fee", (estimate) => show.money(estimate.fee)],
    ["Margin", (estimate) => show.money(estimate.margin)],
  ];
  const small = known && book?.min_notional && known.value < book.min_notional ? book.min_notional : null;
  return (
    <div id="estimate">
      <table class="preview">
        <caption class="hidden">What the order would come to, in USDT</caption>
        <thead>
          <tr>
            <th scope="col">
              <span class="hidden">Figure</span>
            </th>
            <th scope="col" class="number">
              Buy
            </th>
            <th scope="col" class="number">
              Sell
            </th>
          </tr>
        </thead>
        <tbody>
          {rows.map(([name, text]) => (
            <tr key={name}>
              <th scope="row">{name}</th>
              <td class="number">{buy ? text(buy) : "–"}</td>
              <td class="number">{sell ? text(sell) : "–"}</td>
            </tr>
          ))}
          <tr>
            <th scope="row">Slippage</th>
            <td class="number">{bps(buy)}</td>
            <td class="number">{bps(sell)}</td>
          </tr>
        </tbody>
      </table>
      <p class={small || known?.source === "deeper" ? "note reason" : "note"}>
        {small ? `The exchange takes orders of at least ${show.money(small)} USDT.` : known ? SOURCES[known.source] : "What it comes to is not known yet."}
      </p>
    </div>
  );
}
