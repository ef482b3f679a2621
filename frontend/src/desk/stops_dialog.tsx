import { useState } from "preact/hooks";
import { gainAt, type LevelName, levelProblem } from "../chart/position_levels";
import * as show from "../format";
import type { Position } from "../protocol";
import { command, prices } from "../store";
import { Dialog } from "../ui/dialog";
import { Field } from "../ui/field";

interface LevelFieldProps {
  position: Position;
  name: LevelName;
  label: string;
  text: string;
  onInput: (text: string) => void;
}

function valueOf(text: string): number | null {
  const plain = show.typed(text);
  return plain === undefined ? null : Number(plain);
}

function wrong(position: Position, name: LevelName, text: string): string {
  const value = valueOf(text);
  if (value === null || value === position[name]) return "";
  return levelProblem(position, name, value, prices.value[position.symbol]?.price);
}

function LevelField({ position, name, label, text, onInput }: LevelFieldProps) {
  const value = valueOf(text);
  const hint = value === null ? "None is set." : `${show.signed(gainAt(position, value))} USDT if reached, before fees.`;
  return <Field label={label} unit="USDT" value={text} placeholder="none" trouble={wrong(position, name, text)} hint={hint} onInput={onInput} />;
}

/** Set or remove the stop and the target of a position; an empty field removes it. */
export function StopsDialog({ position, onDone }: { position: Position; onDone: () => void }) {
  const [stop, setStop] = useState(show.plainPrice(position.stop_loss));
  const [target, setTarget] = useState(show.plainPrice(position.take_profit));
  const { symbol } = position;
  const changes: Partial<Record<LevelName, string | null>> = {};
  for (const [name, text] of [["stop_loss", stop], ["take_profit", target]] as const) {
    if (text !== show.plainPrice(position[name])) changes[name] = show.typed(text) ?? null;
  }
  const ready = Object.keys(changes).length > 0 && wrong(position, "stop_loss", stop) === "" && wrong(position, "take_profit", target) === "";

  async function set(): Promise<void> {
    if (await command("update_position", { symbol, ...changes }, `${symbol}: stop and target set.`)) onDone();
  }

  return (
    <Dialog title={`Stop and target of ${symbol}`} confirm="Set" ready={ready} onConfirm={set} onCancel={onDone}>
      <p>
        {position.direction} {show.quantity(position.amount)} at {show.price(position.entry_price)}, now {show.price(prices.value[symbol]?.price)}.
      </p>
      <LevelField position={position} name="stop_loss" label="Stop loss" text={stop} onInput={setStop} />
      <LevelField position={position} name="take_profit" label="Take profit" text={target} onInput={setTarget} />
      {position.trailing_stop !== null && <small>A trailing stop at {show.price(position.trailing_stop)} works besides.</small>}
    </Dialog>
  );
}
