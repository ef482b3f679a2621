/** The chart itself: candles, volume, indicators and trades on TradingView's lightweight-charts. */

import {
  type AutoscaleInfo,
  CandlestickSeries,
  type CandlestickData,
  createChart,
  createSeriesMarkers,
  type HistogramData,
  HistogramSeries,
  type IChartApi,
  type ISeriesApi,
  type ISeriesMarkersPluginApi,
  type LineData,
  LineSeries,
  LineStyle,
  type SeriesMarker,
  type Time,
  type UTCTimestamp,
  type WhitespaceData,
} from "lightweight-charts";
import * as show from "../format";
import type { CandleRow, Trade } from "../protocol";
import { isExit } from "../results/figures";
import { colour } from "../theme";
import { withLevels } from "./position_levels";
import { bollinger, ema, rsi } from "./series";

export type Indicator = "EMA" | "BB" | "RSI";
export const INDICATORS: readonly Indicator[] = ["EMA", "BB", "RSI"];

const EMA_PERIODS = [20, 50] as const;
const CANDLES_SHOWN = 110;
const RIGHT_CANDLES = 12; // room for the names of lines
const GAIN_CANDLES = 8; // between two gains that are written: nearer ones would cover each other's sign

type Line = ISeriesApi<"Line">;

export interface Canvas {
  chart: IChartApi;
  candles: ISeriesApi<"Candlestick">;
  volume: ISeriesApi<"Histogram">;
  markers: ISeriesMarkersPluginApi<Time>;
  lines: Map<string, Line>; // of indicators, by name
  shown: string; // the series that is drawn
  rows: readonly CandleRow[];
  levels: { prices: readonly number[] }; // to be kept in sight where they are near
  colours: Colours;
}

interface Colours {
  up: string;
  down: string;
  upSoft: string;
  downSoft: string;
  accent: string;
  muted: string;
  warn: string;
  line: string;
}

function colours(): Colours {
  const [up, down, accent, muted, warn, line] = ["--up", "--down", "--accent", "--muted", "--warn", "--line"].map(colour) as string[];
  const soft = (name: string) => colour(name);
  return { up, down, accent, muted, warn, line, upSoft: soft("--up-bar"), downSoft: soft("--down-bar") } as Colours;
}

/** Return a chart in an element; `onPaint` is called whenever places on it may have moved. */
export function build(element: HTMLElement, onPaint: () => void): Canvas {
  const found = colours();
  const chart = createChart(element, {
    autoSize: true,
    layout: {
      background: { color: "transparent" },
      textColor: found.muted,
      fontFamily: getComputedStyle(document.body).fontFamily,
      fontSize: 11,
      attributionLogo: false,
      panes: { separatorColor: found.line, enableResize: false },
    },
    grid: { vertLines: { color: found.line }, horzLines: { color: found.line } },
    crosshair: { vertLine: { color: found.muted }, horzLine: { color: found.muted } },
    timeScale: { timeVisible: true, secondsVisible: false, borderColor: found.line, rightOffset: RIGHT_CANDLES },
    rightPriceScale: { borderColor: found.line },
  });
  const levels: Canvas["levels"] = { prices: [] };
  const candles = chart.addSeries(CandlestickSeries, {
    autoscaleInfoProvider: (original: () => AutoscaleInfo | null) => {
      const info = original();
      return info?.priceRange ? { ...info, priceRange: withLevels(info.priceRange, levels.prices) } : info;
    },
    upColor: found.up,
    downColor: found.down,
    wickUpColor: found.up,
    wickDownColor: found.down,
    borderVisible: false,
  });
  candles.attachPrimitive({ updateAllViews: onPaint });
  const volume = chart.addSeries(HistogramSeries, {
    priceScaleId: "",
    priceFormat: { type: "volume" },
    priceLineVisible: false,
    lastValueVisible: false,
  });
  volume.priceScale().applyOptions({ scaleMargins: { top: 0.84, bottom: 0 } });
  return { chart, candles, volume, markers: createSeriesMarkers(candles, []), lines: new Map(), shown: "", rows: [], levels, colours: found };
}

function at(row: CandleRow): UTCTimestamp {
  return (row[0] / 1000) as UTCTimestamp;
}

function bar(row: CandleRow): CandlestickData<UTCTimestamp> {
  return { time: at(row), open: row[1], high: row[2], low: row[3], close: row[4] };
}

function volumeBar(canvas: Canvas, row: CandleRow): HistogramData<UTCTimestamp> {
  return { time: at(row), value: row[5], color: row[4] >= row[1] ? canvas.colours.upSoft : canvas.colours.downSoft };
}

/** Whether the newest candle is all that was changed or added: then the chart need not be built anew. */
function onlyNewestDiffers(before: readonly CandleRow[], now: readonly CandleRow[]): boolean {
  const added = now.length - before.length;
  const kept = now.length - 2;
  const same = (a: CandleRow | undefined, b: CandleRow | undefined) => a?.[0] === b?.[0] && a?.[4] === b?.[4] && a?.[5] === b?.[5];
  return (added === 0 || added === 1) && same(before[0], now[0]) && same(before[kept], now[kept]);
}

