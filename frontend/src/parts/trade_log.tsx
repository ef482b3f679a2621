import * as show from "../format";
import { tradeLog } from "../store";
import { Empty, Panel } from "../ui/panel";

export function TradeLog() {
  const lines = tradeLog.value;
  return (
    <Panel title="Trade log" id="trade-log">
      {lines.length === 0 ? (
        <Empty>No trade yet.</Empty>
      ) : (
        <ol class="log" tabIndex={0} aria-label="Trade log">
          {lines.map((line) => (
            <li key={line.key} class={line.level}>
              <time>{show.clock(line.timestamp)}</time>
              <span class="what">{line.message}</span>
            </li>
          ))}
        </ol>
      )}
    </Panel>
  );
}
