import { useComputed } from "@preact/signals";
import { useState } from "preact/hooks";
import { deskNow } from "../../ages";
import * as show from "../../format";
import type { Signal } from "../../protocol";
import { type Cell, matrix, outdated, type Row, votes } from "../../quorum";
import { base } from "../../spans";
import { analysis, analysts, insights, symbols } from "../../store";
import { Age } from "../../ui/age";
import { Empty, Panel } from "../../ui/panel";

interface Choice {
  symbol: string;
  analyst: string; // "" is the combined signal
}

/** BUY 62 %: word, figure and colour; a hold has no colour. */
function Verdict({ action, confidence }: { action: string; confidence: number }) {
  return (
    <span class={`verdict ${action.toLowerCase()}`}>
      <b>{action}</b> <span class="figure-of">{show.wholePercent(confidence)}</span>
      <small> %</small>
    </span>
  );
}

/** Whose cell it is, for those who do not see its row and column. */
function Of({ name }: { name: string }) {
  return <span class="hidden">{name}: </span>;
}

function OpinionCell({ cell, row, chosen, onChoose }: { cell: Cell; row: Row; chosen: boolean; onChoose: () => void }) {
  const { opinion, abstained, analyst } = cell;
  const old = useComputed(() => (opinion ? outdated(opinion, deskNow.value, analysis.value?.interval_seconds ?? 60) : false)).value;
  if (!opinion) {
    return (
      <td data-name={analyst} class="none">
        {abstained ? (
          <button type="button" class="cell" aria-pressed={chosen} onClick={onChoose}>
            <Of name={`${analyst} on ${row.symbol}`} />
            <span class="muted">abstained</span>
          </button>
        ) : (
          <span class="muted">–</span>
        )}
      </td>
    );
  }
  return (
    <td data-name={analyst}>
      <button type="button" class={old ? "cell old" : "cell"} aria-pressed={chosen} onClick={onChoose}>
        <Of name={`${analyst} on ${row.symbol}${old ? ", out of date" : ""}`} />
        <Verdict action={opinion.action} confidence={opinion.confidence_score} />
        <Age at={opinion.timestamp} />
      </button>
    </td>
  );
}

function SignalCell({ row, chosen, onChoose }: { row: Row; chosen: boolean; onChoose: () => void }) {
  const { signal, symbol } = row;
  if (!signal) return <td class="signal muted">no signal yet</td>;
  return (
    <td class="signal" data-name="Combined">
      <button type="button" class="cell" aria-pressed={chosen} onClick={onChoose}>
        <Of name={`Combined signal of ${symbol}`} />
        <Verdict action={signal.action} confidence={signal.confidence_score} />
        <Score score={signal.score} />
        <Age at={signal.timestamp} />
      </button>
    </td>
  );
}

/** The score from -1 to 1 as a bar from its middle; the figure stands beside it. */
function Score({ score }: { score: number }) {
  const half = Math.min(1, Math.abs(score)) * 50;
  return (
    <span class="score" aria-hidden="true">
      <i class={score >= 0 ? "up" : "down"} style={{ left: `${score >= 0 ? 50 : 50 - half}%`, width: `${half}%` }} />
    </span>
  );
}

