import { useMemo } from "preact/hooks";
import * as show from "../format";
import type { Analyst } from "../protocol";
import { analysts, trades } from "../store";
import { Change } from "../ui/badge";
import { Panel } from "../ui/panel";
import { type Column, Table } from "../ui/table";
import { complete, statistics } from "./ask";
import { type Group, grouped, isExit } from "./figures";

interface PairRow {
  symbol: string;
  trades: number;
  win_rate: number;
  net_profit: number;
  fees: number;
}

const PAIR_COLUMNS: Column<PairRow>[] = [
  { key: "symbol", title: "Pair", head: true, value: (row) => row.symbol },
  { key: "trades", title: "Closed", number: true, value: (row) => row.trades },
  { key: "won", title: "Won", number: true, value: (row) => row.win_rate, cell: (row) => `${row.win_rate.toFixed(0)} %` },
  { key: "fees", title: "Fees", number: true, value: (row) => row.fees, cell: (row) => show.money(row.fees) },
  { key: "net", title: "Net profit", number: true, value: (row) => row.net_profit, cell: (row) => <Change value={row.net_profit} /> },
];

export function PerPair() {
  const rows = Object.entries(statistics.value?.per_pair ?? {}).map(([symbol, figures]) => ({ symbol, ...figures }));
  return (
    <Panel title="Per pair" id="per-pair" flush>
      <Table
        id="pair-table"
        label="Results per pair"
        columns={PAIR_COLUMNS}
        rows={rows}
        rowKey={(row) => row.symbol}
        sort={{ key: "net", down: true }}
        empty="Nothing was closed yet."
      />
    </Panel>
  );
}

const REASON_COLUMNS: Column<Group>[] = [
  { key: "name", title: "Exit", head: true, value: (row) => row.name, cell: (row) => show.words(row.name) },
  { key: "trades", title: "Exits", number: true, value: (row) => row.trades },
  { key: "won", title: "Won", number: true, value: (row) => row.won / row.trades, cell: (row) => `${((100 * row.won) / row.trades).toFixed(0)} %` },
  { key: "mean", title: "Mean", number: true, value: (row) => row.gain / row.trades, cell: (row) => show.signed(row.gain / row.trades) },
  { key: "gain", title: "Gain", number: true, value: (row) => row.gain, cell: (row) => <Change value={row.gain} /> },
];

export function PerReason() {
  const rows = useMemo(() => grouped(trades.value.filter(isExit), (trade) => trade.reason), [trades.value]);
  return (
    <Panel title="Per exit reason" id="per-reason" flush aside={<small>{complete.value ? "before fees" : "loading earlier trades"}</small>}>
      <Table
        id="reason-table"
        label="Results per exit reason"
        columns={REASON_COLUMNS}
        rows={rows}
        rowKey={(row) => row.name}
        sort={{ key: "gain", down: true }}
        empty="Nothing was closed yet."
      />
    </Panel>
  );
}

const ANALYST_COLUMNS: Column<Analyst>[] = [
  { key: "name", title: "Analyst", head: true, value: (row) => row.name },
  { key: "settled", title: "Settled", number: true, value: (row) => row.settled, hint: "opinions to buy or sell whose horizon is over" },
  {
    key: "right",
    title: "Right",
    number: true,
    value: (row) => row.hit_rate,
    cell: (row) => (row.hit_rate === null ? show.money(null) : show.share(row.hit_rate)),
  },
  {
    key: "return",
    title: "Net a trade",
    number: true,
    value: (row) => row.mean_net_return,
    class: (row) => show.tone(row.mean_net_return),
    cell: (row) => show.percent(row.mean_net_return === null ? null : row.mean_net_return * 100),
    hint: "of the notional, after fees",
  },
  { key: "shadow", title: "Alone", number: true, value: (row) => row.shadow_equity, cell: (row) => show.money(row.shadow_equity), hint: "equity of a book that follows it alone" },
  { key: "cost", title: "Cost today", number: true, value: (row) => row.cost_today_usd, cell: (row) => show.cost(row.cost_today_usd) },
];

export function PerAnalyst() {
  return (
    <Panel title="Per analyst" id="per-analyst" flush>
      <Table
        id="analyst-table"
        label="Results per analyst"
        columns={ANALYST_COLUMNS}
        rows={analysts.value}
        rowKey={(row) => row.name}
        sort={{ key: "return", down: true }}
        empty="No analyst has spoken yet."
      />
    </Panel>
  );
}
