import { useState } from "preact/hooks";
import * as show from "../../format";
import { GATES } from "../../meanings";
import type { Decision } from "../../protocol";
import { base } from "../../spans";
import { symbols } from "../../store";
import { outcomeText } from "../../traces";
import { Badge } from "../../ui/badge";
import { Select } from "../../ui/field";
import { Empty, Panel } from "../../ui/panel";
import { VirtualList } from "../../ui/virtual";
import { choose, chosen, complete, filter, loading, loadOlder, setFilter, shown } from "../../why_store";

const ROW = 54;

export function Feed() {
  const [held, setHeld] = useState<string | null>(null); // the first row while somebody reads further down
  const all = shown.value;
  const waiting = held ? Math.max(0, all.findIndex((one) => one.id === held)) : 0;
  const rows = waiting > 0 ? all.slice(waiting) : all; // what is newer must not move what is read

  return (
    <Panel title="Decisions" id="decisions" flush aside={<small id="decision-count">{all.length} loaded</small>}>
      <Filters />
      {waiting > 0 && (
        <p class="newer">
          <button
            type="button"
            class="small"
            onClick={() => {
              setHeld(null);
              document.getElementById("decision-list")?.scrollTo(0, 0);
            }}
          >
            {waiting} newer
          </button>
        </p>
      )}
      {rows.length === 0 ? (
        <Empty>{loading.value ? "Loading …" : "No decision fits."}</Empty>
      ) : (
        <VirtualList
          id="decision-list"
          label="Decisions, newest first"
          items={rows}
          itemKey={(one) => one.id}
          rowHeight={ROW}
          height="max(20rem, calc(100dvh - 15rem))"
          render={(one) => <Item decision={one} />}
          rowClass={(one) => one.outcome}
          chosen={chosen.value?.id ?? null}
          onChoose={(one) => void choose(one)}
          onEnd={() => void loadOlder()}
          onTop={(top) => setHeld(top ? null : (all[0]?.id ?? null))}
        />
      )}
      {rows.length > 0 && (
        <p class="list-foot">
          {complete.value ? (
            <small>These are all that are kept.</small>
          ) : (
            <button type="button" class="small" disabled={loading.value} onClick={() => void loadOlder()}>
              {loading.value ? "Loading …" : "Load older"}
            </button>
          )}
        </p>
      )}
    </Panel>
  );
}

function Filters() {
  const { symbol, gate, outcome } = filter.value;
  const any = (text: string) => ({ value: "", text });
  return (
    <div class="narrowing">
      <Select
        bare
        label="Pair"
        id="filter-pair"
        value={symbol}
        options={[any("All pairs"), ...symbols.value.map((one) => ({ value: one, text: base(one) }))]}
        onChange={(value) => setFilter({ symbol: value })}
      />
      <Select
        bare
        label="Outcome"
        id="filter-outcome"
        value={outcome}
        options={[any("Traded or not"), { value: "traded", text: "Traded" }, { value: "blocked", text: "Not traded" }]}
        onChange={(value) => setFilter({ outcome: value, ...(value === "traded" && { gate: "" }) })}
      />
      <Select
        bare
        label="Gate"
        id="filter-gate"
        value={gate}
        disabled={outcome === "traded"}
        options={[any("Any gate"), ...GATES.map((one) => ({ value: one as string, text: show.words(one) }))]}
        onChange={(value) => setFilter({ gate: value })}
      />
    </div>
  );
}

function Item({ decision }: { decision: Decision }) {
  const traded = decision.outcome === "traded";
  return (
    <>
      <span class="line">
        <time title={`${show.moment(decision.timestamp)} UTC`}>{show.clock(decision.timestamp)}</time>
        <b>{base(decision.symbol)}</b>
        {decision.signal && <span class={`act ${decision.signal.action.toLowerCase()}`}>{decision.signal.action}</span>}
        {decision.signal && <span class="muted">{show.share(decision.signal.confidence_score)}</span>}
        <Badge tone={traded ? "good" : ""}>{outcomeText(decision)}</Badge>
      </span>
      <span class="said" title={decision.explanation}>
        {decision.explanation}
      </span>
    </>
  );
}
