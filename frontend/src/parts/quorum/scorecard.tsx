import * as show from "../../format";
import type { NullEquityView } from "../../messages";
import type { Analyst } from "../../protocol";
import { spent } from "../../quorum";
import { analysts } from "../../store";
import { Badge, Change, type Tone } from "../../ui/badge";
import { Empty } from "../../ui/panel";
import { Reliability, ReliabilityTable } from "./reliability";

const BUILT_IN = "technical";

const VERDICT: Record<string, { text: string; tone: Tone }> = {
  too_few: { text: "Too few to judge", tone: "" },
  skilled: { text: "Better than chance", tone: "good" },
  worse_than_chance: { text: "Worse than chance", tone: "bad" },
  not_shown: { text: "No skill shown", tone: "warn" },
};

const SAVED: Record<string, string> = {
  unchanged: "nothing had changed",
  breaker_open: "the model had failed too often",
  too_many_calls: "too many calls at once",
  budget_used: "the budget was used up",
  out_of_time: "no time was left",
};

export function Scorecards() {
  const known = analysts.value;
  return (
    <section aria-labelledby="scorecards-title" class="cards-section" id="scorecards">
      <h2 id="scorecards-title">Scorecards</h2>
      {known.length === 0 ? (
        <Empty>No analyst has spoken yet.</Empty>
      ) : (
        <div class="scorecards">
          {known.map((analyst) => (
            <Scorecard key={analyst.name} analyst={analyst} />
          ))}
        </div>
      )}
    </section>
  );
}

function Scorecard({ analyst }: { analyst: Analyst }) {
  const works = analyst.state === "ready" || analyst.state === "busy";
  const verdict = VERDICT[analyst.verdict] ?? { text: show.words(analyst.verdict), tone: "" as Tone };
  const scored = analyst.settled > 0;
  return (
    <article class="panel scorecard" data-analyst={analyst.name} aria-label={`Scorecard of ${analyst.name}`}>
      <header>
        <h3>
          {analyst.name} <small>{analyst.model === BUILT_IN ? "built in" : analyst.model}</small>
        </h3>
        <span class="in-row">
          <Badge tone={works ? "good" : "bad"}>{show.words(analyst.state)}</Badge>
          <Badge tone={verdict.tone}>{verdict.text}</Badge>
        </span>
      </header>
      <div class="body">
        {analyst.reason && <p class="reason">{analyst.reason}</p>}
        <div class="card-main">
          <dl class="facts">
            <dt>Right</dt>
            <dd>{scored ? show.share(analyst.hit_rate) : "–"}</dd>
            <dt title="Of the share that is right">95 % interval</dt>
            <dd>{analyst.hit_rate_interval ? `${analyst.hit_rate_interval.map(show.wholePercent).join(" – ")} %` : "–"}</dd>
            <dt title="BUY and SELL opinions at their own horizons">Settled</dt>
            <dd>{analyst.settled}</dd>
            <dt title="Mean of (confidence - outcome)²: 0 is best, a coin said to be one has 0.25">Brier score</dt>
            <dd>{analyst.brier === null ? "–" : analyst.brier.toFixed(3)}</dd>
            <dt title="Of a trade in the opinion's direction, after fees, slippage and calls">Net a trade</dt>
            <dd>
              <Change
                value={analyst.mean_net_return}
                text={show.percent(analyst.mean_net_return === null ? null : analyst.mean_net_return * 100)}
              />
            </dd>
            <dt title="Weight in the settings times skill">Vote counts</dt>
            <dd>{show.money(analyst.weight)}</dd>
            <dt title="1 is a coin; the vote's weight in the settings is multiplied by it">of it skill</dt>
            <dd>{show.money(analyst.skill)}</dd>
            {analyst.horizons.map((horizon) => (
              <Horizon key={horizon.horizon} name={horizon.horizon} settled={horizon.settled} rate={horizon.hit_rate} />
            ))}
          </dl>
          {analyst.calibration.length > 0 ? (
            <Reliability bins={analyst.calibration} name={analyst.name} />
          ) : (
            <p class="placeholder">The reliability curve begins with the first opinion that is settled.</p>
          )}
        </div>
        {analyst.null_equity && analyst.shadow_equity !== null && <Shadow own={analyst.shadow_equity} twins={analyst.null_equity} />}
        <Work analyst={analyst} />
        {(analyst.calibration.length > 0 || analyst.saved.length > 0) && <More analyst={analyst} />}
      </div>
    </article>
  );
}

