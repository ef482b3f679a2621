import { useComputed } from "@preact/signals";
import { deskNow } from "../ages";
import { clock, moment } from "../format";
import { age, countdown } from "../spans";

/** How long ago something was, by the desk's clock; `old` marks what should not be relied on. */
export function Age({ at, old, after = "" }: { at: number; old?: number; after?: string }) {
  const text = useComputed(() => age(deskNow.value - at)).value;
  const known = Number.isFinite(at);
  const stale = useComputed(() => old !== undefined && deskNow.value - at > old).value;
  return (
    <time class={stale ? "age old" : "age"} dateTime={known ? new Date(at).toISOString() : undefined} title={`${moment(at)} UTC${stale ? ", old" : ""}`}>
      {text}
      {after}
    </time>
  );
}

/** Counts down to a moment. */
export function Countdown({ until }: { until: number }) {
  const known = Number.isFinite(until);
  const text = useComputed(() => countdown(until - deskNow.value)).value;
  return (
    <time class="countdown" dateTime={known ? new Date(until).toISOString() : undefined} title={`until ${clock(until)} UTC`}>
      {text}
    </time>
  );
}
