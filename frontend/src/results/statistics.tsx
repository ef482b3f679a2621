import * as show from "../format";
import { analysts } from "../store";
import { Panel } from "../ui/panel";
import { statistics } from "./ask";

interface Tile {
  name: string;
  text: string;
  tone?: string;
  hint?: string;
}

function factor(value: number | null | undefined): string {
  return value === null || value === undefined ? show.money(null) : value.toFixed(2);
}

/** What the models' calls of today cost. */
export function modelCost(): number {
  return analysts.value.reduce((sum, analyst) => sum + analyst.cost_today_usd, 0);
}

function tiles(): Tile[] {
  const known = statistics.value;
  return [
    { name: "Return", text: show.percent(known?.return_percent), tone: show.tone(known?.return_percent) },
    { name: "Net profit", text: show.signed(known?.net_profit), tone: show.tone(known?.net_profit), hint: "after fees" },
    { name: "Deepest drawdown", text: known?.max_drawdown_percent ? `−${show.money(known.max_drawdown_percent)} %` : show.money(known?.max_drawdown_percent), hint: known ? `${show.money(known.max_drawdown_usdt)} USDT` : "" },
    { name: "Trades closed", text: String(known?.trades ?? show.money(null)), hint: known ? `${known.wins} won, ${known.losses} lost` : "" },
    { name: "Win rate", text: known && known.trades > 0 ? `${known.win_rate.toFixed(1)} %` : show.money(null) },
    { name: "Profit factor", text: factor(known?.profit_factor), hint: "won / lost" },
    { name: "Mean win", text: show.signed(known?.average_win), tone: show.tone(known?.average_win), hint: `largest ${show.signed(known?.largest_win)}` },
    { name: "Mean loss", text: show.signed(known?.average_loss), tone: show.tone(known?.average_loss), hint: `largest ${show.signed(known?.largest_loss)}` },
    { name: "Mean hold", text: show.duration(known?.average_hold_seconds) },
    { name: "Exposure", text: known?.exposure_percent === null || !known ? show.money(null) : `${known.exposure_percent.toFixed(1)} %`, hint: "of the time" },
    { name: "Sharpe", text: factor(known?.sharpe), hint: `Sortino ${factor(known?.sortino)}` },
    { name: "Fees paid", text: show.money(known?.fees), hint: "of closed trades" },
    { name: "LLM cost today", text: show.cost(modelCost()), hint: `${analysts.value.reduce((sum, one) => sum + one.calls, 0)} calls` },
  ];
}

/** The report's figures for this account; a dash where too little has happened to say. */
export function Statistics() {
  return (
    <Panel title="Statistics" id="statistics" aside={<small>{show.moment(statistics.value?.from_ms)} to {show.moment(statistics.value?.to_ms)} UTC</small>}>
      <dl class="tiles">
        {tiles().map((tile) => (
          <div key={tile.name} class="tile">
            <dt>{tile.name}</dt>
            <dd class={tile.tone ?? ""}>{tile.text}</dd>
            <dd class="hint">{tile.hint || "\u00a0"}</dd>
          </div>
        ))}
      </dl>
    </Panel>
  );
}
