import { useEffect, useRef, useState } from "preact/hooks";
import { type IPriceLine, LineStyle } from "lightweight-charts";
import * as show from "../format";
import type { Position } from "../protocol";
import { command, prices } from "../store";
import { colour } from "../theme";
import type { Canvas } from "./canvas";
import { gainAt, type Level, type LevelName, levelProblem, levelsOf } from "./position_levels";

interface Draft {
  name: LevelName;
  price: number;
  dragging: boolean;
}

interface LevelsProps {
  canvas: Canvas | null;
  position: Position | undefined;
  movable: boolean; // whether this session may move them
  onPlace: (place: () => void) => void; // gives what puts the handles at their prices
}

const BIG_STEP = 10;

function toneColour(level: Level): string {
  return colour(level.tone === "up" ? "--up" : level.tone === "down" ? "--down" : "--accent");
}

/** Keep a line with its price on the axis for each level. */
function useLines(canvas: Canvas | null, levels: Level[]): void {
  const key = levels.map((level) => `${level.name} ${level.price}`).join();
  useEffect(() => {
    if (!canvas) return undefined;
    const lines: IPriceLine[] = levels.map((level) =>
      canvas.candles.createPriceLine({
        price: level.price,
        title: level.movable ? "" : level.title,
        color: toneColour(level),
        lineWidth: 1,
        lineStyle: level.name === "entry" ? LineStyle.Solid : LineStyle.Dashed,
        axisLabelVisible: true,
      }),
    );
    return () => {
      for (const line of lines) {
        try {
          canvas.candles.removePriceLine(line);
        } catch {
          return; // the chart itself is gone
        }
      }
    };
  }, [canvas, key]);
}

/** The lines of a position on the chart; stop and target are moved with the pointer or the arrow keys, and confirmed. */
export function Levels({ canvas, position, movable, onPlace }: LevelsProps) {
  const box = useRef<HTMLDivElement>(null);
  const [draft, setDraft] = useState<Draft | null>(null);
  const symbol = position?.symbol;
  useEffect(() => setDraft(null), [symbol]);
  const levels = levelsOf(position).map((level) => (draft?.name === level.name ? { ...level, price: draft.price } : level));
  useLines(canvas, levels);
  if (canvas) canvas.levels.prices = levelsOf(position).map((level) => level.price); // not where one is dragged to
  const handles = levels.filter((level) => level.movable);

  function place(): void {
    for (const element of box.current?.querySelectorAll<HTMLElement>("[data-price]") ?? []) {
      const y = canvas?.candles.priceToCoordinate(Number(element.dataset.price));
      const inside = y !== null && y !== undefined && y >= 0 && y <= (canvas?.chart.paneSize(0).height ?? 0);
      element.style.visibility = inside ? "visible" : "hidden";
      if (inside) element.style.transform = `translateY(calc(${y}px - 50%))`;
    }
  }
  useEffect(() => {
    onPlace(place);
    place();
  });
  if (!canvas || !position || !movable) return null;

  return (
    <div class="levels" ref={box}>
      {handles.map((level) => (
        <Handle key={level.name} canvas={canvas} box={box} level={level} position={position} draft={draft} onDraft={setDraft} />
      ))}
      {draft && !draft.dragging && <Confirm position={position} draft={draft} onDone={() => setDraft(null)} />}
    </div>
  );
}

interface HandleProps {
  canvas: Canvas;
  box: { current: HTMLDivElement | null };
  level: Level;
  position: Position;
  draft: Draft | null;
  onDraft: (draft: Draft | null) => void;
}

function Handle({ canvas, box, level, position, draft, onDraft }: HandleProps) {
  const name = level.name as LevelName;
  const decimals = show.priceDecimals(position.entry_price);
  const rounded = (price: number) => Number(price.toFixed(decimals));

  function follow(event: PointerEvent): void {
    const top = box.current?.getBoundingClientRect().top ?? 0;
    const y = Math.min(Math.max(event.clientY - top, 0), canvas.chart.paneSize(0).height); // it stays in sight
    const price = canvas.candles.coordinateToPrice(y);
    if (price !== null && price > 0) onDraft({ name, price: rounded(price), dragging: true });
  }

  function step(event: KeyboardEvent): void {
    if (event.key === "Escape") return onDraft(null);
    const direction = { ArrowUp: 1, ArrowDown: -1, PageUp: BIG_STEP, PageDown: -BIG_STEP }[event.key];
    if (!direction) return;
    event.preventDefault();
    const size = rounded(Math.max(10 ** -decimals, position.entry_price / 10_000));
    const price = rounded(level.price + direction * size * (event.shiftKey ? BIG_STEP : 1));
    if (price > 0) onDraft({ name, price, dragging: false });
  }

  const gain = gainAt(position, level.price);
  return (
    <div
      class={`handle ${level.tone}`}
      data-price={level.price}
      data-level={name}
      role="slider"
      tabIndex={0}
      aria-orientation="vertical"
      aria-label={`${level.title} of ${position.symbol}`}
      aria-valuemin={0}
      aria-valuemax={position.entry_price * 10}
      aria-valuenow={level.price}
      aria-valuetext={`${show.price(level.price)}, ${show.signed(gain)} USDT if it is reached`}
      onPointerDown={(event) => {
        event.currentTarget.setPointerCapture(event.pointerId);
        onDraft({ name, price: level.price, dragging: true });
      }}
      onPointerMove={(event) => event.currentTarget.hasPointerCapture(event.pointerId) && follow(event)}
      onPointerUp={() => draft?.name === name && onDraft(draft.price === position[name] ? null : { ...draft, dragging: false })}
      onPointerCancel={() => onDraft(null)}
      onKeyDown={step}
    >
      <span aria-hidden="true">
        ⋮⋮ {level.title} {show.signed(gain)}
      </span>
    </div>
  );
}

/** Nothing is sent before this is confirmed. */
function Confirm({ position, draft, onDone }: { position: Position; draft: Draft; onDone: () => void }) {
  const { symbol } = position;
  const title = draft.name === "stop_loss" ? "stop" : "target";
  const wrong = levelProblem(position, draft.name, draft.price, prices.value[symbol]?.price);

  async function set(): Promise<void> {
    const sent = { symbol, [draft.name]: draft.price };
    if (await command("update_position", sent, `${symbol}: ${title} at ${show.price(draft.price)}.`)) onDone();
  }

  return (
    <div class="confirm" role="group" aria-label={`Move the ${title}`}>
      <span class={wrong ? "problem" : ""}>
        {wrong || `Move the ${title} from ${show.price(position[draft.name])} to ${show.price(draft.price)}: ${show.signed(gainAt(position, draft.price))} USDT if reached, before fees.`}
      </span>
      <button type="button" class="primary small" disabled={wrong !== ""} onClick={set}>
        Set {title}
      </button>
      <button type="button" class="small" onClick={onDone}>
        Cancel
      </button>
    </div>
  );
}
