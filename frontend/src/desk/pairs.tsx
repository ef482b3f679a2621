import { useComputed } from "@preact/signals";
import { useState } from "preact/hooks";
import * as show from "../format";
import { seriesKey } from "../state";
import { bot, candles, prices, select, selected, sparkInterval, symbols } from "../store";
import { Change } from "../ui/badge";
import { Sparkline } from "../ui/sparkline";

const MANY = 12;
const SPARK_CANDLES = 60;

/** The last hour of a pair as a line. */
function Spark({ symbol }: { symbol: string }) {
  const rows = useComputed(() => candles.value[seriesKey(symbol, sparkInterval.value)]).value;
  const closes = rows?.slice(-SPARK_CANDLES).map((row) => row[4]) ?? [];
  const rise = (closes[closes.length - 1] ?? 0) - (closes[0] ?? 0);
  return <Sparkline values={closes} tone={show.tone(rise)} />;
}

function Pair({ symbol }: { symbol: string }) {
  const quote = useComputed(() => prices.value[symbol]);
  const price = useComputed(() => show.price(quote.value?.price)); // changes its text alone, nothing is compared
  const change = useComputed(() => quote.value?.change_24h).value;
  const stale = useComputed(() => !quote.value || quote.value.stale === true).value;
  const status = useComputed(() => bot.value?.pair_status[symbol]).value;
  const chosen = useComputed(() => selected.value === symbol).value;
  return (
    <button
      type="button"
      class={stale ? "pair stale" : "pair"}
      aria-pressed={chosen}
      data-symbol={symbol}
      onClick={() => select(symbol)}
    >
      <span class="name">{symbol.replace(/USDT$/, "")}</span>
      <span class={`status ${status ?? ""}`}>{stale ? "stale" : show.words(status ?? "")}</span>
      <span class="price">{price}</span>
      <Change value={change} text={show.percent(change)} />
      <Spark symbol={symbol} />
    </button>
  );
}

/** All pairs with their prices of now; the pressed one is shown below. */
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
