import { useEffect, useRef, useState } from "preact/hooks";
import * as show from "../../format";
import { chosenLines, type Level, LEVELS, withLines, writer } from "../../machinery";
import type { LogLineView, LogsView } from "../../messages";
import { quietly, trusted } from "../../store";
import { Select } from "../../ui/field";
import { Empty, Panel } from "../../ui/panel";
import { Switch } from "../../ui/toggle";

const AGAIN_MS = 2000;

/** The end of the desk's log, as it is written. */
export function Logs() {
  const [lines, setLines] = useState<LogLineView[]>([]);
  const [level, setLevel] = useState<Level>("INFO");
  const [text, setText] = useState("");
  const [follow, setFollow] = useState(true);
  const box = useRef<HTMLDivElement>(null);
  const last = useRef(0);
  const ready = trusted.value;

  useEffect(() => {
    if (!ready) return undefined;
    let here = true;
    last.current = 0; // the desk may have been started again, and counts anew
    setLines([]);
    async function read(): Promise<void> {
      const frame = await quietly("get_logs", { limit: 500, after: last.current });
      const fresh = (frame?.data as LogsView | undefined)?.lines ?? [];
      if (!here || fresh.length === 0) return;
      last.current = fresh.at(-1)?.number ?? last.current;
      setLines((known) => withLines(known, fresh));
    }
    void read();
    const timer = window.setInterval(() => void read(), AGAIN_MS);
    return () => {
      here = false;
      window.clearInterval(timer);
    };
  }, [ready]);

  const shown = chosenLines(lines, level, text);
  useEffect(() => {
    if (follow && box.current) box.current.scrollTop = box.current.scrollHeight;
  }, [shown.length, follow, lines]);

  return (
    <Panel title="Log" id="logs" flush aside={<Switch label="Follow" on={follow} onChange={setFollow} />}>
      <div class="narrowing">
        <Select bare label="Least level" id="log-level" value={level} options={LEVELS} onChange={setLevel} />
        <input type="search" aria-label="Find in the log" placeholder="Find in the log" value={text} onInput={(event) => setText(event.currentTarget.value)} />
      </div>
      {shown.length === 0 ? (
        <Empty>{lines.length === 0 ? "No line yet." : "No line fits."}</Empty>
      ) : (
        <div
          class="log-lines"
          ref={box}
          tabIndex={0}
          role="log"
          aria-label="Newest lines of the log"
          aria-live="off"
          onWheel={(event) => event.deltaY < 0 && setFollow(false)}
        >
          {shown.map((line) => (
            <p key={line.number} class={line.level.toLowerCase()}>
              <time title={line.time}>{show.clock(line.timestamp)}</time>
              <span class="level">{line.level}</span>
              <b>{writer(line)}</b>
              <span class="message">{line.message}</span>
            </p>
          ))}
        </div>
      )}
    </Panel>
  );
}