export function Matrix() {
  const [choice, setChoice] = useState<Choice | null>(null);
  const names = analysts.value.map((analyst) => analyst.name);
  const rows = matrix(symbols.value, names, insights.value);
  const pick = (symbol: string, analyst: string) =>
    setChoice(choice?.symbol === symbol && choice.analyst === analyst ? null : { symbol, analyst });
  const row = rows.find((one) => one.symbol === choice?.symbol);
  if (names.length === 0) {
    return (
      <Panel title="Opinions" id="matrix">
        <Empty>No analyst has spoken yet.</Empty>
      </Panel>
    );
  }
  return (
    <Panel title="Opinions" id="matrix" flush aside={<small>Choose one to read its reasons</small>}>
      <div class="scroll" tabIndex={0} role="region" aria-label="Opinions by pair and analyst">
        <table class="matrix">
          <thead>
            <tr>
              <th scope="col">Pair</th>
              <th scope="col">Combined</th>
              {names.map((name) => (
                <th scope="col" key={name}>
                  {name}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rows.map((one) => (
              <tr key={one.symbol} data-symbol={one.symbol}>
                <th scope="row">{base(one.symbol)}</th>
                <SignalCell row={one} chosen={choice?.symbol === one.symbol && choice.analyst === ""} onChoose={() => pick(one.symbol, "")} />
                {one.cells.map((cell) => (
                  <OpinionCell
                    key={cell.analyst}
                    cell={cell}
                    row={one}
                    chosen={choice?.symbol === one.symbol && choice.analyst === cell.analyst}
                    onChoose={() => pick(one.symbol, cell.analyst)}
                  />
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <div aria-live="polite">
        {row && choice && (choice.analyst ? <Reasons row={row} analyst={choice.analyst} /> : row.signal && <Combined row={row} signal={row.signal} />)}
      </div>
    </Panel>
  );
}

function Reasons({ row, analyst }: { row: Row; analyst: string }) {
  const cell = row.cells.find((one) => one.analyst === analyst);
  if (!cell?.opinion) {
    return (
      <div class="reasons" id="reasons">
        <h3>
          {analyst} on {row.symbol}
        </h3>
        <p>{cell?.abstained ? `Abstained: ${cell.abstained}` : "No opinion yet."}</p>
      </div>
    );
  }
  const { opinion } = cell;
  return (
    <div class="reasons" id="reasons">
      <h3>
        {analyst} on {row.symbol}, {show.clock(opinion.timestamp)} UTC
      </h3>
      <p>{opinion.reasoning}</p>
      <dl class="inline">
        <Fact name="Model" text={opinion.model} />
        <Fact name="Price then" text={show.price(opinion.price)} />
        <Fact name="Horizon" text={show.duration(opinion.horizon_minutes * 60)} />
        <Fact name="Stop" text={show.price(opinion.stop_loss)} />
        <Fact name="Target" text={show.price(opinion.take_profit)} />
        <Fact name="Mood" text={show.signed(opinion.sentiment)} />
        <Fact name="Risk" text={opinion.risk_level} />
        <Fact name="Cost" text={show.cost(opinion.cost_usd)} />
        <Fact name="Took" text={`${show.quantity(opinion.latency_ms)} ms`} />
      </dl>
    </div>
  );
}

function Fact({ name, text }: { name: string; text: string }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{text}</dd>
    </div>
  );
}

function Combined({ row, signal }: { row: Row; signal: Signal }) {
  const heard = row.cells.flatMap((cell) => cell.opinion ?? []);
  return (
    <div class="reasons" id="reasons">
      <h3>
        Combined signal of {row.symbol}, {show.clock(signal.timestamp)} UTC
      </h3>
      <p>
        Each vote counts its weight times its confidence, up for BUY and down for SELL. Together: {show.signed(signal.score, 3)}
        {signal.agreed ? ", and the analysts agree as far as the settings ask." : ", but the analysts do not agree as far as the settings ask."}
      </p>
      <Votes signal={signal} opinions={heard} />
      {Object.entries(signal.abstentions).map(([name, why]) => (
        <p key={name} class="muted">
          {name} abstained: {why}
        </p>
      ))}
    </div>
  );
}

/** What each vote adds to the score. */
export function Votes({ signal, opinions }: { signal: Signal; opinions: Parameters<typeof votes>[1] }) {
  return (
    <div class="scroll">
      <table class="votes">
        <thead>
          <tr>
            <th scope="col">Analyst</th>
            <th scope="col">Says</th>
            <th scope="col" class="number">
              Confidence
            </th>
            <th scope="col" class="number">
              Weight
            </th>
            <th scope="col" class="number">
              Adds
            </th>
          </tr>
        </thead>
        <tbody>
          {votes(signal, opinions).map((vote) => (
            <tr key={vote.analyst}>
              <th scope="row">{vote.analyst}</th>
              <td class={`act ${vote.action.toLowerCase()}`}>{vote.action}</td>
              <td class="number">{show.share(vote.confidence)}</td>
              <td class="number">{show.money(vote.weight)}</td>
              <td class={`number ${show.tone(vote.part)}`}>{show.signed(vote.part, 3)}</td>
            </tr>
          ))}
          <tr class="sum">
            <th scope="row">Score</th>
            <td class={`act ${signal.action.toLowerCase()}`}>{signal.action}</td>
            <td />
            <td />
            <td class={`number ${show.tone(signal.score)}`}>{show.signed(signal.score, 3)}</td>
          </tr>
        </tbody>
      </table>
    </div>
  );
}
