import { describe, expect, it } from "vitest";
import { changes, differs, GROUPS, idleBecause, label, limits, problems, range, sections, text, toSend, unit, valueOf } from "../src/bot_config";
import { MEANINGS } from "../src/meanings";
import type { BotFieldView } from "../src/messages";

const FIELDS: BotFieldView[] = [
  { key: "leverage", kind: "whole", default: 1, low: 1, high: 20 },
  { key: "stop_loss_percent", kind: "number", default: 1, low: 0.001, high: 99 },
  { key: "exits", kind: "choice", default: "percent", choices: ["percent", "usd"] },
  { key: "allow_short", kind: "flag", default: true },
  { key: "protections.losing_pair.trades", kind: "whole", default: 4, low: 0, high: 1000 },
] as BotFieldView[];

const CONFIG = { leverage: 3, stop_loss_percent: 1, exits: "percent", allow_short: true, protections: { losing_pair: { trades: 4 } } };

describe("the form of the bots' settings", () => {
  it("names every setting of the reference in one group", () => {
    const named = GROUPS.flatMap((group) => group.keys);
    expect(named.toSorted()).toEqual(Object.keys(MEANINGS).toSorted());
    expect(new Set(named).size).toBe(named.length);
  });

  it("puts an unknown setting under More and finds by name or meaning", () => {
    const fields = [...FIELDS, { key: "brand_new", kind: "flag", default: false } as BotFieldView];
    expect(sections(fields, "", MEANINGS).at(-1)).toMatchObject({ title: "More", fields: [{ key: "brand_new" }] });
    expect(sections(fields, "isolated margin", MEANINGS).flatMap((one) => one.fields.map((field) => field.key))).toEqual(["leverage"]);
  });

  it("reads dotted keys", () => {
    expect([valueOf(CONFIG, "protections.losing_pair.trades"), valueOf(CONFIG, "leverage.x"), valueOf(CONFIG, "none")]).toEqual([4, undefined, undefined]);
  });

  it.each([
    ["trade_amount_usdt", "USDT", "Trade amount"],
    ["stop_loss_percent", "%", "Stop loss"],
    ["max_hold_seconds", "s", "Max hold"],
    ["max_spread_bps", "bps", "Max spread"],
    ["max_trades_per_day", "trades", "Max trades per day"],
    ["protections.max_drawdown.percent", "%", "Drawdown"],
    ["protections.losing_pair.window_hours", "h", "Window"],
    ["ai_confidence_threshold", "of 1", "Confidence threshold"],
    ["leverage", "×", "Leverage"],
    ["exits", "", "Exits"],
  ])("%s is in %s", (key, of, name) => expect([unit(key), label(key)]).toEqual([of, name]));

  it("knows the unit of every number", () => {
    const words = ["enabled", "allow_short", "sizing", "agreement", "exits", "trailing_enabled", "manual_approval_mode"];
    expect(Object.keys(MEANINGS).filter((key) => !words.includes(key) && unit(key) === "")).toEqual([]);
  });

  it.each([
    ["stop_loss_usd", { exits: "percent" }, "exits: percent"],
    ["stop_loss_percent", { exits: "opinion" }, ""],
    ["take_profit_percent", { exits: "atr" }, "exits: atr"],
    ["trailing_trigger_usd", { exits: "usd", trailing_enabled: true }, ""],
    ["trailing_trigger_percent", { exits: "percent", trailing_enabled: false }, "trailing is off"],
    ["risk_per_trade_percent", { sizing: "fixed" }, "sizing: fixed"],
    ["trade_amount_usdt", { sizing: "volatility" }, ""],
    ["protections.losing_pair.pause_minutes", { protections: { losing_pair: { trades: 0 } } }, "off"],
    ["protections.max_drawdown.window_hours", { protections: { max_drawdown: { percent: 5 } } }, ""],
    ["leverage", {}, ""],
  ])("%s with %j has an effect, or not: %s", (key, config, why) => expect(idleBecause(key, config)).toBe(why));

  it("says limits as they are", () => {
    expect(limits(FIELDS[0] as BotFieldView)).toEqual({ min: 1, max: 20, whole: true, required: true });
    expect(range(FIELDS[1] as BotFieldView)).toBe("0.001 to 99");
    expect(range({ key: "x", kind: "number", default: 1, low: -1e9, high: 1e9 })).toBe("-1 bn to 1 bn");
    expect(text(true)).toBe("on");
  });
});

describe("a draft", () => {
  it("keeps only what differs from what is in force, however it is written", () => {
    expect([differs("3.0", 3), differs("1,000", 1000), differs("", 3), differs("usd", "percent"), differs(true, true)]).toEqual([false, false, true, true, false]);
    expect(changes({ leverage: "3", stop_loss_percent: "1.5", allow_short: false }, CONFIG)).toEqual({ stop_loss_percent: "1.5", allow_short: false });
  });

  it("is checked as it is typed", () => {
    const said = problems({ leverage: "2.5", stop_loss_percent: "100", "protections.losing_pair.trades": "", exits: "usd" }, FIELDS);
    expect(said).toEqual({
      leverage: "Must be a whole number from 1 to 20.",
      stop_loss_percent: "Must be a number from 0.001 to 99.",
      "protections.losing_pair.trades": "Needed.",
    });
  });

  it("is sent with plain numbers", () => {
    expect(toSend({ leverage: " 2 ", stop_loss_percent: "0,5", exits: "usd", allow_short: false }, FIELDS)).toEqual({
      leverage: "2",
      stop_loss_percent: "0.5",
      exits: "usd",
      allow_short: false,
    });
  });
});
