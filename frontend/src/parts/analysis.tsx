import * as show from "../format";
import type { Analyst } from "../protocol";
import { state } from "../store";
import { Empty, Panel } from "./panel";

function Row({ analyst }: { analyst: Analyst }) {
  const works = analyst.state === "ready" || analyst.state === "busy";
  return (
    <li>
      <div>
        <strong>{analyst.name}</strong> <small>{analyst.model}</small>
      </div>
      <div>
        <span class={`badge ${works ? "good" : "bad"}`}>{show.words(analyst.state)}</span>
        {analyst.reason && <small> {analyst.reason}</small>}
      </div>
      <small>
        {analyst.opinions} opinions, {analyst.abstentions} abstentions, ${show.signed(analyst.cost_today_usd, 4).replace("+", "")} of $
        {show.money(analyst.budget_usd)} today
      </small>
    </li>
  );
}

export function Analysts() {
  const { analysts } = state.value;
  return (
    <Panel title="Analysts" id="analysts">
      {analysts.length === 0 ? (
        <Empty>No analyst has spoken yet.</Empty>
      ) : (
        <ul class="list">
          {analysts.map((analyst) => (
            <Row key={analyst.name} analyst={analyst} />
          ))}
        </ul>
      )}
    </Panel>
  );
}

export function AnalysisLog() {
  const lines = state.value.analysisLog;
  return (
    <Panel title="Analysis log" id="analysis-log">
      {lines.length === 0 ? (
        <Empty>No opinion yet.</Empty>
      ) : (
        <ol class="log">
          {lines.map((line, index) => (
            <li key={`${line.timestamp} ${line.symbol} ${line.source} ${index}`} class={line.level}>
              <time>{show.clock(line.timestamp)}</time>
              <span class="who">{line.source}</span>
              <span class="what">
                <b>{line.symbol}</b>{" "}
                {line.action && <span class={`act ${line.action.toLowerCase()}`}>{line.action}</span>}{" "}
                {line.confidence_score !== null && show.share(line.confidence_score)}{" "}
                <span class="why">{line.reasoning || line.message}</span>
              </span>
            </li>
          ))}
        </ol>
      )}
    </Panel>
  );
}
