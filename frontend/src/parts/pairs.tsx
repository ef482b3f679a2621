import * as show from "../format";
import { select, selected, state, symbols } from "../store";

function Pair({ symbol }: { symbol: string }) {
  const quote = state.value.prices[symbol];
  const status = state.value.bot?.pair_status[symbol];
  return (
    <button
      type="button"
      class={quote?.stale || !quote ? "pair stale" : "pair"}
      aria-pressed={selected.value === symbol}
      data-symbol={symbol}
      onClick={() => select(symbol)}
    >
      <span class="name">{symbol.replace(/USDT$/, "")}</span>
      <span class="price">{show.price(quote?.price)}</span>
      <span class={`change ${show.tone(quote?.change_24h)}`}>{show.percent(quote?.change_24h)}</span>
      <span class="status">{quote?.stale ? "stale" : show.words(status ?? "")}</span>
    </button>
  );
}

export function Pairs() {
  return (
    <nav class="pairs" aria-label="Pairs">
      {symbols.value.map((symbol) => (
        <Pair key={symbol} symbol={symbol} />
      ))}
    </nav>
  );
}
