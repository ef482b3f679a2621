import { useEffect } from "preact/hooks";
import * as show from "../format";
import { ask, health, ledgerSeq, market, source, trusted, version } from "../store";
import { Panel } from "../ui/panel";

/** The machinery: actors, market, ledger. */
export function SystemPage() {
  const ready = trusted.value;
  useEffect(() => {
    if (ready) void ask("get_health", {});
  }, [ready]);
  const known = health.value;
  return (
    <Panel title="Desk" id="system">
      <dl class="facts">
        <dt>Version</dt>
        <dd>{version.value}</dd>
        <dt>Prices from</dt>
        <dd>{source.value.kind}</dd>
        <dt>Market</dt>
        <dd>{show.words(market.value?.state ?? "")}</dd>
        <dt>Newest journal entry</dt>
        <dd>{ledgerSeq.value}</dd>
        <dt>Actors running</dt>
        <dd>{known ? Object.values(known.actors).filter((actor) => actor.state === "running").length : "–"}</dd>
      </dl>
    </Panel>
  );
}
