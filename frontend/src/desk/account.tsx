import * as show from "../format";
import { balance, trusted } from "../store";
import { Panel } from "../ui/panel";

/** Where the money is. */
export function Account() {
  const money = balance.value;
  const used = money && money.equity > 0 ? ((money.margin + money.held) / money.equity) * 100 : null;
  const rows: [string, string, string?][] = [
    ["Equity", show.money(money?.equity)],
    ["Free cash", show.money(money?.balance)],
    ["Held by orders", show.money(money?.held)],
    ["Margin of positions", show.money(money?.margin)],
    ["Unrealised", show.signed(money?.unrealized_pnl), show.tone(money?.unrealized_pnl)],
    ["Realised today", show.signed(money?.realized_pnl_today), show.tone(money?.realized_pnl_today)],
    ["Fees today", show.money(money?.fees_today)],
  ];
  return (
    <Panel title="Account" id="account" aside={<small>USDT</small>}>
      <div class={trusted.value ? "" : "doubtful"}>
        <dl class="facts">
          {rows.map(([name, text, tone = ""]) => (
            <>
              <dt key={`${name} name`}>{name}</dt>
              <dd key={name} class={tone}>
                {text}
              </dd>
            </>
          ))}
        </dl>
        <div class="meter" role="img" aria-label={`${show.money(used)} % of the equity is bound`}>
          <span style={{ width: `${Math.min(100, used ?? 0)}%` }} />
        </div>
        <small>{show.money(used)} % of the equity is bound</small>
      </div>
    </Panel>
  );
}
