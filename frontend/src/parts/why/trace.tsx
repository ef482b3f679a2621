import * as show from "../../format";
import type { Decision } from "../../protocol";
import { href } from "../../routes";
import { failed, needed, outcomeText, type Step, steps } from "../../traces";
import { Badge } from "../../ui/badge";
import { Panel } from "../../ui/panel";
import { chosen, detail } from "../../why_store";
import { Votes } from "../quorum/matrix";
import { Inputs } from "./inputs";
import { Moment } from "./moment";

export function Trace() {
  const decision = chosen.value;
  if (!decision) {
    return (
      <Panel title="Trace" id="trace">
        <p class="empty">Choose a decision: every input, every gate and what would have had to be different is shown here.</p>
      </Panel>
    );
  }
  const whole = detail.value?.id === decision.id ? detail.value : null;
  return (
    <div class="stack" id="trace-of" data-decision={decision.id}>
      <Verdict decision={decision} />
      <Moment decision={decision} />
      <Gates decision={decision} />
      <Opinions decision={decision} />
      <Inputs features={whole?.features} />
    </div>
  );
}

function Verdict({ decision }: { decision: Decision }) {
  const stopped = failed(decision);
  const need = stopped && needed(stopped, decision.timestamp);
  return (
    <Panel
      title={`${decision.symbol}, ${show.moment(decision.timestamp)} UTC`}
      id="trace"
      aside={<Badge tone={decision.outcome === "traded" ? "good" : "warn"}>{outcomeText(decision)}</Badge>}
    >
      <p class="explanation">{decision.explanation}</p>
      {need && (
        <p class="need" id="needed">
          <b>What would have had to be different</b> {need.text}{" "}
          {need.settings.length > 0 && (
            <a href={href("bots", { pair: decision.symbol, find: need.settings[0] ?? "" })}>
              Setting {need.settings.map(show.words).join(", ")}
            </a>
          )}
        </p>
      )}
      <dl class="inline">
        <div>
          <dt>Price</dt>
          <dd>{show.price(decision.price)}</dd>
        </div>
        {decision.signal && (
          <div>
            <dt>Signal</dt>
            <dd>
              <span class={`act ${decision.signal.action.toLowerCase()}`}>{decision.signal.action}</span> {show.share(decision.signal.confidence_score)}
            </dd>
          </div>
        )}
        {decision.order_id && (
          <div>
            <dt>Order</dt>
            <dd class="mono">{decision.order_id}</dd>
          </div>
        )}
        <div>
          <dt>Settings</dt>
          <dd class="mono" title={decision.settings_hash}>
            {decision.settings_hash.slice(0, 10)}
          </dd>
        </div>
      </dl>
    </Panel>
  );
}

const MARK: Record<Step["state"], string> = { passed: "passed", failed: "stopped here", unreached: "" };

function Gates({ decision }: { decision: Decision }) {
  const all = steps(decision);
  const reached = all.filter((step) => step.state !== "unreached");
  const rest = all.filter((step) => step.state === "unreached");
  return (
    <Panel title="Gates, in order" id="gates" flush aside={<small>{`${reached.length} of ${all.length} checked`}</small>}>
      <div class="scroll" tabIndex={0} role="region" aria-label="Gates in order">
        <table class="gates">
          <thead>
            <tr>
              <th scope="col" class="number">
                #
              </th>
              <th scope="col">Gate</th>
              <th scope="col">Found</th>
              <th scope="col">Needed</th>
              <th scope="col">Result</th>
            </tr>
          </thead>
          <tbody>
            {reached.map((step, n) => (
              <tr key={`${step.gate} ${n}`} class={step.state} data-gate={step.gate}>
                <td class="number">{n + 1}</td>
                <th scope="row">{show.words(step.gate)}</th>
                <td>{step.value || "–"}</td>
                <td>{step.limit || "–"}</td>
                <td class="result">{MARK[step.state]}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {rest.length > 0 && (
        <p class="unreached" id="unreached">
          <b>Not reached</b> {rest.map((step) => show.words(step.gate)).join(" · ")}
        </p>
      )}
    </Panel>
  );
}

function Opinions({ decision }: { decision: Decision }) {
  const { signal, opinions } = decision;
  if (!signal) {
    return (
      <Panel title="Opinions" id="opinions">
        <p class="empty">No analysts were asked: a gate before them had closed.</p>
      </Panel>
    );
  }
  return (
    <Panel title="Opinions and their votes" id="opinions" flush>
      <Votes signal={signal} opinions={opinions} />
      <ul class="quotes-said">
        {opinions.map((one) => (
          <li key={one.analyst}>
            <b>{one.analyst}</b>{" "}
            <small>
              {one.model}, {show.quantity((one.age_ms ?? 0) / 1000)} s old, horizon {show.duration(one.horizon_minutes * 60)}, {show.cost(one.cost_usd)}
            </small>
            <p>{one.reasoning}</p>
          </li>
        ))}
        {Object.entries(signal.abstentions).map(([name, why]) => (
          <li key={name}>
            <b>{name}</b> <small>abstained</small>
            <p>{why}</p>
          </li>
        ))}
      </ul>
    </Panel>
  );
}
