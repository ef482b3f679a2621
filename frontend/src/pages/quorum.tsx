import { AnalysisLog, Analysts } from "../parts/analysis";

/** What the analysts think, and what their advice was worth. */
export function QuorumPage() {
  return (
    <div class="split">
      <AnalysisLog />
      <Analysts />
    </div>
  );
}
