import { useMemo, useState } from "preact/hooks";
import * as show from "../format";
import type { Trade } from "../protocol";
import { trades } from "../store";
import { Badge, Change } from "../ui/badge";
import { Select } from "../ui/field";
import { Empty, Panel } from "../ui/panel";
import { type Column, Table } from "../ui/table";
import { Choices } from "../ui/toggle";
import { complete } from "./ask";
import { chosen, csv, type Filter, isExit } from "./figures";

const COLUMNS: Column<Trade>[] = [
  { key: "time", title: "Time, UTC", head: true, value: (trade) => trade.timestamp, cell: (trade) => show.moment(trade.timestamp * 1000) },
  { key: "symbol", title: "Pair", value: (trade) => trade.symbol },
  {
    key: "side",
    title: "Side",
    value: (trade) => trade.side,
    cell: (trade) => <Badge tone={trade.side === "buy" ? "good" : "bad"}>{trade.side}</Badge>,
  },
  { key: "amount", title: "Amount", number: true, value: (trade) => trade.amount, cell: (trade) => show.quantity(trade.amount) },
  { key: "price", title: "Price", number: true, value: (trade) => trade.price, cell: (trade) => show.price(trade.price) },
  { key: "value", title: "Value", number: true, value: (trade) => trade.value, cell: (trade) => show.money(trade.value) },
  { key: "fee", title: "Fee", number: true, value: (trade) => trade.fee, cell: (trade) => show.money(trade.fee) },
  {
    key: "pnl",
    title: "Gain",
    number: true,
    hint: "before fees",
    value: (trade) => (isExit(trade) ? trade.pnl : null),
    cell: (trade) => (isExit(trade) ? <Change value={trade.pnl} /> : ""),
  },
  { key: "reason", title: "Reason", value: (trade) => show.words(trade.reason) },
  { key: "source", title: "By", value: (trade) => trade.trade_type.toLowerCase() },
  {
    key: "model",
    title: "Filled",
    value: (trade) => trade.fill_model,
    cell: (trade) => (
      <>
        {show.words(trade.fill_model)}
        {trade.catch_up && <small> caught up</small>}
      </>
    ),
  },
];

const ALL: Filter = { symbol: "", kind: "all", source: "", reason: "" };

function save(rows: readonly Trade[]): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([csv(rows)], { type: "text/csv;charset=utf-8" }));
  link.download = `quorum-trades-${new Date().toISOString().slice(0, 19).replaceAll(":", "")}.csv`;
  link.click();
  URL.revokeObjectURL(link.href);
}

function options(name: string, values: readonly string[]) {
  return [{ value: "", text: name }, ...[...new Set(values)].sort().map((value) => ({ value, text: show.words(value) }))];
}

/** Every execution: sorted, filtered, exported. */
export function Trades() {
  const [filter, setFilter] = useState<Filter>(ALL);
  const all = trades.value;
  const rows = useMemo(() => chosen(all, filter), [all, filter]);
  const set = (part: Partial<Filter>) => setFilter((before) => ({ ...before, ...part }));
  const count = `${show.quantity(rows.length)} of ${show.quantity(all.length)}`;
  const filters = (
    <div class="filters">
      <small role="status">{complete.value ? count : `${count}, loading`}</small>
      <Choices label="Kind" options={["all", "entries", "exits"] as const} value={filter.kind} onChange={(kind) => set({ kind })} />
      <Select bare label="Pair" value={filter.symbol} options={options("All pairs", all.map((one) => one.symbol))} onChange={(symbol) => set({ symbol })} />
      <Select bare label="Reason" value={filter.reason} options={options("All reasons", all.map((one) => one.reason))} onChange={(reason) => set({ reason })} />
      <Select
        bare
        label="By whom"
        value={filter.source}
        options={[
          { value: "", text: "By all" },
          { value: "BOT", text: "By bots" },
          { value: "MANUAL", text: "By hand" },
        ]}
        onChange={(source) => set({ source })}
      />
      <button type="button" disabled={rows.length === 0} onClick={() => save(rows)}>
        Save as CSV
      </button>
    </div>
  );
  return (
    <Panel title="Trades" id="trades" flush aside={filters}>
      {rows.length === 0 && all.length > 0 ? (
        <Empty>No trade fits the filter.</Empty>
      ) : (
        <Table
          id="trade-table"
          label="Trades"
          columns={COLUMNS}
          rows={rows}
          rowKey={(trade) => trade.trade_id}
          sort={{ key: "time", down: true }}
          empty="No trade yet."
          height="36rem"
        />
      )}
    </Panel>
  );
}
