import * as show from "../format";
import type { Position } from "../protocol";
import { command, orders, positions, prices, select, trusted } from "../store";
import { Empty, Panel } from "../ui/panel";

/** Marked to the newest price, which is fresher than the hub's once-a-second figure. */
function marked(position: Position): { price: number; pnl: number; percent: number } {
  const quote = prices.value[position.symbol];
  if (!quote || quote.stale) return { price: position.current_price, pnl: position.unrealized_pnl, percent: position.pnl_percent };
  const sign = position.direction === "long" ? 1 : -1;
  const pnl = sign * position.amount * (quote.price - position.entry_price);
  const cost = position.amount * position.entry_price;
  return { price: quote.price, pnl, percent: cost ? (pnl / cost) * 100 : 0 };
}

function level(price: number | null): string {
  return price === null ? "none" : show.price(price);
}

function Row({ position }: { position: Position }) {
  const now = marked(position);
  return (
    <tr data-symbol={position.symbol}>
      <th scope="row">
        <button type="button" class="plain" onClick={() => select(position.symbol)}>
          {position.symbol}
        </button>
        <small>{position.source}</small>
      </th>
      <td data-name="Side" class={position.direction === "long" ? "up" : "down"}>
        {position.direction} {position.leverage > 1 && `${position.leverage}×`}
      </td>
      <td data-name="Amount" class="number">
        {show.quantity(position.amount)}
      </td>
      <td data-name="Entry" class="number">
        {show.price(position.entry_price)}
      </td>
      <td data-name="Price" class="number">
        {show.price(now.price)}
      </td>
      <td data-name="P&L" class={`number ${show.tone(now.pnl)}`}>
        {show.signed(now.pnl)} <small>{show.percent(now.percent)}</small>
      </td>
      <td data-name="Stop" class="number">
        {level(position.trailing_stop ?? position.stop_loss)}
      </td>
      <td data-name="Target" class="number">
        {level(position.take_profit)}
      </td>
      <td>
        <button
          type="button"
          disabled={!trusted.value}
          aria-label={`Close ${position.symbol}`}
          onClick={() => command("close_position", { symbol: position.symbol }, `${position.symbol} closed.`)}
        >
          Close
        </button>
      </td>
    </tr>
  );
}

export function Positions() {
  const open = Object.values(positions.value);
  return (
    <Panel title="Positions" id="positions">
      {open.length === 0 ? (
        <Empty>No open position.</Empty>
      ) : (
        <div class="scroll">
          <table class="cards">
            <thead>
              <tr>
                {["Pair", "Side", "Amount", "Entry", "Price", "P&L", "Stop", "Target"].map((name) => (
                  <th key={name} scope="col">
                    {name}
                  </th>
                ))}
                <th scope="col">
                  <span class="hidden">Action</span>
                </th>
              </tr>
            </thead>
            <tbody>
              {open.map((position) => (
                <Row key={position.symbol} position={position} />
              ))}
            </tbody>
          </table>
        </div>
      )}
    </Panel>
  );
}

export function Orders() {
  const open = orders.value;
  if (open.length === 0) return null;
  return (
    <Panel title="Open orders" id="orders">
      <div class="scroll">
        <table>
          <thead>
            <tr>
              {["Pair", "Order", "Amount", "Filled", "Price", ""].map((name) => (
                <th key={name} scope="col">
                  {name || <span class="hidden">Action</span>}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {open.map((order) => (
              <tr key={order.order_id}>
                <th scope="row">{order.symbol}</th>
                <td>
                  {order.side} {order.order_type}
                </td>
                <td class="number">{show.quantity(order.amount)}</td>
                <td class="number">{show.quantity(order.filled)}</td>
                <td class="number">{show.price(order.price ?? order.trigger_price)}</td>
                <td>
                  <button
                    type="button"
                    disabled={!trusted.value}
                    onClick={() => command("cancel_order", { order_id: order.order_id }, "Order cancelled.")}
                  >
                    Cancel
                  </button>
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </Panel>
  );
}
