import { useState } from "preact/hooks";
import { gainAt } from "../chart/position_levels";
import * as show from "../format";
import type { Position } from "../protocol";
import { operator, positions, prices, select, trusted } from "../store";
import { Badge, Change } from "../ui/badge";
import { Empty, Panel } from "../ui/panel";
import { type Column, Table } from "../ui/table";
import { CloseDialog } from "./close_dialog";
import { StopsDialog } from "./stops_dialog";

interface Marked extends Position {
  now: number;
  gain: number;
  gainPercent: number;
  stale: boolean; // the price it is marked to is not of now
}

/** Marked to the newest price, which is fresher than the hub's once-a-second figure. */
export function marked(position: Position): Marked {
  const quote = prices.value[position.symbol];
  if (!quote || quote.stale) {
    const { current_price, unrealized_pnl, pnl_percent } = position;
    return { ...position, now: current_price, gain: unrealized_pnl, gainPercent: pnl_percent, stale: true };
  }
  const gain = gainAt(position, quote.price);
  const cost = position.amount * position.entry_price;
  return { ...position, now: quote.price, gain, gainPercent: cost ? (gain / cost) * 100 : 0, stale: false };
}

function level(price: number | null): string {
  return price === null ? "none" : show.price(price);
}

const pairColumn: Column<Marked> = {
  key: "symbol",
  title: "Pair",
  head: true,
  value: (row) => row.symbol,
  cell: (row) => (
    <>
      <button type="button" class="plain" onClick={() => select(row.symbol)}>
        {row.symbol}
      </button>
      <small>{row.source}</small>
    </>
  ),
};

const COLUMNS: Column<Marked>[] = [
  pairColumn,
  {
    key: "side",
    title: "Side",
    value: (row) => row.direction,
    cell: (row) => (
      <Badge tone={row.direction === "long" ? "good" : "bad"}>
        {row.direction}
        {row.leverage > 1 && ` ${row.leverage}×`}
      </Badge>
    ),
  },
  { key: "amount", title: "Amount", number: true, value: (row) => row.amount, cell: (row) => show.quantity(row.amount) },
  { key: "value", title: "Value", number: true, class: () => "roomy", headClass: "roomy", value: (row) => row.amount * row.now, cell: (row) => show.money(row.amount * row.now) },
  { key: "entry", title: "Entry", number: true, value: (row) => row.entry_price, cell: (row) => show.price(row.entry_price) },
  { key: "now", title: "Price", number: true, value: (row) => row.now, class: (row) => (row.stale ? "stale" : ""), cell: (row) => show.price(row.now) },
  {
    key: "gain",
    title: "P&L",
    number: true,
    value: (row) => row.gain,
    class: (row) => (row.stale ? "stale" : ""),
    cell: (row) => (
      <>
        <Change value={row.gain} /> <small class="roomy">{show.percent(row.gainPercent)}</small>
      </>
    ),
  },
  {
    key: "stop",
    title: "Stop",
    number: true,
    value: (row) => row.trailing_stop ?? row.stop_loss,
    cell: (row) => (
      <>
        {level(row.trailing_stop ?? row.stop_loss)}
        {row.trailing_stop !== null && <small title="trailing"> trail</small>}
      </>
    ),
  },
  { key: "target", title: "Target", number: true, value: (row) => row.take_profit, cell: (row) => level(row.take_profit) },
];

type Open = { what: "close" | "stops"; symbol: string } | null;

function actions(setOpen: (open: Open) => void): Column<Marked> {
  return {
    key: "actions",
    title: "Actions",
    cell: (row) => (
      <span class="row">
        <button
          type="button"
          class="small"
          disabled={!trusted.value}
          aria-label={`Stops of ${row.symbol}`}
          onClick={() => setOpen({ what: "stops", symbol: row.symbol })}
        >
          Stops
        </button>
        <button
          type="button"
          class="small"
          disabled={!trusted.value}
          aria-label={`Close ${row.symbol}`}
          onClick={() => setOpen({ what: "close", symbol: row.symbol })}
        >
          Close
        </button>
      </span>
    ),
  };
}

export function Positions() {
  const [open, setOpen] = useState<Open>(null);
  const all = Object.values(positions.value).map(marked);
  const total = all.reduce((sum, row) => sum + row.gain, 0);
  const chosen = open ? positions.value[open.symbol] : undefined;
  const columns = operator.value ? [...COLUMNS, actions(setOpen)] : COLUMNS;
  return (
    <Panel title="Positions" id="positions" flush aside={all.length > 0 && <small>{all.length} open, <Change value={total} /></small>}>
      {all.length === 0 ? (
        <Empty>No open position.</Empty>
      ) : (
        <Table
          id="position-table"
          label="Positions"
          columns={columns}
          rows={all}
          rowKey={(row) => row.symbol}
          data={(row) => ({ symbol: row.symbol })}
          cards
        />
      )}
      {open?.what === "close" && chosen && <CloseDialog position={chosen} onDone={() => setOpen(null)} />}
      {open?.what === "stops" && chosen && <StopsDialog position={chosen} onDone={() => setOpen(null)} />}
    </Panel>
  );
}
