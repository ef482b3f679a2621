import { useResults } from "../results/ask";
import { PerAnalyst, PerPair, PerReason } from "../results/breakdowns";
import { Equity } from "../results/equity";
import { Statistics } from "../results/statistics";
import { Trades } from "../results/trades";

/** What came of it: equity, statistics, trades. */
export function ResultsPage() {
  useResults();
  return (
    <div class="stack">
      <div class="halves">
        <Equity />
        <Statistics />
      </div>
      <div class="columns thirds">
        <PerPair />
        <PerReason />
        <PerAnalyst />
      </div>
      <Trades />
    </div>
  );
}
