import { useComputed } from "@preact/signals";
import { useEffect, useState } from "preact/hooks";
import * as show from "../format";
import type { Price } from "../protocol";
import { command, prices, selected, trusted } from "../store";
import { Field, Select } from "../ui/field";
import { Panel } from "../ui/panel";

type Kind = "market" | "limit" | "stop";
type Unit = "base" | "usdt";

const HINTS: Record<Kind, string> = {
  market: "",
  limit: "Fills at this price or better; the cash is set aside until then.",
  stop: "Becomes a market order there: above the market to buy, below it to sell.",
};

/** What the size comes to, as far as the prices of now can say. */
function estimate(size: string, unit: Unit, price: number | undefined, leverage: number): string {
  const number = Number(show.typed(size));
  if (!price || !(number > 0) || !(leverage >= 1)) return "";
  const value = unit === "usdt" ? number : number * price;
  return `≈ ${show.quantity(Number((value / price).toPrecision(4)))} for ${show.money(value)}, margin ${show.money(value / leverage)} USDT`;
}

function expected(kind: Kind, price: string, offered: number | null | undefined): string {
  return kind === "market" ? show.price(offered) : show.price(Number(show.typed(price)) || undefined);
}

export function Ticket() {
  const symbol = selected.value;
  const quote: Price | undefined = useComputed(() => prices.value[selected.value]).value;
  const [kind, setKind] = useState<Kind>("market");
  const [unit, setUnit] = useState<Unit>("usdt");
  const [size, setSize] = useState("100");
  const [price, setPrice] = useState("");
  const [stop, setStop] = useState("");
  const [target, setTarget] = useState("");
  const [leverage, setLeverage] = useState("1");
  const base = symbol.replace(/USDT$/, "");
  const units = [
    { value: "usdt" as const, text: "USDT" },
    { value: "base" as const, text: base || "base" },
  ];

  function clear() {
    for (const set of [setPrice, setStop, setTarget]) set("");
  }

  useEffect(clear, [symbol]); // another pair has other prices

  function choose(next: Kind) {
    setKind(next);
    setPrice(next === "limit" ? show.plainPrice(quote?.price) : "");
  }

  async function submit(event: SubmitEvent) {
    event.preventDefault();
    const direction = event.submitter?.getAttribute("value") ?? "buy";
    const order = {
      symbol,
      direction,
      order_type: kind,
      [unit === "base" ? "amount" : "value_usdt"]: show.typed(size),
      price: kind === "market" ? undefined : show.typed(price),
      stop_loss: show.typed(stop),
      take_profit: show.typed(target),
      leverage: show.typed(leverage) ?? "1",
    };
    const verb = direction === "buy" ? "Buy" : "Sell";
    const done = kind === "market" ? `${verb} ${symbol}: filled.` : `${verb} ${symbol}: ${kind} order placed.`;
    if (await command("execute_trade", { trade_data: order }, done)) clear();
  }

  const comesTo = estimate(size, unit, kind === "market" ? quote?.price : Number(show.typed(price)), Number(leverage));
  return (
    <Panel title={`Order ${symbol}`} id="ticket">
      <form onSubmit={submit} autocomplete="off">
        <div class="choices" role="group" aria-label="Order type">
          {(["market", "limit", "stop"] as const).map((one) => (
            <button key={one} type="button" aria-pressed={kind === one} onClick={() => choose(one)}>
              {one}
            </button>
          ))}
        </div>
        {HINTS[kind] && <small>{HINTS[kind]}</small>}
        <div class="fields">
          <Field label="Size" name="size" value={size} wide limits={{ above: 0, required: true }} onInput={setSize}>
            <Select bare label="Unit of size" value={unit} options={units} onChange={setUnit} />
          </Field>
          {kind !== "market" && (
            <Field
              label={kind === "limit" ? "Limit price" : "Trigger price"}
              value={price}
              placeholder={show.plainPrice(quote?.price)}
              limits={{ above: 0, required: true }}
              onInput={setPrice}
            />
          )}
          <Field label="Stop loss" value={stop} placeholder="none" limits={{ above: 0 }} onInput={setStop} />
          <Field label="Take profit" value={target} placeholder="none" limits={{ above: 0 }} onInput={setTarget} />
          <Field label="Leverage, 1 to 20" value={leverage} placeholder="1" limits={{ min: 1, max: 20, whole: true }} onInput={setLeverage} />
        </div>
        <small id="estimate">{comesTo || " "}</small>
        <div class="sides">
          <button type="submit" class="buy" value="buy" disabled={!trusted.value || !symbol}>
            Buy <small>{expected(kind, price, quote?.ask ?? quote?.price)}</small>
          </button>
          <button type="submit" class="sell" value="sell" disabled={!trusted.value || !symbol}>
            Sell <small>{expected(kind, price, quote?.bid ?? quote?.price)}</small>
          </button>
        </div>
      </form>
    </Panel>
  );
}
