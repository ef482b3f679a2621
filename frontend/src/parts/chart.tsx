import {
  CandlestickSeries,
  type CandlestickData,
  createChart,
  createSeriesMarkers,
  type HistogramData,
  HistogramSeries,
  type IChartApi,
  type IPriceLine,
  type ISeriesApi,
  type ISeriesMarkersPluginApi,
  LineStyle,
  type SeriesMarker,
  type Time,
  type UTCTimestamp,
} from "lightweight-charts";
import { useEffect, useRef, useState } from "preact/hooks";
import * as show from "../format";
import type { CandleRow, Position, Trade } from "../protocol";
import { seriesKey } from "../state";
import { candles, chooseInterval, interval, positions, selected, trades } from "../store";
import { colour, dark } from "../theme";
import { Empty, Panel } from "../ui/panel";

const INTERVALS = ["1m", "1h"];
const INTERVAL_SECONDS: Record<string, number> = { "1m": 60, "1h": 3600 };

interface Parts {
  chart: IChartApi;
  candles: ISeriesApi<"Candlestick">;
  volume: ISeriesApi<"Histogram">;
  markers: ISeriesMarkersPluginApi<Time>;
  lines: IPriceLine[];
  shown: string; // the series that is drawn
  rows: CandleRow[]; // its candles
}

function build(element: HTMLElement): Parts {
  const chart = createChart(element, {
    autoSize: true,
    layout: { background: { color: "transparent" }, textColor: colour("--muted"), attributionLogo: false },
    grid: { vertLines: { color: colour("--line") }, horzLines: { color: colour("--line") } },
    timeScale: { timeVisible: true, secondsVisible: false, borderColor: colour("--line"), rightOffset: 4 },
    rightPriceScale: { borderColor: colour("--line") },
  });
  const candles = chart.addSeries(CandlestickSeries, {
    upColor: colour("--up"),
    downColor: colour("--down"),
    wickUpColor: colour("--up"),
    wickDownColor: colour("--down"),
    borderVisible: false,
  });
  const volume = chart.addSeries(HistogramSeries, { priceScaleId: "", priceFormat: { type: "volume" }, priceLineVisible: false, lastValueVisible: false });
  volume.priceScale().applyOptions({ scaleMargins: { top: 0.82, bottom: 0 } });
  return { chart, candles, volume, markers: createSeriesMarkers(candles, []), lines: [], shown: "", rows: [] };
}

function bar(row: CandleRow): CandlestickData<UTCTimestamp> {
  return { time: (row[0] / 1000) as UTCTimestamp, open: row[1], high: row[2], low: row[3], close: row[4] };
}

function volumeBar(row: CandleRow): HistogramData<UTCTimestamp> {
  const tint = row[4] >= row[1] ? colour("--up-soft") : colour("--down-soft");
  return { time: (row[0] / 1000) as UTCTimestamp, value: row[5], color: tint };
}

/** Whether the newest candle is all that was changed or added: then the chart need not be built anew. */
function onlyNewestDiffers(before: CandleRow[], now: CandleRow[]): boolean {
  const added = now.length - before.length;
  const kept = now.length - 2;
  return (added === 0 || added === 1) && before[0] === now[0] && now[kept] === before[kept];
}

function drawCandles(parts: Parts, key: string, rows: CandleRow[]): void {
  const last = rows[rows.length - 1];
  if (parts.shown === key && last && onlyNewestDiffers(parts.rows, rows)) {
    parts.candles.update(bar(last));
    parts.volume.update(volumeBar(last));
  } else {
    const decimals = show.priceDecimals(last?.[4] ?? 0);
    parts.candles.applyOptions({ priceFormat: { type: "price", precision: decimals, minMove: 10 ** -decimals } });
    parts.candles.setData(rows.map(bar));
    parts.volume.setData(rows.map(volumeBar));
    if (parts.shown !== key) parts.chart.timeScale().setVisibleLogicalRange({ from: rows.length - 120, to: rows.length + 4 });
  }
  parts.shown = key;
  parts.rows = rows;
}

function drawLines(parts: Parts, position: Position | undefined): void {
  for (const line of parts.lines) parts.candles.removePriceLine(line);
  parts.lines = [];
  if (!position) return;
  const levels: [string, number | null, string][] = [
    [`${position.direction} entry`, position.entry_price, "--accent"],
    ["stop", position.stop_loss, "--down"],
    ["trailing stop", position.trailing_stop, "--down"],
    ["target", position.take_profit, "--up"],
  ];
  for (const [title, price, name] of levels) {
    if (price === null) continue;
    const line = { price, title, color: colour(name), lineWidth: 1 as const, lineStyle: LineStyle.Dashed, axisLabelVisible: true };
    parts.lines.push(parts.candles.createPriceLine(line));
  }
}

function drawTrades(parts: Parts, trades: Trade[], rows: CandleRow[], step: number): void {
  const first = rows[0]?.[0];
  if (first === undefined) return;
  const markers: SeriesMarker<Time>[] = trades
    .filter((trade) => trade.timestamp * 1000 >= first)
    .map((trade) => ({
      time: (Math.floor(trade.timestamp / step) * step) as UTCTimestamp,
      position: trade.side === "buy" ? ("belowBar" as const) : ("aboveBar" as const),
      shape: trade.side === "buy" ? ("arrowUp" as const) : ("arrowDown" as const),
      color: colour(trade.side === "buy" ? "--up" : "--down"),
    }))
    .sort((a, b) => Number(a.time) - Number(b.time));
  parts.markers.setMarkers(markers);
}

export function Chart() {
  const holder = useRef<HTMLDivElement>(null);
  const parts = useRef<Parts | null>(null);
  const [built, setBuilt] = useState(0); // how often the colours changed
  const symbol = selected.value;
  const key = seriesKey(symbol, interval.value);
  const rows = candles.value[key];
  const position = positions.value[symbol];
  const executed = trades.value;
  const lineKey = position
    ? `${symbol} ${position.entry_price} ${position.stop_loss} ${position.take_profit} ${position.trailing_stop}`
    : symbol;

  useEffect(() => {
    if (!holder.current) return undefined;
    const element = holder.current;
    parts.current = build(element);
    setBuilt((count) => count + 1);
    return () => {
      parts.current?.chart.remove();
      parts.current = null;
    };
  }, [dark.value]);

  useEffect(() => {
    if (parts.current && rows) drawCandles(parts.current, key, rows);
  }, [rows, key, built]);
  useEffect(() => {
    if (parts.current) drawLines(parts.current, position);
  }, [lineKey, rows === undefined, built]);
  useEffect(() => {
    const ours = executed.filter((trade) => trade.symbol === symbol);
    if (parts.current && rows) drawTrades(parts.current, ours, rows, INTERVAL_SECONDS[interval.value] ?? 60);
  }, [executed, key, rows?.length, built]);

  const choices = (
    <div class="choices" role="group" aria-label="Candle interval">
      {INTERVALS.map((one) => (
        <button key={one} type="button" aria-pressed={interval.value === one} onClick={() => chooseInterval(one)}>
          {one}
        </button>
      ))}
    </div>
  );
  return (
    <Panel title={symbol ? `${symbol} candles` : "Candles"} id="chart" aside={choices}>
      <div class="chart" ref={holder} role="img" aria-label={`Candle chart of ${symbol}, ${interval.value}`} />
      {rows && rows.length === 0 && <Empty>No candles of this interval yet.</Empty>}
    </Panel>
  );
}
