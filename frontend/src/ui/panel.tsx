import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";

interface PanelProps {
  title: string;
  id: string;
  aside?: ComponentChildren; // at the right of the title
  flush?: boolean; // the content brings its own edges, as a table does
  children: ComponentChildren;
}

/** A titled section of a page. */
export function Panel({ title, id, aside, flush = false, children }: PanelProps) {
  return (
    <section class="panel" id={id} aria-labelledby={`${id}-title`}>
      <header>
        <h2 id={`${id}-title`}>{title}</h2>
        {aside}
      </header>
      <div class={flush ? "body flush" : "body"}>{children}</div>
    </section>
  );
}

/** What stands where nothing is yet. */
export function Empty({ children }: { children: ComponentChildren }) {
  return <p class="empty">{children}</p>;
}

const LONG = 160;

/** A reason; of a long one the beginning, until it is asked for. */
export function Why({ text }: { text: string }) {
  const [open, setOpen] = useState(false);
  if (text.length <= LONG) return <span class="why">{text}</span>;
  return (
    <span class="why">
      {open ? text : `${text.slice(0, LONG).trimEnd()}… `}
      <button type="button" class="plain more" aria-expanded={open} onClick={() => setOpen(!open)}>
        {open ? " less" : "more"}
      </button>
    </span>
  );
}
