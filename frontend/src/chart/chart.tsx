import { useSignal } from "@preact/signals";
import { useEffect, useMemo, useRef } from "preact/hooks";
import * as show from "../format";
import { kept, keep } from "../kept";
import type { CandleRow } from "../protocol";
import { seriesKey } from "../state";
import { candles, chooseInterval, choice, intervals, operator, positions, selected, trades, trusted } from "../store";
import { dark } from "../theme";
import { Empty, Panel } from "../ui/panel";
import { Choices, Toggles } from "../ui/toggle";
import { build, type Canvas, drawCandles, drawIndicators, drawTrades, type Indicator, INDICATORS } from "./canvas";
import { Levels } from "./levels";
import { aggregated, choices, lengthOf } from "./series";

/** The candles that are shown: those of the desk, or longer ones made of them. */
function useRows(): CandleRow[] | undefined {
  const { from, interval } = choice.value;
  const rows = candles.value[seriesKey(selected.value, from)];
  return useMemo(() => (rows && interval !== from ? aggregated(rows, lengthOf(interval)) : rows), [rows, interval, from]);
}

const KEY = "quorum.indicators";

export function Chart() {
  const holder = useRef<HTMLDivElement>(null);
  const place = useRef<() => void>(() => undefined);
  const canvas = useSignal<Canvas | null>(null);
  const wanted = useSignal<Indicator[]>(kept<Indicator[]>(KEY, []).filter((name) => INDICATORS.includes(name)));
  const symbol = selected.value;
  const { interval } = choice.value;
  const rows = useRows();
  const ours = useMemo(() => trades.value.filter((trade) => trade.symbol === symbol), [trades.value, symbol]);

  useEffect(() => {
    if (!holder.current) return undefined;
    const built = build(holder.current, () => place.current());
    canvas.value = built;
    return () => {
      canvas.value = null;
      built.chart.remove();
    };
  }, [dark.value]);
  useEffect(() => {
    if (!canvas.value || !rows) return;
    drawCandles(canvas.value, seriesKey(symbol, interval), rows);
    drawIndicators(canvas.value, rows, wanted.value);
  }, [canvas.value, rows, symbol, interval, wanted.value]);
  useEffect(() => {
    if (canvas.value && rows) drawTrades(canvas.value, ours, lengthOf(interval));
  }, [canvas.value, ours, rows?.length, interval]);

  const settings = (
    <div class="settings">
      <Toggles
        label="Indicators"
        options={INDICATORS}
        chosen={wanted.value}
        onChange={(names) => {
          wanted.value = names;
          keep(KEY, names);
        }}
      />
      <Choices
        label="Candle interval"
        options={choices(intervals.value).map((one) => one.interval)}
        value={interval}
        onChange={chooseInterval}
      />
    </div>
  );
  return (
    <Panel title={symbol || "Candles"} id="chart" aside={settings}>
      <Legend canvas={canvas.value} rows={rows} wanted={wanted.value} />
      <div class="chart">
        <div class="holder" ref={holder} role="img" aria-label={`Candle chart of ${symbol}, ${interval}`} />
        <Levels
          canvas={canvas.value}
          position={positions.value[symbol]}
          movable={operator.value && trusted.value}
          onPlace={(put) => (place.current = put)}
        />
      </div>
      {rows && rows.length === 0 && <Empty>No candles of this interval yet.</Empty>}
    </Panel>
  );
}

const NAMES: Record<Indicator, string> = { EMA: "EMA 20 and 50", BB: "Bollinger 20, 2", RSI: "RSI 14" };

/** Open, high, low, close and volume of the candle that is pointed at, or of the newest. */
function Legend({ canvas, rows, wanted }: { canvas: Canvas | null; rows: CandleRow[] | undefined; wanted: Indicator[] }) {
  const pointed = useSignal<number | null>(null);
  useEffect(() => {
    if (!canvas) return undefined;
    const move = (event: { time?: unknown }) => (pointed.value = typeof event.time === "number" ? event.time * 1000 : null);
    canvas.chart.subscribeCrosshairMove(move);
    return () => canvas.chart.unsubscribeCrosshairMove(move);
  }, [canvas]);
  const row = rows?.find((one) => one[0] === pointed.value) ?? rows?.[rows.length - 1];
  if (!row) return <p class="legend">{"\u00a0"}</p>;
  const change = row[1] ? ((row[4] - row[1]) / row[1]) * 100 : 0;
  return (
    <p class="legend number">
      <span>O {show.price(row[1])}</span>
      <span>H {show.price(row[2])}</span>
      <span>L {show.price(row[3])}</span>
      <span>C {show.price(row[4])}</span>
      <span class={show.tone(change)}>{show.percent(change)}</span>
      <span>V {show.short(row[5])}</span>
      {wanted.map((name) => (
        <span key={name} class={`key ${name.toLowerCase()}`}>
          {NAMES[name]}
        </span>
      ))}
    </p>
  );
}
