import { describe, expect, it } from "vitest";
import { GATES } from "../src/meanings";
import type { CheckView } from "../src/messages";
import { candleAt, intervalFor, windowAround } from "../src/moments";
import type { CandleRow, Decision } from "../src/protocol";
import { failed, fits, merged, needed, numberIn, steps, untilIn } from "../src/traces";

const check = (gate: string, value: string, limit: string, passed = false): CheckView => ({ gate, value, limit, passed });
const AT = Date.parse("2026-11-24T20:37:35Z");

const decision = (id: string, more: Partial<Decision> = {}): Decision =>
  ({ id, symbol: "BTCUSDT", timestamp: AT, outcome: "blocked", gate: "cooldown", checks: [], ...more }) as Decision;

describe("a trace", () => {
  it("shows the gates in order, up to the one that stopped it, and those never reached", () => {
    const stopped = decision("a", { checks: [check("trading_off", "on", "on", true), check("pair_disabled", "disabled", "enabled")] });
    const shown = steps(stopped);
    expect(shown.slice(0, 3).map((step) => [step.gate, step.state])).toEqual([
      ["trading_off", "passed"],
      ["pair_disabled", "failed"],
      ["data_stale", "unreached"],
    ]);
    expect(shown).toHaveLength(GATES.length);
    expect(failed(stopped)?.gate).toBe("pair_disabled");
  });

  it("of a trade has nothing unreached", () => {
    expect(steps(decision("a", { outcome: "traded", checks: [check("trading_off", "on", "on", true)] }))).toHaveLength(1);
  });

  it("keeps a gate that failed after it had passed, as the exchange's refusal does", () => {
    const refused = decision("a", { checks: [check("slippage", "judged when filled", "<= 0.1 %", true), check("slippage", "the book was too thin", "")] });
    expect(steps(refused).filter((step) => step.gate === "slippage").map((step) => step.state)).toEqual(["passed", "failed"]);
  });
});

describe("what would have had to be different", () => {
  it.each([
    [check("low_confidence", "0.089", ">= 0.1"), "0.011 more confidence, or a threshold of at most 0.089."],
    [check("concurrent_trades", "5", "5"), "Fewer than 5 open positions (there were 5), or a limit of at least 6."],
    [check("cooldown", "until 2026-11-24 20:37:49 UTC", "15 s after a trade"), "14 s later, after 20:37:49 UTC, or with a shorter rest."],
    [check("spread", "12.5 bps", "<= 10 bps"), "A spread 2.5 bps narrower, or a wider one allowed."],
    [check("insufficient_balance", "needs 120.50", "<= 100.00"), "20.5 USDT more free cash, or a smaller trade."],
    [check("too_few_opinions", "1", ">= 3"), "2 more fresh opinions (1 of 3)."],
    [check("a_new_gate", "as it says", ""), "as it says"],
  ])("%j", (stopped, text) => expect(needed(stopped, AT).text).toBe(text));

  it("is said of every gate, with the settings that set its limit", () => {
    for (const gate of GATES) expect(needed(check(gate, "1", "2"), AT).text).not.toBe("1");
    expect(needed(check("low_confidence", "0", "1"), AT).settings).toEqual(["ai_confidence_threshold"]);
  });

  it("reads numbers and moments out of the gates' words", () => {
    expect([numberIn(">= 0.1"), numberIn("-2.50 %"), numberIn("none")]).toEqual([0.1, -2.5, null]);
    expect([untilIn("until 2026-11-24 20:37:35 UTC"), untilIn("over")]).toEqual([AT, null]);
  });
});

describe("the feed", () => {
  it("filters by pair, gate and outcome", () => {
    const all = { symbol: "", gate: "", outcome: "" };
    expect(fits(decision("a"), all)).toBe(true);
    expect(fits(decision("a"), { ...all, symbol: "ETHUSDT" })).toBe(false);
    expect(fits(decision("a"), { ...all, gate: "cooldown", outcome: "blocked" })).toBe(true);
    expect(fits(decision("a"), { ...all, outcome: "traded" })).toBe(false);
  });

  it("holds each decision once, newest first", () => {
    const list = merged([decision("b", { timestamp: AT + 5 })], [decision("a"), decision("b", { timestamp: AT + 5 })]);
    expect(list.map((one) => one.id)).toEqual(["b", "a"]);
  });
});

describe("the moment among candles", () => {
  const rows = Array.from({ length: 10 }, (_, n) => [n * 60_000, 1, 1, 1, 1, 1] as CandleRow);

  it("is the candle it fell into", () => {
    expect([candleAt(rows, 0), candleAt(rows, 125_000), candleAt(rows, 9 * 60_000 + 1), candleAt(rows, -1), candleAt([], 5)]).toEqual([0, 2, 9, -1, -1]);
    expect(candleAt(rows, 60 * 60_000)).toBe(-1); // long after the last one
  });

  it("is looked for in hours when the minutes do not reach back", () => {
    expect([intervalFor(rows, 60_000), intervalFor(rows.slice(5), 60_000)]).toEqual(["1m", "1h"]);
  });

  it("stands in the middle, or near the end when it is new", () => {
    expect(windowAround(500, 1000)).toEqual({ from: 455, to: 545 });
    expect(windowAround(999, 1000)).toEqual({ from: 915, to: 1005 });
  });
});
