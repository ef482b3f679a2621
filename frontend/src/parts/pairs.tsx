import { useComputed } from "@preact/signals";
import { useState } from "preact/hooks";
import * as show from "../format";
import { bot, prices, select, selected, symbols } from "../store";
import { Change } from "../ui/badge";

const MANY = 12;

function Pair({ symbol }: { symbol: string }) {
  const quote = useComputed(() => prices.value[symbol]).value;
  const status = useComputed(() => bot.value?.pair_status[symbol]).value;
  const chosen = useComputed(() => selected.value === symbol).value;
  return (
    <button
      type="button"
      class={quote?.stale || !quote ? "pair stale" : "pair"}
      aria-pressed={chosen}
      data-symbol={symbol}
      onClick={() => select(symbol)}
    >
      <span class="name">{symbol.replace(/USDT$/, "")}</span>
      <Change value={quote?.change_24h} text={show.percent(quote?.change_24h)} />
      <span class="price">{show.price(quote?.price)}</span>
      <span class={`status ${status ?? ""}`}>{quote?.stale ? "stale" : show.words(status ?? "")}</span>
    </button>
  );
}

export function Pairs() {
  const [wanted, setWanted] = useState("");
  const all = symbols.value;
  const many = all.length > MANY;
  const shown = many ? all.filter((symbol) => symbol.includes(wanted.trim().toUpperCase())) : all;
  return (
    <div class={many ? "pairs many" : "pairs"} role="group" aria-label="Pairs">
      {many && (
        <input
          type="search"
          placeholder={`Find one of ${all.length} pairs`}
          aria-label="Find a pair"
          onInput={(event) => setWanted(event.currentTarget.value)}
        />
      )}
      <div class="quotes">
        {shown.map((symbol) => (
          <Pair key={symbol} symbol={symbol} />
        ))}
      </div>
    </div>
  );
}
