import { AnalysisLog } from "../parts/analysis";
import { Matrix } from "../parts/quorum/matrix";
import { Scorecards } from "../parts/quorum/scorecard";
import "../styles/quorum.css";

/** What the analysts think, and what their advice was worth. */
export function QuorumPage() {
  return (
    <div class="stack">
      <Matrix />
      <Scorecards />
      <AnalysisLog />
    </div>
  );
}
