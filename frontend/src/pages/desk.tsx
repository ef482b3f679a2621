import { Chart } from "../parts/chart";
import { TradeLog } from "../parts/trade_log";
import { Pairs } from "../parts/pairs";
import { Orders, Positions } from "../parts/positions";
import { Ticket } from "../parts/ticket";
import { operator } from "../store";

/** What is traded now: prices, chart, ticket, positions, orders. */
export function DeskPage() {
  return (
    <div class="stack">
      <Pairs />
      <div class={operator.value ? "split" : ""}>
        <Chart />
        {operator.value && <Ticket />}
      </div>
      <Positions />
      <Orders />
      <TradeLog />
    </div>
  );
}
