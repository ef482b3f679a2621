import {
  CandlestickSeries,
  createChart,
  createSeriesMarkers,
  type IChartApi,
  type ISeriesApi,
  type ISeriesMarkersPluginApi,
  type SeriesMarker,
  type Time,
  type UTCTimestamp,
} from "lightweight-charts";
import { useEffect, useMemo, useRef } from "preact/hooks";
import * as show from "../../format";
import type { CandleRow, Decision } from "../../protocol";
import { seriesKey } from "../../state";
import { candles, quietly } from "../../store";
import { colour, dark } from "../../theme";
import { Empty, Panel } from "../../ui/panel";
import { candleAt, intervalFor, windowAround } from "../../moments";
import { shown as known } from "../../why_store";

interface Drawn {
  chart: IChartApi;
  series: ISeriesApi<"Candlestick">;
  markers: ISeriesMarkersPluginApi<Time>;
}

function build(element: HTMLElement): Drawn {
  const chart = createChart(element, {
    autoSize: true,
    layout: { background: { color: "transparent" }, textColor: colour("--muted"), attributionLogo: false },
    grid: { vertLines: { color: colour("--line") }, horzLines: { color: colour("--line") } },
    timeScale: { timeVisible: true, secondsVisible: false, borderColor: colour("--line") },
    rightPriceScale: { borderColor: colour("--line") },
  });
  const series = chart.addSeries(CandlestickSeries, {
    upColor: colour("--up"),
    downColor: colour("--down"),
    wickUpColor: colour("--up"),
    wickDownColor: colour("--down"),
    borderVisible: false,
    priceLineVisible: false,
  });
  return { chart, series, markers: createSeriesMarkers(series, []) };
}

function marker(decision: Decision, row: CandleRow, chosen: boolean): SeriesMarker<Time> {
  const sell = decision.signal?.action === "SELL";
  const traded = decision.outcome === "traded";
  return {
    time: (row[0] / 1000) as UTCTimestamp,
    position: sell ? "aboveBar" : "belowBar",
    shape: traded ? (sell ? "arrowDown" : "arrowUp") : "circle",
    color: colour(chosen ? "--accent" : traded ? (sell ? "--down" : "--up") : "--line-strong"),
    size: chosen ? 2 : 0.6,
    ...(chosen ? { text: traded ? "traded" : "decision" } : {}),
  };
}

/** The candles around the moment of a decision; the chart scrolls there. */
export function Moment({ decision }: { decision: Decision }) {
  const holder = useRef<HTMLDivElement>(null);
  const drawn = useRef<Drawn | null>(null);
  const { symbol, timestamp } = decision;
  const minutes = candles.value[seriesKey(symbol, "1m")];
  const hours = candles.value[seriesKey(symbol, "1h")];
  const interval = minutes ? intervalFor(minutes, timestamp) : "1m";
  const rows = interval === "1m" ? minutes : hours;
  const at = rows ? candleAt(rows, timestamp) : -1;
  const ours = useMemo(() => known.value.filter((one) => one.symbol === symbol && one.outcome === "traded"), [known.value, symbol]);

  useEffect(() => {
    if (!minutes || minutes.length < 600) void quietly("get_candles", { symbol, interval: "1m", limit: 1000 });
  }, [symbol, minutes === undefined]);
  useEffect(() => {
    if (interval === "1h" && !hours) void quietly("get_candles", { symbol, interval: "1h", limit: 1000 });
  }, [symbol, interval, hours === undefined]);

  useEffect(() => {
    if (!holder.current) return undefined;
    drawn.current = build(holder.current);
    return () => {
      drawn.current?.chart.remove();
      drawn.current = null;
    };
  }, [dark.value]);

  const first = rows?.[0]?.[0];
  useEffect(() => {
    if (!drawn.current || !rows) return;
    const { chart, series, markers } = drawn.current;
    const decimals = show.priceDecimals(rows.at(-1)?.[4] ?? 0);
    series.applyOptions({ priceFormat: { type: "price", precision: decimals, minMove: 10 ** -decimals } });
    series.setData(rows.map(([t, open, high, low, close]) => ({ time: (t / 1000) as UTCTimestamp, open, high, low, close })));
    const marks = [...ours.filter((one) => one.id !== decision.id), decision]
      .map((one) => ({ one, row: rows[candleAt(rows, one.timestamp)] }))
      .flatMap(({ one, row }) => (row ? [marker(one, row, one.id === decision.id)] : []))
      .sort((a, b) => Number(a.time) - Number(b.time));
    markers.setMarkers(marks);
    const range = at >= 0 ? windowAround(at, rows.length) : { from: rows.length - 90, to: rows.length };
    chart.timeScale().setVisibleLogicalRange(range);
  }, [decision.id, interval, first, rows?.length, dark.value]);

  return (
    <Panel title={`${symbol} at the moment`} id="moment" aside={<small>{interval} candles</small>}>
      <div
        class="moment"
        ref={holder}
        role="img"
        aria-label={`${interval} candles of ${symbol} around ${show.moment(timestamp)} UTC`}
        data-at={at >= 0 && rows ? rows[at]?.[0] : ""}
      />
      {rows && at < 0 && <Empty>There are no candles of that moment any more.</Empty>}
    </Panel>
  );
}
