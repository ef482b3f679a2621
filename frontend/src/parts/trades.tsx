import * as show from "../format";
import type { Trade } from "../protocol";
import { trades } from "../store";
import { Change } from "../ui/badge";
import { Panel } from "../ui/panel";
import { type Column, Table } from "../ui/table";

const COLUMNS: Column<Trade>[] = [
  { key: "time", title: "Time", value: (trade) => trade.timestamp, cell: (trade) => show.moment(trade.timestamp * 1000), head: true },
  { key: "symbol", title: "Pair", value: (trade) => trade.symbol },
  { key: "side", title: "Side", value: (trade) => trade.side },
  { key: "amount", title: "Amount", number: true, value: (trade) => trade.amount, cell: (trade) => show.quantity(trade.amount) },
  { key: "price", title: "Price", number: true, value: (trade) => trade.price, cell: (trade) => show.price(trade.price) },
  { key: "value", title: "Value", number: true, value: (trade) => trade.value, cell: (trade) => show.money(trade.value) },
  { key: "fee", title: "Fee", number: true, value: (trade) => trade.fee, cell: (trade) => show.money(trade.fee) },
  { key: "pnl", title: "P&L", number: true, value: (trade) => trade.pnl, cell: (trade) => <Change value={trade.pnl} /> },
  { key: "reason", title: "Reason", value: (trade) => show.words(trade.reason) },
];

export function Trades() {
  return (
    <Panel title="Trades" id="trades" flush>
      <Table
        id="trade-table"
        label="Trades"
        columns={COLUMNS}
        rows={trades.value}
        rowKey={(trade) => trade.trade_id}
        empty="No trade yet."
        height="34rem"
      />
    </Panel>
  );
}
