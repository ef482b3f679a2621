import * as show from "../format";
import { state } from "../store";
import { Empty, Panel } from "./panel";

export function Decisions() {
  const { decisions } = state.value;
  return (
    <Panel title="Decisions" id="decisions">
      {decisions.length === 0 ? (
        <Empty>No decision yet.</Empty>
      ) : (
        <ol class="log">
          {decisions.map((decision) => (
            <li key={decision.id} class={decision.outcome}>
              <time>{show.clock(decision.timestamp)}</time>
              <span class="who">{decision.outcome === "traded" ? "traded" : show.words(decision.gate ?? "blocked")}</span>
              <span class="what">
                <b>{decision.symbol}</b> <span class="why">{decision.explanation}</span>
              </span>
            </li>
          ))}
        </ol>
      )}
    </Panel>
  );
}

export function TradeLog() {
  const lines = state.value.tradeLog;
  return (
    <Panel title="Trade log" id="trade-log">
      {lines.length === 0 ? (
        <Empty>No order since this page was opened.</Empty>
      ) : (
        <ol class="log">
          {lines.map((line, index) => (
            <li key={`${line.timestamp} ${index}`} class={line.level}>
              <time>{show.clock(line.timestamp)}</time>
              <span class="what">
                {line.message} {line.profit !== undefined && <b class={show.tone(line.profit)}>{show.signed(line.profit)}</b>}
              </span>
            </li>
          ))}
        </ol>
      )}
    </Panel>
  );
}
