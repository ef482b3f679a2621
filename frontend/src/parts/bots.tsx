import * as show from "../format";
import { command, state, trusted } from "../store";
import { Panel } from "./panel";

export function Bots() {
  const { bot, analysis } = state.value;
  const running = bot?.enabled ?? false;
  const analysing = analysis?.enabled ?? false;
  return (
    <Panel
      title="Bots"
      id="bots"
      aside={
        <span class={`badge ${running ? "good" : ""}`} id="bot-state">
          {running ? "running" : "stopped"}
        </span>
      }
    >
      <div class="sides">
        <button
          type="button"
          id="bot-toggle"
          class={running ? "sell" : "buy"}
          disabled={!trusted.value}
          onClick={() => command(running ? "stop_bot" : "start_bot", {}, running ? "Bots stopped." : "Bots started.")}
        >
          {running ? "Stop bots" : "Start bots"}
        </button>
        <button
          type="button"
          id="analysis-toggle"
          disabled={!trusted.value}
          onClick={() =>
            command(analysing ? "stop_analysis" : "start_analysis", {}, analysing ? "Analysis stopped." : "Analysis started.")
          }
        >
          {analysing ? "Stop analysis" : "Start analysis"}
        </button>
      </div>
      <dl class="facts">
        <dt>Open</dt>
        <dd>{bot?.active_trades ?? 0}</dd>
        <dt>Today</dt>
        <dd>{bot?.trades_today ?? 0} trades</dd>
        <dt>Closed</dt>
        <dd>
          {bot?.total_trades ?? 0}, {show.money(bot?.win_rate ?? 0)} % won
        </dd>
        <dt>Profit, net</dt>
        <dd class={show.tone(bot?.total_profit)}>{show.signed(bot?.total_profit)}</dd>
        <dt>Running for</dt>
        <dd>{running ? show.duration(bot?.running_duration) : "–"}</dd>
      </dl>
    </Panel>
  );
}
