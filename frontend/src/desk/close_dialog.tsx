import { useState } from "preact/hooks";
import { gainAt } from "../chart/position_levels";
import * as show from "../format";
import { problem } from "../limits";
import type { Frame, Position, Trade } from "../protocol";
import { command, prices } from "../store";
import { Dialog } from "../ui/dialog";
import { Field } from "../ui/field";
import { Choices } from "../ui/toggle";

const SHARES = ["25", "50", "75", "100"] as const;
const LIMITS = { above: 0, max: 100, required: true };

/** Close all or a part of a position at market. */
export function CloseDialog({ position, onDone }: { position: Position; onDone: () => void }) {
  const [percent, setPercent] = useState("100");
  const { symbol } = position;
  const share = Number(show.typed(percent)) / 100;
  const valid = problem(percent, LIMITS) === "";
  const price = prices.value[symbol]?.price ?? position.current_price;
  const gain = valid ? gainAt(position, price) * share : null;

  async function close(): Promise<void> {
    const fields = { symbol, ...(share === 1 ? {} : { fraction: String(share) }) };
    const done = ({ data }: Frame) => {
      const { trade } = data as { trade: Trade }; // a thin book may have taken less than was asked
      return `${symbol}: closed ${show.quantity(trade.amount)} at ${show.price(trade.price)}.`;
    };
    if (await command("close_position", fields, done)) onDone();
  }

  return (
    <Dialog title={`Close ${symbol}`} confirm={share === 1 ? "Close all" : `Close ${percent} %`} tone="sell" ready={valid} onConfirm={close} onCancel={onDone}>
      <p>
        {position.direction} {show.quantity(position.amount)} at {show.price(position.entry_price)}, now {show.price(price)}.
      </p>
      <Choices label="Share" options={SHARES.map((value) => ({ value, text: `${value} %` }))} value={percent as (typeof SHARES)[number]} onChange={setPercent} />
      <Field label="Share to close" unit="%" value={percent} limits={LIMITS} onInput={setPercent} />
      <p class={show.tone(gain)}>About {show.signed(gain)} USDT, before fees.</p>
    </Dialog>
  );
}
