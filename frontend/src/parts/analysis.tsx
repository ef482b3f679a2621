import * as show from "../format";
import { analysisLog } from "../store";
import { Empty, Panel, Why } from "../ui/panel";

/** Every opinion, abstention and combined signal as it comes. */
export function AnalysisLog() {
  const lines = analysisLog.value;
  return (
    <Panel title="Analysis log" id="analysis-log">
      {lines.length === 0 ? (
        <Empty>None since this page was opened.</Empty>
      ) : (
        <ol class="log" tabIndex={0} aria-label="Analysis log">
          {lines.map((line) => (
            <li key={line.key} class={line.level}>
              <time>{show.clock(line.timestamp)}</time>
              <span class="who">{line.source}</span>
              <span class="what">
                <b>{line.symbol}</b> {line.action && <span class={`act ${line.action.toLowerCase()}`}>{line.action}</span>}{" "}
                {line.confidence_score !== null && show.wholePercent(line.confidence_score)}{" "}
                <Why text={line.reasoning || line.message} />
              </span>
            </li>
          ))}
        </ol>
      )}
    </Panel>
  );
}
