import * as show from "../format";
import type { Order } from "../protocol";
import { command, operator, orders, prices, select, trusted } from "../store";
import { Badge } from "../ui/badge";
import { Empty, Panel } from "../ui/panel";
import { type Column, Table } from "../ui/table";

function priceOf(order: Order): number | null {
  return order.price ?? order.trigger_price ?? null;
}

/** How far the market is from the order's price, in percent of the market. */
function away(order: Order): number | null {
  const price = priceOf(order);
  const quote = prices.value[order.symbol];
  return price === null || !quote || quote.stale ? null : (price / quote.price - 1) * 100;
}

const COLUMNS: Column<Order>[] = [
  {
    key: "symbol",
    title: "Pair",
    head: true,
    value: (order) => order.symbol,
    cell: (order) => (
      <>
        <button type="button" class="plain" onClick={() => select(order.symbol)}>
          {order.symbol}
        </button>
        <small>{order.source}</small>
      </>
    ),
  },
  {
    key: "side",
    title: "Order",
    value: (order) => order.side,
    cell: (order) => (
      <Badge tone={order.side === "buy" ? "good" : "bad"}>
        {order.side} {order.order_type}
      </Badge>
    ),
  },
  { key: "amount", title: "Amount", number: true, value: (order) => order.amount, cell: (order) => show.quantity(order.amount) },
  { key: "filled", title: "Filled", number: true, value: (order) => order.filled, cell: (order) => show.quantity(order.filled) },
  { key: "price", title: "Price", number: true, value: priceOf, cell: (order) => show.price(priceOf(order)) },
  { key: "away", title: "From market", number: true, value: away, cell: (order) => show.percent(away(order)) },
  { key: "created", title: "Since", value: (order) => order.created_at, cell: (order) => show.moment(Date.parse(order.created_at)) },
];

const CANCEL: Column<Order> = {
  key: "actions",
  title: "Actions",
  cell: (order) => (
    <button
      type="button"
      class="small"
      disabled={!trusted.value}
      aria-label={`Cancel the ${order.side} ${order.order_type} order of ${order.symbol}`}
      onClick={() => command("cancel_order", { order_id: order.order_id }, "Order cancelled.")}
    >
      Cancel
    </button>
  ),
};

export function Orders() {
  const open = orders.value;
  return (
    <Panel title="Open orders" id="orders" flush aside={open.length > 0 && <small>{open.length} resting</small>}>
      {open.length === 0 ? (
        <Empty>No order rests.</Empty>
      ) : (
        <Table
          id="order-table"
          label="Open orders"
          columns={operator.value ? [...COLUMNS, CANCEL] : COLUMNS}
          rows={open}
          rowKey={(order) => order.order_id}
          cards
        />
      )}
    </Panel>
  );
}
