import { useComputed } from "@preact/signals";
import { deskNow } from "../../ages";
import * as show from "../../format";
import { type Bucket, HOUR_MS, type Mood, moods, toneOf } from "../../moods";
import type { NewsItem } from "../../protocol";
import { base } from "../../spans";
import { fearGreed, health, symbols } from "../../store";
import { Age } from "../../ui/age";
import { Badge, Change, type Tone } from "../../ui/badge";
import { Empty, Panel } from "../../ui/panel";

const DAY_MS = 86_400_000;

/** Fear and Greed from 0 to 100, with its words and its age. */
export function FearAndGreed() {
  const mood = fearGreed.value;
  return (
    <Panel title="Fear & Greed" id="fear-greed" aside={mood && <small>{<Age at={mood.timestamp} old={2 * DAY_MS} after=" old" />}</small>}>
      {mood ? (
        <div class="gauge">
          <p>
            <b>{mood.value}</b> {mood.label}
          </p>
          <div class="scale" role="meter" aria-label="Fear and Greed" aria-valuemin={0} aria-valuemax={100} aria-valuenow={mood.value}>
            <i style={{ left: `${mood.value}%` }} />
          </div>
          <p class="ends">
            <span>Extreme fear</span>
            <span>Extreme greed</span>
          </p>
        </div>
      ) : (
        <Empty>The index has not been read yet.</Empty>
      )}
    </Panel>
  );
}

/** The mood of each pair over the last day, by the hour. */
export function Moods({ stories, onPick, picked }: { stories: readonly NewsItem[]; picked: string; onPick: (symbol: string) => void }) {
  const hour = useComputed(() => Math.floor(deskNow.value / 60_000)).value * 60_000; // drawn anew each minute
  const rows = moods(symbols.value, stories, hour);
  return (
    <Panel title="Mood by pair, last 24 h" id="moods" flush>
      <div class="scroll" tabIndex={0} role="region" aria-label="Mood by pair">
        <table class="moods">
          <thead>
            <tr>
              <th scope="col">Pair</th>
              <th scope="col" class="number">
                Mean
              </th>
              <th scope="col" class="number">
                Stories
              </th>
              <th scope="col">By the hour</th>
            </tr>
          </thead>
          <tbody>
            {rows.map((row) => (
              <MoodRow key={row.symbol} row={row} picked={picked === row.symbol} onPick={onPick} />
            ))}
          </tbody>
        </table>
      </div>
    </Panel>
  );
}

function MoodRow({ row, picked, onPick }: { row: Mood; picked: boolean; onPick: (symbol: string) => void }) {
  return (
    <tr data-symbol={row.symbol}>
      <th scope="row">
        <button type="button" class="plain" aria-pressed={picked} onClick={() => onPick(picked ? "" : row.symbol)}>
          {base(row.symbol)}
        </button>
      </th>
      <td class="number">{row.mean === null ? <span class="muted">–</span> : <Change value={row.mean} text={show.signed(row.mean)} />}</td>
      <td class="number">{row.count}</td>
      <td>
        <Hours hours={row.hours} symbol={row.symbol} />
      </td>
    </tr>
  );
}

const BAR = 6;
const HALF = 13;

/** A bar for each hour that had stories, up for bullish and down for bearish. */
function Hours({ hours, symbol }: { hours: readonly Bucket[]; symbol: string }) {
  const told = hours.filter((hour) => hour.mean !== null);
  const words = told.map((hour) => `${show.clock(hour.from).slice(0, 5)} ${show.signed(hour.mean)}`).join(", ");
  return (
    <svg
      class="hours"
      viewBox={`0 0 ${hours.length * BAR} ${2 * HALF}`}
      role="img"
      aria-label={`Mood of ${symbol} by the hour: ${words || "no stories"}`}
      preserveAspectRatio="none"
    >
      <line x1="0" x2={hours.length * BAR} y1={HALF} y2={HALF} />
      {hours.map((hour, n) => {
        if (hour.mean === null) return null;
        const height = Math.max(1.5, Math.abs(hour.mean) * (HALF - 1));
        return (
          <rect key={hour.from} class={toneOf(hour.mean)} x={n * BAR + 1} width={BAR - 2} y={hour.mean >= 0 ? HALF - height : HALF} height={height}>
            <title>{`${show.clock(hour.from).slice(0, 5)} – ${show.clock(hour.from + HOUR_MS).slice(0, 5)} UTC: ${show.signed(hour.mean)}, ${hour.count} stories`}</title>
          </rect>
        );
      })}
    </svg>
  );
}

const TONES: Record<string, Tone> = { ok: "good", failing: "bad", starting: "", disabled: "" };

/** Where the stories come from, and whether that works. */
export function Sources() {
  const sources = health.value?.news ?? [];
  return (
    <Panel title="Sources" id="news-sources" flush>
      {sources.length === 0 ? (
        <Empty>Loading …</Empty>
      ) : (
        <ul class="sources">
          {sources.map((source) => (
            <li key={source.source}>
              <span class="spread">
                <b>{source.source}</b>
                <Badge tone={TONES[source.state] ?? ""}>{source.state === "disabled" ? "not used" : source.state}</Badge>
              </span>
              <small>
                {source.stories} stories, {source.repeats} repeats
                {source.last_ok !== null && (
                  <>
                    , read <Age at={source.last_ok} after=" ago" />
                  </>
                )}
                {source.detail && `, ${source.detail}`}
              </small>
            </li>
          ))}
        </ul>
      )}
    </Panel>
  );
}