function Horizon({ name, settled, rate }: { name: string; settled: number; rate: number | null }) {
  return (
    <>
      <dt>After {name}</dt>
      <dd>
        {settled > 0 ? show.share(rate) : "–"} <small>of {settled}</small>
      </dd>
    </>
  );
}

/** The shadow book beside its twins, as gains over a book that never trades. */
function Shadow({ own, twins }: { own: number; twins: NullEquityView }) {
  const books = [
    { name: "This analyst", value: own },
    { name: "Coin flips", value: twins.random },
    { name: "Buy and hold", value: twins.buy_and_hold },
    { name: "Never trades", value: twins.hold },
  ];
  const most = Math.max(...books.map((book) => Math.abs(book.value - twins.hold)), 1e-9);
  return (
    <div class="shadow">
      <h4>Shadow equity beside its twins, USDT</h4>
      {books.map(({ name, value }, n) => {
        const gain = value - twins.hold;
        const width = (Math.abs(gain) / most) * 50;
        return (
          <div class={n ? "book" : "book own"} key={name}>
            <span>{name}</span>
            <span class="bar" aria-hidden="true">
              <i class={gain >= 0 ? "up" : "down"} style={{ left: `${gain >= 0 ? 50 : 50 - width}%`, width: `${width}%` }} />
            </span>
            <span class="number">{show.money(value)}</span>
            <span class={`number ${show.tone(gain)}`}>{show.signed(gain)}</span>
          </div>
        );
      })}
    </div>
  );
}

function Work({ analyst }: { analyst: Analyst }) {
  const free = analyst.model === BUILT_IN;
  const part = spent(analyst.cost_today_usd, analyst.budget_usd);
  return (
    <div class="work">
      {free ? (
        <p class="muted">Built in: costs nothing.</p>
      ) : (
        <>
          <div class="spread">
            <span>
              Today <b>{show.cost(analyst.cost_today_usd)}</b> {part === null ? "" : `of ${show.cost(analyst.budget_usd)}`}
            </span>
            <small>
              {analyst.calls} calls{analyst.latency_ms === null ? "" : `, last ${show.quantity(analyst.latency_ms)} ms`}
            </small>
          </div>
          {part !== null && (
            <div class="used" role="meter" aria-label={`Budget of ${analyst.name} used today`} aria-valuemin={0} aria-valuemax={100} aria-valuenow={Math.round(part * 100)}>
              <i class={part >= 0.9 ? "high" : ""} style={{ width: `${part * 100}%` }} />
            </div>
          )}
        </>
      )}
      <small>
        {show.quantity(analyst.opinions)} opinions, {show.quantity(analyst.abstentions)} abstentions since the start
      </small>
    </div>
  );
}

function More({ analyst }: { analyst: Analyst }) {
  return (
    <details>
      <summary>Figures</summary>
      {analyst.calibration.length > 0 && <ReliabilityTable bins={analyst.calibration} />}
      {analyst.log_score !== null && <p>Log score {analyst.log_score.toFixed(3)} (a coin said to be one has 0.693).</p>}
      {analyst.cached_tokens > 0 && <p>{show.quantity(analyst.cached_tokens)} prompt tokens were read from the provider's cache.</p>}
      {analyst.saved.map((saving) => (
        <p key={saving.reason}>
          {saving.questions} questions without a call because {SAVED[saving.reason] ?? show.words(saving.reason)}: about {show.cost(saving.usd)} saved.
        </p>
      ))}
    </details>
  );
}
