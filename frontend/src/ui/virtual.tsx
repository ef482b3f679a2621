import type { ComponentChildren } from "preact";
import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { inSight, type Range } from "./sorting";

interface VirtualListProps<T> {
  id: string;
  label: string;
  items: readonly T[];
  itemKey: (item: T) => string | number;
  rowHeight: number; // px, of every row
  height: string; // of the box
  render: (item: T, index: number) => ComponentChildren;
  chosen?: string | number | null; // with `onChoose`: a list to choose from by mouse or arrow keys
  onChoose?: (item: T) => void;
  onEnd?: () => void; // the last row came into sight
  onTop?: (atTop: boolean) => void;
  rowClass?: (item: T) => string;
}

/** A long list of which only the rows in sight are drawn. */
export function VirtualList<T>(props: VirtualListProps<T>) {
  const { items, itemKey, rowHeight, chosen, onChoose } = props;
  const box = useRef<HTMLDivElement>(null);
  const [range, setRange] = useState<Range>({ from: 0, to: 30 });
  const top = useRef(true);

  function look(): void {
    const element = box.current;
    if (!element) return;
    const next = inSight(items.length, rowHeight, element.scrollTop, element.clientHeight);
    setRange((before) => (before.from === next.from && before.to === next.to ? before : next));
    if (items.length > 0 && element.scrollTop + element.clientHeight >= items.length * rowHeight - rowHeight) props.onEnd?.();
    const atTop = element.scrollTop < rowHeight / 2;
    if (atTop !== top.current) {
      top.current = atTop;
      props.onTop?.(atTop);
    }
  }
  useLayoutEffect(look, [items.length, rowHeight]);

  const at = chosen === undefined || chosen === null ? -1 : items.findIndex((item) => itemKey(item) === chosen);

  function onKeyDown(event: KeyboardEvent): void {
    if (!onChoose) return;
    const step: Record<string, number> = { ArrowDown: 1, ArrowUp: -1, PageDown: 10, PageUp: -10, Home: -items.length, End: items.length };
    const by = step[event.key];
    if (by === undefined) return;
    event.preventDefault();
    const next = Math.max(0, Math.min(items.length - 1, at + by));
    const item = items[next];
    if (item === undefined) return;
    onChoose(item);
    const element = box.current;
    if (!element) return;
    if (next * rowHeight < element.scrollTop) element.scrollTop = next * rowHeight;
    else if ((next + 1) * rowHeight > element.scrollTop + element.clientHeight) element.scrollTop = (next + 1) * rowHeight - element.clientHeight;
  }

  const shown = items.slice(range.from, range.to);
  const rowId = (index: number) => `${props.id}-${index}`;
  return (
    <div
      class="virtual"
      id={props.id}
      ref={box}
      style={{ maxHeight: props.height }}
      onScroll={look}
      onKeyDown={onKeyDown}
      tabIndex={0}
      role={onChoose ? "listbox" : "list"}
      aria-label={props.label}
      aria-activedescendant={onChoose && at >= range.from && at < range.to ? rowId(at) : undefined}
    >
      <div class="room" role="presentation" style={{ height: `${items.length * rowHeight}px` }}>
        {shown.map((item, n) => {
          const index = range.from + n;
          const picked = index === at;
          return (
            <div
              key={itemKey(item)}
              id={rowId(index)}
              class={`item ${picked ? "picked" : ""} ${props.rowClass?.(item) ?? ""}`}
              role={onChoose ? "option" : "listitem"}
              aria-selected={onChoose ? picked : undefined}
              aria-setsize={items.length}
              aria-posinset={index + 1}
              style={{ top: `${index * rowHeight}px`, height: `${rowHeight}px` }}
              onClick={onChoose && (() => onChoose(item))}
            >
              {props.render(item, index)}
            </div>
          );
        })}
      </div>
    </div>
  );
}
