import { useEffect, useState } from "preact/hooks";
import * as show from "../format";
import type { BotStatus } from "../protocol";
import { analysis, bot, command, trusted } from "../store";
import { Panel } from "../ui/panel";

/** Seconds the bots have been running: what the hub said, and what has passed here since. */
function useRunning(status: BotStatus | null): number {
  const [passed, setPassed] = useState(0);
  useEffect(() => {
    const began = performance.now();
    setPassed(0);
    const timer = window.setInterval(() => setPassed((performance.now() - began) / 1000), 1000);
    return () => window.clearInterval(timer);
  }, [status]);
  return (status?.running_duration ?? 0) + passed;
}

export function Bots() {
  const status = bot.value;
  const running = status?.enabled ?? false;
  const analysing = analysis.value?.enabled ?? false;
  const seconds = useRunning(status);
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
        <dd>{status?.active_trades ?? 0}</dd>
        <dt>Today</dt>
        <dd>{status?.trades_today ?? 0} trades</dd>
        <dt>Closed</dt>
        <dd>
          {status?.total_trades ?? 0}
          {status && status.total_trades > 0 && `, ${show.money(status.win_rate)} % won`}
        </dd>
        <dt>Profit, net</dt>
        <dd class={show.tone(status?.total_profit)}>{show.signed(status?.total_profit)}</dd>
        <dt>Running for</dt>
        <dd>{running ? show.duration(seconds) : "–"}</dd>
      </dl>
    </Panel>
  );
}
