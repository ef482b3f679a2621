import { useState } from "preact/hooks";
import * as show from "../format";
import { command, selected, state, trusted } from "../store";
import { Panel } from "./panel";

type Unit = "base" | "usdt";

/** A decimal as typed, or nothing; the hub checks it. */
function entered(form: FormData, name: string): string | undefined {
  const text = String(form.get(name) ?? "").trim().replace(",", ".");
  return text === "" ? undefined : text;
}

export function Ticket() {
  const [kind, setKind] = useState("market");
  const [unit, setUnit] = useState<Unit>("usdt");
  const symbol = selected.value;
  const base = symbol.replace(/USDT$/, "");
  const quote = state.value.prices[symbol];

  async function submit(event: SubmitEvent) {
    event.preventDefault();
    const form = new FormData(event.currentTarget as HTMLFormElement);
    const direction = event.submitter?.getAttribute("value") ?? "buy";
    const order = {
      symbol,
      direction,
      order_type: kind,
      [unit === "base" ? "amount" : "value_usdt"]: entered(form, "size"),
      price: kind === "market" ? undefined : entered(form, "price"),
      stop_loss: entered(form, "stop"),
      take_profit: entered(form, "target"),
      leverage: Number(form.get("leverage")),
    };
    await command("execute_trade", { trade_data: order }, `${direction === "buy" ? "Bought" : "Sold"}: ${symbol}, ${kind} order done.`);
  }

  return (
    <Panel title={`Order ${symbol}`} id="ticket">
      <form onSubmit={submit} autocomplete="off">
        <div class="choices" role="group" aria-label="Order type">
          {["market", "limit", "stop"].map((one) => (
            <button key={one} type="button" aria-pressed={kind === one} onClick={() => setKind(one)}>
              {one}
            </button>
          ))}
        </div>
        <div class="fields">
          <label>
            Size
            <span class="joined">
              <input name="size" inputMode="decimal" defaultValue="100" required />
              <select aria-label="Unit of size" value={unit} onChange={(event) => setUnit(event.currentTarget.value as Unit)}>
                <option value="usdt">USDT</option>
                <option value="base">{base || "base"}</option>
              </select>
            </span>
          </label>
          {kind !== "market" && (
            <label>
              {kind === "limit" ? "Limit price" : "Trigger price"}
              <input name="price" inputMode="decimal" required placeholder={show.price(quote?.price)} />
            </label>
          )}
          <label>
            Stop loss
            <input name="stop" inputMode="decimal" placeholder="none" />
          </label>
          <label>
            Take profit
            <input name="target" inputMode="decimal" placeholder="none" />
          </label>
          <label>
            Leverage
            <input name="leverage" type="number" min="1" max="20" step="1" defaultValue="1" />
          </label>
        </div>
        <div class="sides">
          <button type="submit" class="buy" value="buy" disabled={!trusted.value || !symbol}>
            Buy <small>{show.price(quote?.ask ?? quote?.price)}</small>
          </button>
          <button type="submit" class="sell" value="sell" disabled={!trusted.value || !symbol}>
            Sell <small>{show.price(quote?.bid ?? quote?.price)}</small>
          </button>
        </div>
      </form>
    </Panel>
  );
}
