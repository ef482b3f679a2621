import { describe, expect, it } from "vitest";
import type { Insights, Opinion, Signal } from "../src/protocol";
import { matrix, outdated, spent, votes, wilson } from "../src/quorum";

const opinion = (analyst: string, action: string, confidence: number): Opinion =>
  ({ analyst, action, confidence_score: confidence, timestamp: 1_000_000, horizon_minutes: 15 }) as Opinion;

const signal = {
  symbol: "BTCUSDT",
  weights: { technical: 1, grok: 0.5, quiet: 0 },
  abstentions: { gpt: "no key" },
} as unknown as Signal;

describe("opinions as a matrix", () => {
  const insights = { BTCUSDT: { opinions: [opinion("grok", "BUY", 0.6)], signal } as unknown as Insights };

  it("has a row for each pair and a cell for each analyst", () => {
    const [btc, eth] = matrix(["BTCUSDT", "ETHUSDT"], ["grok", "gpt"], insights);
    expect(btc?.cells.map((cell) => [cell.opinion?.action, cell.abstained])).toEqual([
      ["BUY", null],
      [undefined, "no key"],
    ]);
    expect(eth?.signal).toBeNull();
    expect(eth?.cells.every((cell) => cell.opinion === null && cell.abstained === null)).toBe(true);
  });
});

describe("votes", () => {
  it("add up to the score of the desk: sum(w s c) / sum(w)", () => {
    const told = votes(signal, [opinion("technical", "SELL", 0.8), opinion("grok", "BUY", 0.4), opinion("quiet", "BUY", 1)]);
    expect(told.map((vote) => vote.part.toFixed(4))).toEqual(["-0.5333", "0.1333", "0.0000"]);
    expect(told.reduce((sum, vote) => sum + vote.part, 0)).toBeCloseTo((-0.8 + 0.5 * 0.4) / 1.5);
  });

  it("count nothing where nobody has a weight", () => {
    expect(votes({ ...signal, weights: {} }, [opinion("grok", "BUY", 0.4)])[0]?.part).toBe(0);
  });
});

describe("figures of a scorecard", () => {
  it("intervals are Wilson's", () => {
    // 8 of 10, from Newcombe (1998), method 3: 0.4902 to 0.9433
    expect(wilson(0.8, 10).map((share) => share.toFixed(4))).toEqual(["0.4902", "0.9433"]);
    expect(wilson(0, 0)).toEqual([0, 1]);
  });

  it("an opinion is out of date after three rounds or beyond its horizon", () => {
    const one = opinion("grok", "BUY", 0.5);
    expect(outdated(one, 1_000_000 + 200_000, 60)).toBe(false);
    expect(outdated(one, 1_000_000 + 241_000, 60)).toBe(true);
    expect(outdated(one, 1_000_000 + 901_000, 3600)).toBe(true);
  });

  it("a budget of nothing is no budget", () => {
    expect([spent(1, 4), spent(9, 4), spent(1, 0)]).toEqual([0.25, 1, null]);
  });
});
