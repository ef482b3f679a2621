import * as show from "../format";
import { decisions, tradeLog } from "../store";
import { Empty, Panel, Why } from "../ui/panel";

export function Decisions() {
  const known = decisions.value;
  return (
    <Panel title="Decisions" id="decisions">
      {known.length === 0 ? (
        <Empty>No decision yet.</Empty>
      ) : (
        <ol class="log">
          {known.map((decision) => (
            <li key={decision.id} class={decision.outcome}>
              <time>{show.clock(decision.timestamp)}</time>
              <span class="who">{decision.outcome === "traded" ? "traded" : show.words(decision.gate ?? "blocked")}</span>
              <span class="what">
                <b>{decision.symbol}</b> <Why text={decision.explanation} />
              </span>
            </li>
          ))}
        </ol>
      )}
    </Panel>
  );
}

export function TradeLog() {
  const lines = tradeLog.value;
  return (
    <Panel title="Trade log" id="trade-log">
      {lines.length === 0 ? (
        <Empty>No trade yet.</Empty>
      ) : (
        <ol class="log">
          {lines.map((line) => (
            <li key={line.key} class={line.level}>
              <time>{show.clock(line.timestamp)}</time>
              <span class="what">{line.message}</span>
            </li>
          ))}
        </ol>
      )}
    </Panel>
  );
}
