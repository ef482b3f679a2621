import * as show from "../format";
import type { Analyst } from "../protocol";
import { analysisLog, analysts } from "../store";
import { Empty, Panel, Why } from "../ui/panel";

const BUILT_IN = "technical";

function work(analyst: Analyst): string {
  const said = `${analyst.opinions} opinions, ${analyst.abstentions} abstentions`;
  if (analyst.model === BUILT_IN) return said; // it costs nothing
  return `${said}, ${show.cost(analyst.cost_today_usd)} of ${show.cost(analyst.budget_usd)} today`;
}

const VERDICT: Record<string, string> = {
  too_few: "too few to judge",
  skilled: "better than chance",
  worse_than_chance: "worse than chance",
  not_shown: "no skill shown",
};

function score(analyst: Analyst): string {
  const range = analyst.hit_rate_interval?.map(show.wholePercent).join("–");
  const right = `${show.wholePercent(analyst.hit_rate)} % of ${analyst.settled} right (${range} %)`;
  return `${right}, ${VERDICT[analyst.verdict] ?? show.words(analyst.verdict)}, weight ${show.money(analyst.weight)}`;
}

function Score({ analyst }: { analyst: Analyst }) {
  const twins = analyst.null_equity;
  const said = analyst.calibration.map((bin) => `${show.wholePercent(bin.mean_confidence)} → ${show.wholePercent(bin.hit_rate)} (${bin.count})`);
  return (
    <details>
      <summary>
        <small>{score(analyst)}</small>
      </summary>
      <dl class="facts">
        <dt>Net return a trade</dt>
        <dd>{show.percent(analyst.mean_net_return === null ? null : analyst.mean_net_return * 100)}</dd>
        <dt>Brier score</dt>
        <dd>{analyst.brier?.toFixed(3)}</dd>
        <dt>Said → right, %</dt>
        <dd>{said.join(", ")}</dd>
        <dt>Alone</dt>
        <dd>{show.money(analyst.shadow_equity)}</dd>
        {twins && <dt>Coin, held, bought</dt>}
        {twins && <dd>{[twins.random, twins.hold, twins.buy_and_hold].map(show.money).join(", ")}</dd>}
      </dl>
    </details>
  );
}

function Row({ analyst }: { analyst: Analyst }) {
  const works = analyst.state === "ready" || analyst.state === "busy";
  return (
    <li>
      <div class="spread">
        <span>
          <strong>{analyst.name}</strong> <small>{analyst.model === BUILT_IN ? "built in" : analyst.model}</small>
        </span>
        <span class={`badge ${works ? "good" : "bad"}`}>{show.words(analyst.state)}</span>
      </div>
      <small>{work(analyst)}</small>
      {analyst.settled > 0 && <Score analyst={analyst} />}
      {analyst.reason && (
        <div>
          <small class="reason">{analyst.reason}</small>
        </div>
      )}
    </li>
  );
}

export function Analysts() {
  const known = analysts.value;
  return (
    <Panel title="Analysts" id="analysts">
      {known.length === 0 ? (
        <Empty>No analyst has spoken yet.</Empty>
      ) : (
        <ul class="list">
          {known.map((analyst) => (
            <Row key={analyst.name} analyst={analyst} />
          ))}
        </ul>
      )}
    </Panel>
  );
}

export function AnalysisLog() {
  const lines = analysisLog.value;
  return (
    <Panel title="Analysis log" id="analysis-log">
      {lines.length === 0 ? (
        <Empty>No opinion yet.</Empty>
      ) : (
        <ol class="log">
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
