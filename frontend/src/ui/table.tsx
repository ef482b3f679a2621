import type { ComponentChildren } from "preact";
import { useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import { Empty } from "./panel";
import { inSight, type Range, type Sort, sorted, type SortValue } from "./sorting";

export interface Column<T> {
  key: string;
  title: string;
  value?: (row: T) => SortValue; // what it is sorted by; without it the column is not sorted
  cell?: (row: T) => ComponentChildren; // what is shown; by default the value
  number?: boolean; // right aligned
  head?: boolean; // names the row
  class?: (row: T) => string;
  headClass?: string;
  hint?: string;
}

interface TableProps<T> {
  id: string;
  label: string; // for screen readers
  columns: readonly Column<T>[];
  rows: readonly T[];
  rowKey: (row: T) => string | number;
  sort?: Sort; // at first; without it the rows stay in their order
  empty?: string;
  height?: string; // of the scrolling box; rows out of sight are not drawn
  rowHeight?: number; // px, with `height`
  data?: (row: T) => Record<string, string>; // data attributes of the row
  rowClass?: (row: T) => string;
  cards?: boolean; // a card per row on a phone
}

/** Rows in an order that the person chooses. With a `height`, only the rows in sight are drawn. */
export function Table<T>(props: TableProps<T>) {
  const { columns, rows, rowKey, height, rowHeight = 32 } = props;
  const [sort, setSort] = useState<Sort | undefined>(props.sort);
  const box = useRef<HTMLDivElement>(null);
  const [range, setRange] = useState<Range>({ from: 0, to: 40 });
  const by = sort && columns.find((column) => column.key === sort.key)?.value;
  const ordered = useMemo(() => (by && sort ? sorted(rows, by, sort.down) : rows), [rows, sort?.key, sort?.down]);

  function look(): void {
    const element = box.current;
    if (!height || !element) return;
    const next = inSight(ordered.length, rowHeight, element.scrollTop, element.clientHeight);
    setRange((before) => (before.from === next.from && before.to === next.to ? before : next));
  }
  useLayoutEffect(look, [ordered.length, height]);

  if (rows.length === 0) return <Empty>{props.empty ?? "Nothing yet."}</Empty>;
  const { from, to } = height ? { from: Math.min(range.from, ordered.length), to: range.to } : { from: 0, to: ordered.length };
  const shown = ordered.slice(from, to);
  const below = ordered.length - from - shown.length;
  return (
    <div
      class="scroll"
      ref={box}
      style={height ? { maxHeight: height } : undefined}
      onScroll={look}
      tabIndex={0}
      role="region"
      aria-label={props.label}
    >
      <table id={props.id} class={props.cards ? "cards" : ""} aria-rowcount={ordered.length + 1}>
        <thead>
          <tr aria-rowindex={1}>
            {columns.map((column) => (
              <Head key={column.key} column={column} sort={sort} onSort={setSort} />
            ))}
          </tr>
        </thead>
        <tbody>
          {from > 0 && <Spacer height={from * rowHeight} span={columns.length} />}
          {shown.map((row, n) => (
            <tr key={rowKey(row)} aria-rowindex={from + n + 2} class={props.rowClass?.(row)} {...dataAttributes(props.data?.(row))}>
              {columns.map((column) => (
                <Cell key={column.key} column={column} row={row} />
              ))}
            </tr>
          ))}
          {below > 0 && <Spacer height={below * rowHeight} span={columns.length} />}
        </tbody>
      </table>
    </div>
  );
}

function dataAttributes(data: Record<string, string> | undefined): Record<string, string> {
  return Object.fromEntries(Object.entries(data ?? {}).map(([name, value]) => [`data-${name}`, value]));
}

function Spacer({ height, span }: { height: number; span: number }) {
  return (
    <tr class="spacer" aria-hidden="true">
      <td colSpan={span} style={{ height: `${height}px` }} />
    </tr>
  );
}

function Cell<T>({ column, row }: { column: Column<T>; row: T }) {
  const text = column.cell ? column.cell(row) : column.value?.(row);
  const kind = [column.number ? "number" : "", column.key === "actions" ? "actions" : "", column.class?.(row) ?? ""].join(" ").trim();
  if (column.head) {
    return (
      <th scope="row" class={kind}>
        {text}
      </th>
    );
  }
  return (
    <td class={kind} data-name={column.key === "actions" ? undefined : column.title}>
      {text}
    </td>
  );
}

interface HeadProps<T> {
  column: Column<T>;
  sort: Sort | undefined;
  onSort: (sort: Sort) => void;
}

function Head<T>({ column, sort, onSort }: HeadProps<T>) {
  const chosen = sort?.key === column.key;
  const down = chosen ? !sort.down : column.number === true;
  const arrow = chosen ? (sort.down ? "▾" : "▴") : "";
  return (
    <th
      scope="col"
      class={`${column.number ? "number" : ""} ${column.key === "actions" ? "actions" : ""} ${column.headClass ?? ""}`.trim()}
      title={column.hint}
      aria-sort={chosen ? (sort.down ? "descending" : "ascending") : undefined}
    >
      {column.value ? (
        <button type="button" onClick={() => onSort({ key: column.key, down })}>
          {column.title}
          <span aria-hidden="true">{arrow}</span>
        </button>
      ) : (
        <span class={column.key === "actions" ? "hidden" : ""}>{column.title}</span>
      )}
    </th>
  );
}
