import { useComputed } from "@preact/signals";
import * as show from "../../format";
import { base } from "../../spans";
import { analysis, health, market, prices, settingsHash, source, symbols, version } from "../../store";
import { Age } from "../../ui/age";
import { Badge, type Tone } from "../../ui/badge";
import { Panel } from "../../ui/panel";

const MARKET_TONE: Record<string, Tone> = { live: "good", connecting: "", catching_up: "warn", reconnecting: "warn", stale: "bad", unreachable: "bad" };

/** Where prices come from, and how old each is. */
export function MarketState() {
  const status = market.value;
  const { kind, banner } = source.value;
  return (
    <Panel
      title="Market"
      id="system-market"
      aside={status && <Badge tone={MARKET_TONE[status.state] ?? "bad"}>{show.words(status.state)}</Badge>}
    >
      <dl class="facts">
        <dt>Prices from</dt>
        <dd>{kind}</dd>
        {status && <dt>Since</dt>}
        {status && (
          <dd>
            {show.clock(status.timestamp)} UTC, <Age at={status.timestamp} />
          </dd>
        )}
      </dl>
      {banner && <p class="remark">{banner}</p>}
      {status && <p class="remark mono">{status.message}</p>}
      <div class="scroll ages" tabIndex={0} role="region" aria-label="Prices and their ages">
        <table class="small">
          <thead>
            <tr>
              <th scope="col">Pair</th>
              <th scope="col" class="number">
                Price
              </th>
              <th scope="col" class="number">
                Age
              </th>
              <th scope="col">State</th>
            </tr>
          </thead>
          <tbody>
            {symbols.value.map((symbol) => (
              <PriceAge key={symbol} symbol={symbol} />
            ))}
          </tbody>
        </table>
      </div>
    </Panel>
  );
}

function PriceAge({ symbol }: { symbol: string }) {
  const price = useComputed(() => prices.value[symbol]).value;
  return (
    <tr data-symbol={symbol}>
      <th scope="row">{base(symbol)}</th>
      <td class="number">{show.price(price?.price)}</td>
      <td class="number">{price ? <Age at={price.timestamp * 1000} old={10_000} /> : "–"}</td>
      <td>{!price ? <Badge>none yet</Badge> : price.stale ? <Badge tone="bad">stale</Badge> : <Badge tone="good">fresh</Badge>}</td>
    </tr>
  );
}

/** The journal's head and the newest audit of it. */
export function LedgerState() {
  const ledger = health.value?.ledger;
  const audit = health.value?.audit;
  const state = ledger?.read_only ? "read only" : ledger?.available ? "available" : "away";
  return (
    <Panel title="Ledger" id="system-ledger" aside={ledger && <Badge tone={state === "available" ? "good" : "bad"}>{state}</Badge>}>
      <dl class="facts">
        <dt>Newest entry</dt>
        <dd id="ledger-seq">{ledger?.seq ?? "–"}</dd>
        <dt>Its hash</dt>
        <dd class="mono hash" title={ledger?.hash ?? ""}>
          {ledger?.hash?.slice(0, 16) ?? "not told yet"}
        </dd>
      </dl>
      {ledger?.message && <p class="remark">{ledger.message}</p>}
      <h3>Last audit</h3>
      {audit ? (
        <>
          <dl class="facts" id="audit">
            <dt>Result</dt>
            <dd>
              <Badge tone={audit.clean ? "good" : "bad"}>{audit.clean ? "nothing is wrong" : "contradiction found"}</Badge>
            </dd>
            <dt>When</dt>
            <dd>
              {show.clock(audit.timestamp)} UTC, <Age at={audit.timestamp} after=" ago" />
            </dd>
            <dt>Up to entry</dt>
            <dd id="audit-seq">{audit.seq}</dd>
            <dt>Looked at</dt>
            <dd>
              {audit.documents} {audit.whole ? "entries, from the first" : "new entries"}
            </dd>
          </dl>
          {audit.finding && <p class="remark bad">{audit.finding}</p>}
        </>
      ) : (
        <p class="empty">None since the start.</p>
      )}
    </Panel>
  );
}

/** Who speaks. */
export function DeskState() {
  return (
    <Panel title="Desk" id="system">
      <dl class="facts">
        <dt>Version</dt>
        <dd>{version.value}</dd>
        <dt>Analysis</dt>
        <dd>{analysis.value?.enabled ? `every ${show.duration(analysis.value.interval_seconds)}` : "off"}</dd>
        <dt>Settings</dt>
        <dd class="mono" title={settingsHash.value} id="settings-hash">
          {settingsHash.value.slice(0, 16)}
        </dd>
      </dl>
    </Panel>
  );
}
