import { describe, expect, it } from "vitest";
import { buckets, chosen, HOUR_MS, isLink, mergedNews, moods, toneOf } from "../src/moods";
import type { NewsItem } from "../src/protocol";

const NOW = 100 * HOUR_MS + 1000;
const story = (id: string, hoursAgo: number, sentiment: number, symbols = ["BTCUSDT"], label = "bullish"): NewsItem =>
  ({ id, title: `Title ${id}`, source: "Wire", timestamp: NOW - hoursAgo * HOUR_MS, sentiment, symbols, label }) as NewsItem;

describe("moods over time", () => {
  it("are means by the hour, with nothing where there was no story", () => {
    const [first, second, last] = buckets([story("a", 0, 0.4), story("b", 0, -0.2), story("c", 1, 1)], NOW, 3);
    expect(first).toMatchObject({ from: 98 * HOUR_MS, count: 0, mean: null });
    expect(second).toMatchObject({ count: 1, mean: 1 });
    expect(last?.to).toBe(101 * HOUR_MS);
    expect(last?.mean).toBeCloseTo(0.1);
  });

  it("are those of the pair and of the last day", () => {
    const told = [story("a", 1, 0.5), story("b", 2, -0.5, ["ETHUSDT", "BTCUSDT"]), story("c", 30, 1)];
    const [btc, eth, none] = moods(["BTCUSDT", "ETHUSDT", "XRPUSDT"], told, NOW);
    expect([btc?.count, btc?.mean, eth?.mean, none?.mean, none?.newest]).toEqual([2, 0, -0.5, null, null]);
    expect(btc?.hours).toHaveLength(24);
  });

  it("are bullish and bearish beyond 0.05", () => {
    expect([toneOf(0.06), toneOf(0.05), toneOf(-0.2), toneOf(null)]).toEqual(["up", "", "down", ""]);
  });
});

describe("stories", () => {
  it("are found by pair, mood and words", () => {
    const all = [story("a", 1, 0.5), story("b", 1, -0.5, ["ETHUSDT"], "bearish")];
    const ids = (filter: Partial<Parameters<typeof chosen>[1]>) =>
      chosen(all, { symbol: "", label: "", text: "", ...filter }).map((one) => one.id);
    expect([ids({}), ids({ symbol: "ETHUSDT" }), ids({ label: "bullish" }), ids({ text: "title B" }), ids({ text: "wire" })]).toEqual([
      ["a", "b"],
      ["b"],
      ["a"],
      ["b"],
      ["a", "b"],
    ]);
  });

  it("come once, newest first", () => {
    expect(mergedNews([story("b", 1, 0)], [story("a", 2, 0), story("b", 1, 0)]).map((one) => one.id)).toEqual(["b", "a"]);
  });

  it("are links only to the web", () => {
    expect([isLink("https://a.example/x"), isLink("javascript:alert(1)"), isLink("")]).toEqual([true, false, false]);
  });
});