/** Draw the candles of a series (`key`); where only the newest moved, only that. */
export function drawCandles(canvas: Canvas, key: string, rows: readonly CandleRow[]): void {
  const last = rows[rows.length - 1];
  if (canvas.shown === key && last && onlyNewestDiffers(canvas.rows, rows)) {
    canvas.candles.update(bar(last));
    canvas.volume.update(volumeBar(canvas, last));
  } else {
    const decimals = show.priceDecimals(last?.[4] ?? 0);
    canvas.candles.applyOptions({ priceFormat: { type: "price", precision: decimals, minMove: 10 ** -decimals } });
    canvas.candles.setData(rows.map(bar));
    canvas.volume.setData(rows.map((row) => volumeBar(canvas, row)));
    if (canvas.shown !== key) {
      canvas.chart.priceScale("right").applyOptions({ autoScale: true });
      canvas.chart.timeScale().setVisibleLogicalRange({ from: rows.length - CANDLES_SHOWN, to: rows.length + RIGHT_CANDLES });
    }
  }
  canvas.shown = key;
  canvas.rows = rows;
}

interface Curve {
  name: string;
  colour: string;
  style: LineStyle;
  pane: number;
  values: (number | null)[];
}

function curves(canvas: Canvas, rows: readonly CandleRow[], wanted: readonly Indicator[]): Curve[] {
  const closes = rows.map((row) => row[4]);
  const { accent, warn, muted } = canvas.colours;
  const made: Curve[] = [];
  if (wanted.includes("EMA")) {
    for (const [n, period] of EMA_PERIODS.entries()) {
      made.push({ name: `EMA ${period}`, colour: n ? warn : accent, style: LineStyle.Solid, pane: 0, values: ema(closes, period) });
    }
  }
  if (wanted.includes("BB")) {
    const bands = bollinger(closes);
    for (const side of ["upper", "middle", "lower"] as const) {
      const style = side === "middle" ? LineStyle.Dotted : LineStyle.Solid;
      made.push({ name: `BB ${side}`, colour: muted, style, pane: 0, values: bands.map((band) => band?.[side] ?? null) });
    }
  }
  if (wanted.includes("RSI")) {
    made.push({ name: "RSI 14", colour: accent, style: LineStyle.Solid, pane: 1, values: rsi(closes) });
  }
  return made;
}

function addLine(canvas: Canvas, curve: Curve): Line {
  const options = {
    color: curve.colour,
    lineStyle: curve.style,
    lineWidth: 1 as const,
    priceLineVisible: false,
    lastValueVisible: curve.pane > 0,
    crosshairMarkerVisible: false,
    title: curve.pane > 0 ? curve.name : "",
  };
  const line = canvas.chart.addSeries(LineSeries, options, curve.pane);
  if (curve.pane > 0) {
    for (const price of [30, 70]) {
      line.createPriceLine({ price, color: canvas.colours.line, lineWidth: 1, lineStyle: LineStyle.Dashed, axisLabelVisible: false, title: "" });
    }
    canvas.chart.panes()[curve.pane]?.setStretchFactor(0.28);
  }
  return line;
}

/** Draw the indicators that are wanted, and remove the others. */
export function drawIndicators(canvas: Canvas, rows: readonly CandleRow[], wanted: readonly Indicator[]): void {
  const needed = curves(canvas, rows, wanted);
  for (const [name, line] of canvas.lines) {
    if (needed.some((curve) => curve.name === name)) continue;
    canvas.chart.removeSeries(line);
    canvas.lines.delete(name);
  }
  for (const curve of needed) {
    let line = canvas.lines.get(curve.name);
    if (!line) {
      line = addLine(canvas, curve);
      canvas.lines.set(curve.name, line);
    }
    const points: (LineData<UTCTimestamp> | WhitespaceData<UTCTimestamp>)[] = rows.map((row, n) => {
      const value = curve.values[n];
      return value === null || value === undefined ? { time: at(row) } : { time: at(row), value };
    });
    line.setData(points);
  }
}

/** Mark entries with arrows, and what was closed with what it gained. */
export function drawTrades(canvas: Canvas, trades: readonly Trade[], intervalMs: number): void {
  const first = canvas.rows[0]?.[0];
  if (first === undefined) return;
  let written = Number.POSITIVE_INFINITY; // where the newest gain that is written stands, ms
  const markers: SeriesMarker<Time>[] = trades
    .filter((trade) => trade.timestamp * 1000 >= first)
    .toSorted((a, b) => b.timestamp - a.timestamp)
    .map((trade) => {
      const buy = trade.side === "buy";
      const closing = isExit(trade);
      const at = Math.floor((trade.timestamp * 1000) / intervalMs) * intervalMs;
      const room = closing && at <= written - GAIN_CANDLES * intervalMs;
      if (room) written = at;
      const gain = trade.pnl >= 0 ? canvas.colours.up : canvas.colours.down;
      return {
        time: (at / 1000) as UTCTimestamp,
        position: buy ? ("belowBar" as const) : ("aboveBar" as const),
        shape: closing ? ("circle" as const) : buy ? ("arrowUp" as const) : ("arrowDown" as const),
        color: closing ? gain : buy ? canvas.colours.up : canvas.colours.down,
        size: closing ? 0.7 : 1,
        text: room ? show.signed(trade.pnl) : "",
      };
    })
    .sort((a, b) => Number(a.time) - Number(b.time));
  canvas.markers.setMarkers(markers);
}
