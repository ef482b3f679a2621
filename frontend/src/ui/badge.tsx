import type { ComponentChildren } from "preact";
import * as show from "../format";

export type Tone = "good" | "bad" | "warn" | "info" | "";

/** A short state in a box: its word says what its colour says. */
export function Badge({ tone = "", id, title, children }: { tone?: Tone; id?: string; title?: string; children: ComponentChildren }) {
  return (
    <span class={`badge ${tone}`} id={id} title={title}>
      {children}
    </span>
  );
}

/** A gain or loss: arrow, sign and colour say the same. `text` is what is shown, by default the signed number. */
export function Change({ value, text }: { value: number | null | undefined; text?: string }) {
  return (
    <span class={`change ${show.tone(value)}`}>
      <span aria-hidden="true">{show.arrow(value)}</span>
      {text ?? show.signed(value)}
    </span>
  );
}
