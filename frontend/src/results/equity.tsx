import { AreaSeries, createChart, type IChartApi, type ISeriesApi, type UTCTimestamp } from "lightweight-charts";
import { useEffect, useRef } from "preact/hooks";
import * as show from "../format";
import { colour, dark } from "../theme";
import { Empty, Panel } from "../ui/panel";
import { Choices } from "../ui/toggle";
import { curve, range, RANGES } from "./ask";
import { drawdowns, type EquityPoint } from "./figures";

interface Parts {
  chart: IChartApi;
  equity: ISeriesApi<"Area">;
  fall: ISeriesApi<"Area">;
}

function build(element: HTMLElement): Parts {
  const [accent, down, muted, line] = ["--accent", "--down", "--muted", "--line"].map(colour) as [string, string, string, string];
  const chart = createChart(element, {
    autoSize: true,
    layout: {
      background: { color: "transparent" },
      textColor: muted,
      fontFamily: getComputedStyle(document.body).fontFamily,
      fontSize: 11,
      attributionLogo: false,
      panes: { separatorColor: line, enableResize: false },
    },
    grid: { vertLines: { visible: false }, horzLines: { color: line } },
    timeScale: { timeVisible: true, borderColor: line },
    rightPriceScale: { borderColor: line },
  });
  const equity = chart.addSeries(AreaSeries, {
    lineColor: accent,
    topColor: colour("--accent-area"),
    bottomColor: "transparent",
    lineWidth: 2,
    priceLineVisible: false,
  });
  const options = {
    lineColor: down,
    topColor: "transparent",
    bottomColor: colour("--down-area"),
    invertFilledArea: true,
    lineWidth: 1 as const,
    priceLineVisible: false,
    priceFormat: { type: "custom" as const, formatter: (value: number) => `${value.toFixed(2)} %`, minMove: 0.01 },
  };
  const fall = chart.addSeries(AreaSeries, options, 1);
  chart.panes()[1]?.setStretchFactor(0.5);
  return { chart, equity, fall };
}

/** Points of different seconds: the chart knows no finer time. */
function bySecond(points: readonly EquityPoint[]): EquityPoint[] {
  return points.filter((point, n) => Math.floor(point[0] / 1000) !== Math.floor((points[n + 1]?.[0] ?? 0) / 1000));
}

function draw(parts: Parts, all: readonly EquityPoint[]): void {
  const points = bySecond(all);
  const falls = drawdowns(points);
  const time = (ms: number) => Math.floor(ms / 1000) as UTCTimestamp;
  parts.equity.setData(points.map(([ms, equity]) => ({ time: time(ms), value: equity })));
  parts.fall.setData(points.map(([ms], n) => ({ time: time(ms), value: falls[n] ?? 0 })));
  parts.chart.timeScale().fitContent();
}

/** Equity over time, and how far it was below its highest. */
export function Equity() {
  const holder = useRef<HTMLDivElement>(null);
  const parts = useRef<Parts | null>(null);
  const points = curve.value;
  useEffect(() => {
    if (!holder.current) return undefined;
    const built = build(holder.current);
    parts.current = built;
    if (points) draw(built, points);
    return () => {
      parts.current = null;
      built.chart.remove();
    };
  }, [dark.value]);
  useEffect(() => {
    if (parts.current && points) draw(parts.current, points);
  }, [points]);
  const first = points?.[0]?.[1];
  const last = points?.[points.length - 1]?.[1];
  const deepest = points ? Math.min(0, ...drawdowns(points)) : null;
  return (
    <Panel
      title="Equity and drawdown"
      id="equity-curve"
      aside={<Choices label="Period" options={RANGES} value={range.value} onChange={(value) => (range.value = value)} />}
    >
      <p class="legend number">
        <span>from {show.money(first)}</span>
        <span>to {show.money(last)}</span>
        <span class={show.tone(deepest)}>deepest drawdown {show.percent(deepest)}</span>
      </p>
      <div class="chart low">
        <div class="holder" ref={holder} role="img" aria-label={`Equity from ${show.money(first)} to ${show.money(last)} USDT`} />
      </div>
      {points && points.length < 2 && <Empty>Too little has happened to draw a curve.</Empty>}
    </Panel>
  );
}
