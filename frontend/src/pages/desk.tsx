import { Chart } from "../chart/chart";
import { Account } from "../desk/account";
import { Orders } from "../desk/orders";
import { Pairs } from "../desk/pairs";
import { Positions } from "../desk/positions";
import { Ticket } from "../desk/ticket";
import { TradeLog } from "../parts/trade_log";
import { operator } from "../store";

/** What is traded now: prices, chart, ticket, positions, orders, account. */
export function DeskPage() {
  return (
    <div class="stack">
      <Pairs />
      <div class="split desk">
        <div class="stack">
          <Chart />
          <Positions />
          <Orders />
        </div>
        <div class="stack">
          {operator.value && <Ticket />}
          <Account />
          <TradeLog />
        </div>
      </div>
    </div>
  );
}
