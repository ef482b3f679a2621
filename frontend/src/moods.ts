/** The mood of the news over time: pure functions over stories. */

import type { NewsItem } from "./protocol";

export const HOUR_MS = 3_600_000;

export interface Bucket {
  from: number; // epoch ms
  to: number;
  count: number;
  mean: number | null; // -1..1, null without a story
}

/** The mean sentiment of the stories in `count` equal spans that end with `now`, oldest first. */
export function buckets(stories: readonly NewsItem[], now: number, count: number, step = HOUR_MS): Bucket[] {
  const end = Math.ceil(now / step) * step;
  return Array.from({ length: count }, (_, n) => {
    const from = end - (count - n) * step;
    const inside = stories.filter((story) => story.timestamp >= from && story.timestamp < from + step);
    const sum = inside.reduce((total, story) => total + story.sentiment, 0);
    return { from, to: from + step, count: inside.length, mean: inside.length ? sum / inside.length : null };
  });
}

export interface Mood {
  symbol: string;
  count: number;
  mean: number | null;
  newest: number | null; // ms
  hours: Bucket[];
}

/** One mood for each pair over the last `hours`. */
export function moods(symbols: readonly string[], stories: readonly NewsItem[], now: number, hours = 24): Mood[] {
  const since = Math.ceil(now / HOUR_MS) * HOUR_MS - hours * HOUR_MS;
  return symbols.map((symbol) => {
    const own = stories.filter((story) => story.symbols.includes(symbol) && story.timestamp >= since);
    const sum = own.reduce((total, story) => total + story.sentiment, 0);
    const newest = own.reduce((latest, story) => Math.max(latest, story.timestamp), 0);
    return { symbol, count: own.length, mean: own.length ? sum / own.length : null, newest: newest || null, hours: buckets(own, now, hours) };
  });
}

/** bullish, bearish or neutral, as the desk draws the line. */
export function toneOf(sentiment: number | null): "up" | "down" | "" {
  if (sentiment === null) return "";
  if (sentiment > 0.05) return "up";
  return sentiment < -0.05 ? "down" : "";
}

export interface NewsFilter {
  symbol: string;
  label: string; // bullish, bearish, neutral or ""
  text: string;
}

export function chosen(stories: readonly NewsItem[], { symbol, label, text }: NewsFilter): NewsItem[] {
  const wanted = text.trim().toLowerCase();
  return stories.filter(
    (story) =>
      (!symbol || story.symbols.includes(symbol)) &&
      (!label || story.label === label) &&
      (!wanted || story.title.toLowerCase().includes(wanted) || story.source.toLowerCase().includes(wanted)),
  );
}

/** Two lists of stories as one, newest first, each once. */
export function mergedNews(fresh: readonly NewsItem[], known: readonly NewsItem[]): NewsItem[] {
  const ids = new Set<string>();
  const all = [...fresh, ...known].filter((one) => !ids.has(one.id) && ids.add(one.id));
  return all.sort((a, b) => b.timestamp - a.timestamp);
}

/** Only addresses of the web are links. */
export function isLink(url: string): boolean {
  return /^https?:\/\//.test(url);
}
