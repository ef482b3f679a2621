import { useEffect } from "preact/hooks";
import { Sources } from "../parts/news/mood";
import { Actors } from "../parts/system/actors";
import { Logs } from "../parts/system/logs";
import { Reload } from "../parts/system/reload";
import { DeskState, LedgerState, MarketState } from "../parts/system/state";
import { quietly, trusted } from "../store";
import "../styles/quorum.css";
import "../styles/why.css";
import "../styles/news.css";
import "../styles/system.css";

const AGAIN_MS = 3000;

/** The machinery: actors, market, ledger, log. */
export function SystemPage() {
  const ready = trusted.value;
  useEffect(() => {
    if (!ready) return undefined;
    const read = () => void quietly("get_health", {});
    read();
    const timer = window.setInterval(read, AGAIN_MS);
    return () => window.clearInterval(timer);
  }, [ready]);
  return (
    <div class="system-page">
      <div class="stack">
        <Actors />
        <Logs />
      </div>
      <div class="stack">
        <MarketState />
        <LedgerState />
        <Reload />
        <DeskState />
        <Sources />
      </div>
    </div>
  );
}
