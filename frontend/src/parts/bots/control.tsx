import { useComputed } from "@preact/signals";
import { deskNow } from "../../ages";
import * as show from "../../format";
import { analysis, bot, command, operator, trusted } from "../../store";
import { Badge, Change } from "../../ui/badge";
import { Panel } from "../../ui/panel";

/** All bots on or off, the analysis on or off, and what came of it so far. */
export function Control() {
  const status = bot.value;
  const running = status?.enabled ?? false;
  const analysing = analysis.value?.enabled ?? false;
  const seconds = useComputed(() => {
    const since = bot.value?.start_time;
    return since ? Math.max(0, deskNow.value / 1000 - since) : null;
  }).value;

  return (
    <Panel
      title="Bots"
      id="bots"
      aside={
        <Badge tone={running ? "good" : ""} id="bot-state">
          {running ? "running" : "stopped"}
        </Badge>
      }
    >
      <div class="control">
        {operator.value && (
          <div class="buttons">
            <button
              type="button"
              id="bot-toggle"
              class={running ? "" : "primary"}
              disabled={!trusted.value}
              title={running ? "No bot opens a position any more; open ones keep their stops and targets" : undefined}
              onClick={() => void command(running ? "stop_bot" : "start_bot", {}, running ? "Bots stopped." : "Bots started.")}
            >
              {running ? "Stop bots" : "Start bots"}
            </button>
            <button
              type="button"
              id="analysis-toggle"
              disabled={!trusted.value}
              onClick={() =>
                void command(analysing ? "stop_analysis" : "start_analysis", {}, analysing ? "Analysis stopped." : "Analysis started.")
              }
            >
              {analysing ? "Stop analysis" : "Start analysis"}
            </button>
          </div>
        )}
        <dl class="bot-tiles">
          <Tile name="Open now" text={status ? String(status.active_trades) : "–"} />
          <Tile name="Trades today" text={status ? String(status.trades_today) : "–"} />
          <Tile name="Closed" text={status ? String(status.total_trades) : "–"} />
          <Tile name="Won" text={status && status.total_trades > 0 ? `${show.money(status.win_rate)} %` : "–"} />
          <div>
            <dt>Profit, net</dt>
            <dd>
              <Change value={status?.total_profit} />
            </dd>
          </div>
          <Tile name="Running for" text={running && seconds !== null ? show.duration(seconds) : "–"} />
          <Tile name="Analysis" text={analysing ? `every ${show.duration(analysis.value?.interval_seconds)}` : "off"} />
        </dl>
      </div>
    </Panel>
  );
}

function Tile({ name, text }: { name: string; text: string }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{text}</dd>
    </div>
  );
}
