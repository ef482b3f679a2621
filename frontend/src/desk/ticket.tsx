import { useComputed } from "@preact/signals";
import { useEffect, useState } from "preact/hooks";
import { estimated, type Wanted } from "../estimate";
import * as show from "../format";
import { problem } from "../limits";
import type { Frame, Trade } from "../protocol";
import { command, prices, selected, trusted } from "../store";
import { Field, Select } from "../ui/field";
import { Panel } from "../ui/panel";
import { Choices } from "../ui/toggle";
import { useBook } from "./book";
import { Preview } from "./preview";

type Kind = Wanted["kind"];
type Unit = Wanted["unit"];

const HINTS: Record<Kind, string> = {
  market: "Fills now against the book.",
  limit: "Fills at this price or better; the cash is set aside until then.",
  stop: "Becomes a market order there: above the market to buy, below it to sell.",
};
const KINDS = ["market", "limit", "stop"] as const;
const SIZE = { above: 0, required: true };
const PRICE = { above: 0 };
const LEVERAGE = { min: 1, max: 20, whole: true };

interface Form {
  kind: Kind;
  unit: Unit;
  size: string;
  price: string;
  stop: string;
  target: string;
  leverage: string;
}

const FRESH: Form = { kind: "market", unit: "usdt", size: "100", price: "", stop: "", target: "", leverage: "1" };
const NO_PRICES = { price: "", stop: "", target: "" };

function isValid(form: Form): boolean {
  const checks = [problem(form.size, SIZE), problem(form.stop, PRICE), problem(form.target, PRICE), problem(form.leverage, LEVERAGE)];
  if (form.kind !== "market") checks.push(problem(form.price, SIZE));
  return checks.every((text) => text === "");
}

function wantedOf(form: Form, side: "buy" | "sell"): Wanted {
  const number = (text: string) => Number(show.typed(text) ?? Number.NaN);
  return {
    side,
    kind: form.kind,
    unit: form.unit,
    size: number(form.size),
    price: number(form.price),
    leverage: form.leverage.trim() === "" ? 1 : number(form.leverage),
  };
}

function message(symbol: string, form: Form, direction: string) {
  return {
    symbol,
    direction,
    order_type: form.kind,
    [form.unit === "base" ? "amount" : "value_usdt"]: show.typed(form.size),
    price: form.kind === "market" ? undefined : show.typed(form.price),
    stop_loss: show.typed(form.stop),
    take_profit: show.typed(form.target),
    leverage: show.typed(form.leverage) ?? "1",
  };
}

/** An order by hand: what it would come to stands there before it is sent. */
export function Ticket() {
  const symbol = selected.value;
  const quote = useComputed(() => prices.value[selected.value]).value;
  const book = useBook(symbol);
  const [form, setForm] = useState<Form>(FRESH);
  const [busy, setBusy] = useState(false); // an order is on its way: a second click must not be a second order
  const set = (part: Partial<Form>) => setForm((before) => ({ ...before, ...part }));
  const base = symbol.replace(/USDT$/, "") || "base";
  useEffect(() => set(NO_PRICES), [symbol]); // another pair has other prices

  async function submit(event: SubmitEvent): Promise<void> {
    event.preventDefault();
    const direction = event.submitter?.getAttribute("value") ?? "buy";
    const verb = direction === "buy" ? "Buy" : "Sell";
    const done = (frame: Frame) => {
      const { trade } = frame.data as { trade?: Trade }; // a limit order that crosses is filled at once
      const came = trade ? `filled ${show.quantity(trade.amount)} at ${show.price(trade.price)}` : `${form.kind} order placed`;
      return `${verb} ${symbol}: ${came}.`;
    };
    setBusy(true);
    if (await command("execute_trade", { trade_data: message(symbol, form, direction) }, done)) set(NO_PRICES);
    setBusy(false);
  }

  const ready = !busy && trusted.value && symbol !== "" && isValid(form);
  const best = { buy: quote?.ask ?? quote?.price, sell: quote?.bid ?? quote?.price };
  const buy = estimated(wantedOf(form, "buy"), book, best.buy);
  const sell = estimated(wantedOf(form, "sell"), book, best.sell);
  return (
    <Panel title={`Order ${symbol}`} id="ticket">
      <form onSubmit={submit} autocomplete="off">
        <Choices
          label="Order type"
          options={KINDS}
          value={form.kind}
          onChange={(kind) => set({ kind, price: kind === "limit" ? show.plainPrice(quote?.price) : "" })}
        />
        <Field label="Size" name="size" value={form.size} wide limits={SIZE} onInput={(size) => set({ size })}>
          <Select
            bare
            label="Unit of size"
            value={form.unit}
            options={[
              { value: "usdt", text: "USDT" },
              { value: "base", text: base },
            ]}
            onChange={(unit) => set({ unit })}
          />
        </Field>
        {form.kind !== "market" && (
          <Field
            label={form.kind === "limit" ? "Limit price" : "Trigger price"}
            unit="USDT"
            value={form.price}
            placeholder={show.plainPrice(quote?.price)}
            limits={SIZE}
            hint={HINTS[form.kind]}
            onInput={(price) => set({ price })}
          />
        )}
        <div class="fields three">
          <Field label="Stop loss" value={form.stop} placeholder="none" limits={PRICE} onInput={(stop) => set({ stop })} />
          <Field label="Take profit" value={form.target} placeholder="none" limits={PRICE} onInput={(target) => set({ target })} />
          <Field label="Leverage" unit="×" value={form.leverage} placeholder="1" limits={LEVERAGE} onInput={(leverage) => set({ leverage })} />
        </div>
        <Preview buy={buy} sell={sell} base={base} book={book} />
        <div class="sides">
          <button type="submit" class="buy" value="buy" disabled={!ready}>
            Buy <small>{show.price(form.kind === "market" ? best.buy : buy?.price)}</small>
          </button>
          <button type="submit" class="sell" value="sell" disabled={!ready}>
            Sell <small>{show.price(form.kind === "market" ? best.sell : sell?.price)}</small>
          </button>
        </div>
      </form>
    </Panel>
  );
}
