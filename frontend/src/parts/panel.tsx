import type { ComponentChildren } from "preact";

interface PanelProps {
  title: string;
  id: string;
  aside?: ComponentChildren;
  children: ComponentChildren;
}

/** A titled section of the desk. */
export function Panel({ title, id, aside, children }: PanelProps) {
  return (
    <section class="panel" id={id} aria-labelledby={`${id}-title`}>
      <header>
        <h2 id={`${id}-title`}>{title}</h2>
        {aside}
      </header>
      {children}
    </section>
  );
}

export function Empty({ children }: { children: ComponentChildren }) {
  return <p class="empty">{children}</p>;
}
