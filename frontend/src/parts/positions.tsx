import * as show from "../format";
import type { Position } from "../protocol";
import { command, select, state, trusted } from "../store";
import { Empty, Panel } from "./panel";

/** Marked to the newest price, which is fresher than the hub's once-a-second figure. */
function marked(position: Position): { price: number; pnl: number; percent: number } {
  const quote = state.value.prices[position.symbol];
  if (!quote || quote.stale) return { price: position.current_price, pnl: position.unrealized_pnl, percent: position.pnl_percent };
  const sign = position.direction === "long" ? 1 : -1;
  const pnl = sign * position.amount * (quote.price - position.entry_price);
  const cost = position.amount * position.entry_price;
  return { price: quote.price, pnl, percent: cost ? (pnl / cost) * 100 : 0 };
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
      <td class={position.direction === "long" ? "up" : "down"}>
        {position.direction} {position.leverage > 1 && `${position.leverage}×`}
      </td>
      <td class="number">{show.quantity(position.amount)}</td>
      <td class="number">{show.price(position.entry_price)}</td>
      <td class="number">{show.price(now.price)}</td>
      <td class={`number ${show.tone(now.pnl)}`}>
        {show.signed(now.pnl)} <small>{show.percent(now.percent)}</small>
      </td>
      <td class="number">{position.stop_loss === null && position.trailing_stop === null ? "none" : show.price(position.trailing_stop ?? position.stop_loss)}</td>
      <td class="number">{position.take_profit === null ? "none" : show.price(position.take_profit)}</td>
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
  const positions = Object.values(state.value.positions);
  return (
    <Panel title="Positions" id="positions">
      {positions.length === 0 ? (
        <Empty>No open position.</Empty>
      ) : (
        <div class="scroll">
          <table>
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
              {positions.map((position) => (
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
  const { orders } = state.value;
  if (orders.length === 0) return null;
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
            {orders.map((order) => (
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
