import { useState } from "preact/hooks";
import type { Reloaded } from "../../protocol";
import { connection, operator, reloaded, trusted } from "../../store";
import { Panel } from "../../ui/panel";

/** Read settings.yaml again, and what that changed. */
export function Reload() {
  const [busy, setBusy] = useState(false);
  const [refused, setRefused] = useState<string | null>(null);
  const answer = reloaded.value;

  async function reload(): Promise<void> {
    setBusy(true);
    setRefused(null);
    try {
      await connection.ask("reload_settings", {});
    } catch (error) {
      setRefused(error instanceof Error ? error.message : String(error));
    }
    setBusy(false);
  }
  return (
    <Panel
      title="settings.yaml"
      id="reload"
      aside={
        operator.value && (
          <button type="button" class="small" id="reload-settings" disabled={busy || !trusted.value} onClick={() => void reload()}>
            {busy ? "Reading …" : "Read again"}
          </button>
        )
      }
    >
      <div aria-live="polite" id="reload-answer">
        {refused ? <Refusal text={refused} /> : answer ? <Answer answer={answer} /> : <p class="empty">Not read again since this page was opened.</p>}
      </div>
    </Panel>
  );
}

/** One line for each thing that is wrong; nothing was changed. */
function Refusal({ text }: { text: string }) {
  return (
    <>
      <p class="remark bad">Not accepted: the settings stay as they were.</p>
      <ul class="paths">
        {text.split("\n").map((line) => (
          <li key={line} class="mono">
            {line}
          </li>
        ))}
      </ul>
    </>
  );
}

function Answer({ answer }: { answer: Reloaded }) {
  if (answer.changed.length === 0) return <p>Read: nothing had changed.</p>;
  return (
    <>
      <p>
        Read: {answer.changed.length} {answer.changed.length === 1 ? "value" : "values"} changed.
      </p>
      <ul class="paths">
        {answer.changed.map((path) => (
          <li key={path}>
            <span class="mono">{path}</span> {answer.restart_required.includes(path) && <small class="reason">at the next start</small>}
          </li>
        ))}
      </ul>
    </>
  );
}
