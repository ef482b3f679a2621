import { Trades } from "../parts/trades";

/** What came of it: equity, statistics, trades. */
export function ResultsPage() {
  return <Trades />;
}
