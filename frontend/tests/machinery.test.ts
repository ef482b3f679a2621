import { describe, expect, it } from "vitest";
import { figure, figureNames, inputs } from "../src/inputs";
import { branches, chosenLines, LOG_KEPT, summary, withLines, writer } from "../src/machinery";
import type { LogLineView } from "../src/messages";
import type { Actor } from "../src/protocol";
import { age, base, countdown } from "../src/spans";

const actor = (name: string, state = "running"): Actor => ({ name, state, restarts: 0, mailbox: 0 });
const line = (number: number, level = "INFO", message = "m"): LogLineView =>
  ({ number, level, message, logger: "actors.bot-BTCUSDT", timestamp: 0, time: "" }) as LogLineView;

describe("the actors as a tree", () => {
  it("has the supervisor at its root, then desk, analysts and bots", () => {
    const names = ["bot-B", "hub", "analyst-x", "market", "supervisor", "bot-A", "zebra"];
    const tree = branches(Object.fromEntries(names.map((name) => [name, actor(name)])));
    expect(tree.root?.name).toBe("supervisor");
    expect(tree.branches.map((branch) => branch.actors.map((one) => one.name))).toEqual([["market", "hub", "zebra"], ["analyst-x"], ["bot-A", "bot-B"]]);
  });

  it("says how many do not run", () => {
    expect([summary([actor("a")]), summary([actor("a"), actor("b", "gave_up")])]).toEqual(["1 running", "1 of 2 running"]);
  });
});

describe("the log", () => {
  it("grows by newer lines only, within bounds", () => {
    expect(withLines([line(1)], [line(1), line(2)]).map((one) => one.number)).toEqual([1, 2]);
    const many = Array.from({ length: LOG_KEPT + 5 }, (_, n) => line(n + 1));
    expect(withLines([], many)).toHaveLength(LOG_KEPT);
  });

  it("is chosen by level, words and writer", () => {
    const lines = [line(1), line(2, "ERROR", "It broke"), line(3, "CRITICAL")];
    expect(chosenLines(lines, "WARNING", "").map((one) => one.number)).toEqual([2, 3]);
    expect(chosenLines(lines, "DEBUG", "broke").map((one) => one.number)).toEqual([2]);
    expect(chosenLines(lines, "DEBUG", "btcusdt")).toHaveLength(3);
    expect(writer(line(1))).toBe("bot-BTCUSDT");
  });
});

describe("spans", () => {
  it("are short", () => {
    expect([age(-5), age(59_999), age(60_000), age(7_200_000), age(172_800_000), age(NaN)]).toEqual(["0 s", "59 s", "1 min", "2 h", "2 d", "–"]);
    expect([countdown(6_100), countdown(750_000), countdown(3_723_000), countdown(-1), countdown(Infinity)]).toEqual(["0:07", "12:30", "1:02:03", "0:00", "–"]);
    expect(base("BTCUSDT")).toBe("BTC");
  });
});

describe("what the analysts were shown", () => {
  it("is sorted out of a stored document, whatever is missing", () => {
    const shown = inputs({
      price: 1.5,
      source: "simulated",
      intervals: [{ interval: "1m", rsi_14: 40, vwap: null }, "broken"],
      headlines: [{ title: "Up", source: "Wire", sentiment: 0.2, published_at: 5 }],
      position: { direction: "long", quantity: 2 },
      last_candles: [[1, 2]],
    });
    expect(shown.figures.map((one) => one.name)).toEqual(["price", "source", "position_direction", "position_quantity"]);
    expect(figureNames(shown.intervals)).toEqual(["rsi_14"]);
    expect(shown.headlines).toEqual([{ title: "Up", source: "Wire", sentiment: 0.2, at: 5 }]);
    expect(inputs({})).toEqual({ figures: [], intervals: [], headlines: [] });
  });

  it("has digits that say something", () => {
    expect([figure(0), figure(67808.4), figure(0.000266165), figure(58.7176239), figure(85.4)]).toEqual([
      "0",
      "67,808.40",
      "0.00026617",
      "58.718",
      "85.400",
    ]);
  });
});
